/**
 * Signed requests on the wire, to a server that verifies what arrives with code of its own.
 */
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { Readable } from 'node:stream'
import axios, { AxiosError, type AxiosInstance } from 'axios'
import axiosRetry from 'axios-retry'
import FormDataStream from 'form-data'
import { applyIgwnAuth, removeIgwnAuth, type IgwnAuthEvent } from '../../lib/index'
import {
  applyOAuth1,
  oauth1,
  OAuth1Token,
  type OAuth1Options,
  type SignatureInput,
} from '../../lib/oauth1/index'
import { createAuthority, type Authority } from '../support/pki'
import { CLIENT, oauth1Servers, type OAuth1Server } from '../support/oauth1-server'
import { serve } from '../support/server'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })

const { start: started, close } = oauth1Servers()
afterEach(close)

/** An instance that signs as a client that is registered at the server. */
function signed(
  server: OAuth1Server,
  options: Partial<Parameters<typeof applyOAuth1>[1]> = {},
  instance: AxiosInstance = axios.create({ baseURL: server.origin }),
) {
  return applyOAuth1(instance, {
    clientId: CLIENT.id,
    clientSecret: CLIENT.secret,
    ...server.grant(),
    ...options,
  })
}

const statusOf = (request: Promise<unknown>) =>
  request.then(
    (response) => (response as { status: number }).status,
    (error: unknown) => (error as AxiosError).response?.status,
  )

const METHODS: [string, Partial<OAuth1Options>][] = [
  ['HMAC-SHA1', {}],
  ['HMAC-SHA256', { signatureMethod: 'HMAC-SHA256' }],
  ['RSA-SHA1', { clientId: 'rsa', signatureMethod: 'RSA-SHA1', rsaKey: privateKey }],
  ['PLAINTEXT', { signatureMethod: 'PLAINTEXT' }],
]

describe.each(METHODS)('with %s', (method, options) => {
  it.each(['header', 'query', 'body'] as const)('signs a form in the %s', async (signatureType) => {
    const clients = { [CLIENT.id]: { secret: CLIENT.secret }, rsa: { publicKey } }
    const server = await started({ clients })
    const api = signed(server, { ...options, signatureType })
    const form = new URLSearchParams({ 'a b': 'ü+&=%', empty: '' })
    form.append('a b', '!*()~')
    const { status } = await api.post('/photos?x=1', form, { params: { q: 'a b' } })
    expect(status).toBe(200)
    expect(server.visitors).toMatchObject([{ method, place: signatureType }])
  })
})

it('signs without a token, as the client alone', async () => {
  const server = await started()
  const api = applyOAuth1(axios.create(), { clientId: CLIENT.id, clientSecret: CLIENT.secret })
  expect((await api.get(server.origin)).status).toBe(200)
  expect(server.visitors[0]?.token).toBeUndefined()
  expect(server.seen[0]?.headers.authorization).not.toContain('oauth_token')
})

it('accepts an OAuth1Token, which includes its secret', async () => {
  const server = await started()
  const token = new OAuth1Token(server.grant())
  const api = applyOAuth1(axios.create(), { clientId: CLIENT.id, clientSecret: CLIENT.secret, token })
  expect((await api.get(server.origin)).status).toBe(200)
  expect(server.visitors[0]?.token).toBe(token.token)
})

