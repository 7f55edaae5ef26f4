import fs from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import path from 'node:path'
import { inspect } from 'node:util'
import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios'
import {
  applyIgwnAuth,
  createX509Agent,
  findX509Credentials,
  igwnAxios,
  removeIgwnAuth,
  type IgwnAuthOptions,
} from '../support/all'
import { someCombinations } from '../support/combinations'
import { expectNoSecret } from '../support/expect-no-secret'
import { connectProxy } from '../support/connect-proxy'
import { listen } from '../support/listen'
import { mint } from '../support/tokens'
import { createAuthority, secondsFromNow, type Authority, type Issued } from '../support/pki'
import { challenge, serve } from '../support/server'

/**
 * The other secrets: passwords of netrc, passphrases, private keys, and tokens on TLS sockets, which keep the options of the
 * request that opened them. No result, error or output contains them, wherever they are given (trap 14).
 */
let authority: Authority
let ofServer: Issued
let alice: Issued
const made: AxiosInstance[] = []

beforeAll(async () => {
  authority = await createAuthority()
  ofServer = await authority.issueServer({ names: ['localhost', '127.0.0.1', 'service.example.org'] })
  alice = await authority.issueUser()
})
beforeEach(() => {
  for (const name of ['BEARER_TOKEN', 'NETRC', 'X509_USER_PROXY', 'HTTPS_PROXY']) delete process.env[name]
  process.env.REQUESTS_CA_BUNDLE = write('ca.pem', authority.certificate)
})
afterEach(() => {
  for (const instance of made.splice(0)) removeIgwnAuth(instance)
})

function write(name: string, text: string): string {
  const file = path.join(process.env.HOME!, name)
  fs.writeFileSync(`${file}.new`, text, { mode: 0o600 })
  fs.renameSync(`${file}.new`, file)
  return file
}

const withAuth: typeof applyIgwnAuth = (instance, options) => {
  made.push(instance)
  return applyIgwnAuth(instance, options)
}

/** Each line of a key by itself, because line ends are printed in different ways. */
const linesOf = (pem: string) => pem.split('\n').filter((line) => line !== '' && !line.startsWith('-'))

const settled = async (request: Promise<unknown>): Promise<unknown> =>
  request.catch((error: unknown) => error)

function expectClean(outcome: unknown, secrets: readonly string[]) {
  const { response, data, config, request } = outcome as Record<string, unknown>
  for (const thing of [outcome, response, data, config]) expectNoSecret(thing, secrets)
  // Code can read it, and it leads to everything; only printing must not.
  if (request !== undefined) expect(Object.keys(outcome as object)).not.toContain('request')
  for (const body of [data, (response as { data?: unknown } | undefined)?.data])
    (body as { destroy?: () => void } | undefined)?.destroy?.()
}

const OUTCOMES: [string, AxiosRequestConfig, string][] = [
  ['a response', {}, '/'],
  ['a response as stream', { responseType: 'stream' }, '/'],
  ['a 404', {}, '/404'],
  ['a 404 as stream', { responseType: 'stream' }, '/404'],
  ['an unanswered 401', {}, '/401'],
  ['a redirect', {}, '/302'],
  ['too many redirects', { maxRedirects: 2 }, '/circle'],
  ['a redirect not followed', { maxRedirects: 0 }, '/302'],
  ['a redirect elsewhere', {}, '/away'],
  ['a time-out', { timeout: 400 }, '/slow'],
  ['an abort', {}, '/slow'],
  ['a connection cut', {}, '/cut'],
  [
    'a response that is not JSON',
    { responseType: 'json', transitional: { silentJSONParsing: false } },
    '/junk',
  ],
  ['a post', { method: 'post', data: { a: 1 } }, '/'],
]

/** A server with each of these responses. */
async function site({ secure }: { secure: boolean }) {
  const tls = { cert: ofServer.certificate, key: ofServer.key, requestCert: true, rejectUnauthorized: false }
  const options = secure ? { tls, host: 'localhost' } : {}
  const away = await serve(() => ({}), options)
  const server = await serve(async ({ url }) => {
    if (url === '/404') return { status: 404 }
    if (url === '/401') return challenge()
    if (url === '/302') return { status: 302, headers: { location: '/there' } }
    if (url === '/circle') return { status: 302, headers: { location: '/circle' } }
    if (url === '/away') return { status: 302, headers: { location: away.origin } }
    if (url === '/junk') return { body: '<html>' }
    if (url === '/slow') await slowly()
    if (url === '/cut')
      return new Promise(() => {
        setTimeout(() => void server.close(), 20)
      })
    return {}
  }, options)
  return server
}

