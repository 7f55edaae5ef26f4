/* eslint-disable @typescript-eslint/no-deprecated -- deprecated grants are tested, too */
/** Every grant against a real provider. */
import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import axios from 'axios'
import jsonwebtoken from 'jsonwebtoken'
import {
  authorizationCode,
  clientCredentials,
  deviceCode,
  jwtBearer,
  webLogin,
  password,
  refreshToken,
  tokenExchange,
  type DevicePrompt,
  type OAuthClient,
  type OAuthTokenSource,
} from '../../../lib/oauth2'
import { applyIgwnAuth } from '../../support/all'
import { browse } from '../../support/browser'
import { BEARER } from '../../support/oauth-token'
import { startOpenIdProvider, type OpenIdProvider } from '../../support/openid-provider'
import { thrownBy } from '../../support/thrown-by'
import { ours } from '../../support/tokens'

let provider: OpenIdProvider
beforeAll(async () => {
  provider = await startOpenIdProvider()
}, 30_000)
afterAll(() => provider.close())

const client = (more: Partial<OAuthClient>): OAuthClient => ({
  issuer: provider.issuer,
  axios: provider.http,
  ...more,
})
const basic = () => client({ clientId: 'basic', clientSecret: 'secret of basic' })
const own = () => client({ clientId: 'own', clientSecret: 'secret of own' })
const cli = (more: Partial<OAuthClient> = {}) => client({ clientId: 'cli', ...more })

const GRACEDB = { audience: ['https://gracedb.example.org'], scope: 'gracedb.read' }
const claimsOf = (token: unknown) => jsonwebtoken.decode(String(token)) as Record<string, unknown>
/** Sends requests to a service of the provider with tokens of this source. */
const serviceWith = (token: OAuthTokenSource) =>
  applyIgwnAuth(axios.create({ ...provider.http.defaults, baseURL: provider.issuer } as object), { token })

/** The status of the response to a request line that no HTTP client would send. */
async function statusOf({ hostname, port, host }: URL, line: string): Promise<number> {
  const socket = net.connect(Number(port), hostname)
  socket.end(`${line}\r\nHost: ${host}\r\n\r\n`)
  const [said] = (await once(socket, 'data')) as [Buffer]
  return Number(said.toString().split(' ')[1])
}

describe('client credentials', () => {
  it('return a token for the audience and the scopes of the query', async () => {
    const token = await clientCredentials(basic()).getToken(GRACEDB)
    expect(claimsOf(token)).toMatchObject({
      iss: provider.issuer,
      sub: 'basic',
      aud: 'https://gracedb.example.org',
      scope: 'gracedb.read',
    })
  })

  it('are a source for an instance', async () => {
    const service = serviceWith(clientCredentials(basic(), { scope: 'read:/data' }))
    const { data } = await service.get('/resource')
    expect(data).toMatchObject({ sub: 'basic', scope: 'read:/data', aud: provider.issuer })
  })

  it('are a source for several instances, with one token (Authlib: test_use_client_token_auth)', async () => {
    const source = clientCredentials(basic())
    const before = (await provider.seen()).length
    for (const service of [serviceWith(source), serviceWith(source)]) await service.get('/resource')
    expect((await provider.seen()).length).toBe(before + 1)
  })

  it('renew a revoked token once for many refused requests', async () => {
    const source = clientCredentials(basic())
    const service = serviceWith(source)
    const { data } = await service.get('/resource')
    const before = (await provider.seen()).length
    const { access_token: token } = await source.getTokenResponse({ audience: [provider.issuer] })
    await webLogin(basic()).revoke(token)

    const answers = await Promise.all(Array.from({ length: 20 }, () => service.get('/resource')))
    expect(answers.map((answer) => answer.data as unknown)).toEqual(answers.map(() => data as unknown))
    expect((await provider.seen()).length).toBe(before + 1)
  })
})

