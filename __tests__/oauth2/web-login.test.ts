/** The steps of a login in a web application, one by one, against a real provider. */
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
import { serverGroup } from '../support/server'
import { createSigningKey, now, ours } from '../support/tokens'

let provider: OpenIdProvider
const servers = serverGroup()
beforeAll(async () => {
  provider = await startOpenIdProvider()
}, 30_000)
afterAll(() => provider.close())
afterEach(() => servers.close())

const web = (more: Partial<OAuthClient> = {}) =>
  webLogin({
    issuer: provider.issuer,
    axios: provider.http,
    clientId: 'web',
    clientSecret: 'secret of web',
    ...more,
  })

const LOGIN: LoginOptions = { redirectUri: WEB_REDIRECT, scope: 'openid read:/data' }

/** Begins a login, plays the person, and gives what they came back with. */
async function loggedIn(options: Partial<LoginOptions> = {}, steps = web()) {
  const { url, login } = await steps.authorizationUrl({ ...LOGIN, ...options })
  const page = await browse(provider.http, url, options.redirectUri ?? WEB_REDIRECT)
  return { steps, login, back: page.url }
}

describe('authorizationUrl', () => {
  it('has all that a login needs, made where it is not given', async () => {
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

  it('has what is given, and keeps the query of the endpoint (Authlib: test_create_authorization_url)', async () => {
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

  it('needs somewhere to come back to', async () => {
    await expect(web().authorizationUrl({} as LoginOptions)).rejects.toEqual(
      ours('ERR_IGWN_INVALID_OPTION', 'redirectUri must be a string, not undefined.'),
    )
  })
})

describe('callback', () => {
  it.each<[string, (back: URL) => string | URL | URLSearchParams]>([
    ['a URL', (back) => back],
    ['the text of one', (back) => back.href],
    ['its path, as servers know it', (back) => back.pathname + back.search],
    ['the parameters of a form', (back) => back.searchParams],
  ])('exchanges the code in %s for a token, and verifies the id_token', async (_name, form) => {
    const { steps, login, back } = await loggedIn()
    const token = await steps.handleCallback(form(back), login)
    expect(token).toMatchObject({ ...BEARER, scope: 'openid read:/data', refresh_token: BEARER.access_token })
    expect(jsonwebtoken.decode(token.id_token ?? '')).toMatchObject({ sub: 'albert', nonce: login.nonce })
  })

  it('says the redirect URI as it was registered, not as URL writes it (trap 5)', async () => {
    const { steps, login, back } = await loggedIn({ redirectUri: 'https://bare.example.org' })
    expect(await steps.handleCallback(back, login)).toMatchObject(BEARER)
  })

  it('has one token for each audience that was agreed to', async () => {
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

  const stale = 'Begin again, and let nobody in by this one: it may be forged.'
  it.each<[string, (back: URL) => void, string]>([
    [
      'another state',
      ({ searchParams }) => {
        searchParams.set('state', 'guessed')
      },
      'its state is that of another login',
    ],
    [
      'two states',
      ({ searchParams }) => {
        searchParams.append('state', 'guessed')
      },
      'its state is that of another login',
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
      'it is of another issuer',
    ],
    [
      'no issuer, of a server that names itself',
      ({ searchParams }) => {
        searchParams.delete('iss')
      },
      'it has no iss',
    ],
  ])('refuses an answer with %s, and asks nobody', async (_name, spoil, problem) => {
    const { steps, login, back } = await loggedIn()
    const before = (await provider.seen()).length
    spoil(back)
    await expect(steps.handleCallback(back, login)).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_STATE',
        `This is no answer of ${provider.issuer} to the login that was begun here: ${problem}. ${stale}`,
      ),
    )
    expect(await provider.seen()).toHaveLength(before)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a login without its state', { redirectUri: WEB_REDIRECT }],
  ])('needs the login as it was kept, not %s', async (_name, login) => {
    await expect(web().handleCallback('/callback?code=x', login as PendingLogin)).rejects.toEqual(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'The login must be what authorizationUrl gave, as it was kept in the session of that person; without, an answer cannot be told from a forged one.',
      ),
    )
  })

  it('compares the issuer with what is given, where the endpoints are given too', async () => {
    const { login, back } = await loggedIn()
    const metadata = { token_endpoint: `${provider.issuer}/token` }
    back.searchParams.set('iss', 'https://evil.test')
    await expect(web({ metadata }).handleCallback(back, login)).rejects.toThrow('it is of another issuer')
    back.searchParams.delete('iss')
    expect(await web({ metadata }).handleCallback(back, login)).toMatchObject(BEARER)
  })

  it('says when the person said no', async () => {
    const { steps, login, back } = await loggedIn({ params: { answer: 'no' } })
    await expect(steps.handleCallback(back, login)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'access_denied',
      errorDescription: 'albert said no',
    })
  })

  it('says when there is no code', async () => {
    const { steps, login, back } = await loggedIn()
    back.searchParams.delete('code')
    await expect(steps.handleCallback(back, login)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: `${provider.issuer} sent the person back without a code. Begin again; check response_type and response_mode.`,
    })
  })

  it('says when the code was used before, and when it is of another PKCE verifier', async () => {
    const { steps, login, back } = await loggedIn()
    const other = { ...login, codeVerifier: 'x'.repeat(43) }
    await expect(steps.handleCallback(back, other)).rejects.toMatchObject({ error: 'invalid_grant' })
    const again = await loggedIn()
    await steps.handleCallback(again.back, again.login)
    await expect(steps.handleCallback(again.back, again.login)).rejects.toMatchObject({
      error: 'invalid_grant',
    })
  })

  it('says when the secret is wrong', async () => {
    const { login, back } = await loggedIn()
    await expect(web({ clientSecret: 'wrong' }).handleCallback(back, login)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'invalid_client',
      status: 401,
      message: `${provider.issuer} refuses (status 401): invalid_client: client authentication failed. Check clientId and what it authenticates with; it did so by client_secret_basic.`,
    })
  })

  it('refuses an id_token for another nonce', async () => {
    const { steps, login, back } = await loggedIn()
    await expect(steps.handleCallback(back, { ...login, nonce: 'other' })).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_ID_TOKEN',
        `The id_token of ${provider.issuer} is not to be trusted: unexpected ID Token "nonce" claim value. Do not let anybody in by it.`,
      ),
    )
  })

  it('refuses an id_token whose signature is not that of the server (trap 7)', async () => {
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
        `The id_token of ${provider.issuer} is not to be trusted: invalid signature. Do not let anybody in by it.`,
      ),
    )
  })
})