/** The request may be aborted once it has arrived; a slow host does not delay the test. */
let arrived = new AbortController()
async function slowly(): Promise<void> {
  arrived.abort()
  await new Promise((resolve) => setTimeout(resolve, SLOW_MS))
}
const SLOW_MS = 1000

function signalFor(name: string): { signal?: AbortSignal } {
  arrived = new AbortController()
  return name === 'an abort' ? { signal: arrived.signal } : {}
}

describe('the password of a netrc file shows in nothing', () => {
  const password = 'correct-horse-battery'
  const secrets = [password, `albert:${password}`]
  const cases = [
    ...OUTCOMES,
    ['no server', {}, 'http://127.0.0.1:1/'],
    ['the fetch adapter', { adapter: 'fetch' }, '/'],
    ['the fetch adapter and a 401', { adapter: 'fetch' }, '/401'],
  ] as typeof OUTCOMES

  it.each(someCombinations(cases))('after %s', async (name, config, target) => {
    write('.netrc', `machine 127.0.0.1 login albert password ${password}`)
    const server = await site({ secure: false })
    const httpAgent = new http.Agent({ keepAlive: true })
    const instance = withAuth(axios.create({ proxy: false, httpAgent }))
    const url = new URL(target, server.origin).href
    const outcome = await settled(instance.request({ ...config, ...signalFor(name), url }))
    if (name !== 'no server') expect(server.authorizations[0]).toMatch(/^Basic /)
    expectClean(outcome, secrets)
    expectNoSecret(httpAgent, secrets)
    httpAgent.destroy()
  })

  it.each([
    ['in a file that others may read', `machine 127.0.0.1 login albert password ${password}`, 0o644],
    ['that could not be sent', `machine 127.0.0.1 login al:bert password ${password}`, 0o600],
    ['in a file that is malformed', `machine 127.0.0.1 login albert pasword ${password}`, 0o600],
  ])('when it is %s', async (_, text, mode) => {
    const file = write('own', text)
    fs.chmodSync(file, mode)
    const server = await site({ secure: false })
    const igwnAuth = { failIfNoAuth: true }
    expectNoSecret(await settled(igwnAxios.get(server.origin, { igwnAuth: { netrc: file } })), [password])
    process.env.NETRC = file
    expectNoSecret(await settled(igwnAxios.get(server.origin, { igwnAuth })), [password])
  })
})

/** axios 1.18 does not catch the error of an HTTP/2 connection. */
const itCatches = axios.VERSION.startsWith('1.18.') ? it.skip : it