describe('password (deprecated)', () => {
  const login = { username: 'albert', password: 'password of albert' }

  it('returns a token for a user, and renews it with the refresh token', async () => {
    const source = password(own(), { ...login, scope: 'read:/data' })
    const first = await source.getTokenResponse()
    expect(first).toMatchObject({ ...BEARER, scope: 'read:/data', refresh_token: BEARER.access_token })
    const before = (await provider.seen()).length
    source.invalidate(first.access_token)
    const second = await source.getTokenResponse()
    expect(second.access_token).not.toBe(first.access_token)
    expect((await provider.seen()).slice(before)).toEqual([{ grant: 'refresh_token', ok: true }])
  })

  it('logs in again when the refresh token was revoked', async () => {
    const source = password(own(), { ...login, password: () => login.password })
    const first = await source.getTokenResponse()
    await webLogin(own()).revoke(first)
    const before = (await provider.seen()).length
    source.invalidate(first.access_token)
    expect(await source.getTokenResponse()).toMatchObject(BEARER)
    expect((await provider.seen()).slice(before)).toMatchObject([
      { grant: 'refresh_token', ok: false, error: 'invalid_grant' },
      { grant: 'password', ok: true },
    ])
  })

  it('reports a wrong password', async () => {
    const wrong = { ...login, password: 'not it' }
    await expect(password(own(), wrong).getTokenResponse()).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'invalid_grant',
      status: 400,
      message: `${provider.issuer} refused the request (status 400): invalid_grant: grant request is invalid. The code, refresh token or assertion has expired, was revoked, or was used before. Log in again.`,
    })
  })
})

describe('refresh token', () => {
  const login = () =>
    password(own(), { username: 'albert', password: 'password of albert' }).getTokenResponse()

  it('returns tokens for one of another login, and follows its rotation', async () => {
    const { refresh_token: given = '' } = await login()
    const seen: unknown[] = []
    const source = refreshToken(own(), {
      refreshToken: given,
      onToken: (token, before) => void seen.push([token.refresh_token, before?.refresh_token]),
    })
    const tokens = []
    for (let round = 0; round < 3; round += 1) {
      const token = await source.getTokenResponse()
      tokens.push(token)
      source.invalidate(token.access_token)
    }
    const texts = tokens.map(({ refresh_token: text }) => text)
    expect(new Set([given, ...texts]).size).toBe(4)
    expect(seen).toEqual([
      [texts[0], undefined],
      [texts[1], texts[0]],
      [texts[2], texts[1]],
    ])
  })

  it('reports when it was revoked', async () => {
    const token = await login()
    await webLogin(own()).revoke(token)
    const source = refreshToken(own(), { refreshToken: token.refresh_token })
    await expect(source.getTokenResponse()).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'invalid_grant',
    })
  })

  it('reports when there is none', async () => {
    await expect(refreshToken(own(), {}).getTokenResponse()).rejects.toEqual(
      ours(
        'ERR_IGWN_TOKEN_NOT_FOUND',
        `There is no refresh token for ${provider.issuer}: none was given, and the store has none under refreshToken ${provider.issuer} own. Log in first.`,
      ),
    )
  })
})

