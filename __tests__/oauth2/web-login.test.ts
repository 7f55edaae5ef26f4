/** The steps of a login in a web application against a real provider. */
import { createHash } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'
import axios from 'axios'
import {
  webLogin,
  OAuthError,
  type LoginOptions,
  type OAuthClient,
  type PendingLogin,
} from '../../lib/oauth2'
import { browse } from '../support/browser'
import { BEARER } from '../support/oauth-token'
import { startOpenIdProvider, WEB_REDIRECT, type OpenIdProvider } from '../support/openid-provider'
import { serve } from '../support/server'
import { createSigningKey, now, ours, passTime, stopClock } from '../support/tokens'

let provider: OpenIdProvider
beforeAll(async () => {
  provider = await startOpenIdProvider()
}, 30_000)
afterAll(() => provider.close())

const web = (more: Partial<OAuthClient> = {}) =>
  webLogin({
    issuer: provider.issuer,
    axios: provider.http,
    clientId: 'web',
    clientSecret: 'secret of web',
    ...more,
  })

const LOGIN: LoginOptions = { redirectUri: WEB_REDIRECT, scope: 'openid read:/data' }

/** Starts a login, plays the user, and returns the callback. */
async function loggedIn(options: Partial<LoginOptions> = {}, steps = web()) {
  const { url, login } = await steps.authorizationUrl({ ...LOGIN, ...options })
  const page = await browse(provider.http, url, options.redirectUri ?? WEB_REDIRECT)
  return { steps, login, back: page.url }
}

describe('authorizationUrl', () => {
  it('generates state, nonce and PKCE parameters', async () => {
    const { url, login } = await web().authorizationUrl(LOGIN)
    const { origin, pathname, searchParams } = new URL(url)
    expect(origin + pathname).toBe(`${provider.issuer}/auth`)
    const random = expect.stringMatching(/^[\w-]{43}$/) as string
    expect(login).toEqual({ state: random, nonce: random, codeVerifier: random, redirectUri: WEB_REDIRECT })
    expect(Object.fromEntries(searchParams)).toEqual({
      response_type: 'code',
      client_id: 'web',
      redirect_uri: WEB_REDIRECT,
      scope: 'openid read:/data',
      state: login.state,
      nonce: login.nonce,
      code_challenge: createHash('sha256')
        .update(login.codeVerifier ?? '')
        .digest('base64url'),
      code_challenge_method: 'S256',
    })
    expect(JSON.parse(JSON.stringify(login))).toEqual(login)
  })

  it('uses explicit values and keeps the query of the endpoint (Authlib: test_create_authorization_url)', async () => {
    const steps = webLogin({
      metadata: { authorization_endpoint: 'https://i.test/auth?tenant=igwn' },
      clientId: 'foo',
    })
    const { url, login } = await steps.authorizationUrl({
      redirectUri: 'https://i.b',
      scope: ['profile', 'email'],
      state: 'mine',
      nonce: 'own',
      pkce: false,
      audience: ['https://a.test', 'https://b.test'],
      params: { prompt: 'none', login_hint: 'albert' },
    })
    const { searchParams } = new URL(url)
    expect([...searchParams].sort()).toEqual(
      [
        ['tenant', 'igwn'],
        ['scope', 'profile email'],
        ['resource', 'https://a.test'],
        ['resource', 'https://b.test'],
        ['response_type', 'code'],
        ['redirect_uri', 'https://i.b'],
        ['state', 'mine'],
        ['nonce', 'own'],
        ['prompt', 'none'],
        ['login_hint', 'albert'],
        ['client_id', 'foo'],
      ].sort(),
    )
    expect(login).toEqual({ state: 'mine', nonce: 'own', redirectUri: 'https://i.b' })
  })

  it.each(['redirect_uri', 'state', 'nonce', 'code_challenge', 'response_type', 'scope', 'client_id'])(
    'rejects %s in params',
    async (name) => {
      const options = { ...LOGIN, params: { [name]: 'x' } }
      await expect(web().authorizationUrl(options)).rejects.toEqual(
        ours(
          'ERR_IGWN_INVALID_OPTION',
          `params must not contain ${name}, which is set by this package. Use the option for it.`,
        ),
      )
    },
  )

  it.each(['javascript:alert(1)//', 'file:///etc/passwd', 'data:text/html,x'])(
    'does not return the URL %s, whatever is allowed',
    async (endpoint) => {
      const steps = webLogin({
        metadata: {
          issuer: 'https://i.test',
          authorization_endpoint: endpoint,
          end_session_endpoint: endpoint,
        },
        clientId: 'me',
        allowInsecureHttp: true,
      })
      for (const step of [() => steps.authorizationUrl(LOGIN), () => steps.endSessionUrl()])
        await expect(step()).rejects.toMatchObject({
          code: 'ERR_IGWN_OAUTH_RESPONSE',
          message: expect.stringContaining('only HTTP and HTTPS requests are allowed') as string,
        })
    },
  )

  it('needs a redirectUri', async () => {
    await expect(web().authorizationUrl({} as LoginOptions)).rejects.toEqual(
      ours('ERR_IGWN_INVALID_OPTION', 'redirectUri must be a non-empty string, not undefined.'),
    )
  })
})

