/** Redirects that the fetch adapter follows by itself, and those that must not be followed. */
import axios, { type AxiosRequestConfig } from 'axios'
import { applyOAuth1 } from '../../lib/oauth1'
import { clientCredentials, OAuth2Auth, type OAuthClient } from '../../lib/oauth2'
import { applyIgwnAuth, type AuthScheme } from '../support/all'
import { expectNoUnhandledRejection } from '../support/record-events'
import { serverGroup } from '../support/server'
import { ours } from '../support/tokens'

const servers = serverGroup()
expectNoUnhandledRejection()
afterEach(servers.close)

const TOKEN = 'token-of-alice'
const FORM = () => new URLSearchParams({ a: '1' })
const byFetch = (config: AxiosRequestConfig = {}) => axios.create({ adapter: 'fetch', ...config })

async function redirecting(status = 307) {
  const elsewhere = await servers.serve(() => ({}))
  const server = await servers.serve(() => ({ status, headers: { location: elsewhere.origin } }))
  return { elsewhere, server, host: new URL(server.origin).host }
}

const notFollowed = (host: string, name: string, status = 307) =>
  ours(
    'ERR_IGWN_UNSUPPORTED',
    `${host} redirects the request (status ${status}), and the fetch adapter would keep what ${name} added to it. The redirect was not followed. Use the http adapter, or the URL that it leads to.`,
  )

describe('the fetch adapter, with a scheme that adds', () => {
  it.each([301, 302, 303, 307, 308])('a token to the body, does not follow a %d', async (status) => {
    const { elsewhere, server, host } = await redirecting(status)
    const scheme = new OAuth2Auth(TOKEN, { placement: 'body' })
    for (const validateStatus of [undefined, null]) {
      const instance = applyIgwnAuth(byFetch(), { scheme })
      const sending = instance.post(server.origin, FORM(), validateStatus === null ? { validateStatus } : {})
      await expect(sending).rejects.toEqual(notFollowed(host, 'OAuth 2.0', status))
    }
    expect(server.seen).toHaveLength(2)
    expect(elsewhere.seen).toEqual([])
  })

  it('a signature with the secrets in it, does not follow a redirect', async () => {
    const { elsewhere, server, host } = await redirecting()
    const instance = applyOAuth1(byFetch(), {
      clientId: 'me',
      clientSecret: 'secret of me',
      signatureMethod: 'PLAINTEXT',
      signatureType: 'body',
    })
    await expect(instance.post(server.origin, FORM())).rejects.toEqual(notFollowed(host, 'OAuth 1.0'))
    expect(elsewhere.seen).toEqual([])
  })

  it('its own header field, does not follow a redirect', async () => {
    const { elsewhere, server, host } = await redirecting()
    const scheme: AuthScheme = { name: 'API key', authorize: () => ({ headers: { 'X-Api-Key': TOKEN } }) }
    const instance = applyIgwnAuth(byFetch(), { scheme })
    await expect(instance.get(server.origin)).rejects.toEqual(notFollowed(host, 'API key'))
    expect(elsewhere.seen).toEqual([])
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
    message: expect.stringContaining(`redirects to ${elsewhere.origin}/, which is not followed`) as string,
  })
  expect(elsewhere.seen).toEqual([])
})
