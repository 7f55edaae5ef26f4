/**
 * A network proxy that makes no tunnel for CONNECT. axios returns its response as that of the server, although it came in plain
 * text and is not authenticated.
 */
import net from 'node:net'
import path from 'node:path'
import { igwnAxios, type IgwnAxiosError } from '../../lib/index'
import { isFromNetworkProxy, proxySecrets, usesProxy } from '../../lib/request/network-proxy'
import { listen } from '../support/listen'
import { createAuthority, type Issued } from '../support/pki'
import { expectNoSecret } from '../support/expect-no-secret'
import { mint, put } from '../support/tokens'
import { serverGroup, type TestServer } from '../support/server'

const servers = serverGroup()
const PASSWORD = 'proxy/password'
let certificate: Issued
let elsewhere: TestServer

beforeAll(async () => {
  const authority = await createAuthority()
  certificate = await authority.issueServer()
  process.env.REQUESTS_CA_BUNDLE = put(path.join(String(process.env.HOME), 'ca.pem'), authority.certificate)
})

beforeEach(async () => {
  const tls = { cert: certificate.certificate, key: certificate.key }
  elsewhere = await servers.serve(() => ({}), { host: 'localhost', tls })
  process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
})

afterEach(async () => {
  for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'BEARER_TOKEN']) delete process.env[name]
  await servers.close()
})

/** Sends these lines in response to any request, and closes the connection. */
async function proxyThatSays(...lines: string[]): Promise<void> {
  const proxy = net.createServer((socket) => {
    socket.once('data', () => socket.end(`${lines.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`))
  })
  process.env.HTTPS_PROXY = `http://127.0.0.1:${(await listen(proxy)).port}`
}

const get = () => igwnAxios.get('https://server.example.org/', { igwnAuth: { netrc: false } })

it('redirects to a server that gets no token, also one that is for it', async () => {
  process.env.NO_PROXY = 'localhost'
  process.env.BEARER_TOKEN = mint({ aud: ['https://server.example.org', elsewhere.origin] })
  await proxyThatSays('HTTP/1.1 302 Found', `Location: ${elsewhere.origin}/`)
  await get()
  expect(elsewhere.authorizations).toEqual([undefined])
})

it.each([
  [
    'a refusal that repeats it',
    (port: number) => `http://me:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}`,
  ],
  ['a URL that is invalid because of it', (port: number) => `http://me:${PASSWORD}@127.0.0.1:${port}`],
  ['a proxy that cannot be reached', () => `http://me:${encodeURIComponent(PASSWORD)}@127.0.0.1:1`],
])('has a password that shows in no error: %s', async (_, proxyUrl) => {
  const field = `Basic ${Buffer.from(`me:${PASSWORD}`).toString('base64')}`
  await proxyThatSays(
    `HTTP/1.1 407 no ${PASSWORD}`,
    `Proxy-Authenticate: Basic realm="${PASSWORD}"`,
    `X-Repeated: ${field}`,
  )
  process.env.HTTPS_PROXY = proxyUrl(Number(new URL(String(process.env.HTTPS_PROXY)).port))
  for (const responseType of ['json', 'stream'] as const) {
    const error: unknown = await igwnAxios
      .get('https://server.example.org/', { responseType })
      .catch((reason: unknown) => reason)
    expect(error).toHaveProperty('message')
    expectNoSecret(error, [PASSWORD])
    const { response } = error as IgwnAxiosError
    expectNoSecret(response?.headers, [PASSWORD])
  }
})

it.each([401, 403, 407])('is reported as a refusal by the network proxy: %d', async (status) => {
  await proxyThatSays(`HTTP/1.1 ${status} No`, 'WWW-Authenticate: Bearer', 'Proxy-Authenticate: Basic')
  const error = (await get().catch((reason: unknown) => reason)) as IgwnAxiosError
  expect(error.igwnAuth?.summary).toBe(
    `the network proxy answered with ${status}; the request did not reach server.example.org`,
  )
  expect(error.igwnAuth?.reasons).toMatchObject([{ code: 'refused', source: 'the network proxy' }])
  expect(error.igwnAuth?.explanation.fixes).toEqual([
    'put the username and the password of the network proxy into its URL (HTTPS_PROXY, HTTP_PROXY or the proxy option), or name server.example.org in NO_PROXY',
  ])
})