describe('authorization code, with a browser on this host', () => {
  const scope = 'openid offline_access gracedb.read'

  it('logs in with PKCE, and verifies the id_token', async () => {
    const urls: URL[] = []
    let closed = ''
    const source = authorizationCode(cli(), {
      scope,
      loginParams: { prompt: 'consent' },
      open: async (url) => {
        urls.push(new URL(url))
        closed = (await browse(provider.http, url)).text
      },
    })
    const token = await source.getTokenResponse()
    expect(token).toMatchObject({
      ...BEARER,
      refresh_token: BEARER.access_token,
      id_token: expect.stringMatching(/^ey/) as string,
    })
    expect(claimsOf(token.id_token)).toMatchObject({ sub: 'albert', aud: 'cli' })
    expect(Object.fromEntries(urls[0]!.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'cli',
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/) as string,
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{43}$/) as string,
      nonce: expect.stringMatching(/^[\w-]{43}$/) as string,
      prompt: 'consent',
      scope,
    })
    expect(closed).toContain('<h1>You are logged in</h1>')
  })

  it('returns a token for each of several services after one login', async () => {
    let logins = 0
    const source = authorizationCode(cli(), {
      scope: 'offline_access gracedb.read gwdatafind.read',
      audience: ['https://gracedb.example.org', 'https://datafind.example.org'],
      loginParams: { prompt: 'consent' },
      open: async (url) => {
        logins += 1
        await browse(provider.http, url)
      },
    })
    const tokens = [
      await source.getToken({ audience: 'https://gracedb.example.org' }),
      await source.getToken({ audience: ['https://datafind.example.org'] }),
    ]
    expect(tokens.map((token) => claimsOf(token).aud)).toEqual([
      'https://gracedb.example.org',
      'https://datafind.example.org',
    ])
    expect(logins).toBe(1)
  })

  it('starts another login when the login has expired, but not for a scope that it lacks', async () => {
    let logins = 0
    const source = authorizationCode(cli(), {
      scope: 'offline_access gracedb.read',
      loginParams: { prompt: 'consent' },
      open: async (url) => {
        logins += 1
        await browse(provider.http, url)
      },
    })
    const first = await source.getTokenResponse()
    await expect(source.getTokenResponse({ scope: 'dqsegdb.read' })).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'invalid_scope',
    })
    expect(logins).toBe(1)
    await webLogin(cli()).revoke(first)
    source.invalidate(first.access_token)
    expect(await source.getTokenResponse()).toMatchObject(BEARER)
    expect(logins).toBe(2)
  })

  it('reports when the user denies the request', async () => {
    const source = authorizationCode(cli(), {
      loginParams: { answer: 'no' },
      open: (url) => void browse(provider.http, url),
    })
    await expect(source.getTokenResponse()).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_REFUSED',
        `${provider.issuer} refused the request: access_denied: albert said no. The user or the server denied the request.`,
      ),
    )
  })

  it('waits for the callback with its state, and rejects other requests', async () => {
    const seen: unknown[] = []
    const source = authorizationCode(cli(), {
      scope: 'openid',
      open: async (url) => {
        const back = new URL(url).searchParams.get('redirect_uri') ?? ''
        const status = async (more: string, headers = {}) =>
          (await axios.get(`${back.replace('/callback', '')}${more}`, { headers, validateStatus: null }))
            .status
        seen.push(
          await status('/favicon.ico'),
          await status('/callback'),
          await status('/callback?code=stolen&state=guessed'),
          await status('/callback?error=access_denied&state=guessed'),
          await status('/callback', { Host: 'evil.example.org' }),
          await status('//callback'),
          await statusOf(new URL(back), 'GET * HTTP/1.1'),
          await statusOf(new URL(back), 'GET http://127.0.0.1/callback HTTP/1.1'),
        )
        await browse(provider.http, url)
      },
    })
    expect(await source.getTokenResponse()).toMatchObject(BEARER)
    expect(seen).toEqual([404, 400, 400, 400, 404, 404, 404, 404])
  })

  it('rejects when the user does not log in, with a likely reason', async () => {
    const source = authorizationCode(cli(), { open: () => undefined, timeout: 500, path: '/elsewhere' })
    await expect(source.getTokenResponse()).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_TIMEOUT',
        `The user did not log in at ${provider.issuer} within 500 ms. Try again. If the page of the server shows an error about the redirect URI, register http://127.0.0.1/elsewhere there.`,
      ),
    )
  })

  it('can be aborted, which is not a timeout', async () => {
    const controller = new AbortController()
    const source = authorizationCode(cli(), {
      open: () => {
        controller.abort()
      },
      signal: controller.signal,
    })
    const error: unknown = await source.getTokenResponse().catch((reason: unknown) => reason)
    expect(axios.isCancel(error)).toBe(true)
  })

  it('opens nothing when it is aborted before it starts', async () => {
    const open = jest.fn()
    const { issuer, authorization_endpoint, token_endpoint } = (
      await provider.http.get<Record<string, string>>(`${provider.issuer}/.well-known/openid-configuration`)
    ).data
    const metadata = { issuer, authorization_endpoint, token_endpoint }
    const source = authorizationCode(cli({ metadata }), { open, signal: AbortSignal.abort() })
    const error: unknown = await source.getTokenResponse().catch((reason: unknown) => reason)
    expect(axios.isCancel(error)).toBe(true)
    expect(open).not.toHaveBeenCalled()
  })

  it('rejects with the error of open', async () => {
    const open = () => Promise.reject(new Error('no browser'))
    await expect(authorizationCode(cli(), { open }).getTokenResponse()).rejects.toThrow('no browser')
  })

  it('listens on the option port, and reports when it is in use', async () => {
    const source = authorizationCode(cli(), {
      scope: 'openid',
      open: async (url) => {
        const port = Number(new URL(new URL(url).searchParams.get('redirect_uri') ?? '').port)
        const second = authorizationCode(cli(), { open: () => undefined, port })
        await expect(second.getTokenResponse()).rejects.toEqual(
          ours(
            'ERR_IGWN_INVALID_OPTION',
            `options.port is ${port}; cannot listen on it at 127.0.0.1 (EADDRINUSE). Set another port, or leave it out for any free port.`,
          ),
        )
        await browse(provider.http, url)
      },
    })
    expect(await source.getTokenResponse()).toMatchObject(BEARER)
  })
})

