import axios from 'axios'
import {
  clientCredentials,
  webLogin,
  OAuth2Auth,
  type OAuth2AuthOptions,
  type StoredToken,
} from '../../lib/oauth2'
import { applyIgwnAuth, SciToken, staticToken, type Token, type TokenSource } from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { startOpenIdProvider, type OpenIdProvider } from '../support/openid-provider'
import { challenge, serve } from '../support/server'
import { thrownBy } from '../support/thrown-by'
import { mint, now, ours } from '../support/tokens'

/** An instance with a token, of a server that says yes. */
async function with_(token: Token | StoredToken | TokenSource, options?: OAuth2AuthOptions) {
  const server = await serve(() => ({}))
  const scheme = new OAuth2Auth(token, options)
  const instance = applyIgwnAuth(axios.create({ baseURL: server.origin }), { scheme })
  return { server, instance, scheme }
}

describe('a token is sent', () => {
  it.each<[string, () => Token | StoredToken]>([
    ['a string', () => 'abc'],
    ['bytes', () => Buffer.from('abc')],
    ['a token response', () => ({ access_token: 'abc', token_type: 'bearer' })],
    ['a token response without a type', () => ({ access_token: 'abc' })],
  ])('in the header, by default, given as %s (Authlib: test_add_token_to_header)', async (_name, token) => {
    const { server, instance } = await with_(token())
    await instance.get('/data?x=1')
    expect(server.seen).toMatchObject([{ url: '/data?x=1', headers: { authorization: 'Bearer abc' } }])
  })

  it('in the query, with Cache-Control: no-store (Authlib: test_add_token_to_uri)', async () => {
    const { server, instance } = await with_('abc', { placement: 'query' })
    await instance.get('/data', { params: { x: 1, access_token: 'mine' } })
    expect(server.seen).toMatchObject([
      { url: '/data?x=1&access_token=abc', headers: { 'cache-control': 'no-store' } },
    ])
    expect(server.authorizations).toEqual([undefined])
  })

  it('in a form (Authlib: test_add_token_to_body)', async () => {
    const { server, instance } = await with_('abc', { placement: 'body' })
    await instance.post('/data', new URLSearchParams({ x: 'ä&' }))
    expect(server.seen).toMatchObject([
      { body: 'x=%C3%A4%26&access_token=abc', headers: { 'content-length': '28' } },
    ])
  })

  it.each<[string, object]>([
    ['GET', { method: 'get' }],
    ['POST', { method: 'post', data: { x: 1 } }],
    ['PUT', { method: 'put' }],
  ])('not in a body that is not a form: %s', async (method, request) => {
    const { server, instance } = await with_('abc', { placement: 'body' })
    await expect(instance.request({ url: '/', ...request })).rejects.toEqual(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        `placement is body, but the body of this ${method} request is not a form (RFC 6750 section 2.2). Send URLSearchParams, or set placement to header. Nothing was sent.`,
      ),
    )
    expect(server.seen).toEqual([])
  })
})

describe('a token that cannot be sent', () => {
  it.each<[string, () => unknown, string, string]>([
    [
      'of another type (Authlib: test_invalid_token_type)',
      () => new OAuth2Auth({ access_token: 'abc', token_type: 'mac' }),
      'ERR_IGWN_INVALID_OPTION',
      'The token has the type mac; OAuth2Auth supports only Bearer. For DPoP use dpop().',
    ],
    [
      'with a line break',
      () => new OAuth2Auth('a\nb'),
      'ERR_IGWN_TOKEN_MALFORMED',
      'the token is not a bearer token: character 2 of 3 is a line feed, which RFC 6750 section 2.1 does not allow. Give the token alone, without "Bearer" and white space.',
    ],
    [
      'with an unknown placement',
      () => new OAuth2Auth('abc', { placement: 'cookie' as 'header' }),
      'ERR_IGWN_INVALID_OPTION',
      'placement must be one of header, query, body, not this string.',
    ],
  ])('%s is an error at once', (_name, make, code, message) => {
    expect(thrownBy(make)).toEqual(ours(code as 'ERR_IGWN_INVALID_OPTION', message))
  })

  it('because it has expired is an error (Authlib: test_token_expired)', async () => {
    const { server, instance } = await with_({ access_token: 'abc', expires_at: now() - 90 })
    await expect(instance.get('/')).rejects.toEqual(
      ours(
        'ERR_IGWN_TOKEN_EXPIRED',
        expect.stringMatching(
          /^The token expired 9\d seconds ago\. Pass a source that renews it, such as refreshToken\(\)\. Nothing was sent\.$/,
        ) as string,
      ),
    )
    expect(server.seen).toEqual([])
  })

  it('because the source has none is an error (Authlib: test_missing_token)', async () => {
    const { server, instance } = await with_({ getToken: () => undefined })
    await expect(instance.get('/')).rejects.toEqual(
      ours('ERR_IGWN_TOKEN_NOT_FOUND', 'The token source has no token for this request. Nothing was sent.'),
    )
    expect(server.seen).toEqual([])
  })
})

