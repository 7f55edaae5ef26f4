import fs from 'node:fs'
import type http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import path from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import tls from 'node:tls'
import axios, { type AxiosRequestConfig } from 'axios'
import {
  applyIgwnAuth,
  createX509Agent,
  igwnAxios,
  IgwnAuthError,
  removeIgwnAuth,
  type IgwnAuthOptions,
  type IgwnAxiosError,
} from '../support/all'
import { certificateServer, showChain, verifiedChain } from '../support/certificate-server'
import type { CertificateServerOptions, Shown } from '../support/certificate-server'
import { connectProxy } from '../support/connect-proxy'
import { listen } from '../support/listen'
import { mint } from '../support/tokens'
import { createAuthority, secondsFromNow, type Authority, type Issued } from '../support/pki'
import { serve } from '../support/server'

/** The certificate that is found or named is presented to the server: real TLS, real files. */
let authority: Authority
let ofServer: Issued
let alice: Issued
let proxy: Issued
let bob: Issued
/** The file of the CA. */
let bundle: string

const opened: { close: () => Promise<void> | void }[] = []

beforeAll(async () => {
  authority = await createAuthority()
  ofServer = await authority.issueServer({ names: ['localhost', '127.0.0.1', 'service.example.org'] })
  alice = await authority.issueUser('Alice Adams')
  proxy = await authority.issueProxy(alice)
  bob = await authority.issueUser('Bob Brown')
  bundle = write('ca.pem', authority.certificate)
})

beforeEach(() => {
  for (const name of Object.keys(process.env))
    if (/^(X509_|IGWN_|BEARER_TOKEN|NO_PROXY|HTTPS?_PROXY)/.test(name)) delete process.env[name]
  // The server is trusted without an agent of the test, so that this package alone decides what is presented.
  process.env.REQUESTS_CA_BUNDLE = bundle
})

afterEach(async () => {
  jest.restoreAllMocks()
  removeIgwnAuth(igwnAxios)
  applyIgwnAuth(igwnAxios)
  for (const one of opened.splice(0)) await one.close()
})

/** Replaces a file by rename, as grid tools do. */
function write(name: string, text: string): string {
  const file = path.join(process.env.HOME!, name)
  fs.writeFileSync(`${file}.new`, text, { mode: 0o600 })
  fs.renameSync(`${file}.new`, file)
  return file
}

/** Makes X509_USER_PROXY name this credential. */
function discover(issued: Issued): string {
  return (process.env.X509_USER_PROXY = write('x509up', issued.bundle))
}

/** Files of certificates and CAs are checked once a second. */
function aSecondLater(): void {
  const now = Date.now() + 1001
  jest.spyOn(Date, 'now').mockReturnValue(now)
}

const nameOf = ({ name }: Issued) => `CN=${name.at(-1)!.CN![0]!}`

/** One request as a server received it. */
interface Seen {
  url: string
  /** The subject of the client certificate. */
  presented: string | undefined
  authorization: string | undefined
  body: string
}

/** The subject of the certificate that a client has presented; it is read once for each connection. */
function subjectOf(socket: object): string | undefined {
  if (!subjects.has(socket)) {
    const { subject } = (socket as tls.TLSSocket).getPeerCertificate() as Partial<tls.PeerCertificate>
    subjects.set(socket, subject && `CN=${[subject.CN].flat().at(-1)}`)
  }
  return subjects.get(socket)
}

const subjects = new WeakMap<object, string | undefined>()

type Route = (request: http.IncomingMessage, response: http.ServerResponse) => void

/** A server that requests certificates. */
async function site(routes: Record<string, Route> = {}, options: Partial<CertificateServerOptions> = {}) {
  const seen: Seen[] = []
  const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
    const presented = subjectOf(request.socket)
    const { url = '', headers } = request
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      seen.push({ url, presented, authorization: headers.authorization, body })
      ;(routes[url] ?? ok)(request, response)
    })
  }
  const server = await certificateServer({ authority, server: ofServer, answer, ...options })
  opened.push(server)
  return { ...server, seen, presented: () => seen.map((one) => one.presented) }
}

const ok: Route = (_, response) => response.end('{}')

const redirect =
  (location: string | (() => string), status = 302): Route =>
  (_, response) =>
    response.writeHead(status, { location: typeof location === 'string' ? location : location() }).end()

const instanceWith = (options?: IgwnAuthOptions, config?: AxiosRequestConfig) => {
  const instance = applyIgwnAuth(axios.create(config), options)
  opened.push({ close: () => void removeIgwnAuth(instance) })
  return instance
}

async function failure(request: Promise<unknown>): Promise<IgwnAxiosError> {
  return request.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error: unknown) => error as IgwnAxiosError,
  )
}

async function refused(request: Promise<unknown>): Promise<IgwnAuthError> {
  const error: unknown = await failure(request)
  expect(error).toBeInstanceOf(IgwnAuthError)
  return error as IgwnAuthError
}

/** A TLS server to which nothing should connect. */
async function untouched() {
  const server = await serve(() => ({}), { tls: { cert: ofServer.certificate, key: ofServer.key } })
  return { url: server.origin, connections: server.connections }
}

