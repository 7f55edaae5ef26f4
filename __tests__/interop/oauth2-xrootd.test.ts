/** A real OpenID provider issues SciTokens for client credentials, and a real XRootD accepts them. */
import jsonwebtoken from 'jsonwebtoken'
import { chain, discoveredTokens, igwnAxios } from '../../lib/index'
import { clientCredentials, type OAuthClient } from '../../lib/oauth2'
import { startOpenIdProvider, type OpenIdProvider } from '../support/openid-provider'
import { emptyPlaces } from '../support/tokens'
import { caFolder } from './support/ca-folder'
import { cacheOf } from './support/issuer'
import { refusalOf } from './support/refusal'
import { newFolder } from './support/room'
import { startXrootd, type Xrootd } from './support/xrootd'

let provider: OpenIdProvider
let xrootd: Xrootd

beforeAll(async () => {
  provider = await startOpenIdProvider({ jwtForAll: true })
  const { data } = await provider.http.get<{ keys: object[] }>(`${provider.issuer}/jwks`)
  const { authority, issuer: url } = provider
  const files = { 'data/f.txt': 'secret data', 'other/f.txt': 'other data' }
  xrootd = await startXrootd({ authority, issuer: { url, seedCache: cacheOf(url, data.keys) }, files })
  process.env.X509_CERT_DIR = caFolder(newFolder('certificates'), authority)
}, 60_000)
afterAll(() => provider.close())
beforeEach(emptyPlaces)

const client = (more: Partial<OAuthClient> = {}): OAuthClient => ({
  issuer: provider.issuer,
  clientId: 'basic',
  clientSecret: 'secret of basic',
  ...more,
})

const storage = (scope: string, more: Partial<OAuthClient> = {}) =>
  igwnAxios.create({
    baseURL: xrootd.origin,
    igwnAuth: {
      token: chain(discoveredTokens(), clientCredentials(client(more), { scope })),
      netrc: false,
      cert: false,
    },
  })

it('a token for the audience of the storage reads a file there', async () => {
  const { data } = await storage('read:/data').get<string>('/data/f.txt')
  expect(data).toBe('secret data')
  const [grant] = await provider.seen()
  expect(grant).toMatchObject({ grant: 'client_credentials', ok: true })
})

it('one source uses one token for many requests, and all succeed', async () => {
  const before = (await provider.seen()).length
  const instance = storage('read:/data')
  const all = await Promise.all(Array.from({ length: 20 }, () => instance.get<string>('/data/f.txt')))
  expect(new Set(all.map(({ data }) => data))).toEqual(new Set(['secret data']))
  expect((await provider.seen()).length - before).toBe(1)
})

it('a scope that does not cover the file is refused, and the refusal says so', async () => {
  const error = await refusalOf(storage('read:/data').get('/other/f.txt'))
  expect(error.response?.status).toBe(403)
  expect(error.igwnAuth?.summary).toMatch(
    /^the server refused with 403 and gave no reason; the token from the token source has read:\/data and expires in \d+ \w+, for audience .*, and none of its scopes covers \/other\/f\.txt$/,
  )
})

it('a wrong client secret is an error of the provider, and no request reaches the storage', async () => {
  const failing = storage('read:/data', { clientSecret: 'sosecret' }).get('/data/f.txt')
  await expect(failing).rejects.toMatchObject({ code: 'ERR_IGWN_OAUTH_REFUSED', error: 'invalid_client' })
})

it('is a SciToken that libscitokens accepts', async () => {
  const token = await clientCredentials(client(), { scope: 'read:/data' }).getToken({
    audience: xrootd.origin,
  })
  expect(jsonwebtoken.decode(String(token))).toMatchObject({
    iss: provider.issuer,
    aud: xrootd.origin,
    scope: 'read:/data',
    ver: 'scitoken:2.0',
  })
})