describe('handleCallback', () => {
  it.each<[string, (back: URL) => string | URL | URLSearchParams]>([
    ['a URL', (back) => back],
    ['the text of one', (back) => back.href],
    ['its path, as in request.url', (back) => back.pathname + back.search],
    ['the parameters of a form', (back) => back.searchParams],
  ])('exchanges the code in %s for a token, and verifies the id_token', async (_name, form) => {
    const { steps, login, back } = await loggedIn()
    const token = await steps.handleCallback(form(back), login)
    expect(token).toMatchObject({ ...BEARER, scope: 'openid read:/data', refresh_token: BEARER.access_token })
    expect(jsonwebtoken.decode(token.id_token ?? '')).toMatchObject({ sub: 'albert', nonce: login.nonce })
  })

  it('sends the redirect URI as it was registered, not as URL serializes it (trap 5)', async () => {
    const { steps, login, back } = await loggedIn({ redirectUri: 'https://bare.example.org' })
    expect(await steps.handleCallback(back, login)).toMatchObject(BEARER)
  })

  it('returns a token for each audience of the login', async () => {
    const audience = ['https://gracedb.example.org', 'https://datafind.example.org']
    const { steps, login, back } = await loggedIn({
      audience,
      scope: 'read:/data',
      params: { prompt: 'consent' },
    })
    const first = await steps.handleCallback(back, login, { audience: audience[0] })
    const second = await steps.refresh(first, { audience: audience[1] })
    expect([first, second].map(({ access_token: text }) => jsonwebtoken.decode(text))).toMatchObject([
      { aud: audience[0] },
      { aud: audience[1] },
    ])
  })

  const advice = 'Do not accept it: it may be forged. Start again.'
  it.each<[string, (back: URL) => void, string]>([
    [
      'another state',
      ({ searchParams }) => {
        searchParams.set('state', 'guessed')
      },
      'state mismatch',
    ],
    [
      'two states',
      ({ searchParams }) => {
        searchParams.append('state', 'guessed')
      },
      'state mismatch',
    ],
    [
      'no state',
      ({ searchParams }) => {
        searchParams.delete('state')
      },
      'it has no state',
    ],
    [
      'another issuer (RFC 9207)',
      ({ searchParams }) => {
        searchParams.set('iss', 'https://evil.test')
      },
      'issuer mismatch',
    ],
    [
      'no issuer, of a server that names itself',
      ({ searchParams }) => {
        searchParams.delete('iss')
      },
      'it has no iss',
    ],
  ])('rejects a callback with %s without a request', async (_name, spoil, problem) => {
    const { steps, login, back } = await loggedIn()
    const before = (await provider.seen()).length
    spoil(back)
    await expect(steps.handleCallback(back, login)).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_STATE',
        `This callback does not belong to a login at ${provider.issuer} started by this client (${problem}). ${advice}`,
      ),
    )
    expect(await provider.seen()).toHaveLength(before)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a login without its state', { redirectUri: WEB_REDIRECT }],
  ])('needs the login of the session, not %s', async (_name, login) => {
    await expect(web().handleCallback('/callback?code=x', login as PendingLogin)).rejects.toEqual(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'login must be the one that authorizationUrl() returned, from the session of this user. Without it a forged callback cannot be detected.',
      ),
    )
  })

  it('compares the issuer with client.issuer when metadata are set', async () => {
    const { login, back } = await loggedIn()
    const metadata = { token_endpoint: `${provider.issuer}/token` }
    back.searchParams.set('iss', 'https://evil.test')
    await expect(web({ metadata }).handleCallback(back, login)).rejects.toThrow('issuer mismatch')
    back.searchParams.delete('iss')
    expect(await web({ metadata }).handleCallback(back, login)).toMatchObject(BEARER)
  })

  it('reports when the user denies the request', async () => {
    const { steps, login, back } = await loggedIn({ params: { answer: 'no' } })
    await expect(steps.handleCallback(back, login)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'access_denied',
      errorDescription: 'albert said no',
    })
  })

  it('reports a callback without a code', async () => {
    const { steps, login, back } = await loggedIn()
    back.searchParams.delete('code')
    await expect(steps.handleCallback(back, login)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: `The callback of ${provider.issuer} has no code. Start again; check response_type and response_mode.`,
    })
  })

  it('reports a code that was used before, and another PKCE verifier', async () => {
    const { steps, login, back } = await loggedIn()
    const other = { ...login, codeVerifier: 'x'.repeat(43) }
    await expect(steps.handleCallback(back, other)).rejects.toMatchObject({ error: 'invalid_grant' })
    const again = await loggedIn()
    await steps.handleCallback(again.back, again.login)
    await expect(steps.handleCallback(again.back, again.login)).rejects.toMatchObject({
      error: 'invalid_grant',
    })
  })

  it('reports a wrong client secret', async () => {
    const { login, back } = await loggedIn()
    await expect(web({ clientSecret: 'wrong' }).handleCallback(back, login)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'invalid_client',
      status: 401,
      message: `${provider.issuer} refused the request (status 401): invalid_client: client authentication failed. Check clientId and its credentials; the client authenticated with client_secret_basic.`,
    })
  })

  it('rejects an id_token with another nonce', async () => {
    const { steps, login, back } = await loggedIn()
    await expect(steps.handleCallback(back, { ...login, nonce: 'other' })).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_ID_TOKEN',
        `The id_token of ${provider.issuer} is invalid: nonce is not that of this login. Do not accept the login.`,
      ),
    )
  })

  it('rejects an id_token that the server did not sign (trap 7)', async () => {
    const forger = createSigningKey('es')
    const { login, back } = await loggedIn()
    const steps = web({
      onResponse(response) {
        const answer = JSON.parse(response.body) as { id_token: string }
        const claims = jsonwebtoken.decode(answer.id_token) as object
        response.body = JSON.stringify({ ...answer, id_token: forger.sign(claims) })
      },
    })
    await expect(steps.handleCallback(back, login)).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_ID_TOKEN',
        `The id_token of ${provider.issuer} is invalid: invalid signature. Do not accept the login.`,
      ),
    )
  })
})