/** Waits until something is true, at most for the timeout of the test. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await wait(5)
}

describe('a discovered certificate', () => {
  it('is presented together with a token', async () => {
    discover(proxy)
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    const server = await site()
    await igwnAxios.get(`${server.url}/a`)
    expect(server.seen).toEqual([
      { url: '/a', presented: nameOf(proxy), authorization: `Bearer ${token}`, body: '' },
    ])
  })

  it("is presented together with the caller's own Authorization", async () => {
    discover(proxy)
    const server = await site()
    await igwnAxios.get(server.url, { headers: { Authorization: 'Own x' } })
    await igwnAxios.get(server.url, { auth: { username: 'a', password: 'b' } })
    expect(server.presented()).toEqual([nameOf(proxy), nameOf(proxy)])
    expect(server.seen[0]!.authorization).toBe('Own x')
  })

  it('is presented with its whole chain', async () => {
    const second = await authority.issueProxy(proxy)
    discover(second)
    const server = await site({ '/': showChain })
    const { data } = await igwnAxios.get<Shown>(server.url)
    expect(verifiedChain(data.chain, authority)).toEqual([
      ...[second, proxy, alice].map(nameOf),
      'CN=Throw-away CA',
    ])
  })

  it('satisfies failIfNoAuth', async () => {
    discover(proxy)
    const server = await site()
    await igwnAxios.get(server.url, { igwnAuth: { failIfNoAuth: true } })
    expect(server.seen).toEqual([{ url: '/', presented: nameOf(proxy), authorization: undefined, body: '' }])
  })

  it('is skipped when it has expired, and the request is sent; with failIfNoAuth that is an error', async () => {
    const file = discover(await authority.issueProxy(alice, { notAfter: secondsFromNow(-3600) }))
    const server = await site()
    await igwnAxios.get(server.url)
    expect(server.presented()).toEqual([undefined])
    const error = await refused(igwnAxios.get(server.url, { igwnAuth: { failIfNoAuth: true } }))
    expect(error.code).toBe('ERR_IGWN_NO_CREDENTIAL')
    expect(error.message).toContain(`${file} (X509_USER_PROXY) expired 60 minutes ago`)
    expect(server.seen).toHaveLength(1)
  })

  it('is presented with forms and streams, which are sent once', async () => {
    discover(proxy)
    const server = await site()
    await igwnAxios.post(server.url, Readable.from([Buffer.from('streamed')]))
    expect(server.seen).toMatchObject([{ presented: nameOf(proxy), body: 'streamed' }])
  })

  it('is not presented with forceNoAuth or igwnAuth: false', async () => {
    discover(proxy)
    const server = await site()
    await igwnAxios.get(server.url, { igwnAuth: { forceNoAuth: true } })
    const httpsAgent = new https.Agent({ ca: authority.certificate })
    await igwnAxios.get(server.url, { igwnAuth: false, httpsAgent })
    expect(server.presented()).toEqual([undefined, undefined])
  })

  it('does not affect a request over http, whatever cert is', async () => {
    const server = await serve(() => ({}))
    await igwnAxios.get(server.origin, { igwnAuth: { cert: '/nowhere/at/all' } })
    await igwnAxios.get(server.origin, { igwnAuth: { cert: true } })
    expect(server.seen).toHaveLength(2)
  })
})

describe('the cert option', () => {
  it('may be a path, or the paths of certificate and key', async () => {
    discover(proxy)
    const server = await site()
    const own = write('bob.pem', bob.bundle)
    const pair = [write('usercert.pem', alice.certificate), write('userkey.pem', alice.key)] as const
    await instanceWith({ cert: own }).get(server.url)
    await igwnAxios.get(server.url, { igwnAuth: { cert: pair } })
    expect(server.presented()).toEqual([nameOf(bob), nameOf(alice)])
  })

  it('of a request overrides that of the instance', async () => {
    const server = await site()
    const [one, other] = [write('alice.pem', alice.bundle), write('bob.pem', bob.bundle)]
    const instance = instanceWith({ cert: one })
    await instance.get(server.url, { igwnAuth: { cert: other } })
    await instance.get(server.url, { igwnAuth: { cert: false } })
    await instance.get(server.url)
    expect(server.presented()).toEqual([nameOf(bob), undefined, nameOf(alice)])
  })

  it('false presents none', async () => {
    discover(proxy)
    const server = await site()
    await instanceWith({ cert: false }).get(server.url)
    expect(server.presented()).toEqual([undefined])
  })

  it('true presents the one that was found', async () => {
    discover(proxy)
    const server = await site()
    await instanceWith({ cert: true }).get(server.url)
    expect(server.presented()).toEqual([nameOf(proxy)])
  })

  it('true is an error when none is found, with the problem of each location', async () => {
    const server = await untouched()
    const error = await refused(instanceWith({ cert: true }).get(server.url))
    expect(error.code).toBe('ERR_IGWN_CERT_NOT_FOUND')
    expect(error.message).toMatch(
      /^No usable X\.509 credential found\. Nothing in X509_USER_CERT, X509_USER_PROXY, .*x509up_u.*, or name one in X509_USER_PROXY\.$/,
    )
    expect(server.connections()).toBe(0)
  })

  it.each<[string, () => IgwnAuthOptions | Promise<IgwnAuthOptions>, RegExp]>([
    ['a missing file', () => ({ cert: '/nowhere/at/all' }), /^\/nowhere\/at\/all \(cert\) does not/],
    [
      'an expired proxy',
      async () => ({
        cert: write('a.pem', (await authority.issueProxy(alice, { notAfter: secondsFromNow(-7200) })).bundle),
      }),
      /a\.pem \(cert\) expired 2 hours ago/,
    ],
    [
      'the key of another certificate',
      () => ({ cert: [write('a.pem', alice.certificate), write('b.pem', bob.key)] }),
      /[ab]\.pem \(cert\) .*key/,
    ],
    ['no key', () => ({ cert: write('a.pem', alice.certificate) }), /a\.pem \(cert\) holds no private key/],
    ['no PEM at all', () => ({ cert: write('a.pem', 'hello') }), /a\.pem \(cert\) holds no certificate/],
    [
      'an encrypted key without a passphrase',
      () => ({ cert: [write('a.pem', alice.certificate), write('k.pem', alice.encryptedKey('sesame'))] }),
      /k\.pem \(cert\) holds an encrypted private key, and the passphrase option is not set/,
    ],
  ])('that names %s is an error before a connection is opened', async (_, options, message) => {
    const server = await untouched()
    const error = await refused(instanceWith(await options()).get(server.url))
    expect(error.code).toBe('ERR_IGWN_CERT_UNUSABLE')
    expect(error.message).toMatch(message)
    expect(server.connections()).toBe(0)
  })
})

describe('IGWN_AUTH_UTILS_FIND_X509', () => {
  it.each(['y', 'Yes', 'TRUE', '1'])('%s requires one', async (value) => {
    process.env.IGWN_AUTH_UTILS_FIND_X509 = value
    const server = await untouched()
    expect((await refused(igwnAxios.get(server.url))).code).toBe('ERR_IGWN_CERT_NOT_FOUND')
    expect(server.connections()).toBe(0)
  })

  it.each(['n', 'No', 'FALSE', '0'])('%s disables the search', async (value) => {
    process.env.IGWN_AUTH_UTILS_FIND_X509 = value
    discover(proxy)
    const server = await site()
    await igwnAxios.get(server.url)
    expect(server.presented()).toEqual([undefined])
  })

  it('is overridden by the option', async () => {
    discover(proxy)
    const server = await site()
    process.env.IGWN_AUTH_UTILS_FIND_X509 = 'no'
    await igwnAxios.get(server.url, { igwnAuth: { cert: true } })
    process.env.IGWN_AUTH_UTILS_FIND_X509 = 'yes'
    await igwnAxios.get(server.url, { igwnAuth: { cert: false } })
    expect(server.presented()).toEqual([nameOf(proxy), undefined])
  })

  it('does not affect a request with forceNoAuth, or one over http', async () => {
    process.env.IGWN_AUTH_UTILS_FIND_X509 = 'on'
    const [server, clear] = [await site(), await serve(() => ({}))]
    await igwnAxios.get(server.url, { igwnAuth: { forceNoAuth: true } })
    await igwnAxios.get(clear.origin)
    expect(server.presented()).toEqual([undefined])
  })

  it('empty is unset; any other value is an error that names the accepted values', async () => {
    discover(proxy)
    const server = await site()
    process.env.IGWN_AUTH_UTILS_FIND_X509 = ''
    await igwnAxios.get(server.url)
    process.env.IGWN_AUTH_UTILS_FIND_X509 = 'on'
    const error = await refused(igwnAxios.get(server.url))
    expect(error.code).toBe('ERR_IGWN_INVALID_ENVIRONMENT')
    expect(error.message).toBe(
      'IGWN_AUTH_UTILS_FIND_X509 has the invalid value "on". Use one of y, yes, true, 1 to require, one of n, no, false, 0 to disable, or unset it.',
    )
    expect(server.presented()).toEqual([nameOf(proxy)])
  })
})

describe('an encrypted key', () => {
  const pair = (): [string, string] => [
    write('usercert.pem', alice.certificate),
    write('userkey.pem', alice.encryptedKey('open sesame')),
  ]

  it.each<[string, IgwnAuthOptions, IgwnAuthOptions]>([
    ['on the instance', { passphrase: 'open sesame' }, {}],
    ['on the request', {}, { passphrase: 'open sesame' }],
    ['as a function', { passphrase: () => 'open sesame' }, {}],
  ])('is decrypted with the passphrase %s', async (_, options, igwnAuth) => {
    const server = await site()
    await instanceWith({ cert: pair(), ...options }).get(server.url, { igwnAuth })
    expect(server.presented()).toEqual([nameOf(alice)])
  })

  it('of ~/.globus is found with the passphrase, and skipped without', async () => {
    fs.mkdirSync(path.join(process.env.HOME!, '.globus'))
    write('.globus/usercert.pem', alice.certificate)
    write('.globus/userkey.pem', alice.encryptedKey('open sesame', 'traditional'))
    const server = await site()
    await instanceWith({ passphrase: 'open sesame' }).get(server.url)
    await igwnAxios.get(server.url)
    fs.rmSync(path.join(process.env.HOME!, '.globus'), { recursive: true })
    expect(server.presented()).toEqual([nameOf(alice), undefined])
  })

  it('is decrypted once, not for each request', async () => {
    const server = await site()
    const asked: number[] = []
    const passphrase = () => {
      asked.push(1)
      return 'open sesame'
    }
    const cert = pair()
    for (const file of cert) fs.utimesSync(file, secondsFromNow(-60), secondsFromNow(-60))
    const instance = instanceWith({ cert, passphrase })
    for (let count = 0; count < 3; count += 1) await instance.get(server.url)
    expect(asked).toHaveLength(1)
    expect(server.handshakes()).toBe(1)
  })
})

describe('connections', () => {
  it('are kept alive: one handshake for many requests', async () => {
    discover(proxy)
    const server = await site()
    const instance = instanceWith()
    for (let count = 0; count < 25; count += 1) await instance.get(server.url)
    expect(server.presented()).toEqual(Array(25).fill(nameOf(proxy)))
    expect(server.handshakes()).toBe(1)
  })

  it('are never shared by two instances, even with the same credential', async () => {
    discover(proxy)
    const server = await site()
    const [one, other] = [instanceWith(), instanceWith()]
    for (const instance of [one, other, one, other]) await instance.get(server.url)
    expect(server.handshakes()).toBe(2)
  })

  it('of two instances with two identities never mix', async () => {
    const server = await site()
    const one = instanceWith({ cert: write('alice.pem', alice.bundle) })
    const other = instanceWith({ cert: write('bob.pem', bob.bundle) })
    await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        (i % 2 ? other : one).get(`${server.url}/${i % 2 ? 'bob' : 'alice'}`),
      ),
    )
    expect(server.seen).toHaveLength(12)
    for (const { url, presented } of server.seen) expect(presented).toBe(nameOf(url === '/bob' ? bob : alice))
  })

  it('that are idle are closed by removeIgwnAuth; a request in flight completes', async () => {
    discover(proxy)
    let release: () => void = () => undefined
    const server = await site({
      '/held': (request, response) => {
        release = () => showChain(request, response)
      },
    })
    const instance = instanceWith()
    const held = instance.get<Shown>(`${server.url}/held`)
    await until(() => server.seen.length === 1)
    await instance.get(server.url)
    expect(server.connections()).toBe(2)
    removeIgwnAuth(instance)
    await until(() => server.connections() === 1)
    release()
    expect(verifiedChain((await held).data.chain, authority)?.[0]).toBe(nameOf(proxy))
    await until(() => server.connections() === 0)
  })

  it('that are idle are closed when applyIgwnAuth is called again', async () => {
    discover(proxy)
    const server = await site()
    const instance = instanceWith()
    await instance.get(server.url)
    applyIgwnAuth(instance, { cert: false })
    await instance.get(server.url)
    expect(server.presented()).toEqual([nameOf(proxy), undefined])
    await until(() => server.connections() === 1)
  })
})

describe('a credential renewed by rename (trap 18)', () => {
  it('is presented within a second; a request in flight completes with the old one', async () => {
    discover(proxy)
    let release: () => void = () => undefined
    const server = await site({
      '/held': (request, response) => {
        release = () => showChain(request, response)
      },
    })
    const held = igwnAxios.get<Shown>(`${server.url}/held`)
    await until(() => server.seen.length === 1)
    const next = await authority.issueProxy(alice)
    discover(next)
    aSecondLater()
    await igwnAxios.get(server.url)
    await igwnAxios.get(server.url)
    expect(server.presented()).toEqual([nameOf(proxy), nameOf(next), nameOf(next)])
    release()
    expect(verifiedChain((await held).data.chain, authority)?.[0]).toBe(nameOf(proxy))
    expect(server.handshakes()).toBe(2)
    await until(() => server.connections() === 1)
  })

  it('while requests are in flight: none fails, none presents another certificate', async () => {
    discover(proxy)
    const server = await site()
    const known = new Set([nameOf(proxy)])
    for (let round = 0; round < 5; round += 1) {
      const running = Array.from({ length: 4 }, () => igwnAxios.get(server.url))
      const next = await authority.issueProxy(alice)
      known.add(nameOf(next))
      discover(next)
      aSecondLater()
      await Promise.all([...running, igwnAxios.get(server.url)])
    }
    expect(server.seen).toHaveLength(25)
    for (const presented of server.presented()) expect(known).toContain(presented)
    await until(() => server.connections() <= 1)
  })
})

describe('through an HTTP proxy (trap 12)', () => {
  const proxied = async () => {
    const tunnel = await connectProxy()
    opened.push(tunnel)
    return tunnel
  }
  /** Resolves without a proxy too; not a loopback name. */
  const lookup = (_: string, __: object, done: (...args: unknown[]) => void) => {
    done(null, [{ address: '127.0.0.1', family: 4 }])
  }
  const farFrom = (server: { port: number }) => `https://service.example.org:${server.port}/`

  it('of HTTPS_PROXY, the certificate and the token reach the server by CONNECT, and not the proxy', async () => {
    discover(proxy)
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const [server, tunnel] = [await site({ '/': showChain }), await proxied()]
    process.env.HTTPS_PROXY = tunnel.url
    const { data } = await igwnAxios.get<Shown>(farFrom(server))
    expect(verifiedChain(data.chain, authority)).toEqual([...[proxy, alice].map(nameOf), 'CN=Throw-away CA'])
    expect(server.seen[0]!.authorization).toMatch(/^Bearer /)
    expect(tunnel.tunnels).toEqual([`service.example.org:${server.port}`])
    expect(tunnel.headers[0]).not.toHaveProperty('authorization')
  })

  it('NO_PROXY is respected', async () => {
    discover(proxy)
    const [server, tunnel] = [await site(), await proxied()]
    process.env.HTTPS_PROXY = tunnel.url
    process.env.NO_PROXY = 'service.example.org'
    await igwnAxios.get(farFrom(server), { lookup: lookup as never })
    expect(server.presented()).toEqual([nameOf(proxy)])
    expect(tunnel.tunnels).toEqual([])
  })

  it('of the config, it works too; proxy: false bypasses that of the environment', async () => {
    discover(proxy)
    const [server, tunnel, other] = [await site(), await proxied(), await proxied()]
    process.env.HTTPS_PROXY = other.url
    const { port } = tunnel
    await igwnAxios.get(farFrom(server), { proxy: { protocol: 'http', host: '127.0.0.1', port } })
    await igwnAxios.get(farFrom(server), { proxy: false, lookup: lookup as never })
    expect(server.presented()).toEqual([nameOf(proxy), nameOf(proxy)])
    expect([tunnel.tunnels.length, other.tunnels.length]).toEqual([1, 0])
  })

  it('two identities use separate connections, and a renewed one is presented', async () => {
    const [server, tunnel] = [await site(), await proxied()]
    process.env.HTTPS_PROXY = tunnel.url
    const one = instanceWith({ cert: write('alice.pem', alice.bundle) })
    const other = instanceWith({ cert: write('bob.pem', bob.bundle) })
    for (const instance of [one, other, one]) await instance.get(farFrom(server))
    write('alice.pem', proxy.bundle)
    aSecondLater()
    await one.get(farFrom(server))
    expect(server.presented()).toEqual([alice, bob, alice, proxy].map(nameOf))
  })

  it('a redirect to another origin is followed through it, without the certificate', async () => {
    discover(proxy)
    const tunnel = await proxied()
    const to = await site()
    const from = await site({ '/': redirect(() => `https://localhost:${to.port}/there`) })
    process.env.HTTPS_PROXY = tunnel.url
    process.env.NO_PROXY = ''
    await igwnAxios.get(`https://service.example.org:${from.port}/`)
    expect(from.presented()).toEqual([nameOf(proxy)])
    expect(to.presented()).toEqual([undefined])
    expect(tunnel.tunnels).toEqual([`service.example.org:${from.port}`, `localhost:${to.port}`])
  })

  it('a redirect within the origin keeps the certificate', async () => {
    discover(proxy)
    const tunnel = await proxied()
    const server = await site({ '/': redirect('/there') })
    process.env.HTTPS_PROXY = tunnel.url
    await igwnAxios.get(farFrom(server))
    expect(server.presented()).toEqual([nameOf(proxy), nameOf(proxy)])
    expect(tunnel.tunnels).toHaveLength(2)
  })

  it('a stream that is redirected to another origin is sent there without the certificate', async () => {
    discover(proxy)
    const tunnel = await proxied()
    const to = await site()
    const from = await site({ '/': redirect(() => `https://service.example.org:${to.port}/there`, 307) })
    process.env.HTTPS_PROXY = tunnel.url
    await igwnAxios.post(farFrom(from), Readable.from([Buffer.from('streamed')]))
    expect(from.presented()).toEqual([nameOf(proxy)])
    expect(to.seen).toEqual([
      { url: '/there', presented: undefined, authorization: undefined, body: 'streamed' },
    ])
    expect(tunnel.tunnels).toHaveLength(2)
  })
})