describe('device code', () => {
  it('logs a user in on another device, and renews with the refresh token', async () => {
    const prompts: DevicePrompt[] = []
    let pending: (value: unknown) => void = () => undefined
    const wasPending = new Promise((resolve) => {
      pending = resolve
    })
    const watched: OAuthClient = {
      ...cli(),
      onResponse(response) {
        if (response.body.includes('authorization_pending')) pending(true)
      },
    }
    const source = deviceCode(watched, {
      scope: 'openid offline_access gracedb.read',
      prompt: async (prompt) => {
        prompts.push(prompt)
        await wasPending
        await browse(provider.http, prompt.verificationUriComplete ?? '')
      },
    })
    const first = await source.getTokenResponse()
    expect(first).toMatchObject({ ...BEARER, refresh_token: BEARER.access_token })
    expect(prompts).toEqual([
      {
        userCode: expect.stringMatching(/^[A-Z]{4}-[A-Z]{4}$/) as string,
        verificationUri: `${provider.issuer}/device`,
        verificationUriComplete: `${provider.issuer}/device?user_code=${prompts[0]?.userCode ?? ''}`,
        expiresAt: expect.any(Number) as number,
      },
    ])
    source.invalidate(first.access_token)
    expect((await source.getTokenResponse()).access_token).not.toBe(first.access_token)
    expect(prompts).toHaveLength(1)
  })

  it('requests the audience of the query', async () => {
    const source = deviceCode(cli(), {
      scope: 'gracedb.read',
      prompt: async ({ verificationUriComplete }) => {
        await browse(provider.http, verificationUriComplete ?? '')
      },
    })
    expect(claimsOf(await source.getToken(GRACEDB))).toMatchObject({ aud: 'https://gracedb.example.org' })
  })

  it('accepts verification_url (Google)', async () => {
    let shown: DevicePrompt | undefined
    const google = cli({
      onResponse(response) {
        response.body = response.body.replace('verification_uri"', 'verification_url"')
      },
    })
    const controller = new AbortController()
    const source = deviceCode(google, {
      signal: controller.signal,
      prompt: (prompt) => {
        shown = prompt
        controller.abort()
      },
    })
    await source.getTokenResponse().catch(() => undefined)
    expect(shown?.verificationUri).toBe(`${provider.issuer}/device`)
  })

  it('rejects when the code expires', async () => {
    const source = deviceCode(
      cli({
        onResponse(response) {
          if (response.endpoint === 'device_authorization')
            response.body = JSON.stringify({
              ...(JSON.parse(response.body) as object),
              interval: 1,
              expires_in: 0.1,
            })
        },
      }),
      { prompt: () => undefined },
    )
    await expect(source.getTokenResponse()).rejects.toEqual(
      ours('ERR_IGWN_OAUTH_TIMEOUT', 'The user did not log in before the code expired. Start again.'),
    )
  })

  it('can be aborted', async () => {
    const controller = new AbortController()
    const source = deviceCode(cli(), {
      prompt: () => {
        controller.abort()
      },
      signal: controller.signal,
    })
    const error: unknown = await source.getTokenResponse().catch((reason: unknown) => reason)
    expect(axios.isCancel(error)).toBe(true)
  })

  it('rejects with the error of prompt', async () => {
    const prompt = () => {
      throw new Error('no terminal')
    }
    await expect(deviceCode(cli(), { prompt }).getTokenResponse()).rejects.toThrow('no terminal')
  })
})