it('handleCallback removes a forged id_token when openid was not requested', async () => {
  const forger = createSigningKey('es')
  const { login, back } = await loggedIn({ scope: 'read:/data' })
  const steps = web({
    onResponse(response) {
      const claims = { iss: provider.issuer, sub: 'admin', aud: 'web', iat: now(), exp: now() + 600 }
      const body = JSON.parse(response.body) as object
      response.body = JSON.stringify({ ...body, id_token: forger.sign(claims) })
    },
  })
  const token = await steps.handleCallback(back, login)
  expect(token).toMatchObject(BEARER)
  expect(token).not.toHaveProperty('id_token')
})

describe('with a token', () => {
  const token = async () => {
    const { steps, login, back } = await loggedIn({ params: { prompt: 'consent' } })
    return { steps, token: await steps.handleCallback(back, login) }
  }

  it('userInfo returns claims of the user who logged in', async () => {
    const { steps, token: albert } = await token()
    expect(await steps.userInfo(albert)).toMatchObject({ sub: 'albert' })
    expect(await steps.userInfo(albert.access_token)).toMatchObject({ sub: 'albert' })
    await expect(steps.userInfo(albert, { subject: 'alice' })).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: `The response of ${provider.issuer} (status 200) cannot be used: unexpected sub value. Check the URL, and that it belongs to an authorization server.`,
    })
    await expect(steps.userInfo('no-token')).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'invalid_token',
      status: 401,
    })
  })

  it('refresh returns a token with all scopes or fewer', async () => {
    const { steps, token: first } = await token()
    const second = await steps.refresh(first)
    expect(second).toMatchObject({ ...BEARER, scope: 'openid read:/data' })
    const third = await steps.refresh(second.refresh_token ?? '', { scope: 'read:/data' })
    expect(third).toMatchObject({ ...BEARER, scope: 'read:/data' })
    await expect(steps.refresh(first)).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(steps.refresh({ access_token: 'alone' })).rejects.toEqual(
      ours('ERR_IGWN_INVALID_OPTION', 'the refresh token must be a non-empty string, not undefined.'),
    )
  })

  it('introspect and revoke work with and without a hint', async () => {
    const { steps, token: first } = await token()
    expect(await steps.introspect(first)).toMatchObject({ active: true, sub: 'albert', client_id: 'web' })
    expect(await steps.introspect(first.refresh_token ?? '', { hint: 'refresh_token' })).toMatchObject({
      active: true,
    })
    await steps.revoke(first.access_token, { hint: 'access_token' })
    expect(await steps.introspect(first)).toEqual({ active: false })
    const second = await token()
    await steps.revoke(second.token)
    expect(await steps.introspect(second.token)).toEqual({ active: false })
    expect(await steps.introspect(second.token.refresh_token ?? '')).toEqual({ active: false })
  })

  it('revoke succeeds when the server can revoke only the refresh token', async () => {
    const audience = 'https://gracedb.example.org'
    const { steps, login, back } = await loggedIn({ audience, params: { prompt: 'consent' } })
    const jwt = await steps.handleCallback(back, login, { audience })
    await steps.revoke(jwt)
    await expect(steps.refresh(jwt)).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(steps.revoke(jwt.access_token)).rejects.toMatchObject({ error: 'unsupported_token_type' })
  })

  it('endSessionUrl returns the URL for the logout', async () => {
    const { steps, token: first } = await token()
    const url = new URL(
      await steps.endSessionUrl({
        idToken: first.id_token,
        postLogoutRedirectUri: 'https://portal.example.org/',
        state: 's',
        params: { ui_locales: 'cy' },
      }),
    )
    expect(url.href.startsWith(`${provider.issuer}/session/end?`)).toBe(true)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: 'web',
      id_token_hint: first.id_token,
      post_logout_redirect_uri: 'https://portal.example.org/',
      state: 's',
      ui_locales: 'cy',
    })
  })

  it('every step needs a token', async () => {
    await expect(web().introspect('')).rejects.toEqual(
      ours('ERR_IGWN_INVALID_OPTION', 'the token must be a non-empty string, not an empty one.'),
    )
  })
})