it.each([
  ['arrays', { params: { a: [3, 1, 2], b: ['x'] } }],
  ['nested objects', { params: { where: { run: 'O4', and: { far: '<=9' } } } }],
  ['empty values', { params: { a: '', b: 0, c: false, d: null, e: undefined } }],
  ['non-ASCII', { params: { 'naïve café': '☃ 𝛼', q: '\u0000\u007f\u200b' } }],
  ['what axios leaves unencoded', { params: { time: '12:30', price: '$5,00', plus: 'a+b c' } }],
  ['what URL encodes', { url: '/a"b<c>/ö {x}?q=\'"<>|{}`^\\ ü' }],
  ['a date', { params: { since: new Date(0) } }],
  ['parameters in params and in the URL', { url: '/photos?a=2&b=%7E&a=1', params: { a: 0 } }],
  ['a serializer of the caller', { params: { a: 1 }, paramsSerializer: () => 'q=%FC&x=%20+%2b' }],
  [
    'URLSearchParams',
    {
      params: new URLSearchParams([
        ['a', '2'],
        ['a', '1'],
        ['', 'x'],
      ]),
    },
  ],
  ['names of Object', { params: JSON.parse('{"__proto__":"1","constructor":"2"}') as object }],
  ['encoded reserved characters in the path', { url: '/a%2Fb%3B/r%20v;x=1/%7e' }],
  ['dots in the path', { url: '/a/../b/./c' }],
  ['a fragment', { url: '/photos?a=1#there' }],
  ['nothing', {}],
])('signs %s as they are sent', async (_, config) => {
  const server = await started()
  for (const signatureType of ['header', 'query'] as const) {
    const api = signed(server, { signatureType })
    expect(await statusOf(api.request({ url: '/photos', ...config }))).toBe(200)
  }
  expect(server.problems).toEqual([])
})

it.each(['get', 'delete', 'head', 'options', 'post', 'put', 'patch'])('signs %s', async (method) => {
  const server = await started()
  const api = signed(server)
  expect((await api.request({ method, url: '/photos' })).status).toBe(200)
  expect(server.seen[0]?.method).toBe(method.toUpperCase())
})

it('signs the host as in the Host header: in lower case, with its port', async () => {
  const server = await started()
  const api = signed(server, {}, axios.create())
  expect((await api.get(`HTTP://LocalHost:${server.port}/Path`)).status).toBe(200)
  expect(server.visitors[0]?.baseString).toContain(`http%3A%2F%2Flocalhost%3A${server.port}%2FPath`)
})

it('signs a default port and an IPv6 address', async () => {
  // The agent of this test connects all of these to the server.
  const server = await started()
  class Leading extends http.Agent {
    override createConnection(options: http.ClientRequestArgs) {
      return net.connect({ ...options, host: '127.0.0.1', port: server.port } as net.NetConnectOpts)
    }
  }
  const api = signed(server, {}, axios.create({ httpAgent: new Leading(), proxy: false }))
  expect((await api.get('http://localhost:80/x')).status).toBe(200)
  expect((await api.get('http://[::1]:80/x')).status).toBe(200)
  expect((await api.get('http://[::1]:8080/x')).status).toBe(200)
  expect(server.seen.map(({ headers }) => headers.host)).toEqual(['localhost', '[::1]', '[::1]:8080'])
})

it('signs the request after interceptors and transformRequest', async () => {
  const server = await started()
  const api = signed(server)
  api.interceptors.request.use((config) => ({ ...config, url: '/other', params: { added: 'late' } }))
  const { status } = await api.post(
    '/photos',
    { a: 1 },
    {
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      transformRequest: (data: object) => `wrapped=${encodeURIComponent(JSON.stringify(data))}`,
    },
  )
  expect(status).toBe(200)
  expect(server.seen[0]).toMatchObject({ url: '/other?added=late', body: 'wrapped=%7B%22a%22%3A1%7D' })
  expect(decodeURIComponent(server.visitors[0]?.baseString ?? '')).toContain('wrapped=')
})

it('signs a form that axios serializes from an object', async () => {
  const server = await started()
  expect((await signed(server).postForm('/photos', { a: 1 })).status).toBe(200) // multipart: not signed
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  expect((await signed(server).post('/photos', { a: [1, 2], b: { c: 'ü' } }, { headers })).status).toBe(200)
  expect(decodeURIComponent(server.visitors[1]?.baseString ?? '')).toContain('b%5Bc%5D=%C3%BC')
})

