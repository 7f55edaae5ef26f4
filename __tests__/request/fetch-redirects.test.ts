/** Redirects with the fetch adapter: the same rule as with the http adapter. */
import axios, { type AxiosRequestConfig } from 'axios'
import { applyOAuth1 } from '../../lib/oauth1'
import { clientCredentials, OAuth2Auth, type OAuthClient } from '../../lib/oauth2'
import { applyIgwnAuth, type AuthScheme } from '../support/all'
import { expectNoUnhandledRejection } from '../support/record-events'
import { serverGroup } from '../support/server'

const servers = serverGroup()
expectNoUnhandledRejection()
afterEach(servers.close)

const TOKEN = 'token-of-alice'
const FORM = () => new URLSearchParams({ a: '1' })
const byFetch = (config: AxiosRequestConfig = {}) => axios.create({ adapter: 'fetch', ...config })

async function redirecting(status = 307) {
  const elsewhere = await servers.serve(() => ({}))
  const server = await servers.serve(() => ({ status, headers: { location: elsewhere.origin } }))
  return { elsewhere, server }
}

describe('the fetch adapter, with a scheme that adds', () => {
  it.each([301, 302, 303, 307, 308])(
    'a token to the body, follows a %d to another origin without the token',
    async (status) => {
      const { elsewhere, server } = await redirecting(status)
      const scheme = new OAuth2Auth(TOKEN, { placement: 'body' })
      for (const validateStatus of [undefined, null]) {
        const instance = applyIgwnAuth(byFetch(), { scheme })
        const config = validateStatus === null ? { validateStatus } : {}
        expect((await instance.post(server.origin, FORM(), config)).status).toBe(200)
      }
      expect(server.seen).toHaveLength(2)
      expect(elsewhere.seen.map(({ method, body }) => [method, body])).toEqual(
        Array(2).fill(status < 304 ? ['GET', ''] : ['POST', 'a=1']),
      )
      expect(JSON.stringify(elsewhere.seen)).not.toContain(TOKEN)
    },
  )

  it('a signature with the secrets in it, follows a redirect without it', async () => {
    const { elsewhere, server } = await redirecting()
    const instance = applyOAuth1(byFetch(), {
      clientId: 'me',
      clientSecret: 'secret of me',
      signatureMethod: 'PLAINTEXT',
      signatureType: 'body',
    })
    await instance.post(server.origin, FORM())
    expect(elsewhere.seen.map(({ body }) => body)).toEqual(['a=1'])
  })

  it('its own header field, follows a redirect without it', async () => {
    const { elsewhere, server } = await redirecting()
    const scheme: AuthScheme = { name: 'API key', authorize: () => ({ headers: { 'X-Api-Key': TOKEN } }) }
    const instance = applyIgwnAuth(byFetch(), { scheme })
    await instance.get(server.origin)
    expect(server.seen[0]?.headers).toHaveProperty('x-api-key', TOKEN)
    expect(elsewhere.seen[0]?.headers).not.toHaveProperty('x-api-key')
  })

  it('a field, asks it again after a redirect on the same origin', async () => {
    const server = await servers.serve(({ url }) =>
      url === '/begin' ? { status: 302, headers: { location: '/end' } } : {},
    )
    const urls: string[] = []
    const scheme: AuthScheme = {
      name: 'path signature',
      authorize: ({ url }) => {
        urls.push(url.pathname)
        return { headers: { 'X-Path': url.pathname } }
      },
    }
    await applyIgwnAuth(byFetch(), { scheme }).get(`${server.origin}/begin`)
    expect(urls).toEqual(['/begin', '/end'])
    expect(server.seen.map(({ headers }) => headers['x-path'])).toEqual(['/begin', '/end'])
  })

  it('Authorization or a parameter, follows the redirect without it', async () => {
    for (const placement of ['header', 'query'] as const) {
      const { elsewhere, server } = await redirecting()
      const instance = applyIgwnAuth(byFetch(), { scheme: new OAuth2Auth(TOKEN, { placement }) })
      expect((await instance.get(server.origin)).status).toBe(200)
      expect(JSON.stringify(server.seen)).toContain(TOKEN)
      expect(elsewhere.seen).toHaveLength(1)
      expect(JSON.stringify(elsewhere.seen)).not.toContain(TOKEN)
    }
  })

  it('a token to the body, keeps the redirect option of the caller', async () => {
    const { server } = await redirecting()
    const instance = applyIgwnAuth(byFetch(), { scheme: new OAuth2Auth(TOKEN, { placement: 'body' }) })
    const { status } = await instance.post(server.origin, FORM(), {
      fetchOptions: { redirect: 'manual' },
      validateStatus: null,
    })
    expect(status).toBe(307)
  })

  it('a token to the body, sends it when nothing redirects', async () => {
    const server = await servers.serve(() => ({}))
    const instance = applyIgwnAuth(byFetch(), { scheme: new OAuth2Auth(TOKEN, { placement: 'body' }) })
    await instance.post(server.origin, FORM())
    expect(server.seen[0]?.body).toBe(`a=1&access_token=${TOKEN}`)
  })
})

it('a stream that a 307 would repeat is an error, and a 303 drops it', async () => {
  for (const [status, outcome] of [
    [
      307,
      { code: 'ERR_IGWN_UNSUPPORTED', message: expect.stringContaining('its body is a stream') as string },
    ],
    [303, { status: 200 }],
  ] as const) {
    const { server } = await redirecting(status)
    const instance = applyIgwnAuth(byFetch(), { token: TOKEN })
    const sending = instance.post(server.origin, new Blob(['text']).stream(), {
      headers: { 'Content-Type': 'text/plain' },
    })
    expect(await sending.catch((error: unknown) => error)).toMatchObject(outcome)
  }
})

it('a redirect that never ends is followed as often as maxRedirects says', async () => {
  const server = await servers.serve(() => ({ status: 302, headers: { location: '/again' } }))
  const instance = applyIgwnAuth(byFetch(), { token: TOKEN })
  const error: unknown = await instance
    .get(server.origin, { maxRedirects: 3 })
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ response: { status: 302 } })
  expect(server.seen).toHaveLength(4)
})

it('an OAuth 2 client does not send its secret after a redirect', async () => {
  const { elsewhere, server } = await redirecting()
  const client: OAuthClient = {
    clientId: 'me',
    clientSecret: 'secret of me',
    clientAuthentication: 'client_secret_post',
    metadata: { token_endpoint: `${server.origin}/token` },
    axios: byFetch(),
  }
  await expect(clientCredentials(client).getTokenResponse()).rejects.toMatchObject({
    code: 'ERR_IGWN_OAUTH_RESPONSE',
    message: expect.stringContaining(
      `redirects to ${elsewhere.origin}/. Redirects are not followed`,
    ) as string,
  })
  expect(elsewhere.seen).toEqual([])
})

it("a scheme's field is not sent to another origin when the caller sets redirect to follow", async () => {
  const { elsewhere, server } = await redirecting()
  const scheme: AuthScheme = { name: 'Test', authorize: () => ({ headers: { 'X-Token': TOKEN } }) }
  const instance = applyIgwnAuth(byFetch(), { scheme })
  await instance.get(server.origin, { fetchOptions: { redirect: 'follow' } } as AxiosRequestConfig)
  expect(server.seen.map(({ headers }) => headers['x-token'])).toEqual([TOKEN])
  expect(elsewhere.seen.map(({ headers }) => headers['x-token'])).toEqual([undefined])
})