describe('what can be done with a token', () => {
  const token = async () => {
    const { steps, login, back } = await loggedIn({ params: { prompt: 'consent' } })
    return { steps, token: await steps.handleCallback(back, login) }
  }

  it('user info, of the person who logged in', async () => {
    const { steps, token: albert } = await token()
    expect(await steps.userInfo(albert)).toMatchObject({ sub: 'albert' })
    expect(await steps.userInfo(albert.access_token)).toMatchObject({ sub: 'albert' })
    await expect(steps.userInfo(albert, { subject: 'alice' })).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: `${provider.issuer} gave an answer (status 200) that cannot be used: unexpected sub value. Check the URL, and whether it is that of an authorization server.`,
    })
    await expect(steps.userInfo('no-token')).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'invalid_token',
      status: 401,
    })
  })

  it('refresh, with all of the scopes or fewer', async () => {
    const { steps, token: first } = await token()
    const second = await steps.refresh(first)
    expect(second).toMatchObject({ ...BEARER, scope: 'openid read:/data' })
    const third = await steps.refresh(second.refresh_token ?? '', { scope: 'read:/data' })
    expect(third).toMatchObject({ ...BEARER, scope: 'read:/data' })
    await expect(steps.refresh(first)).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(steps.refresh({ access_token: 'alone' })).rejects.toEqual(
      ours('ERR_IGWN_INVALID_OPTION', 'the refresh token must be a string, not undefined.'),
    )
  })

  it('introspect and revoke, with a hint or without', async () => {
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

  it('revoke, where the server can only forget the refresh token', async () => {
    const audience = 'https://gracedb.example.org'
    const { steps, login, back } = await loggedIn({ audience, params: { prompt: 'consent' } })
    const jwt = await steps.handleCallback(back, login, { audience })
    await steps.revoke(jwt)
    await expect(steps.refresh(jwt)).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(steps.revoke(jwt.access_token)).rejects.toMatchObject({ error: 'unsupported_token_type' })
  })

  it('where to log out', async () => {
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

  it('needs a token', async () => {
    await expect(web().introspect('')).rejects.toEqual(
      ours('ERR_IGWN_INVALID_OPTION', 'the token must be a string, not an empty one.'),
    )
  })
})

describe('fromFragment, of the implicit grant (deprecated)', () => {
  const implicit = () => web({ clientId: 'implicit', clientSecret: undefined, clientAuthentication: 'none' })

  it('gives the id_token of a real login, verified', async () => {
    const { steps, login, back } = await loggedIn({ responseType: 'id_token', scope: 'openid' }, implicit())
    expect(login.codeVerifier).toBeUndefined()
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const token = await steps.handleFragment(back, login)
    expect(jsonwebtoken.decode(token.id_token ?? '')).toMatchObject({ sub: 'albert', aud: 'implicit' })
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    await expect(steps.handleFragment(back, { ...login, nonce: 'other' })).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_ID_TOKEN',
      message: expect.stringContaining('jwt nonce invalid') as string,
    })
  })

  const login = { state: 's', redirectUri: 'https://portal.test/cb' }
  const steps = webLogin({ metadata: { token_endpoint: 'https://issuer.test/token' }, clientId: 'me' })
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const from = (fragment: string) => steps.handleFragment(`https://portal.test/cb#${fragment}`, login)

  it('gives the token in it (Authlib: test_token_from_fragment)', async () => {
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
  ])('refuses %s', async (fragment, code) => {
    await expect(from(fragment)).rejects.toMatchObject({ code })
  })
})