describe('a private key and its passphrase show in nothing', () => {
  const passphrase = 'open sesame, said Ali'
  const WAYS: [
    string,
    (cert: [string, string]) => { instance: AxiosInstance; config: AxiosRequestConfig },
  ][] = [
    [
      'given to the instance',
      (cert) => ({ instance: withAuth(axios.create(), { cert, passphrase }), config: {} }),
    ],
    [
      'given to the request',
      (cert) => ({ instance: withAuth(axios.create()), config: { igwnAuth: { cert, passphrase } } }),
    ],
    [
      'given in the defaults',
      (cert) => ({ instance: withAuth(axios.create({ igwnAuth: { cert, passphrase } })), config: {} }),
    ],
  ]

  describe.each(WAYS)('%s', (_, use) => {
    const pair = (): [string, string] => [
      write('usercert.pem', alice.certificate),
      write('userkey.pem', alice.encryptedKey(passphrase)),
    ]

    it.each(someCombinations([...OUTCOMES, ['no server', {}, 'https://127.0.0.1:1/']]))(
      'after %s',
      async (name, config, target) => {
        const server = await site({ secure: true })
        const { instance, config: given } = use(pair())
        const url = new URL(target, server.origin).href
        const outcome = await settled(instance.request({ ...config, ...given, ...signalFor(name), url }))
        if (name !== 'no server') expect(server.connections()).toBeGreaterThan(0)
        expectClean(outcome, [passphrase, ...linesOf(alice.key)])
      },
    )

    it('when it does not open the key', async () => {
      const server = await site({ secure: true })
      const { instance, config } = use([
        write('c.pem', alice.certificate),
        write('k.pem', alice.encryptedKey('x')),
      ])
      const outcome = await settled(instance.get(server.origin, config))
      expect(outcome).toMatchObject({ code: 'ERR_IGWN_CERT_UNUSABLE' })
      expectClean(outcome, [passphrase])
    })

    it('over HTTP/2', async () => {
      const listening = http2.createSecureServer(
        { cert: ofServer.certificate, key: ofServer.key, requestCert: true, rejectUnauthorized: false },
        ({ url }, response) => {
          if (url === '/404') response.statusCode = 404
          response.end('{}')
        },
      )
      const origin = `https://localhost:${(await listen(listening)).port}`
      const { instance, config } = use(pair())
      const settings = { ...config, httpVersion: 2 as const, http2Options: { sessionTimeout: 1 } }
      for (const responseType of ['json', 'stream'] as const)
        for (const url of ['/', '/404']) {
          const outcome = await settled(instance.get(origin + url, { ...settings, responseType }))
          expect(outcome).toHaveProperty('status', url === '/' ? 200 : 404)
          expectClean(outcome, [passphrase, ...linesOf(alice.key)])
        }
    })

    itCatches('over HTTP/2 to no server', async () => {
      const { instance, config } = use(pair())
      const outcome = await settled(instance.get('https://127.0.0.1:1/', { ...config, httpVersion: 2 }))
      expect(axios.isAxiosError(outcome)).toBe(true)
      expectClean(outcome, [passphrase, ...linesOf(alice.key)])
    })
  })

  it('through a proxy', async () => {
    const [server, tunnel] = [await site({ secure: true }), await connectProxy()]
    process.env.HTTPS_PROXY = tunnel.url
    process.env.X509_USER_PROXY = write('x509up', alice.bundle)
    const instance = withAuth(axios.create(), { token: 'sosecret' })
    for (const url of ['/', '/404', '/302']) {
      const outcome = await settled(instance.get(`https://service.example.org:${server.port}${url}`))
      expectClean(outcome, ['sosecret', ...linesOf(alice.key)])
    }
    await tunnel.close()
    expect(server.authorizations[0]).toBe('Bearer sosecret')
    expectClean(await settled(instance.get('https://service.example.org/')), [
      'sosecret',
      ...linesOf(alice.key),
    ])
  })

  it('when the server refuses the certificate, or the file is rejected', async () => {
    process.env.X509_USER_PROXY = write('x509up', alice.bundle)
    const other = await createAuthority('Another CA')
    const strict = await serve(() => ({}), {
      host: 'localhost',
      tls: { cert: ofServer.certificate, key: ofServer.key, ca: other.certificate, requestCert: true },
    })
    const instance = withAuth(axios.create())
    expectClean(await settled(instance.get(strict.origin)), linesOf(alice.key))

    const bob = await authority.issueUser('Bob', { notAfter: secondsFromNow(-60) })
    for (const text of [bob.bundle, alice.certificate + bob.key, bob.key, alice.key.replace('A', '*')]) {
      const cert = write('own.pem', text)
      const outcome = await settled(instance.get(strict.origin, { igwnAuth: { cert } }))
      expect(outcome).toMatchObject({ code: 'ERR_IGWN_CERT_UNUSABLE' })
      expectClean(outcome, [...linesOf(alice.key).slice(1), ...linesOf(bob.key)])
    }
  })

  it('in no credential and no agent, also reached through a response', async () => {
    process.env.X509_USER_PROXY = write('x509up', alice.bundle)
    const server = await site({ secure: true })
    const credential = await findX509Credentials()
    const httpsAgent = createX509Agent(credential)
    const instance = withAuth(axios.create({ httpsAgent }), { token: 'sosecret' })
    const outcome = await settled(instance.get(server.origin))
    expect(server.authorizations).toEqual(['Bearer sosecret'])
    for (const thing of [credential, httpsAgent, instance, instance.defaults])
      expectNoSecret(thing, ['sosecret', ...linesOf(alice.key)])
    expectClean(outcome, ['sosecret', ...linesOf(alice.key)])
    httpsAgent.destroy()
  })
})

describe('this search', () => {
  it('finds the key that an agent of Node.js shows', () => {
    const agent = new https.Agent({ cert: alice.certificate, key: alice.key })
    expect(() => {
      expectNoSecret(agent, linesOf(alice.key))
    }).toThrow('the secret shows')
  })
})