describe('a redirect (trap 9)', () => {
  /** A server that redirects to another one. */
  async function pair(status = 302) {
    const to = await site()
    const from = await site({
      '/': redirect(() => `${to.url}/there`, status),
      '/within': redirect('/inside', status),
      '/inside': redirect(() => `${to.url}/there`, status),
    })
    return { from, to }
  }

  it.each([301, 302, 303, 307, 308])('%d within the origin keeps the certificate', async (status) => {
    discover(proxy)
    const server = await site({ '/a': redirect('/b', status) })
    await igwnAxios.post(`${server.url}/a`, { x: 1 })
    expect(server.presented()).toEqual([nameOf(proxy), nameOf(proxy)])
  })

  it.each([301, 302, 303, 307, 308])(
    '%d to another origin does not present a discovered certificate',
    async (status) => {
      discover(proxy)
      const { from, to } = await pair(status)
      await igwnAxios.post(from.url, { x: 1 })
      expect(from.presented()).toEqual([nameOf(proxy)])
      expect(to.seen).toMatchObject([{ presented: undefined, body: status > 303 ? '{"x":1}' : '' }])
    },
  )

  it.each<[string, () => IgwnAuthOptions]>([
    ['a named certificate', () => ({ cert: write('bob.pem', bob.bundle) })],
    ['a required certificate', () => ({ cert: true, failIfNoAuth: true })],
  ])('to another origin does not present %s, and is no error', async (_, options) => {
    discover(bob)
    const { from, to } = await pair()
    await instanceWith(options()).get(from.url)
    expect(from.presented()).toEqual([nameOf(bob)])
    expect(to.presented()).toEqual([undefined])
  })

  it('within the origin and then to another presents it to the first origin only', async () => {
    discover(proxy)
    const { from, to } = await pair()
    await igwnAxios.get(`${from.url}/within`)
    expect(from.presented()).toEqual([nameOf(proxy), nameOf(proxy)])
    expect(to.presented()).toEqual([undefined])
  })

  it('to another origin and back does not present it again', async () => {
    discover(proxy)
    const to = await site({ '/': redirect(() => `${from.url}/back`) })
    const from = await site({ '/': redirect(() => to.url) })
    await igwnAxios.get(from.url)
    expect(from.presented()).toEqual([nameOf(proxy), undefined])
    expect(to.presented()).toEqual([undefined])
  })

  it('of a stream drops the certificate at another origin, and keeps it within the origin', async () => {
    discover(proxy)
    const { from, to } = await pair(307)
    await igwnAxios.post(`${from.url}/within`, Readable.from([Buffer.from('streamed')]))
    expect(from.seen).toMatchObject([
      { presented: nameOf(proxy), body: 'streamed' },
      { presented: nameOf(proxy), body: 'streamed' },
    ])
    expect(to.seen).toEqual([
      { url: '/there', presented: undefined, authorization: undefined, body: 'streamed' },
    ])
  })

  it('between trusted origins keeps it, also for streams', async () => {
    discover(proxy)
    const { from, to } = await pair(307)
    const instance = instanceWith({ trustedOrigins: [from.url, to.url] })
    await instance.get(from.url)
    await instance.post(from.url, Readable.from([Buffer.from('streamed')]))
    await instance.get(from.url, { igwnAuth: { trustedOrigins: [to.url] } })
    expect(to.presented()).toEqual([nameOf(proxy), nameOf(proxy), undefined])
  })

  it('to http is followed without it', async () => {
    discover(proxy)
    const to = await serve(() => ({}))
    const from = await site({ '/': redirect(() => to.origin) })
    await igwnAxios.get(from.url)
    expect(to.seen).toHaveLength(1)
  })
})

