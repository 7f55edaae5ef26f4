import { clientCredentials, deviceCode, tokenExchange, type OAuthClient, type Preset } from '../../lib/oauth2'
import { serve } from '../support/server'
import { ours } from '../support/tokens'

jest.mock('node:timers/promises', () => jest.requireActual<object>('../support/short-pauses'))

const AUDIENCE = 'https://storage.example.org'

/** The parameters of requests to a server, by path. */
async function parametersOf(more: Partial<OAuthClient>) {
  const device = {
    device_code: 'd',
    user_code: 'u',
    verification_uri: 'https://x.example.org',
    interval: 1,
  }
  const server = await serve(({ url }) => ({
    body: JSON.stringify(
      url === '/device' ? { ...device, expires_in: 60 } : { access_token: 'a', token_type: 'Bearer' },
    ),
  }))
  const metadata = {
    issuer: server.origin,
    token_endpoint: `${server.origin}/token`,
    device_authorization_endpoint: `${server.origin}/device`,
  }
  const client: OAuthClient = { metadata, clientId: 'me', ...more }
  const query = { audience: [AUDIENCE] }
  await deviceCode(client, { prompt: () => undefined, scope: 'storage.read:/' }).getTokenResponse(query)
  await clientCredentials({ ...client, clientSecret: 'secret' }).getTokenResponse(query)
  await tokenExchange(client, { subject: 'subject-token' }).getTokenResponse(query)
  const [login, , robot, exchange] = server.seen.map(({ body }) =>
    Object.fromEntries(
      [...new URLSearchParams(body)].filter(([name]) => /^(?:scope|resource|audience)$/.test(name)),
    ),
  )
  return { login, robot, exchange }
}

it.each<[Preset | undefined, string, string | undefined, string | undefined]>([
  [undefined, 'storage.read:/', 'resource', 'resource'],
  ['iam', 'offline_access storage.read:/', 'audience', 'audience'],
  ['keycloak', 'offline_access storage.read:/', undefined, 'audience'],
  ['cilogon', 'openid offline_access storage.read:/', undefined, undefined],
  ['pelican', 'wlcg offline_access storage.read:/', undefined, undefined],
  ['igwn', 'openid offline_access storage.read:/', undefined, undefined],
])(
  '%s: the scope of a login, and the parameters of the audience',
  async (preset, scope, usual, ofExchange) => {
    const named = (name: string | undefined) => (name === undefined ? {} : { [name]: AUDIENCE })
    expect(await parametersOf({ preset })).toEqual({
      login: { scope, ...named(usual) },
      robot: named(usual),
      exchange: named(ofExchange),
    })
  },
)

it('an option of the client overrides the preset', async () => {
  const { login, exchange } = await parametersOf({ preset: 'keycloak', audienceParameter: 'resource' })
  expect(login).toMatchObject({ resource: AUDIENCE })
  expect(exchange).toEqual({ resource: AUDIENCE })
})

it('igwn sets the issuer, too', () => {
  const source = clientCredentials({ preset: 'igwn', clientId: 'me', clientSecret: 'secret' })
  expect(source.explain?.({})).toMatchObject([
    { source: 'clientCredentials at https://cilogon.org/igwn', verdict: 'deferred' },
  ])
})

it('an unknown preset is an error', () => {
  expect(() => clientCredentials({ preset: 'iamm' as never, issuer: 'https://x.example.org' })).toThrow(
    ours(
      'ERR_IGWN_INVALID_OPTION',
      'client.preset must be one of iam, keycloak, cilogon, pelican, igwn, not this string.',
    ),
  )
})