describe('bodies that are not forms', () => {
  const bodies: [string, unknown, string | undefined][] = [
    ['an object', { a: 'ü' }, undefined],
    ['text', 'a=1&b=2', 'text/plain'],
    ['bytes', Buffer.from([0, 255, 1]), 'application/octet-stream'],
    ['an ArrayBuffer', new Uint8Array([0, 255, 1]).buffer, 'application/octet-stream'],
  ]
  it.each(bodies)('are not signed: %s', async (_, body, type) => {
    const server = await started()
    const headers = type === undefined ? {} : { 'Content-Type': type }
    expect((await signed(server).put('/photos', body, { headers })).status).toBe(200)
    expect(server.visitors[0]?.baseString).not.toContain('oauth_body_hash')
  })

  it.each(bodies)('are signed by their hash with forceIncludeBody: %s', async (_, body, type) => {
    const server = await started({ demandsBodyHash: true })
    const headers = type === undefined ? {} : { 'Content-Type': type }
    for (const signatureMethod of ['HMAC-SHA1', 'HMAC-SHA256'] as const) {
      const api = signed(server, { forceIncludeBody: true, signatureMethod })
      expect((await api.put('/photos', body, { headers })).status).toBe(200)
    }
    for (const { baseString } of server.visitors) expect(baseString).toContain('oauth_body_hash')
  })

  it('have no hash when they are forms or absent', async () => {
    const server = await started({ demandsBodyHash: true })
    const api = signed(server, { forceIncludeBody: true })
    expect((await api.get('/photos')).status).toBe(200)
    expect((await api.post('/photos', new URLSearchParams({ a: '1' }))).status).toBe(200)
    for (const { baseString } of server.visitors) expect(baseString).not.toContain('oauth_body_hash')
  })

  it('are sent unchanged when axios serializes them', async () => {
    const server = await started()
    const form = new FormDataStream()
    form.append('a', '1')
    form.append('file', Readable.from(['abc']), { filename: 'x', knownLength: 3 })
    const ofTheWeb = new FormData()
    ofTheWeb.append('a', 'abc')
    const blobs = [new Blob(['abc']), new Blob(['abc'], { type: 'text/plain' })]
    for (const body of [ofTheWeb, ...blobs])
      expect((await signed(server).post('/photos', body)).status).toBe(200)
    expect(
      (
        await signed(server).put('/photos', Readable.from(['abc']), {
          headers: { 'Content-Type': 'text/plain' },
        })
      ).status,
    ).toBe(200)
    expect((await signed(server).post('/photos', form)).status).toBe(200)
    expect(server.seen.filter(({ body }) => body.includes('abc'))).toHaveLength(5)
  })
})

it.each([
  [
    'a form in a stream',
    {},
    undefined,
    'the parameters of a form are signed. Pass it as a string or bytes; if it is not a form, set Content-Type, which axios defaults to a form',
  ],
  [
    'a stream with forceIncludeBody',
    { forceIncludeBody: true },
    'text/plain',
    'forceIncludeBody signs the hash of the body. Pass it as a string or bytes',
  ],
])('sends nothing when the body is %s', async (_, options, type, why) => {
  const server = await started()
  const request = signed(server, options).put('/photos', Readable.from(['a=1']), {
    headers: type === undefined ? {} : { 'Content-Type': type },
  })
  await expect(request).rejects.toMatchObject({
    code: 'ERR_IGWN_OAUTH1_UNSIGNED',
    message: `The body is a stream or is serialized by axios itself, so it cannot be read before sending: ${why}. Nothing was sent.`,
  })
  expect(server.seen).toEqual([])
})

it('sends nothing when the body cannot contain the signature', async () => {
  const server = await started()
  const api = signed(server, { signatureType: 'body' })
  await expect(api.get('/photos')).rejects.toMatchObject({ code: 'ERR_IGWN_OAUTH1_UNSIGNED' })
  await expect(api.post('/photos', { a: 1 })).rejects.toMatchObject({ code: 'ERR_IGWN_OAUTH1_UNSIGNED' })
  expect(server.seen).toEqual([])
  expect((await api.post('/photos')).status).toBe(200)
  expect((await api.delete('/photos')).status).toBe(200)
  expect(server.seen[1]?.headers['content-type']).toBe('application/x-www-form-urlencoded')
})

it('sends the realm, which is not signed', async () => {
  const server = await started()
  expect((await signed(server, { realm: 'the "Photos" \\o/' }).get('/photos?realm=signed')).status).toBe(200)
  expect(server.visitors[0]?.realm).toBe('the "Photos" \\o/')
})