describe("the caller's own httpsAgent is used", () => {
  const own = (options: https.AgentOptions = {}) => new https.Agent({ ca: authority.certificate, ...options })

  it('instead of a discovered certificate; with failIfNoAuth that is an error with the reason', async () => {
    const file = discover(proxy)
    const server = await site()
    const httpsAgent = own()
    const instance = instanceWith({}, { httpsAgent })
    await instance.get(server.url)
    expect(server.presented()).toEqual([undefined])
    const error = await refused(instance.get(server.url, { igwnAuth: { failIfNoAuth: true } }))
    expect(error.code).toBe('ERR_IGWN_NO_CREDENTIAL')
    expect(error.reasons).toContainEqual({
      code: 'unsupported',
      source: `${file} (X509_USER_PROXY)`,
      message: `${file} (X509_USER_PROXY) is not presented: the request has an httpsAgent of its own. Make that one with createX509Agent, or set cert to false`,
    })
  })

  it('with its own certificate', async () => {
    discover(proxy)
    const server = await site()
    await igwnAxios.get(server.url, { httpsAgent: own({ cert: bob.certificate, key: bob.key }) })
    await igwnAxios.get(server.url, { httpsAgent: createX509Agent(write('alice.pem', alice.bundle)) })
    expect(server.presented()).toEqual([nameOf(bob), nameOf(alice)])
  })

  it.each<[string, () => IgwnAuthOptions]>([
    ['named', () => ({ cert: write('alice.pem', alice.bundle) })],
    ['required', () => ({ cert: true })],
  ])('and a certificate that is %s is an error before a connection is opened', async (_, options) => {
    discover(alice)
    const server = await untouched()
    const error = await refused(instanceWith(options(), { httpsAgent: own() }).get(server.url))
    expect(error.code).toBe('ERR_IGWN_UNSUPPORTED')
    expect(error.message).toMatch(
      /is not presented: the request has an httpsAgent of its own\. Make that one with createX509Agent, or set cert to false\.$/,
    )
    expect(server.connections()).toBe(0)
  })
})

