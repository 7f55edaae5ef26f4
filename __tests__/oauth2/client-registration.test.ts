/** Dynamic registration: against a real provider, and against servers that misbehave. */
import fs from 'node:fs'
import path from 'node:path'
import { fileStore } from '../../lib'
import {
  authorizationCode,
  clientRegistration,
  deviceCode,
  type ClientMetadata,
  type OAuthClient,
  type RegistrationOptions,
  type StoredToken,
  type TokenStore,
} from '../../lib/oauth2'
import { browse } from '../support/browser'
import { expectNoSecret } from '../support/expect-no-secret'
import { BEARER } from '../support/oauth-token'
import { startOpenIdProvider, type OpenIdProvider } from '../support/openid-provider'
import { serve, type Answer, type Seen } from '../support/server'
import { ours } from '../support/tokens'

jest.mock('node:timers/promises', () => jest.requireActual<object>('../support/short-pauses'))

let provider: OpenIdProvider
beforeAll(async () => {
  provider = await startOpenIdProvider({ initialAccessToken: 'canary-initial-access-token' })
}, 30_000)
afterAll(() => provider.close())

/** A new store in a file. */
function newStore(): { store: TokenStore; content: () => Record<string, StoredToken> } {
  const file = path.join(fs.mkdtempSync(path.join(String(process.env.HOME), 'store-')), 'registrations.json')
  return {
    store: fileStore(file),
    content: () => JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, StoredToken>,
  }
}

const registered = (store: TokenStore, more: Partial<RegistrationOptions> = {}): OAuthClient => ({
  issuer: provider.issuer,
  axios: provider.http,
  registration: { store, initialAccessToken: 'canary-initial-access-token', ...more },
})
const inBrowser = (client: OAuthClient) =>
  authorizationCode(client, {
    scope: 'openid offline_access read:/data',
    open: (url) => void browse(provider.http, url),
    loginParams: { prompt: 'consent' },
  })
const onDevice = (client: OAuthClient) =>
  deviceCode(client, {
    scope: 'offline_access',
    prompt: ({ verificationUriComplete = '' }) => void browse(provider.http, verificationUriComplete),
  })
const registrations = async () =>
  (await provider.seen()).filter(({ grant }) => grant === 'registration').length

describe('a client without an id', () => {
  it('is registered as a public client once, and reads its registration from the store then', async () => {
    const { store, content } = newStore()
    const before = await registrations()
    expect(await inBrowser(registered(store)).getTokenResponse()).toMatchObject({
      ...BEARER,
      id_token: expect.any(String) as string,
      refresh_token: BEARER.access_token,
    })
    const [entry] = Object.values(content())
    expect(Object.keys(content())).toEqual([`registration ${provider.issuer} http://127.0.0.1/callback`])
    expect(entry).toMatchObject({
      client_id: expect.any(String) as string,
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      access_token: expect.any(String) as string,
      registration_client_uri: expect.stringContaining(`${provider.issuer}/reg/`) as string,
    })
    expect(entry).not.toHaveProperty('client_secret')
    const initialAccessToken = () => Promise.reject(new Error('not registered again'))
    const sources = [inBrowser, onDevice].map((make) => make(registered(store, { initialAccessToken })))
    for (const source of sources) expect(await source.getTokenResponse()).toMatchObject(BEARER)
    expect(await registrations()).toBe(before + 1)
  })

  it('is registered once for concurrent requests of several sources', async () => {
    const { store } = newStore()
    const before = await registrations()
    await Promise.all([1, 2, 3].map(() => onDevice(registered(store)).getTokenResponse()))
    expect(await registrations()).toBe(before + 1)
  })

  it.each<[string, typeof inBrowser]>([
    ['in the browser', inBrowser],
    ['with a device code', onDevice],
  ])('is registered again for a login %s after the server deleted it', async (_name, make) => {
    const { store, content } = newStore()
    const source = make(registered(store))
    const first = await source.getTokenResponse()
    const [before] = Object.values(content())
    await provider.http.delete(String(before?.registration_client_uri), {
      headers: { Authorization: `Bearer ${before?.access_token ?? ''}` },
    })
    source.invalidate(first.access_token)
    // The refresh token was that of the deleted client, so the user logs in again.
    expect((await source.getTokenResponse()).access_token).not.toBe(first.access_token)
    const [after] = Object.values(content())
    expect(after?.client_id).not.toBe(before?.client_id)
  })

  it('sends the metadata and the initial access token that were set', async () => {
    const { store } = newStore()
    const metadata: ClientMetadata = { client_name: 'gw-cli', redirect_uris: ['http://127.0.0.1/elsewhere'] }
    const client = registered(store, { metadata, storeKey: 'gw-cli' })
    const source = authorizationCode(client, {
      path: '/elsewhere',
      scope: 'openid',
      open: (url) => void browse(provider.http, url),
    })
    await source.getTokenResponse()
    expect(await clientRegistration(client).read()).toMatchObject(metadata)
    await expect(
      onDevice(registered(newStore().store, { initialAccessToken: 'canary-wrong-token' })).getTokenResponse(),
    ).rejects.toMatchObject({ code: 'ERR_IGWN_OAUTH_REFUSED', error: 'invalid_token', status: 401 })
  })
})