describe('handleFragment, for the implicit grant (deprecated)', () => {
  const implicit = () => web({ clientId: 'implicit', clientSecret: undefined, clientAuthentication: 'none' })

  it('returns the verified id_token of a real login', async () => {
    const { steps, login, back } = await loggedIn({ responseType: 'id_token', scope: 'openid' }, implicit())
    expect(login.codeVerifier).toBeUndefined()
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const token = await steps.handleFragment(back, login)
    expect(jsonwebtoken.decode(token.id_token ?? '')).toMatchObject({ sub: 'albert', aud: 'implicit' })
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    await expect(steps.handleFragment(back, { ...login, nonce: 'other' })).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_ID_TOKEN',
      message: expect.stringContaining('nonce is not that of this login') as string,
    })
  })

  const login = { state: 's', redirectUri: 'https://portal.test/cb' }
  const steps = webLogin({ metadata: { token_endpoint: 'https://issuer.test/token' }, clientId: 'me' })
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const from = (fragment: string) => steps.handleFragment(`https://portal.test/cb#${fragment}`, login)

  it('returns the token (Authlib: test_token_from_fragment)', async () => {
    expect(await from('access_token=a&token_type=bearer&expires_in=3600&state=s&scope=x+y')).toEqual({
      access_token: 'a',
      token_type: 'Bearer',
      scope: 'x y',
      expires_at: expect.any(Number) as number,
    })
  })

  it.each([
    ['access_token=a&state=other', 'ERR_IGWN_OAUTH_STATE'],
    ['access_token=a', 'ERR_IGWN_OAUTH_STATE'],
    ['error=access_denied&state=s', 'ERR_IGWN_OAUTH_REFUSED'],
    ['state=s', 'ERR_IGWN_OAUTH_RESPONSE'],
    ['id_token=garbage&state=s', 'ERR_IGWN_OAUTH_ID_TOKEN'],
  ])('rejects %s', async (fragment, code) => {
    await expect(from(fragment)).rejects.toMatchObject({ code })
  })
})