describe('the fetch adapter (trap 13)', () => {
  it.each<[string, () => IgwnAuthOptions]>([
    ['named', () => ({ cert: write('alice.pem', alice.bundle) })],
    ['required', () => ({ cert: true })],
  ])(
    'cannot present a certificate that is %s, which is an error that says what to do',
    async (_, options) => {
      discover(alice)
      const server = await untouched()
      const error = await refused(instanceWith(options(), { adapter: 'fetch' }).get(server.url))
      expect(error.code).toBe('ERR_IGWN_UNSUPPORTED')
      expect(error.message).toMatch(
        /cannot be presented: the fetch adapter has no client certificates\. Use the http adapter, or set cert to false\.$/,
      )
      expect(server.connections()).toBe(0)
    },
  )

  it('sends the request without a discovered certificate, with the token', async () => {
    discover(proxy)
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    const sent: [string, string | null][] = []
    // Node's own fetch takes no CA of a test.
    const fetch = async (request: Request) => {
      sent.push([request.url, request.headers.get('authorization')])
      return Promise.resolve(Response.json({ ok: true }))
    }
    const { data } = await igwnAxios.get<unknown>('https://service.example.org/a', {
      adapter: ['xhr', 'fetch', 'http'],
      env: { fetch, Request, Response } as never,
    })
    expect(data).toEqual({ ok: true })
    expect(sent).toEqual([['https://service.example.org/a', `Bearer ${token}`]])
  })
})

