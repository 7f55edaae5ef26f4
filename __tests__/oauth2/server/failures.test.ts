/**
 * Failures between a client and its server. Every request contains secrets, and many servers here repeat them: no error may
 * contain one (trap 14).
 */
import http from 'node:http'
import axios, { type AxiosInstance } from 'axios'
import {
  authorizationCode,
  clientCredentials,
  deviceCode,
  jwtBearer,
  webLogin,
  OAuthError,
  password,
  refreshToken,
  tokenExchange,
  type OAuthClient,
} from '../../../lib/oauth2'
import { applyIgwnAuth } from '../../support/all'
import { someCombinations } from '../../support/combinations'
import { expectNoSecret } from '../../support/expect-no-secret'
import { connectProxy } from '../../support/connect-proxy'
import { listen } from '../../support/listen'
import { createAuthority } from '../../support/pki'
import { serve, type Answer, type Seen } from '../../support/server'
import { ours } from '../../support/tokens'
import { generateKeyPairSync } from 'node:crypto'

const SECRET = 'canary-client-secret&='
const PASSWORD = 'canary-password'
const REFRESH = 'canary-refresh-token'
const SUBJECT = 'canary-subject-token'
const CODE = 'canary-code'
const VERIFIER = 'canary-verifier-canary-verifier-canary-verifier'
const ACCESS = 'canary-access-token'
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const KEY_TEXT = KEY.export({ type: 'pkcs8', format: 'pem' }) as string
const CANARIES = [
  SECRET,
  PASSWORD,
  REFRESH,
  SUBJECT,
  CODE,
  VERIFIER,
  ACCESS,
  ...KEY_TEXT.split('\n').filter((line) => line !== '' && !line.startsWith('-')),
]

/** A server with this handler. */
async function raw(handler: http.RequestListener): Promise<string> {
  return `http://127.0.0.1:${(await listen(http.createServer(handler))).port}`
}

const clientOf = (origin: string, more: Partial<OAuthClient> = {}): OAuthClient => ({
  metadata: {
    issuer: origin,
    token_endpoint: `${origin}/token`,
    device_authorization_endpoint: `${origin}/device`,
    revocation_endpoint: `${origin}/revoke`,
    introspection_endpoint: `${origin}/introspect`,
    userinfo_endpoint: `${origin}/userinfo`,
  },
  clientId: 'me',
  clientSecret: SECRET,
  ...more,
})

const LOGIN = { state: 's', redirectUri: 'https://portal.test/cb', codeVerifier: VERIFIER }

/** All requests that contain a secret. */
const REQUESTS: [string, (client: OAuthClient) => Promise<unknown>][] = [
  ['client credentials', (client) => clientCredentials(client).getTokenResponse()],
  [
    'client_secret_post',
    (client) =>
      clientCredentials({ ...client, clientAuthentication: 'client_secret_post' }).getTokenResponse(),
  ],
  [
    'client_secret_jwt',
    (client) =>
      clientCredentials({ ...client, clientAuthentication: 'client_secret_jwt' }).getTokenResponse(),
  ],
  ['private_key_jwt', (client) => clientCredentials({ ...client, privateKey: KEY_TEXT }).getTokenResponse()],
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  ['password', (client) => password(client, { username: 'albert', password: PASSWORD }).getTokenResponse()],
  ['refresh token', (client) => refreshToken(client, { refreshToken: REFRESH }).getTokenResponse()],
  ['JWT bearer', (client) => jwtBearer(client, { issuer: 'robot', key: KEY_TEXT }).getTokenResponse()],
  ['token exchange', (client) => tokenExchange(client, { subject: SUBJECT }).getTokenResponse()],
  [
    'by GET',
    (client) =>
      clientCredentials({
        ...client,
        clientAuthentication: 'client_secret_post',
        tokenMethod: 'GET',
      }).getTokenResponse(),
  ],
  [
    'callback',
    (client) =>
      webLogin(client).handleCallback(`/cb?code=${CODE}&state=s&iss=${client.metadata?.issuer ?? ''}`, LOGIN),
  ],
  ['refresh', (client) => webLogin(client).refresh(REFRESH)],
  ['revoke', (client) => webLogin(client).revoke(REFRESH)],
  ['introspect', (client) => webLogin(client).introspect(ACCESS)],
  ['user info', (client) => webLogin(client).userInfo(ACCESS)],
]