it('is reported for plain HTTP by its status 407', async () => {
  await proxyThatSays('HTTP/1.1 407 Proxy Authentication Required')
  process.env.HTTP_PROXY = process.env.HTTPS_PROXY
  const send = async () =>
    (await igwnAxios.get('http://server.example.org/').catch((reason: unknown) => reason)) as IgwnAxiosError
  expect((await send()).igwnAuth?.summary).toMatch(/^the network proxy answered with 407; /)
})

it('that has no way to the server is not a refusal', async () => {
  await proxyThatSays('HTTP/1.1 502 Bad Gateway')
  const error = (await get().catch((reason: unknown) => reason)) as IgwnAxiosError
  expect(error.response?.status).toBe(502)
  expect(error.igwnAuth).toBeUndefined()
})

describe('the proxy of a request', () => {
  const url = new URL('https://server.example.org/')
  const basic = (text: string) => Buffer.from(text).toString('base64')

  it('is that of its option, else of the environment', () => {
    const proxy = { host: 'proxy.example.org', port: 3128 }
    expect([usesProxy(url, proxy), usesProxy(url, false), usesProxy(url, undefined)]).toEqual([
      true,
      false,
      false,
    ])
    for (const name of ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']) {
      process.env[name] = 'http://proxy.example.org:3128'
      expect([usesProxy(url, undefined), usesProxy(url, false)]).toEqual([true, false])
      delete process.env[name]
    }
  })

  it.each([
    ['http://proxy.example.org:3128', []],
    ['http://me:a%20b@proxy.example.org', ['a%20b', 'a b', basic('me:a b')]],
    ['http://m%65:a:b@c@proxy.example.org', ['a:b@c', 'a:b@c', basic('me:a:b@c')]],
    ['http://:100%@proxy.example.org', ['100%', '100%', basic(':100%')]],
    ['http://word@proxy.example.org', ['word', 'word', basic(':word')]],
    ['http://me:pw\n@proxy.example.org', ['pw\n', 'pw\n', basic('me:pw\n')]],
  ])('has these secrets, as %j in the environment', (proxyUrl, secrets) => {
    process.env.HTTPS_PROXY = proxyUrl
    expect(proxySecrets(url, undefined)).toEqual(secrets)
  })

  it('has the secrets of its option', () => {
    process.env.HTTPS_PROXY = 'http://me:pw@proxy.example.org'
    const proxy = { host: 'proxy.example.org', port: 3128 }
    expect(proxySecrets(url, proxy)).toEqual([])
    const auth = { username: 'you', password: 'word' }
    expect(proxySecrets(url, { ...proxy, auth })).toEqual(['word', basic('you:word')])
  })

  it('responded where the connection of an https request is not encrypted', () => {
    const proxy = { host: 'proxy.example.org', port: 3128 }
    const [plain, tls] = [{ encrypted: undefined }, { encrypted: true }]
    const requests = (socket: object | null) => [
      { socket },
      { res: { socket } },
      { socket: plain === socket ? tls : plain, res: { socket } },
      { _currentRequest: { socket } },
      { socket: plain === socket ? tls : plain, _currentRequest: { res: { socket } } },
    ]
    for (const request of requests(plain)) {
      expect(isFromNetworkProxy({ request }, url, proxy)).toBe(true)
      expect(isFromNetworkProxy({ request }, url, false)).toBe(false)
      expect(isFromNetworkProxy({ request }, new URL('http://server.example.org/'), proxy)).toBe(false)
    }
    for (const request of requests(tls)) expect(isFromNetworkProxy({ request }, url, proxy)).toBe(false)
    for (const result of [undefined, null, {}, { request: null }, { request: { socket: null } }])
      expect(isFromNetworkProxy(result, url, proxy)).toBe(false)
  })
})