/** axios 1.18 does not catch the error of an HTTP/2 connection. */
const itCatches = axios.VERSION.startsWith('1.18.') ? it.skip : it

describe('HTTP/2 (trap 13)', () => {
  /** A server with HTTP/2 only that requests certificates. */
  async function site2(options: http2.SecureServerOptions = {}) {
    const seen: { url: string; presented: string | undefined; session: object }[] = []
    const listening = http2.createSecureServer({
      cert: ofServer.certificate,
      key: ofServer.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: false,
      ...options,
    })
    listening.on('session', (session) => session.on('error', () => undefined))
    listening.on('stream', (stream, { ':path': url = '' }) => {
      const { session } = stream
      seen.push({ url, presented: subjectOf(session!.socket), session: session! })
      stream.respond({ ':status': 200, 'content-type': 'application/json' })
      stream.end('{}')
    })
    const url = `https://localhost:${(await listen(listening)).port}`
    return { url, seen, presented: () => seen.map((one) => one.presented) }
  }
  const httpVersion = 2 as const

  it('presents the certificate', async () => {
    discover(proxy)
    const server = await site2()
    await igwnAxios.get(server.url, { httpVersion })
    await igwnAxios.get(server.url, { httpVersion: '2' as never })
    expect(server.presented()).toEqual([nameOf(proxy), nameOf(proxy)])
  })

  it('uses one session for the requests of one identity', async () => {
    discover(proxy)
    const server = await site2()
    for (let count = 0; count < 3; count += 1) await igwnAxios.get(server.url, { httpVersion })
    expect(new Set(server.seen.map(({ session }) => session)).size).toBe(1)
  })

  it('never mixes two identities, or one with none', async () => {
    const server = await site2()
    const instances = {
      alice: instanceWith({ cert: write('alice.pem', alice.bundle) }, { httpVersion }),
      bob: instanceWith({ cert: write('bob.pem', bob.bundle) }, { httpVersion }),
      none: instanceWith({ cert: false }, { httpVersion }),
    }
    const names = Object.keys(instances) as (keyof typeof instances)[]
    for (let round = 0; round < 2; round += 1)
      for (const name of names) await instances[name].get(`${server.url}/${name}`)
    await Promise.all([...names, ...names].map((name) => instances[name].get(`${server.url}/${name}`)))
    const wanted: Record<string, string | undefined> = { '/alice': nameOf(alice), '/bob': nameOf(bob) }
    expect(server.seen).toHaveLength(12)
    for (const { url, presented } of server.seen) expect([url, presented]).toEqual([url, wanted[url]])
  })

  it('presents a renewed certificate within a second', async () => {
    discover(proxy)
    const server = await site2()
    await igwnAxios.get(server.url, { httpVersion })
    discover(bob)
    aSecondLater()
    await igwnAxios.get(server.url, { httpVersion })
    expect(server.presented()).toEqual([nameOf(proxy), nameOf(bob)])
  })

  it.each<[string, () => object]>([
    ['a certificate', () => ({ cert: bob.certificate, key: bob.key })],
    [
      'a secureContext',
      () => ({
        secureContext: tls.createSecureContext({
          cert: bob.certificate,
          key: bob.key,
          ca: authority.certificate,
        }),
      }),
    ],
  ])('uses %s of http2Options; with a required certificate that is an error', async (_, options) => {
    discover(proxy)
    const server = await site2()
    const instance = instanceWith({}, { httpVersion, http2Options: options() })
    await instance.get(server.url)
    expect(server.presented()).toEqual([nameOf(bob)])
    const error = await refused(instance.get(server.url, { igwnAuth: { cert: true } }))
    expect(error.code).toBe('ERR_IGWN_UNSUPPORTED')
    expect(error.message).toMatch(
      /is not presented: http2Options has a certificate of its own\. .*set cert to false\.$/,
    )
    expect(server.seen).toHaveLength(1)
  })

  it('keeps other http2Options, and ignores httpsAgent, which is not for HTTP/2', async () => {
    discover(proxy)
    const server = await site2()
    const http2Options = { sessionTimeout: 50, settings: { enablePush: false } }
    const httpsAgent = new https.Agent()
    await igwnAxios.get(server.url, { httpVersion, http2Options, httpsAgent, igwnAuth: { cert: true } })
    expect(server.presented()).toEqual([nameOf(proxy)])
    expect(http2Options).toEqual({ sessionTimeout: 50, settings: { enablePush: false } })
  })

  // Under TLS 1.3 axios never settles when a server closes the connection without an alert, as Node.js servers do.
  itCatches('explains a refusal', async () => {
    const file = discover(proxy)
    const other = await createAuthority('Another CA')
    const server = await site2({ ca: other.certificate, rejectUnauthorized: true, maxVersion: 'TLSv1.2' })
    const error = await failure(igwnAxios.get(server.url, { httpVersion }))
    expect(axios.isAxiosError(error)).toBe(true)
    expect(error.igwnAuth?.reasons[0]?.message).toContain(`from ${file} (X509_USER_PROXY), which expires in`)
  })

  itCatches.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'explains a refusal by alert under %s',
    async (maxVersion) => {
      const server = await site2({ rejectUnauthorized: true, maxVersion })
      const error = await failure(igwnAxios.get(server.url, { httpVersion }))
      expect(axios.isAxiosError(error)).toBe(true)
      expect(error.igwnAuth?.reasons[0]?.message).toMatch(
        /with the TLS alert (handshake_failure|certificate_required): .* No certificate was presented\.$/,
      )
    },
  )
})