/** The secrets of a request: in its query, body and Basic credentials. */
function everything({ url, body, headers }: Seen): string {
  const [, basic = ''] = headers.authorization?.split(' ') ?? []
  const decoded = Buffer.from(basic, 'base64').toString()
  return `${decodeURIComponent(url)} ${decodeURIComponent(body.replaceAll('+', ' '))} ${basic} ${decoded} ${decodeURIComponent(decoded)}`
}

/** Responses that repeat the request. */
const ECHOES: [string, (said: string) => Answer][] = [
  [
    'a refusal',
    (said) => ({
      status: 400,
      body: JSON.stringify({ error: 'invalid_grant', error_description: said, error_uri: said }),
    }),
  ],
  ['an unknown error code', (said) => ({ status: 400, body: JSON.stringify({ error: said }) })],
  [
    'a challenge',
    (said) => ({
      status: 401,
      headers: { 'www-authenticate': `Basic error="${said.replace(/[^\x20-\x7e]|["\\]/g, '')}"` },
      body: said,
    }),
  ],
  ['HTML', (said) => ({ body: `<html>${said}` })],
  [
    'JSON of the wrong types',
    (said) => ({ body: JSON.stringify({ access_token: 1, active: said, token_type: said, more: said }) }),
  ],
  [
    'a token type',
    (said) => ({ body: JSON.stringify({ access_token: 'x', active: said, token_type: said }) }),
  ],
  [
    'a redirect',
    (said) => ({
      status: 302,
      headers: { location: `/${encodeURIComponent(said)}?${encodeURIComponent(said)}` },
      body: '',
    }),
  ],
  ['a page with status 500', (said) => ({ status: 500, body: said })],
]

describe.each(REQUESTS)('%s', (name, act) => {
  it.each(someCombinations(ECHOES))('reports %s without repeating a secret', async (_echo, answer) => {
    const server = await serve((seen) => answer(everything(seen)))
    const outcome: unknown = await act(clientOf(server.origin)).catch((error: unknown) => error)
    // Any 200 is a success of a revocation.
    if (name === 'revoke' && outcome === undefined) return
    expect(outcome).toBeInstanceOf(OAuthError)
    const sent = server.seen.flatMap(({ body, url }) => [
      ...new URLSearchParams(body),
      ...new URL(url, server.origin).searchParams,
    ])
    const assertions = sent.filter(([parameter]) => parameter.endsWith('assertion')).map(([, value]) => value)
    expectNoSecret(outcome, [...CANARIES, ...assertions])
  })

  it('reports an unreachable server without a secret', async () => {
    const server = await serve(() => ({}))
    await server.close()
    const error: unknown = await act(clientOf(server.origin)).catch((reason: unknown) => reason)
    expect(error).toEqual(
      ours(
        'ERR_IGWN_OAUTH_UNREACHABLE',
        `${server.origin} cannot be reached: connect ECONNREFUSED 127.0.0.1:${server.port}. Check the URL, the network, and the trusted CAs.`,
      ),
    )
    expectNoSecret(error, CANARIES)
  })

  it('reports a slow server without a secret', async () => {
    const origin = await raw(() => undefined)
    const slow = axios.create({ timeout: 60 })
    const error: unknown = await act(clientOf(origin, { axios: slow })).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_IGWN_OAUTH_TIMEOUT' })
    expectNoSecret(error, CANARIES)
  })
})