it('is not sent with withholdToken (Authlib: withhold_token)', async () => {
  const { server, instance } = await with_('abc')
  await instance.get('/', { igwnAuth: { withholdToken: true } })
  await instance.get('/')
  expect(server.authorizations).toEqual([undefined, 'Bearer abc'])
})

it('is not sent to another origin, nor over plain HTTP', async () => {
  const other = await serve(() => ({}))
  const first = await serve(() => ({ status: 302, headers: { location: `${other.origin}/there` } }))
  for (const placement of ['header', 'query'] as const) {
    const scheme = new OAuth2Auth('abc', { placement })
    const instance = applyIgwnAuth(axios.create({ baseURL: first.origin }), { scheme })
    await instance.get('/')
    await expect(instance.get('http://service.example.org/')).rejects.toMatchObject({
      code: 'ERR_IGWN_INSECURE_TRANSPORT',
    })
  }
  expect(other.authorizations).toEqual([undefined, undefined])
  expect(other.seen.map(({ url }) => url)).toEqual(['/there', '/there'])
})

it('retries a refused request once with another token of a source, in any placement', async () => {
  for (const placement of ['header', 'query'] as const) {
    let count = 0
    const invalidated: string[] = []
    const source: TokenSource = {
      getToken: () => `token-${(count += 1)}`,
      invalidate: (rejected) => void invalidated.push(rejected),
    }
    const server = await serve(({ url, headers }) =>
      `${url} ${headers.authorization ?? ''}`.includes('token-1') ? challenge('error="invalid_token"') : {},
    )
    const instance = applyIgwnAuth(axios.create({ baseURL: server.origin }), {
      scheme: new OAuth2Auth(source, { placement }),
    })
    expect((await instance.get('/')).status).toBe(200)
    expect(server.seen).toHaveLength(2)
    expect(invalidated).toEqual(['token-1'])
  }
})

it('does not retry with a given token', async () => {
  const server = await serve(() => challenge('error="invalid_token"'))
  const instance = applyIgwnAuth(axios.create({ baseURL: server.origin }), { scheme: new OAuth2Auth('abc') })
  await expect(instance.get('/')).rejects.toMatchObject({ response: { status: 401 } })
  expect(server.seen).toHaveLength(1)
})

it('is not printed', async () => {
  const token = mint()
  const { instance, scheme } = await with_(SciToken.deserialize(token), { placement: 'query' })
  const response = await instance.get('/')
  for (const thing of [scheme, response, instance.defaults]) expectNoSecret(thing, [token])
  const { instance: failing, server } = await with_(staticToken(token), { placement: 'query' })
  await server.close()
  expectNoSecret(await failing.get('/').catch((error: unknown) => error), [token])
})

describe('with a real provider', () => {
  let provider: OpenIdProvider
  beforeAll(async () => {
    provider = await startOpenIdProvider()
  }, 30_000)
  afterAll(() => provider.close())

  it.each(['header', 'query', 'body'] as const)(
    'a source is renewed when its token was revoked, in the %s',
    async (placement) => {
      const client = {
        issuer: provider.issuer,
        axios: provider.http,
        clientId: 'basic',
        clientSecret: 'secret of basic',
      }
      const source = clientCredentials(client)
      const instance = applyIgwnAuth(
        axios.create({ ...provider.http.defaults, baseURL: provider.issuer } as object),
        {
          scheme: new OAuth2Auth(source, { placement }),
        },
      )
      const ask = () => instance.post<object>('/resource', new URLSearchParams({ x: '1' }))
      expect((await ask()).data).toMatchObject({ sub: 'basic' })
      const revoked = await source.getTokenResponse({ audience: [provider.issuer] })
      await webLogin(client).revoke(revoked)
      expect((await ask()).data).toMatchObject({ sub: 'basic' })
      expect(await source.getTokenResponse({ audience: [provider.issuer] })).not.toEqual(revoked)
    },
  )
})