describe('clientRegistration', () => {
  it('reads, updates and deletes the client, and keeps a registration access token that was replaced', async () => {
    const { store, content } = newStore()
    const client = registered(store)
    const registration = clientRegistration(client)
    await onDevice(client).getTokenResponse()
    const [{ access_token: first } = { access_token: '' }] = Object.values(content())

    const read = await registration.read()
    expect(read).toMatchObject({ token_endpoint_auth_method: 'none' })
    expect(await registration.update({ client_name: 'Renamed' })).toEqual({ ...read, client_name: 'Renamed' })
    const [{ access_token: second } = { access_token: '' }] = Object.values(content())
    expect(second).not.toBe(first)
    expect(await registration.read()).toMatchObject({ client_id: read.client_id, client_name: 'Renamed' })
    expectNoSecret(read, [first, second])

    await registration.delete()
    expect(content()).toEqual({})
    await registration.delete()
    await expect(registration.read()).rejects.toMatchObject({ code: 'ERR_IGWN_TOKEN_NOT_FOUND' })
    const after = await onDevice(client).getTokenResponse()
    expect(after).toMatchObject(BEARER)
  })

  it('deletes the client in the store when the server has deleted it already', async () => {
    const { store, content } = newStore()
    await onDevice(registered(store)).getTokenResponse()
    const [entry] = Object.values(content())
    const headers = { Authorization: `Bearer ${entry?.access_token ?? ''}` }
    await provider.http.delete(String(entry?.registration_client_uri), { headers })
    await clientRegistration(registered(store)).delete()
    expect(content()).toEqual({})
  })

  it('needs the option registration', () => {
    expect(() => clientRegistration({ issuer: provider.issuer, clientId: 'cli' })).toThrow(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'client.registration is missing. Set it to the options with which the client was registered.',
      ),
    )
  })
})

describe('options', () => {
  it.each<[string, Partial<OAuthClient>, string]>([
    [
      'no store',
      { registration: {} as never },
      'client.registration needs a store, such as fileStore(), that keeps the registration.',
    ],
    [
      'an unknown name',
      { registration: { store: newStore().store, metdata: {} } as never },
      'client.registration has no option "metdata"; there are store, storeKey, metadata, initialAccessToken.',
    ],
    [
      'a clientId, too',
      { clientId: 'cli', registration: { store: newStore().store } },
      'client.registration and client.clientId contradict each other. Set clientId for a client that is registered already.',
    ],
  ])('rejects %s', (_name, more, message) => {
    expect(() => onDevice({ issuer: provider.issuer, ...more })).toThrow(
      ours('ERR_IGWN_INVALID_OPTION', message),
    )
  })
})