describe('each send', () => {
  it('has its own nonce and timestamp', async () => {
    const server = await started()
    const api = signed(server)
    const begin = Math.trunc(Date.now() / 1000)
    await Promise.all(Array.from({ length: 20 }, () => api.get('/photos')))
    expect(new Set(server.visitors.map(({ nonce }) => nonce)).size).toBe(20)
    for (const { timestamp } of server.visitors) {
      expect(Number(timestamp)).toBeGreaterThanOrEqual(begin)
      expect(Number(timestamp)).toBeLessThanOrEqual(Date.now() / 1000)
    }
  })

  it('is signed again for a same-origin redirect, with the redirected method and URL', async () => {
    for (const signatureType of ['header', 'query'] as const) {
      const server = await started({
        resource: ({ url, method }) =>
          url.startsWith('/begin')
            ? {
                status: method === 'POST' ? 303 : 307,
                headers: { Location: `/end?${url.split('?')[1] ?? ''}&more=1` },
              }
            : {},
      })
      const api = signed(server, { signatureType })
      const form = new URLSearchParams({ b: '2' })
      expect(await statusOf(api.post('/begin?a=1', form))).toBe(200)
      expect(await statusOf(api.put('/begin?a=1', form))).toBe(200)
      expect(server.problems).toEqual([])
      expect(server.seen.map(({ method }) => method)).toEqual(['POST', 'GET', 'PUT', 'PUT'])
      expect(new Set(server.visitors.map(({ nonce }) => nonce)).size).toBe(4)
    }
  })

  it('is signed again on a retry', async () => {
    let failures = 2
    const server = await started({ resource: () => ({ status: failures-- > 0 ? 503 : 200 }) })
    const api = signed(server)
    axiosRetry(api, { retries: 3 })
    expect((await api.get('/photos')).status).toBe(200)
    expect(new Set(server.visitors.map(({ nonce }) => nonce)).size).toBe(3)
    expect(server.problems).toEqual([])
  })

  it('is signed again when the config of an error or of a response is sent again', async () => {
    const server = await started({ resource: ({ url }) => ({ status: url.startsWith('/no') ? 404 : 200 }) })
    for (const signatureType of ['header', 'query', 'body'] as const) {
      const api = signed(server, { signatureType })
      const error = await api.post('/no?a=1').catch((failure: unknown) => failure as AxiosError)
      expect(await statusOf(api.request((error as AxiosError).config ?? {}))).toBe(404)
      const response = await api.post('/yes?a=1')
      expect((await api.request(response.config)).status).toBe(200)
    }
    expect(server.problems).toEqual([])
  })
})

it('does not sign redirected requests to another origin, which receives nothing secret', async () => {
  const elsewhere = await serve(() => ({}))
  for (const signatureType of ['header', 'query'] as const) {
    const server = await started({
      resource: () => ({ status: 302, headers: { Location: elsewhere.origin } }),
    })
    expect((await signed(server, { signatureType }).get('/photos')).status).toBe(200)
  }
  expect(elsewhere.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ['/', undefined],
    ['/', undefined],
  ])
})

it('signs only requests to the origin of the option url', async () => {
  const elsewhere = await serve(() => ({}))
  const server = await started()
  const api = signed(server, { url: server.origin })
  await api.get(elsewhere.origin)
  await api.get('/photos')
  expect(elsewhere.authorizations).toEqual([undefined])
  expect(server.visitors).toHaveLength(1)
})

it('does not sign requests with an Authorization of the caller or with igwnAuth: false', async () => {
  const server = await started()
  const api = signed(server)
  await api.get('/photos', { headers: { Authorization: 'Other x' } }).catch(() => undefined)
  await api.get('/photos', { igwnAuth: { withholdToken: true } }).catch(() => undefined)
  await api.get('/photos', { igwnAuth: false }).catch(() => undefined)
  expect(server.authorizations).toEqual(['Other x', undefined, undefined])
})

it('signs with another client for one request', async () => {
  const server = await started()
  const [alice, bob] = [server.grant(), server.grant()]
  const api = signed(server, alice)
  const asBob = oauth1({ clientId: CLIENT.id, clientSecret: CLIENT.secret, ...bob })
  await api.get('/photos', { igwnAuth: { scheme: asBob } })
  await api.get('/photos')
  expect(server.visitors.map(({ token }) => token)).toEqual([bob.token, alice.token])
})