describe('verifyIdToken', () => {
  const key = createSigningKey('k1')
  const other = createSigningKey('k2')
  const wrong = createSigningKey('k1')
  let published: object[]
  beforeEach(() => {
    published = [key.jwk]
  })
  afterEach(() => jest.useRealTimers())

  /** An issuer that publishes a key, and a client that verifies its id_tokens. */
  async function withIssuer(more: Partial<OAuthClient> = {}, metadata: object = {}) {
    const server = await serve(() => ({ body: JSON.stringify({ keys: published }) }))
    const steps = webLogin({
      metadata: {
        issuer: server.origin,
        token_endpoint: `${server.origin}/token`,
        jwks_uri: `${server.origin}/jwks`,
        id_token_signing_alg_values_supported: ['RS256', 'ES256', 'HS256', 'none'],
        ...metadata,
      },
      clientId: 'me',
      ...more,
    })
    const claims = (change: object = {}) => ({
      iss: server.origin,
      sub: 'albert',
      aud: 'me',
      iat: now(),
      exp: now() + 600,
      ...change,
    })
    return { server, steps, claims }
  }

  it('returns the claims of a valid one, and fetches the keys once', async () => {
    const { server, steps, claims } = await withIssuer()
    const all = claims({
      nonce: 'n',
      auth_time: now() - 5,
      at_hash: half('an access token'),
      c_hash: half('a code'),
    })
    const checks = { nonce: 'n', maxAge: 60, accessToken: 'an access token', code: 'a code' }
    expect(await steps.verifyIdToken(key.sign(all), checks)).toEqual(all)
    await steps.verifyIdToken(key.sign(all))
    expect(server.seen).toHaveLength(1)
  })

  const half = (text: string) =>
    createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')

  it.each<[string, object, object, string]>([
    [
      'another issuer',
      { iss: 'https://evil.test' },
      {},
      'iss is "https://evil.test", expected "http://127.0.0.1:',
    ],
    ['another client', { aud: 'you' }, {}, 'aud is "you", expected "me"'],
    [
      'several audiences and another azp',
      { aud: ['me', 'you'], azp: 'you' },
      {},
      'azp is "you", expected "me"',
    ],
    ['another azp', { azp: 'you' }, {}, 'azp is "you", expected "me"'],
    ['several audiences and no azp', { aud: ['me', 'you'] }, {}, 'it has several audiences and no azp'],
    ['an exp that is not a number', { exp: String(now() + 600) }, {}, 'it has expired'],
    ['an iat in the future', { iat: now() + 3600 }, {}, 'iat is in the future'],
    ['an exp in the past', { exp: now() - 61 }, {}, 'it has expired'],
    ['no exp', { exp: undefined }, {}, 'it has no exp'],
    ['no sub', { sub: undefined }, {}, 'it has no sub'],
    ['no iat', { iat: undefined }, {}, 'it has no iat'],
    ['an nbf in the future', { nbf: now() + 3600 }, {}, 'nbf is in the future'],
    ['another nonce', { nonce: 'x' }, { nonce: 'n' }, 'nonce is not that of this login'],
    ['no nonce', {}, { nonce: 'n' }, 'nonce is not that of this login'],
    [
      'another access token',
      { at_hash: half('x') },
      { accessToken: 'a' },
      'at_hash does not match the access token',
    ],
    ['another code', { c_hash: half('x') }, { code: 'a' }, 'c_hash does not match the code'],
    ['an old login', { auth_time: now() - 1000 }, { maxAge: 600 }, 'the login is older than maxAge'],
    ['no auth_time', {}, { maxAge: 600 }, 'it has no auth_time'],
  ])('rejects one with %s', async (_name, change, checks, why) => {
    const { server, steps, claims } = await withIssuer()
    const error = (await steps
      .verifyIdToken(key.sign(claims(change)), checks)
      .catch((reason: unknown) => reason)) as OAuthError
    expect(error).toBeInstanceOf(OAuthError)
    expect(error.code).toBe('ERR_IGWN_OAUTH_ID_TOKEN')
    expect(error.message).toMatch(`The id_token of ${server.origin} is invalid: ${why}`)
  })

  it.each([
    [{ typ: 'at+jwt' }, 'its typ is at+jwt'],
    [{ typ: 'application/AT+JWT' }, 'its typ is application/AT+JWT'],
    [{ typ: 'logout+jwt' }, 'its typ is logout+jwt'],
    [{ crit: ['b64'] }, 'its header has crit ["b64"]'],
    [{ crit: [] }, 'its header has crit []'],
  ])('rejects one with the header %j', async (header, why) => {
    const { server, steps, claims } = await withIssuer()
    await expect(steps.verifyIdToken(key.sign(claims(), header))).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_ID_TOKEN',
        `The id_token of ${server.origin} is invalid: ${why}. Do not accept the login.`,
      ),
    )
    expect(server.seen).toEqual([])
  })

  it('tolerates 60 seconds of clock difference', async () => {
    const { steps, claims } = await withIssuer()
    const early = claims({ iat: now() + 50, nbf: now() + 50 })
    expect(await steps.verifyIdToken(key.sign(early))).toEqual(early)
    const late = claims({ exp: now() - 50 })
    expect(await steps.verifyIdToken(key.sign(late))).toEqual(late)
  })

  it('accepts an issuer template of Microsoft Entra ID', async () => {
    const { steps, claims } = await withIssuer({}, { issuer: 'https://i.test/{tenantid}/v2.0' })
    const valid = claims({ iss: 'https://i.test/t1/v2.0', tid: 't1' })
    expect(await steps.verifyIdToken(key.sign(valid))).toEqual(valid)
    await expect(steps.verifyIdToken(key.sign(claims({ ...valid, tid: 't2' })))).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_ID_TOKEN',
    })
  })

  it('fetches the keys again for one without kid that none of the held keys signed, once a minute', async () => {
    stopClock()
    const { server, steps, claims } = await withIssuer()
    await steps.verifyIdToken(key.sign(claims()))
    published = [other.jwk]
    const rotated = other.sign(claims(), { kid: undefined })
    await expect(steps.verifyIdToken(rotated)).rejects.toThrow(
      'invalid signature. If the issuer has just changed its keys, try again in a minute',
    )
    passTime(60)
    await expect(steps.verifyIdToken(rotated)).resolves.toMatchObject({ sub: 'albert' })
    expect(server.seen).toHaveLength(2)
  })

  it('rejects one that is unsigned, or signed with an unpublished key or another algorithm', async () => {
    const { server, steps, claims } = await withIssuer()
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims())).toString('base64url')}.`
    const rejection = async (text: string) =>
      ((await steps.verifyIdToken(text).catch((reason: unknown) => reason)) as Error).message
    const because = (why: string) =>
      `The id_token of ${server.origin} is invalid: ${why}. Do not accept the login.`
    expect(await rejection('garbage')).toBe(because('it is not a JWT'))
    expect(await rejection(none)).toBe(
      because('its alg is none, expected RS256 or ES256. Set idTokenAlg if that is wrong'),
    )
    expect(await rejection(wrong.sign(claims()))).toBe(because('invalid signature'))
    expect(await rejection(other.sign(claims()))).toBe(
      because(
        `${server.origin}/jwks has no key k2. If the issuer has just changed its keys, try again in a minute`,
      ),
    )
    // Signed with the public key as a secret.
    const confused = jsonwebtoken.sign(claims(), JSON.stringify(key.jwk), { algorithm: 'HS256', keyid: 'k1' })
    expect(await rejection(confused)).toBe(
      because('its alg is HS256, expected RS256 or ES256. Set idTokenAlg if that is wrong'),
    )
  })

  it('accepts a signature with the client secret when idTokenAlg says so', async () => {
    const clientSecret = 'a secret that is long enough'
    const { steps, claims } = await withIssuer({ idTokenAlg: 'HS256', clientSecret })
    const signed = jsonwebtoken.sign(claims(), clientSecret, { algorithm: 'HS256' })
    expect(await steps.verifyIdToken(signed)).toMatchObject({ sub: 'albert' })
    await expect(steps.verifyIdToken(key.sign(claims()))).rejects.toThrow('its alg is ES256, expected HS256')
  })

  it('reports when the keys cannot be fetched', async () => {
    const { steps, claims } = await withIssuer({}, { jwks_uri: undefined })
    await expect(steps.verifyIdToken(key.sign(claims()))).rejects.toThrow(
      'the server has no jwks_uri with its keys. Set it in metadata',
    )
    const gone = await withIssuer()
    await gone.server.close()
    await expect(gone.steps.verifyIdToken(key.sign(gone.claims()))).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_UNREACHABLE',
    })
    const broken = await serve(() => ({ body: '{"keys":1}' }))
    const misconfigured = await withIssuer({}, { jwks_uri: `${broken.origin}/jwks` })
    await expect(misconfigured.steps.verifyIdToken(key.sign(misconfigured.claims()))).rejects.toThrow(
      `${broken.origin}/jwks is not a JWK set`,
    )
  })
})

it('all steps can be aborted', async () => {
  const signal = AbortSignal.abort()
  const { steps, login, back } = await loggedIn()
  const outcomes = await Promise.all(
    [
      steps.handleCallback(back, login, { signal }),
      steps.refresh('x', { signal }),
      steps.revoke('x', { signal }),
      steps.introspect('x', { signal }),
      steps.userInfo('x', { signal }),
    ].map((step) => (step as Promise<unknown>).catch((error: unknown) => error)),
  )
  expect(outcomes.map((error) => axios.isCancel(error))).toEqual([true, true, true, true, true])
})