describe('JWT bearer assertion of a service account', () => {
  const account = () => ({
    issuer: 'robot@example.org',
    subject: 'albert',
    key: provider.keys.serviceAccount,
  })
  const anonymous = () => client({ clientId: 'service-account' })

  it('returns a token, and renews it with another assertion', async () => {
    const assertions: string[] = []
    const source = jwtBearer(
      { ...anonymous(), onRequest: ({ body }) => void assertions.push(body.get('assertion') ?? '') },
      { ...account(), scope: 'read:/data', kid: 'k1', claims: { claimed: true }, header: { extra: 1 } },
    )
    const first = await source.getTokenResponse()
    expect(first).toMatchObject({ ...BEARER, scope: 'read:/data' })
    source.invalidate(first.access_token)
    expect((await source.getTokenResponse()).access_token).not.toBe(first.access_token)

    const verified = assertions.map((assertion) =>
      jsonwebtoken.verify(assertion, createPublicKey(provider.keys.serviceAccount), { complete: true }),
    )
    expect(verified[0]).toMatchObject({
      header: { alg: 'ES256', typ: 'JWT', kid: 'k1', extra: 1 },
      payload: {
        iss: 'robot@example.org',
        sub: 'albert',
        aud: `${provider.issuer}/token`,
        scope: 'read:/data',
        claimed: true,
      },
    })
    const { iat = 0, exp = 0, jti } = verified[0]!.payload as jsonwebtoken.JwtPayload
    expect(exp - iat).toBe(3600)
    expect((verified[1]!.payload as jsonwebtoken.JwtPayload).jti).not.toBe(jti)
  })

  it('uses the times of the caller', async () => {
    let assertion = ''
    const iat = Math.floor(Date.now() / 1000) - 5
    await jwtBearer(
      { ...anonymous(), onRequest: ({ body }) => void (assertion = body.get('assertion') ?? '') },
      { ...account(), lifetime: 60, claims: { iat } },
    ).getTokenResponse()
    expect(claimsOf(assertion)).toMatchObject({ iat })
  })

  it('needs an algorithm for a secret', () => {
    const make = () => jwtBearer(anonymous(), { issuer: 'robot', key: 'a secret that is shared' })
    expect(thrownBy(make)).toEqual(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'options.key is not PEM. For a secret, set alg to HS256, HS384 or HS512; pass a private key as PEM or a JWK.',
      ),
    )
  })

  it('reports when the server refuses the assertion', async () => {
    const source = jwtBearer(anonymous(), { ...account(), key: provider.keys.ec })
    await expect(source.getTokenResponse()).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'invalid_grant',
    })
  })
})

describe('token exchange', () => {
  it('exchanges the token of another source', async () => {
    const subject = clientCredentials(basic(), { scope: 'read:/data' })
    const source = tokenExchange(own(), { subject, scope: 'read:/data' })
    expect(await source.getTokenResponse()).toMatchObject({
      ...BEARER,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    })
  })

  it('accepts a token that is not for requests when requestedTokenType is set', async () => {
    const subject = String(await clientCredentials(basic()).getToken({}))
    let body = new URLSearchParams()
    const source = tokenExchange(
      { ...own(), onRequest: (request) => void (body = new URLSearchParams(request.body)) },
      { subject, actor: () => 'of-an-actor', actorTokenType: 'jwt', requestedTokenType: 'jwt' },
    )
    expect(await source.getToken({})).toEqual(BEARER.access_token)
    expect(await source.getTokenResponse()).toMatchObject({ token_type: 'N_A' })
    expect(Object.fromEntries(body)).toMatchObject({
      subject_token: subject,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      actor_token: 'of-an-actor',
      actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      requested_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    })
  })

  it('renews the subject token when it was refused', async () => {
    const subject = clientCredentials(basic())
    const { access_token: revoked } = await subject.getTokenResponse()
    await webLogin(basic()).revoke(revoked)
    const source = tokenExchange(own(), { subject })
    await expect(source.getTokenResponse()).rejects.toMatchObject({ error: 'invalid_grant' })
    expect(await source.getTokenResponse()).toMatchObject(BEARER)
  })

  it('needs a storeKey for the subject, so that users do not share tokens', () => {
    const store = { get: jest.fn(), set: jest.fn(), delete: jest.fn() }
    expect(thrownBy(() => tokenExchange(own(), { subject: () => 'a', store }))).toEqual(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'options.store needs options.storeKey, a key for this subject, so that users do not share tokens.',
      ),
    )
    for (const options of [{ subject: 'a' }, { subject: () => 'a', storeKey: 'albert' }])
      expect(() => tokenExchange(own(), { ...options, store })).not.toThrow()
  })

  it('reports when there is no subject token', async () => {
    const source = tokenExchange(own(), { subject: () => undefined })
    await expect(source.getTokenResponse()).rejects.toEqual(
      ours('ERR_IGWN_TOKEN_NOT_FOUND', 'options.subject has no token. Nothing was exchanged.'),
    )
  })
})