describe('verifyIdToken', () => {
  const key = createSigningKey('k1')
  const other = createSigningKey('k2')
  const wrong = createSigningKey('k1')

  /** An issuer that publishes a key, and what looks at its id_tokens. */
  async function looking(more: Partial<OAuthClient> = {}, metadata: object = {}) {
    const server = await servers.serve(() => ({ body: JSON.stringify({ keys: [key.jwk] }) }))
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

  it('gives the claims of one that is right; the keys are fetched once', async () => {
    const { server, steps, claims } = await looking()
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
    ['another issuer', { iss: 'https://evil.test' }, {}, 'jwt issuer invalid'],
    ['another client', { aud: 'you' }, {}, 'jwt audience invalid'],
    [
      'several clients, and another azp',
      { aud: ['me', 'you'], azp: 'you' },
      {},
      'it is for several clients, and azp is not this one',
    ],
    ['an end', { exp: now() - 61 }, {}, 'jwt expired'],
    ['no end', { exp: undefined }, {}, 'it has no exp'],
    ['nobody', { sub: undefined }, {}, 'it has no sub'],
    ['no birth', { iat: undefined }, {}, 'it has no iat'],
    ['a beginning', { nbf: now() + 120 }, {}, 'jwt not active'],
    ['another nonce', { nonce: 'x' }, { nonce: 'n' }, 'jwt nonce invalid'],
    ['no nonce', {}, { nonce: 'n' }, 'jwt nonce invalid'],
    [
      'another access token',
      { at_hash: half('x') },
      { accessToken: 'a' },
      'at_hash is of another access token',
    ],
    ['another code', { c_hash: half('x') }, { code: 'a' }, 'c_hash is of another code'],
    ['a login long ago', { auth_time: now() - 1000 }, { maxAge: 600 }, 'the login is too long ago'],
    ['no time of login', {}, { maxAge: 600 }, 'it has no auth_time'],
  ])('refuses one with %s', async (_name, change, checks, why) => {
    const { server, steps, claims } = await looking()
    const error = (await steps
      .verifyIdToken(key.sign(claims(change)), checks)
      .catch((reason: unknown) => reason)) as OAuthError
    expect(error).toBeInstanceOf(OAuthError)
    expect(error.code).toBe('ERR_IGWN_OAUTH_ID_TOKEN')
    expect(error.message).toMatch(`The id_token of ${server.origin} is not to be trusted: ${why}`)
  })

  it('refuses what is signed by nobody, by a stranger, or by a key that is not published', async () => {
    const { server, steps, claims } = await looking()
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims())).toString('base64url')}.`
    const refused = async (text: string) =>
      ((await steps.verifyIdToken(text).catch((reason: unknown) => reason)) as Error).message
    const because = (why: string) =>
      `The id_token of ${server.origin} is not to be trusted: ${why}. Do not let anybody in by it.`
    expect(await refused('garbage')).toBe(because('it is no JWT'))
    expect(await refused(none)).toBe(
      because('it is signed with none, not with RS256 or ES256; idTokenAlg says which it should be'),
    )
    expect(await refused(wrong.sign(claims()))).toBe(because('invalid signature'))
    expect(await refused(other.sign(claims()))).toBe(because(`${server.origin}/jwks has no key k2`))
    // Signed with the public key as if it were a secret.
    const confused = jsonwebtoken.sign(claims(), JSON.stringify(key.jwk), { algorithm: 'HS256', keyid: 'k1' })
    expect(await refused(confused)).toBe(
      because('it is signed with HS256, not with RS256 or ES256; idTokenAlg says which it should be'),
    )
  })

  it('takes a signature by the secret of the client where that is said', async () => {
    const clientSecret = 'a secret that is long enough'
    const { steps, claims } = await looking({ idTokenAlg: 'HS256', clientSecret })
    const signed = jsonwebtoken.sign(claims(), clientSecret, { algorithm: 'HS256' })
    expect(await steps.verifyIdToken(signed)).toMatchObject({ sub: 'albert' })
    await expect(steps.verifyIdToken(key.sign(claims()))).rejects.toThrow(
      'it is signed with ES256, not with HS256',
    )
  })

  it('says when there are no keys to be had', async () => {
    const { steps, claims } = await looking({}, { jwks_uri: undefined })
    await expect(steps.verifyIdToken(key.sign(claims()))).rejects.toThrow(
      'the server names no jwks_uri to get keys from; give it in metadata',
    )
    const gone = await looking()
    await gone.server.close()
    await expect(gone.steps.verifyIdToken(key.sign(gone.claims()))).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_UNREACHABLE',
    })
    const odd = await servers.serve(() => ({ body: '{"keys":1}' }))
    const misled = await looking({}, { jwks_uri: `${odd.origin}/jwks` })
    await expect(misled.steps.verifyIdToken(key.sign(misled.claims()))).rejects.toThrow(
      `${odd.origin}/jwks is no JWK set`,
    )
  })
})

it('all steps end when nobody wants them any more', async () => {
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