const html = (text: string) =>
  text.replace(
    /[&<>"']/g,
    (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[sign] ?? sign,
  )

it.each<[string, (text: string) => string]>([
  ['form encoding', (text) => new URLSearchParams([['', text]]).toString().slice(1)],
  ['URL encoding', encodeURIComponent],
  ['HTML', html],
  ['JSON', (text) => JSON.stringify({ client_secret: text })],
  ['Base64', (text) => Buffer.from(text).toString('base64')],
  ['base64url', (text) => Buffer.from(text).toString('base64url')],
])('an error that repeats the secret in %s does not show it', async (_name, encode) => {
  const secret = `canary "client" <secret> & more'`
  const repeated = encode(secret)
  const server = await serve(() => ({
    status: 401,
    body: JSON.stringify({
      error: 'invalid_client',
      error_description: `No client has ${repeated} today`,
      error_uri: `https://issuer.test/?q=${repeated}`,
    }),
  }))
  for (const clientAuthentication of ['client_secret_post', 'client_secret_basic'] as const) {
    const client = clientOf(server.origin, { clientSecret: secret, clientAuthentication })
    const error: unknown = await clientCredentials(client)
      .getTokenResponse()
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      error: 'invalid_client',
      errorDescription: expect.stringMatching(/^No client has .*today$/) as string,
    })
    expectNoSecret(error, [secret, repeated])
    expect(JSON.stringify(error) + String(error)).not.toMatch(/canary|Y2FuYXJ5/)
  }
})

describe('a server', () => {
  const from = (origin: string, http?: AxiosInstance, signal?: AbortSignal) =>
    clientCredentials(clientOf(origin, { ...(http && { axios: http }) }), { signal }).getTokenResponse()

  it.each(['500', 500.5])('accepts a timeout of %p, as axios does', async (timeout) => {
    const server = await serve(() => ({ body: '{"access_token":"a"}' }))
    const http = axios.create({ timeout: timeout as number })
    expect(await from(server.origin, http)).toMatchObject({ access_token: 'a' })
  })

  it('that does not respond in time is a timeout error with its limit', async () => {
    const origin = await raw(() => undefined)
    await expect(from(origin, axios.create({ timeout: 50 }))).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_TIMEOUT',
        `${origin} did not respond within 50 ms. Try again, or set client.axios to an instance with a longer timeout.`,
      ),
    )
  })

  it('that sends a little all the time is a timeout error, too', async () => {
    const origin = await raw((_request, response) => {
      const timer = setInterval(() => response.write(' '), 5)
      response.on('close', () => {
        clearInterval(timer)
      })
    })
    await expect(from(origin, axios.create({ timeout: 100 }))).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_TIMEOUT',
    })
  })

  it('that sends more than 1 MiB is an error', async () => {
    const origin = await raw((_request, response) => {
      const chunk = Buffer.alloc(64 * 1024, ' ')
      const pour = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', pour)
      pour()
    })
    await expect(from(origin)).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_RESPONSE',
        `The response of ${origin} is larger than 1024 KiB, which no authorization server sends. Check the URL.`,
      ),
    )
  })

  it('that closes the connection is unreachable', async () => {
    const origin = await raw((request) => request.socket.destroy())
    await expect(from(origin)).rejects.toMatchObject({ code: 'ERR_IGWN_OAUTH_UNREACHABLE' })
  })

  it('whose certificate is not trusted is unreachable, with the reason', async () => {
    const authority = await createAuthority()
    const { certificate, key } = await authority.issueServer()
    const server = await serve(() => ({}), { tls: { cert: certificate, key }, host: 'localhost' })
    await expect(from(server.origin)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_UNREACHABLE',
      message: expect.stringContaining('unable to verify the first certificate') as string,
    })
    expect(server.seen).toEqual([])
  })

  it.each([301, 302, 303, 307, 308])(
    'a redirect with status %d is not followed, on the same origin or to another',
    async (status) => {
      const elsewhere = await serve(() => ({}))
      for (const location of [`${elsewhere.origin}/token?x=1`, '/other']) {
        const server = await serve(() => ({ status, headers: { location }, body: '' }))
        const to = new URL(location, server.origin)
        await expect(from(server.origin)).rejects.toEqual(
          ours(
            'ERR_IGWN_OAUTH_RESPONSE',
            `${server.origin}/token redirects to ${to.origin}${to.pathname}. Redirects are not followed because the request contains secrets. If the new URL is correct, use it instead.`,
          ),
        )
        expect(server.seen).toHaveLength(1)
      }
      expect(elsewhere.seen).toEqual([])
    },
  )

  it('over plain HTTP receives no secret, except on loopback or with allowInsecureHttp', async () => {
    const client = (more: Partial<OAuthClient>) => clientOf('http://issuer.example.org', more)
    await expect(clientCredentials(client({})).getTokenResponse()).rejects.toEqual(
      ours(
        'ERR_IGWN_INSECURE_TRANSPORT',
        'issuer.example.org is reached over plain HTTP, where others can read client secrets and tokens. Nothing was sent. Use https, or set allowInsecureHttp on a network that only you can read.',
      ),
    )
    const server = await serve(() => ({ body: '{"access_token":"a"}' }))
    const lookup = (_name: string, _options: object, done: (...values: unknown[]) => void) => {
      done(null, '127.0.0.1', 4)
    }
    const http = axios.create({ lookup } as object)
    const allowed = clientOf(`http://issuer.example.org:${server.port}`, {
      allowInsecureHttp: true,
      axios: http,
    })
    expect(await clientCredentials(allowed).getToken({})).toBe('a')

    const steps = webLogin({
      metadata: { authorization_endpoint: 'http://issuer.example.org/auth' },
      clientId: 'me',
    })
    await expect(steps.authorizationUrl({ redirectUri: 'https://portal.test/cb' })).rejects.toMatchObject({
      code: 'ERR_IGWN_INSECURE_TRANSPORT',
    })
  })

  it('an aborted request is a cancellation error of axios, not a timeout', async () => {
    const controller = new AbortController()
    const origin = await raw(() => {
      controller.abort()
    })
    const error: unknown = await from(origin, undefined, controller.signal).catch((reason: unknown) => reason)
    expect(axios.isCancel(error)).toBe(true)
    expectNoSecret(error, CANARIES)
    const steps = webLogin(clientOf(origin))
    const before = steps.refresh(REFRESH, { signal: AbortSignal.abort() }).catch((reason: unknown) => reason)
    expect(axios.isCancel(await before)).toBe(true)
  })

  it('without an endpoint in its metadata is an error that names the endpoint', async () => {
    const metadata = { token_endpoint: 'https://issuer.test/token' }
    const source = deviceCode({ metadata, clientId: 'me' }, { prompt: () => undefined })
    await expect(source.getTokenResponse()).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_RESPONSE',
        'The metadata of https://issuer.test has no valid URL for device_authorization_endpoint. Set it in metadata, or use another flow.',
      ),
    )
  })
})