it('replaces what was applied before, and removeIgwnAuth removes it', async () => {
  process.env.BEARER_TOKEN = 'found'
  const server = await started()
  const api = signed(server, {}, applyIgwnAuth(axios.create({ baseURL: server.origin })))
  await api.get('/photos')
  removeIgwnAuth(api)
  await api.get('/photos').catch(() => undefined)
  delete process.env.BEARER_TOKEN
  expect(server.visitors).toHaveLength(1)
  expect(server.authorizations[1]).toBeUndefined()
})

it('rejects with the response of the server when it refuses', async () => {
  const server = await started()
  const api = signed(server, { clientSecret: 'wrong' })
  await expect(api.get('/photos')).rejects.toMatchObject({
    code: 'ERR_BAD_REQUEST',
    response: { status: 401, data: 'oauth_problem=signature_invalid' },
  })
  expect(server.seen).toHaveLength(1)
})

describe('over plain HTTP', () => {
  /** Plain HTTP to another host than loopback, through a proxy that is the test server. */
  async function overHttp(options: Partial<Parameters<typeof applyOAuth1>[1]>) {
    const server = await started({ methods: { OWN: () => true } })
    const proxy = { host: '127.0.0.1', port: server.port, protocol: 'http' }
    const api = signed(server, options, axios.create({ proxy }))
    const outcome = await api.get('http://photos.example.net/x').then(
      ({ status }) => status,
      (error: unknown) => error as AxiosError,
    )
    return { outcome, seen: server.seen }
  }

  it.each(['HMAC-SHA1', 'HMAC-SHA256'] as const)(
    '%s is sent: it does not reveal the secret',
    async (signatureMethod) => {
      const { seen } = await overHttp({ signatureMethod })
      expect(seen[0]?.headers.authorization).toMatch(/^OAuth /)
    },
  )

  it.each([
    ['PLAINTEXT', 'PLAINTEXT' as const],
    ['a custom method', { name: 'OWN', sign: () => 'secret' }],
  ])('%s is not sent over plain HTTP: it would reveal the secret', async (_, signatureMethod) => {
    const { outcome, seen } = await overHttp({ signatureMethod })
    expect(outcome).toMatchObject({
      code: 'ERR_IGWN_INSECURE_TRANSPORT',
      message: expect.stringContaining('where others can read what OAuth 1.0 adds to a request'),
    })
    expect(seen).toEqual([])
  })

  it('both are sent with allowInsecureHttp, and a custom method with allowOverHttp', async () => {
    expect((await overHttp({ signatureMethod: 'PLAINTEXT', allowInsecureHttp: true })).seen).toHaveLength(1)
    const own = { name: 'OWN', sign: () => 'no secret', allowOverHttp: true }
    expect((await overHttp({ signatureMethod: own })).seen).toHaveLength(1)
  })
})