describe("a token over https with the caller's own keep-alive agent shows in nothing", () => {
  const own = () => new https.Agent({ ca: authority.certificate, keepAlive: true })

  it.each(someCombinations(OUTCOMES))('after %s', async (name, config, target) => {
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    const secrets = [token, token.split('.').at(-1)!]
    const server = await site({ secure: true })
    const httpsAgent = own()
    const instance = withAuth(axios.create({ httpsAgent }))
    const outcome = await settled(
      instance.request({ ...config, ...signalFor(name), url: new URL(target, server.origin).href }),
    )
    expect(server.authorizations[0]).toBe(`Bearer ${token}`)
    expectClean(outcome, secrets)
    expectNoSecret(httpsAgent, secrets)
    httpsAgent.destroy()
  })

  it('also that of another request, in flight or completed', async () => {
    const [first, second] = [mint({ aud: 'ANY', jti: 'first' }), mint({ aud: 'ANY', jti: 'second' })]
    const secrets = [first, second].map((token) => token.split('.').at(-1)!)
    const server = await site({ secure: true })
    const httpsAgent = own()
    const instance = withAuth(axios.create({ httpsAgent }))
    const slow = instance.get(`${server.origin}/slow`, { igwnAuth: { token: first } })
    expectClean(await settled(instance.get(server.origin, { igwnAuth: { token: second } })), secrets)
    expectClean(await settled(instance.get(`${server.origin}/404`, { igwnAuth: { token: second } })), secrets)
    expectClean(await slow, secrets)
    expectClean(await settled(instance.get(server.origin, { igwnAuth: { token: false } })), secrets)
    expect(server.connections()).toBe(2)
    expectNoSecret(httpsAgent, secrets)
    httpsAgent.destroy()
  })

  it('also through a proxy', async () => {
    const [server, tunnel] = [await site({ secure: true }), await connectProxy()]
    process.env.HTTPS_PROXY = tunnel.url
    const httpsAgent = own()
    const instance = withAuth(axios.create({ httpsAgent }), { token: 'sosecret' })
    for (const url of ['/', '/404']) {
      const outcome = await settled(instance.get(`https://service.example.org:${server.port}${url}`))
      expectClean(outcome, ['sosecret'])
    }
    expectNoSecret(httpsAgent, ['sosecret'])
    await tunnel.close()
    expect(server.authorizations).toEqual(['Bearer sosecret', 'Bearer sosecret'])
  })

  it('is found by this search when it does show: plain axios shows it', async () => {
    const server = await site({ secure: true })
    const httpsAgent = own()
    await axios.get(server.origin, { httpsAgent, headers: { Authorization: 'Bearer sosecret' } })
    expect(() => {
      expectNoSecret(httpsAgent, ['sosecret'])
    }).toThrow('the secret shows')
    expect(inspect(httpsAgent, { depth: null })).toContain('sosecret')
    httpsAgent.destroy()
  })
})

describe('a credential put where its path belongs is not repeated', () => {
  const jwt = mint({ aud: 'ANY' })
  const pem = '-----BEGIN PRIVATE KEY-----\nsosecretkey\n-----END PRIVATE KEY-----\n'
  const netrc = 'machine a.example.org login me password sosecretword'
  const opaque = 'sosecret'.repeat(10)

  afterEach(() => {
    for (const name of [...TOKEN_PATHS, 'X509_USER_PROXY', 'X509_USER_CERT', 'NETRC', 'REQUESTS_CA_BUNDLE'])
      delete process.env[name]
  })

  const TOKEN_PATHS = ['BEARER_TOKEN_FILE', 'SCITOKEN_FILE', '_CONDOR_CREDS']

  it.each(TOKEN_PATHS)('a token in %s', async (name) => {
    for (const secret of [jwt, opaque]) {
      process.env[name] = secret
      const error = await igwnAxios
        .get('https://127.0.0.1:1/', { igwnAuth: { token: true } })
        .catch((one: unknown) => one)
      expect((error as Error).message).toContain(`[not shown: more like a credential than a path] (${name})`)
      expectNoSecret(error, [secret])
    }
  })

  it.each([
    ['a key in the cert option', () => ({ cert: pem }), 'sosecretkey'],
    ['a key in X509_USER_PROXY', () => ((process.env.X509_USER_PROXY = pem), { cert: true }), 'sosecretkey'],
    ['a login in the netrc option', () => ({ netrc, token: false }), 'sosecretword'],
    ['a login in NETRC', () => ((process.env.NETRC = netrc), { failIfNoAuth: true }), 'sosecretword'],
    ['a key in REQUESTS_CA_BUNDLE', () => ((process.env.REQUESTS_CA_BUNDLE = pem), {}), 'sosecretkey'],
  ])('%s', async (_, use, secret) => {
    const igwnAuth = use() as IgwnAuthOptions
    const error: unknown = await igwnAxios.get('https://127.0.0.1:1/', { igwnAuth }).then(
      () => undefined,
      (one: unknown) => one,
    )
    expect((error as Error).message).toContain('[not shown: more like a credential than a path]')
    expectNoSecret(error, [secret])
  })
})