describe('discovery', () => {
  const OIDC = '/.well-known/openid-configuration'
  const OAUTH = '/.well-known/oauth-authorization-server'

  /** An issuer that serves these documents by path. */
  async function issuer(documents: Record<string, Answer | ((origin: string) => object)>) {
    const server = await serve(({ url }) => {
      if (url === '/token') return { body: '{"access_token":"a","expires_in":3600}' }
      const document = documents[url]
      if (!document) return { status: 404, body: 'no' }
      return typeof document === 'function' ? { body: JSON.stringify(document(server.origin)) } : document
    })
    return server
  }
  const good =
    (path = '') =>
    (origin: string) => ({ issuer: origin + path, token_endpoint: `${origin}/token` })
  const from = (url: string) => clientCredentials({ issuer: url, clientId: 'me' }).getTokenResponse()

  it.each([
    ['OpenID Connect', '', OIDC],
    ['OpenID Connect, of an issuer with a path', '/igwn', `/igwn${OIDC}`],
    ['RFC 8414', '', OAUTH],
    ['RFC 8414, of an issuer with a path', '/igwn', `${OAUTH}/igwn`],
  ])('finds the endpoints with %s', async (_name, path, document) => {
    const server = await issuer({ [document]: good(path) })
    expect(await from(server.origin + path)).toMatchObject({ access_token: 'a' })
    expect(server.seen.map(({ url }) => url).slice(-2)).toEqual([document, '/token'])
  })

  it('is done once for concurrent callers, and again after a day', async () => {
    const server = await issuer({ [OIDC]: good() })
    const steps = webLogin({ issuer: server.origin, clientId: 'me' })
    const login = { redirectUri: 'https://portal.test/cb' }
    await Promise.allSettled(Array.from({ length: 5 }, () => steps.authorizationUrl(login)))
    expect(server.seen).toHaveLength(1)
    jest.useFakeTimers({
      now: Date.now() + 86_401_000,
      doNotFake: ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask', 'clearTimeout'],
    })
    try {
      await Promise.allSettled([steps.authorizationUrl(login)])
      expect(server.seen).toHaveLength(2)
    } finally {
      jest.useRealTimers()
    }
  })

  it('is repeated after a failure', async () => {
    const documents: Parameters<typeof issuer>[0] = {}
    const server = await issuer(documents)
    const source = clientCredentials({ issuer: server.origin, clientId: 'me' })
    await expect(source.getTokenResponse()).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_RESPONSE',
        `The response of ${server.origin} (status 404) cannot be used: its status is neither success nor an OAuth error. Check the URL, and that it belongs to an authorization server.`,
      ),
    )
    documents[OIDC] = good()
    expect(await source.getToken({})).toBe('a')
  })

  it('rejects the metadata of another issuer', async () => {
    const server = await issuer({
      [OIDC]: () => ({ issuer: 'https://evil.test', token_endpoint: 'https://evil.test/token' }),
    })
    await expect(from(server.origin)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: `The metadata of ${server.origin} is that of another issuer, https://evil.test. Check issuer: it must be the same as in the metadata.`,
    })
  })

  it('names both issuers when they differ by a slash at the end', async () => {
    const server = await issuer({ [`/realm${OIDC}`]: good('/realm/') })
    await expect(from(`${server.origin}/realm`)).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_RESPONSE',
        `The metadata of ${server.origin}/realm is that of another issuer, ${server.origin}/realm/. Set issuer to ${server.origin}/realm/: the slash at the end matters.`,
      ),
    )
    expect(server.seen.map(({ url }) => url)).not.toContain('/token')
  })

  it('does not follow redirects, and tries no second URL for an unreachable server', async () => {
    const server = await issuer({ [OIDC]: { status: 302, headers: { location: 'https://evil.test/' } } })
    await expect(from(server.origin)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: expect.stringContaining(
        'redirects to https://evil.test/. Redirects are not followed',
      ) as string,
    })
    await server.close()
    await expect(from(server.origin)).rejects.toMatchObject({ code: 'ERR_IGWN_OAUTH_UNREACHABLE' })
  })
})