describe('a custom signature method', () => {
  it('signs the base string, also asynchronously', async () => {
    const server = await started({
      methods: {
        'HMAC-SHA512': (base, key, signature) =>
          createHmac('sha512', key).update(base).digest('base64') === signature,
        'RSA-SHA256': (base, _key, signature) =>
          sign('RSA-SHA256', Buffer.from(base), privateKey).toString('base64') === signature,
      },
    })
    const sha512 = {
      name: 'HMAC-SHA512',
      bodyHash: 'sha256',
      sign: async ({ baseString, clientSecret, tokenSecret }: SignatureInput) => {
        const key = [clientSecret, tokenSecret].map((secret) => encodeURIComponent(secret)).join('&')
        return createHmac('sha512', key).update(baseString).digest('base64')
      },
    }
    const rsa256 = {
      name: 'RSA-SHA256',
      sign: ({ baseString, rsaKey }: SignatureInput) =>
        sign('RSA-SHA256', Buffer.from(baseString), rsaKey as KeyObject).toString('base64'),
    }
    expect(
      (await signed(server, { signatureMethod: sha512, forceIncludeBody: true }).post('/x', { a: 1 })).status,
    ).toBe(200)
    expect((await signed(server, { signatureMethod: rsa256, rsaKey: privateKey }).get('/x')).status).toBe(200)
    expect(server.visitors.map(({ method }) => method)).toEqual(['HMAC-SHA512', 'RSA-SHA256'])
  })

  it.each([
    ['nothing', undefined, 'undefined'],
    ['an empty string', '', 'an empty string'],
    ['bytes', Buffer.from('x'), 'an object'],
    ['a promise of nothing', Promise.resolve(null), 'null'],
  ])('that returns %s rejects the request', async (_, given, found) => {
    const server = await started()
    const signatureMethod = { name: 'OWN', sign: () => given as string }
    await expect(signed(server, { signatureMethod }).get('/x')).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH1_UNSIGNED',
      message: `The signature method OWN returned ${found}; it must return the signature as a string. Nothing was sent.`,
    })
    expect(server.seen).toEqual([])
  })

  it('that throws rejects the request with that error', async () => {
    const server = await started()
    const failure = new Error('the key store is locked')
    const sign = () => Promise.reject(failure)
    await expect(signed(server, { signatureMethod: { name: 'OWN', sign } }).get('/x')).rejects.toBe(failure)
    expect(server.seen).toEqual([])
  })
})

describe('over TLS', () => {
  let authority: Authority
  const home = process.env.HOME ?? ''
  beforeAll(async () => {
    authority = await createAuthority()
    process.env.SSL_CERT_FILE = path.join(home, 'ca.pem')
    fs.writeFileSync(process.env.SSL_CERT_FILE, authority.certificate)
  })
  afterAll(() => {
    delete process.env.SSL_CERT_FILE
  })

  /** A server that requests a certificate and does not require one. */
  async function site(): Promise<OAuth1Server> {
    const { certificate: cert, key } = await authority.issueServer({ names: ['localhost'] })
    return started({ tls: { cert, key, requestCert: true, rejectUnauthorized: false } })
  }

  it('signs with PLAINTEXT and https URLs', async () => {
    const server = await site()
    expect((await signed(server, { signatureMethod: 'PLAINTEXT' }).get('/x')).status).toBe(200)
    expect((await signed(server).get('/x')).status).toBe(200)
    expect(server.visitors[1]?.baseString).toContain('https%3A%2F%2Flocalhost')
  })

  it('presents the certificate of the option cert, and does not search for one', async () => {
    const proxy = path.join(home, 'proxy.pem')
    const { bundle } = await authority.issueProxy(await authority.issueUser('Alice Adams'))
    fs.writeFileSync(proxy, bundle, { mode: 0o600 })
    process.env.X509_USER_PROXY = proxy
    process.env.IGWN_AUTH_UTILS_FIND_X509 = 'yes'
    const server = await site()
    const kinds: unknown[] = []
    const onEvent = (event: IgwnAuthEvent) => event.type === 'attached' && kinds.push(event.kinds)
    const instances = [signed(server, { onEvent }), signed(server, { onEvent, cert: proxy })]
    for (const instance of instances) {
      expect((await instance.get('/x')).status).toBe(200)
      removeIgwnAuth(instance)
    }
    delete process.env.X509_USER_PROXY
    delete process.env.IGWN_AUTH_UTILS_FIND_X509
    expect(kinds).toEqual([['scheme'], ['scheme', 'certificate']])
  })
})

it('sends no netrc password when it does not sign', async () => {
  const netrc = path.join(process.env.HOME ?? '', '.netrc')
  fs.writeFileSync(netrc, 'machine 127.0.0.1 login albert password x', { mode: 0o600 })
  const elsewhere = await serve(() => ({}))
  const server = await started()
  await signed(server, { url: server.origin }).get(elsewhere.origin)
  fs.rmSync(netrc)
  expect(elsewhere.authorizations).toEqual([undefined])
})

it('emits events without secrets', async () => {
  const server = await started()
  const events: IgwnAuthEvent[] = []
  await signed(server, { onEvent: (event) => events.push(event) }).get('/x')
  expect(JSON.stringify(events)).not.toContain('oauth_signature')
})
