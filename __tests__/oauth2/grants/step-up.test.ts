/** A server that requires another login (RFC 9470), and grants whose user can log in. */
import axios from 'axios'
import { authorizationCode, clientCredentials, deviceCode, type OAuthClient } from '../../../lib/oauth2'
import { igwnAxios, type IgwnAuthOptions } from '../../support/all'
import { challenge, serve, type Answer, type Seen } from '../../support/server'
import { passTime, stopClock } from '../../support/tokens'

jest.mock('node:timers/promises', () => jest.requireActual<object>('../../support/short-pauses'))

afterEach(() => {
  jest.useRealTimers()
})

const REQUIRED = 'error="insufficient_user_authentication", acr_values="mfa hardware", max_age="300"'

/** An issuer of tokens, and a service that accepts those of a login with `mfa`. */
async function site(required = REQUIRED) {
  /** The parameters of each login. */
  const logins: Record<string, string>[] = []
  const ofLogin = () => (logins.at(-1)?.acr_values?.includes('mfa') ? 'strong' : 'weak')
  const issuer = await serve(({ url, body }: Seen): Answer => {
    if (url === '/device') {
      logins.push(Object.fromEntries(new URLSearchParams(body)))
      const device = {
        device_code: 'd',
        user_code: 'u',
        verification_uri: issuer.origin,
        expires_in: 60,
        interval: 1,
      }
      return { body: JSON.stringify(device) }
    }
    const token = { access_token: `${ofLogin()}-${logins.length}`, token_type: 'Bearer', expires_in: 3600 }
    return { body: JSON.stringify(token) }
  })
  const service = await serve(({ headers }) =>
    headers.authorization?.startsWith('Bearer strong') ? {} : challenge(required),
  )
  const client: OAuthClient = {
    clientId: 'me',
    metadata: {
      authorization_endpoint: `${issuer.origin}/authorize`,
      token_endpoint: `${issuer.origin}/token`,
      device_authorization_endpoint: `${issuer.origin}/device`,
    },
  }
  const open = async (url: string) => {
    const { searchParams } = new URL(url)
    logins.push(Object.fromEntries(searchParams))
    await axios.get(String(searchParams.get('redirect_uri')), {
      params: { code: 'c', state: searchParams.get('state') },
    })
  }
  const sources = {
    authorizationCode: (stepUp?: boolean) =>
      authorizationCode(client, { open, stepUp, loginParams: { acr_values: 'password' } }),
    deviceCode: (stepUp?: boolean) => deviceCode(client, { prompt: () => undefined, stepUp }),
  }
  const get = (token: IgwnAuthOptions['token'], url = '/') =>
    igwnAxios.get(`${service.origin}${url}`, { igwnAuth: { ...(token !== undefined && { token }) } })
  return { logins, service, client, sources, get }
}

describe.each(['authorizationCode', 'deviceCode'] as const)('%s', (grant) => {
  it('with stepUp logs the user in again, as the server requires, and sends the request again', async () => {
    const { logins, service, sources, get } = await site()
    const source = sources[grant](true)
    expect((await get(source)).status).toBe(200)
    expect(service.authorizations).toEqual(['Bearer weak-1', 'Bearer strong-2'])
    expect(logins).toHaveLength(2)
    expect(logins[1]).toMatchObject({ acr_values: 'mfa hardware', max_age: '300' })
    // The token is kept.
    await get(source)
    expect(logins).toHaveLength(2)
  })

  it('without stepUp logs in no second time; the error says what is required', async () => {
    const { logins, service, sources, get } = await site()
    const error = await get(sources[grant]()).catch((failure: unknown) => failure)
    expect(error).toMatchObject({
      status: 401,
      igwnAuth: {
        summary: expect.stringMatching(
          /^the server requires another login with acr_values mfa hardware in the last 300 seconds: log in again, or set stepUp of the grant; /,
        ) as string,
      },
    })
    expect(logins).toHaveLength(1)
    expect(service.seen).toHaveLength(1)
  })
})

it('requests that are refused at the same time share one login', async () => {
  const { logins, sources, get } = await site()
  const source = sources.authorizationCode(true)
  await source.getToken({ audience: 'http://127.0.0.1' })
  const all = await Promise.all(Array.from({ length: 5 }, (_, index) => get(source, `/${index}`)))
  expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  expect(logins.filter(({ acr_values: acr }) => acr === 'mfa hardware')).toHaveLength(1)
})

it('a server that is never satisfied gets one login a minute, and one retry for a request', async () => {
  const { logins, service, sources, get } = await site(
    'error="insufficient_user_authentication", max_age="0"',
  )
  stopClock()
  const source = sources.authorizationCode(true)
  const counts: [logins: number, requests: number][] = []
  for (const seconds of [0, 30, 31]) {
    passTime(seconds)
    await expect(get(source)).rejects.toHaveProperty('status', 401)
    counts.push([logins.length, service.seen.length])
  }
  // The first login is for the first token.
  expect(counts).toEqual([
    [2, 2],
    [2, 3],
    [4, 5],
  ])
})

it.each([
  ['nothing that is not allowed in it', 'acr_values="a\\"b", max_age="5 OR 1"', {}],
  ['no long value', `acr_values="${'a'.repeat(300)}", max_age="99999999999"`, {}],
  ['the age alone', 'max_age="60"', { max_age: '60' }],
])('of a challenge, a login has %s', async (_, parameters, expected) => {
  const { logins, sources, get } = await site(`error="insufficient_user_authentication", ${parameters}`)
  await get(sources.deviceCode(true)).catch(() => undefined)
  const { acr_values, max_age } = logins[1]!
  expect({ acr_values, max_age }).toEqual({ acr_values: undefined, max_age: undefined, ...expected })
})

it('a grant without a user has no such option', async () => {
  const { client } = await site()
  expect(() => clientCredentials(client, { stepUp: true } as object)).toThrow(
    'options has no option "stepUp"',
  )
})