describe('client.axios', () => {
  const answer = () => ({ body: '{"access_token":"a"}' })

  it('provides proxy, agents and adapter, also those set later, but no interceptors, headers or baseURL', async () => {
    const server = await serve(answer)
    const http = axios.create({
      baseURL: 'https://elsewhere.test',
      headers: { Authorization: 'Bearer canary', 'X-Own': '1' },
      params: { own: 1 },
      auth: { username: 'u', password: 'p' },
    })
    const seen = jest.fn((value: unknown) => value)
    http.interceptors.request.use(seen as never)
    http.interceptors.response.use(seen as never)
    const source = clientCredentials({
      metadata: { token_endpoint: `${server.origin}/token` },
      clientId: 'me',
      axios: http,
    })
    const agent = new (await import('node:http')).Agent()
    const connections = jest.spyOn(agent, 'createConnection' as never)
    http.defaults.httpAgent = agent
    expect(await source.getToken({})).toBe('a')
    expect(connections).toHaveBeenCalledTimes(1)
    expect(seen).not.toHaveBeenCalled()
    const [{ url, headers }] = server.seen as [Seen]
    expect(url).toBe('/token')
    expect(headers).toMatchObject({ 'user-agent': expect.stringMatching(/^axios\//) as string })
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['authorization']))
    expect(headers).not.toHaveProperty('x-own')

    http.defaults.adapter = () => Promise.reject(new Error('a custom adapter'))
    source.invalidate('a')
    await expect(source.getTokenResponse()).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_UNREACHABLE',
      message: expect.stringContaining('a custom adapter') as string,
    })
  })

  it('may be the instance that the tokens are for, without a deadlock', async () => {
    const server = await serve(({ url, headers }) =>
      url === '/token' ? answer() : { body: JSON.stringify({ with: headers.authorization }) },
    )
    const instance = axios.create({ baseURL: server.origin })
    applyIgwnAuth(instance, {
      token: clientCredentials({
        metadata: { token_endpoint: `${server.origin}/token` },
        clientId: 'me',
        axios: instance,
      }),
    })
    expect((await instance.get('/data')).data).toEqual({ with: 'Bearer a' })
  })

  it('uses the proxy and CA bundle of the environment', async () => {
    const fs = await import('node:fs')
    const authority = await createAuthority()
    const { certificate, key } = await authority.issueServer({ names: ['issuer.example.org'] })
    const server = await serve(answer, { tls: { cert: certificate, key } })
    const proxy = await connectProxy()
    const file = `${String(process.env.HOME)}/ca.pem`
    fs.writeFileSync(file, authority.certificate)
    Object.assign(process.env, { REQUESTS_CA_BUNDLE: file, HTTPS_PROXY: proxy.url })
    try {
      const origin = `https://issuer.example.org:${server.port}`
      const source = clientCredentials({ metadata: { token_endpoint: `${origin}/token` }, clientId: 'me' })
      expect(await source.getToken({})).toBe('a')
      expect(proxy.tunnels).toEqual([`issuer.example.org:${server.port}`])
    } finally {
      delete process.env.REQUESTS_CA_BUNDLE
      delete process.env.HTTPS_PROXY
      await proxy.close()
    }
  })
})