describe('a server', () => {
  const REGISTERED = { client_id: 'me', registration_access_token: 'canary-registration-token' }
  const TOKEN = { access_token: 'a', token_type: 'Bearer' }

  /** Requests a token with a device code; the last path of each endpoint chooses the response. */
  async function logIn(respond: (seen: Seen, origin: string) => Answer | undefined, more: object = {}) {
    let origin = ''
    const server = await serve((seen) => {
      const standard: Record<string, object> = {
        '/register': { ...REGISTERED, registration_client_uri: `${origin}/me` },
        '/device': {
          device_code: 'd',
          user_code: 'u',
          verification_uri: `${origin}/verify`,
          expires_in: 60,
          interval: 1,
        },
        '/token': TOKEN,
      }
      return respond(seen, origin) ?? { body: JSON.stringify(standard[seen.url]) }
    })
    origin = server.origin
    const { store, content } = newStore()
    const client: OAuthClient = {
      metadata: {
        issuer: origin,
        registration_endpoint: `${origin}/register`,
        device_authorization_endpoint: `${origin}/device`,
        token_endpoint: `${origin}/token`,
        ...more,
      },
      registration: { store, initialAccessToken: 'canary-initial-token' },
    }
    const source = deviceCode(client, { prompt: () => undefined })
    const outcome = await source.getTokenResponse().catch((error: unknown) => error)
    const paths = () => server.seen.map(({ method, url }) => `${method} ${url}`)
    return { outcome, paths, server, source, client, store, content }
  }

  it('that knows no registered client gets one more, not one for each request', async () => {
    const { outcome, paths, source } = await logIn(({ url }) =>
      url === '/device' ? { status: 401, body: '{"error":"invalid_client"}' } : undefined,
    )
    expect(outcome).toMatchObject({ code: 'ERR_IGWN_OAUTH_REFUSED', error: 'invalid_client' })
    await expect(source.getTokenResponse()).rejects.toMatchObject({ error: 'invalid_client' })
    expect(paths()).toEqual(['POST /register', 'POST /device', 'POST /device'])
  })

  it('cannot make the registration expire in the store, which would register a client for each start', async () => {
    const { content } = await logIn(({ url }) =>
      url === '/register'
        ? { status: 201, body: JSON.stringify({ ...REGISTERED, expires_at: 1, refresh_token: 'x' }) }
        : undefined,
    )
    const [entry] = Object.values(content())
    expect(entry).toMatchObject({ client_id: REGISTERED.client_id })
    expect(Object.keys(entry as object)).not.toEqual(expect.arrayContaining(['expires_at']))
    expect(Object.keys(entry as object)).not.toEqual(expect.arrayContaining(['refresh_token']))
  })

  it('that has no public clients registers one with a secret, which is used and kept', async () => {
    const { outcome, server, content } = await logIn(
      ({ url }) =>
        url === '/register'
          ? { status: 201, body: JSON.stringify({ client_id: 'me', client_secret: 'canary-client-secret' }) }
          : undefined,
      {
        token_endpoint_auth_methods_supported: ['client_secret_basic'],
        grant_types_supported: ['refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      },
    )
    expect(outcome).toMatchObject({ access_token: 'a' })
    const [register, device] = server.seen
    expect(register?.headers.authorization).toBe('Bearer canary-initial-token')
    expect(JSON.parse(register?.body ?? '')).toEqual({
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/callback'],
      response_types: ['code'],
      grant_types: ['refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      token_endpoint_auth_method: 'client_secret_basic',
    })
    const basic = Buffer.from('me:canary-client-secret').toString('base64')
    expect(device?.headers.authorization).toBe(`Basic ${basic}`)
    expect(Object.values(content())).toMatchObject([{ client_secret: 'canary-client-secret' }])
  })

  it.each<[string, Answer, object, string]>([
    [
      'without registration',
      {},
      { registration_endpoint: undefined },
      'SERVER has no registration_endpoint. Register the client there by hand, and set clientId.',
    ],
    [
      'that refuses the metadata',
      { status: 400, body: '{"error":"invalid_redirect_uri","error_description":"no loopback"}' },
      {},
      'SERVER refused the request (status 400): invalid_redirect_uri: no loopback. Set registration.metadata to what this server accepts.',
    ],
    [
      'that repeats the token it refuses',
      { status: 403, body: '{"error":"access_denied","error_description":"not canary-initial-token"}' },
      {},
      'SERVER refused the request (status 403): access_denied: not [hidden]. The user or the server denied the request.',
    ],
    [
      'that returns no client_id',
      { status: 201, body: '{"registration_access_token":"canary-registration-token"}' },
      {},
      'The response of SERVER to a registration has no client_id. Check registration_endpoint.',
    ],
    [
      'that has no such page',
      { status: 404, body: '<html>' },
      {},
      'The response of SERVER (status 404) cannot be used: its status is not that of success, or it is not JSON. Check the URL, and that it belongs to an authorization server.',
    ],
  ])('%s is an error that says so', async (_name, answer, metadata, message) => {
    const { outcome, server } = await logIn(({ url }) => (url === '/register' ? answer : undefined), metadata)
    expect(outcome).toMatchObject({ message: message.replace('SERVER', server.origin) })
    expectNoSecret(outcome, ['canary-initial-token', 'canary-registration-token'])
  })

  it('never gets a registration access token over plain HTTP to another host', async () => {
    const { client } = await logIn(({ url }) =>
      url === '/register'
        ? {
            status: 201,
            body: JSON.stringify({ ...REGISTERED, registration_client_uri: 'http://issuer.example.org/me' }),
          }
        : undefined,
    )
    const refusal = await clientRegistration(client)
      .read()
      .catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'ERR_IGWN_INSECURE_TRANSPORT' })
    expectNoSecret(refusal, ['canary-registration-token'])
  })

  it('without a configuration endpoint is an error of update', async () => {
    const { client } = await logIn(({ url }, origin) =>
      url === '/register' ? { status: 201, body: `{"client_id":"me","client_uri":"${origin}"}` } : undefined,
    )
    await expect(clientRegistration(client).update({ client_name: 'x' })).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: expect.stringContaining('gave no registration_client_uri') as string,
    })
  })
})