describe('a refusal by TLS', () => {
  const strict = async (options: Partial<CertificateServerOptions> = {}) => {
    const other = await createAuthority('Another CA')
    return site({}, { ca: other.certificate, rejectUnauthorized: true, ...options })
  }

  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (maxVersion) => {
    it('names the certificate that was presented, its file, and when it expires', async () => {
      const file = discover(proxy)
      const server = await strict({ maxVersion })
      const error = await failure(igwnAxios.get(server.url))
      expect(axios.isAxiosError(error)).toBe(true)
      expect(error.igwnAuth?.reasons[0]).toMatchObject({ code: 'refused', source: 'certificate' })
      const message = error.igwnAuth?.reasons[0]?.message
      expect(message).toMatch(/^The server (refused|closed) the connection /)
      expect(message).toContain(
        `The certificate presented was /DC=org/DC=example/CN=Alice Adams/${nameOf(proxy)} with 1 more of its chain`,
      )
      expect(message).toMatch(/from .*x509up \(X509_USER_PROXY\), which expires in \d+ hours \(.*Z\)\.$/)
      expect(message).toContain(file)
    })

    it('says that none was presented, and why each one was skipped', async () => {
      const file = discover(await authority.issueProxy(alice, { notAfter: secondsFromNow(-3600) }))
      const server = await strict({ maxVersion })
      const error = await failure(igwnAxios.get(server.url))
      const reasons = error.igwnAuth?.reasons ?? []
      expect(reasons[0]?.message).toMatch(/with the TLS alert \w+: .*No certificate was presented/)
      expect(error.igwnAuth?.summary).toMatch(
        /No certificate was presented: .*x509up \(X509_USER_PROXY\) expired 60 minutes ago \(certificate 1 of 2, .*\)\.$/,
      )
      expect(reasons.find(({ code }) => code === 'expired')?.source).toBe(`${file} (X509_USER_PROXY)`)
    })

    it('is explained while a body is being sent', async () => {
      const file = discover(proxy)
      const server = await strict({ maxVersion })
      const error = await failure(igwnAxios.post(server.url, Buffer.alloc(2 * 1024 * 1024)))
      expect(axios.isAxiosError(error)).toBe(true)
      expect(error.igwnAuth?.reasons[0]?.message).toContain(`from ${file} (X509_USER_PROXY)`)
    })
  })

  it('is explained through a network proxy', async () => {
    const file = discover(proxy)
    const server = await strict()
    const tunnel = await connectProxy()
    opened.push(tunnel)
    process.env.HTTPS_PROXY = tunnel.url
    const error = await failure(igwnAxios.get(`https://service.example.org:${server.port}/`))
    expect(error.igwnAuth?.reasons[0]?.message).toContain(`from ${file} (X509_USER_PROXY)`)
  })

  it('is explained when it is a page of nginx', async () => {
    const server = await site({
      '/': (_, response) =>
        response
          .writeHead(400, { 'content-type': 'text/html' })
          .end('<h1>400 No required SSL certificate was sent</h1>'),
    })
    const error = await failure(igwnAxios.get(server.url))
    expect(error.response?.status).toBe(400)
    expect(error.igwnAuth?.reasons[0]?.message).toBe(
      'The server refused the request with status 400: it requires a certificate, and received none. No certificate was presented.',
    )
    expect(error.igwnAuth?.explanation.fixes).toEqual(['grid-proxy-init, or voms-proxy-init -rfc'])
  })

  it('is explained when it is a page of Apache, with status 403', async () => {
    const file = discover(proxy)
    const server = await site({
      '/': (_, response) =>
        response.writeHead(403).end('Reason: Cannot perform Post-Handshake Authentication.'),
    })
    const error = await failure(igwnAxios.get(server.url))
    expect(error.igwnAuth?.summary).toContain("createX509Agent with maxVersion: 'TLSv1.2'")
    expect(error.igwnAuth?.summary).toContain(`from ${file} (X509_USER_PROXY)`)
    expect(error.igwnAuth?.explanation.fixes).toEqual([])
  })

  it('with an httpsAgent of the caller, does not claim that no certificate was presented', async () => {
    const server = await strict()
    const httpsAgent = new https.Agent({ ca: authority.certificate, cert: bob.certificate, key: bob.key })
    const page = await site({
      '/': (_, response) => response.writeHead(400).end('No required SSL certificate was sent'),
    })
    for (const { url } of [server, page]) {
      const error = await failure(igwnAxios.get(url, { httpsAgent }))
      const summary = error.igwnAuth?.summary ?? ''
      expect(summary).not.toContain('No certificate was presented')
      if (error.response) expect(summary).toContain('whether it presented a certificate is not known')
    }
  })

  it('is not reported for a server that is not trusted', async () => {
    discover(proxy)
    const other = await createAuthority('Another CA')
    process.env.REQUESTS_CA_BUNDLE = write('other-ca.pem', other.certificate)
    const server = await site()
    const error = await failure(igwnAxios.get(server.url))
    expect(error.code).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET_ISSUER/)
    expect(error.igwnAuth?.reasons.map(({ source }) => source)).toEqual(['certificate of the server'])
    expect(server.seen).toHaveLength(0)
  })
})

it('a named certificate is reported as not presented over http', async () => {
  const { ERR, reasons } = await applyIgwnAuth(axios.create(), {
    cert: '/nope.pem',
    token: false,
    failIfNoAuth: true,
  })
    .get('http://127.0.0.1:1/')
    .then(
      () => ({ ERR: undefined, reasons: [] }),
      (error: unknown) => ({ ERR: (error as IgwnAuthError).code, reasons: (error as IgwnAuthError).reasons }),
    )
  expect(ERR).toBe('ERR_IGWN_NO_CREDENTIAL')
  expect(reasons.map(({ message }) => message)).toContain(
    'the certificate is not presented: the URL is http:, and certificates are presented over https: only',
  )
})