it('a 401 remains the error when the renewal fails, with the reason', async () => {
  const issuer = await serve((_seen, index) =>
    index === 0
      ? { body: JSON.stringify({ access_token: ACCESS }) }
      : { status: 400, body: '{"error":"invalid_client","error_description":"ended"}' },
  )
  const service = await serve(() => ({
    status: 401,
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  }))
  const instance = applyIgwnAuth(axios.create({ baseURL: service.origin }), {
    token: clientCredentials(clientOf(issuer.origin)),
  })
  const error: unknown = await instance.get('/').catch((reason: unknown) => reason)
  expect(error).toMatchObject({
    response: { status: 401 },
    igwnAuth: {
      reasons: [
        {
          code: 'failed',
          message: expect.stringContaining(
            `${issuer.origin} refused the request (status 400): invalid_client: ended. Check clientId`,
          ) as string,
        },
      ],
    },
  })
  expect([issuer.seen.length, service.seen.length]).toEqual([2, 1])
  expectNoSecret(error, CANARIES)
})

describe('an id_token that repeats secrets', () => {
  const repeating = () =>
    serve((seen) => ({ body: JSON.stringify({ access_token: 'x', id_token: everything(seen) }) }))

  it('is an error without a secret when openid was requested', async () => {
    const { origin } = await repeating()
    const login = { ...LOGIN, nonce: 'n' }
    const error: unknown = await webLogin(clientOf(origin))
      .handleCallback(`/cb?code=${CODE}&state=s`, login)
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_IGWN_OAUTH_ID_TOKEN' })
    expectNoSecret(error, CANARIES)
  })

  it('is removed from the token response otherwise', async () => {
    const { origin } = await repeating()
    expect(await clientCredentials(clientOf(origin)).getTokenResponse()).toEqual({
      access_token: 'x',
      token_type: 'Bearer',
    })
    expect(await webLogin(clientOf(origin)).handleCallback(`/cb?code=${CODE}&state=s`, LOGIN)).toEqual({
      access_token: 'x',
      token_type: 'Bearer',
    })
  })
})

it('sources and web logins print no secret', async () => {
  const server = await serve(() => ({
    body: JSON.stringify({ access_token: ACCESS, refresh_token: REFRESH }),
  }))
  const client = clientOf(server.origin)
  const sources = [
    clientCredentials(client),
    refreshToken(client, { refreshToken: REFRESH }),
    jwtBearer(client, { issuer: 'robot', key: KEY_TEXT }),
    tokenExchange(client, { subject: SUBJECT }),
    authorizationCode(client, { open: () => undefined }),
  ]
  await sources[0]!.getToken({})
  for (const thing of [...sources, webLogin(client)]) expectNoSecret(thing, CANARIES)
})
