/** Device polling, prompts, login parameters and the loopback listener, against servers that misbehave. */
import http from 'node:http'
import { once } from 'node:events'
import net from 'node:net'
import axios from 'axios'
import {
  authorizationCode,
  deviceCode,
  type AuthorizationCodeOptions,
  type DeviceCodeOptions,
  type DevicePrompt,
} from '../../../lib/oauth2'
import { serve, type Answer, type TestServer } from '../../support/server'
import { thrownBy } from '../../support/thrown-by'
import { createSigningKey, now, ours } from '../../support/tokens'

/** The pauses between polls, in milliseconds; nothing waits for them. */
const pauses: number[] = []
jest.mock('node:timers/promises', () => ({
  setTimeout: (milliseconds: number) => {
    pauses.push(Math.round(milliseconds))
    return Promise.resolve()
  },
}))

beforeEach(() => void pauses.splice(0))

const TOKEN: Answer = { body: '{"access_token":"a","token_type":"Bearer"}' }
const PENDING: Answer = { status: 400, body: '{"error":"authorization_pending"}' }
const HTML = { 'content-type': 'text/html' }
const DEVICE = {
  device_code: 'canary-device-code',
  user_code: 'ABCD-EFGH',
  verification_uri: 'https://issuer.test/device',
  expires_in: 600,
  interval: 1,
}

/** Logs in on another device; the token endpoint sends these responses one after the other. */
async function logIn(
  responses: readonly Answer[],
  device: object = {},
  options: Partial<DeviceCodeOptions> = {},
) {
  let polls = 0
  const server = await serve(({ url }) =>
    url === '/device' ? { body: JSON.stringify({ ...DEVICE, ...device }) } : (responses[polls++] ?? TOKEN),
  )
  const metadata = {
    issuer: server.origin,
    token_endpoint: `${server.origin}/token`,
    device_authorization_endpoint: `${server.origin}/device`,
  }
  let prompt: DevicePrompt | undefined
  const source = deviceCode(
    { metadata, clientId: 'me' },
    { prompt: (shown) => void (prompt = shown), ...options },
  )
  const outcome = await source.getTokenResponse().catch((error: unknown) => error)
  return { outcome, prompt, polls, source, server }
}

describe('device polling', () => {
  it.each<[string, Answer]>([
    ['429', { status: 429, body: '' }],
    ['500', { status: 500, body: '{"error":"server_error"}' }],
    ['502 with HTML', { status: 502, headers: HTML, body: '<html>Bad Gateway' }],
    ['503', { status: 503, body: '{}' }],
    ['temporarily_unavailable', { status: 400, body: '{"error":"temporarily_unavailable"}' }],
    ['HTML', { headers: HTML, body: '<html>Maintenance' }],
    ['a 403 with HTML', { status: 403, headers: HTML, body: '<html>Too fast' }],
  ])('continues, slower, after %s', async (_name, failure) => {
    const { outcome } = await logIn([PENDING, failure, PENDING, TOKEN])
    expect(outcome).toMatchObject({ access_token: 'a' })
    expect(pauses).toEqual([1000, 1000, 2000, 2000])
  })

  it('waits for Retry-After', async () => {
    const headers = { 'retry-after': '30' }
    await logIn([{ status: 503, headers, body: '' }, PENDING, TOKEN])
    expect(pauses).toEqual([1000, 30_000, 2000])
  })

  it('is at most as slow as a minute after failures, and slower by 5 seconds after slow_down', async () => {
    const slowDown = { status: 400, body: '{"error":"slow_down"}' }
    await logIn([...Array<Answer>(3).fill({ status: 500, body: '' }), slowDown, TOKEN], { interval: 20 })
    expect(pauses).toEqual([20_000, 40_000, 60_000, 60_000, 65_000])
  })

  it.each([
    ['access_denied', { status: 400, body: '{"error":"access_denied"}' }, 'ERR_IGWN_OAUTH_REFUSED'],
    ['invalid_client', { status: 401, body: '{"error":"invalid_client"}' }, 'ERR_IGWN_OAUTH_REFUSED'],
    ['a wrong URL', { status: 404, headers: HTML, body: '<html>' }, 'ERR_IGWN_OAUTH_RESPONSE'],
    ['expired_token', { status: 400, body: '{"error":"expired_token"}' }, 'ERR_IGWN_OAUTH_TIMEOUT'],
  ])('ends after %s', async (_name, response, code) => {
    const { outcome, polls } = await logIn([response])
    expect(outcome).toMatchObject({ code })
    expect(polls).toBe(1)
  })

  it('names the last failure when the code expires meanwhile', async () => {
    const { outcome } = await logIn(Array<Answer>(10_000).fill({ status: 503, body: '' }), {
      expires_in: 0.2,
    })
    expect(outcome).toMatchObject({
      code: 'ERR_IGWN_OAUTH_TIMEOUT',
      message: expect.stringMatching(
        /^The user did not log in before the code expired\. The last request for the token failed: The response of .* \(status 503\)/,
      ) as string,
    })
  })

  it.each([
    ['text', { interval: '7', expires_in: '900' }, 7000],
    ['an interval of 0', { interval: 0 }, 5000],
    ['an interval of less than a second', { interval: 0.001 }, 1000],
    ['an interval that is not a number', { interval: 'soon' }, 5000],
    ['no interval', { interval: undefined }, 5000],
  ])('accepts numbers as %s', async (_name, device, pause) => {
    const { outcome } = await logIn([TOKEN], device)
    expect(outcome).toMatchObject({ access_token: 'a' })
    expect(pauses).toEqual([pause])
  })
})

describe('the prompt of a device login', () => {
  it('contains no control characters and only http(s) URLs', async () => {
    const { prompt } = await logIn([TOKEN], {
      user_code: 'AB\u001b[2J\u202eCD',
      verification_uri: 'https://issuer.test/\u001b]8;;x\u0007',
      verification_uri_complete: 'https://issuer.test/?code=\u202eAB',
    })
    expect(prompt).toEqual({
      userCode: 'AB?[2J?CD',
      verificationUri: 'https://issuer.test/%1B]8;;x',
      verificationUriComplete: 'https://issuer.test/?code=%E2%80%AEAB',
      expiresAt: expect.any(Number) as number,
    })
  })

  it.each([
    ['verification_uri', 'javascript:alert(1)'],
    ['verification_uri', 'not a URL'],
    ['verification_uri_complete', 'file:///etc/passwd'],
  ])('is not shown when %s is %s', async (member, url) => {
    const { outcome, prompt } = await logIn([PENDING], { [member]: url })
    expect(prompt).toBeUndefined()
    expect(outcome).toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: expect.stringContaining(`The ${member} of http://127.0.0.1:`) as string,
    })
  })
})

describe('options of a login', () => {
  const client = { issuer: 'https://issuer.test', clientId: 'me' }
  const open = () => undefined

  it.each(['redirect_uri', 'state', 'response_type', 'code_challenge', 'response_mode'])(
    'loginParams must not contain %s',
    (name) => {
      const options = { open, loginParams: { [name]: 'x' } }
      expect(thrownBy(() => authorizationCode(client, options))).toEqual(
        ours(
          'ERR_IGWN_INVALID_OPTION',
          `options.loginParams must not contain ${name}, which is set by this package. Use the option for it.`,
        ),
      )
    },
  )

  it('loginParams of a device login must not contain scope', () => {
    const make = () => deviceCode(client, { prompt: open, loginParams: { scope: 'x' } })
    expect(thrownBy(make)).toMatchObject({ code: 'ERR_IGWN_INVALID_OPTION' })
  })

  it.each<[Partial<AuthorizationCodeOptions>, string]>([
    [{ timeout: 300 }, 'options.timeout is in milliseconds; 300 is too short. Did you mean 300000?'],
    [{ timeout: -1 }, 'options.timeout must be a number of milliseconds, 0 or more, not -1.'],
    [
      { host: 'example.org' as 'localhost' },
      'options.host must be one of 127.0.0.1, localhost, not this string.',
    ],
  ])('%j is an error', (options, message) => {
    expect(thrownBy(() => authorizationCode(client, { open, ...options }))).toEqual(
      ours('ERR_IGWN_INVALID_OPTION', message),
    )
  })
})

describe('the host localhost in the redirect URI', () => {
  async function logInAtLocalhost(options: Partial<AuthorizationCodeOptions>) {
    const server = await serve(() => TOKEN)
    const metadata = {
      authorization_endpoint: `${server.origin}/auth`,
      token_endpoint: `${server.origin}/token`,
    }
    return authorizationCode(
      { metadata, clientId: 'me' },
      { host: 'localhost', open: () => undefined, ...options },
    ).getTokenResponse()
  }

  it.each(['127.0.0.1', '::1'])('is reachable at %s', async (address) => {
    const probe = net.createServer().listen(0, address)
    const [event] = await Promise.race([
      once(probe, 'listening').then(() => ['listening']),
      once(probe, 'error').then(() => ['error']),
    ])
    probe.close()
    if (event === 'error') return // This host has no IPv6.
    const open = async (url: string) => {
      const { searchParams } = new URL(url)
      const callback = new URL(searchParams.get('redirect_uri') ?? '')
      expect(callback.hostname).toBe('localhost')
      callback.search = `?code=x&state=${searchParams.get('state') ?? ''}`
      const agent = new http.Agent({
        lookup: (_name, _options, done) => {
          done(null, [{ address, family: address === '::1' ? 6 : 4 }])
        },
      })
      const { status } = await axios.get(callback.href, { httpAgent: agent })
      expect(status).toBe(200)
    }
    expect(await logInAtLocalhost({ open })).toMatchObject({ access_token: 'a' })
  })

  it('rejects requests for another host', async () => {
    const statuses: number[] = []
    const open = async (url: string) => {
      const { searchParams } = new URL(url)
      const callback = new URL(searchParams.get('redirect_uri') ?? '')
      callback.search = `?code=x&state=${searchParams.get('state') ?? ''}`
      for (const host of [`127.0.0.1:${callback.port}`, `evil.test:${callback.port}`, callback.host])
        statuses.push(
          (await axios.get(callback.href, { headers: { Host: host }, validateStatus: null })).status,
        )
    }
    await logInAtLocalhost({ open })
    expect(statuses).toEqual([404, 404, 200])
  })
})

describe('the id_token of a login with the scope openid', () => {
  const withIdToken: Answer = { body: JSON.stringify({ access_token: 'a', id_token: 'e30.e30.x' }) }

  it('is an error when it is invalid', async () => {
    const { outcome } = await logIn([withIdToken], {}, { scope: 'openid' })
    expect(outcome).toMatchObject({ code: 'ERR_IGWN_OAUTH_ID_TOKEN' })
  })

  it('is an error when the keys cannot be fetched, and the device code is not used again', async () => {
    const key = createSigningKey('k1')
    const server: TestServer = await serve(({ url }) => {
      if (url === '/device') return { body: JSON.stringify(DEVICE) }
      if (url !== '/token') return { status: 503, body: '' }
      const claims = { iss: server.origin, sub: 'albert', aud: 'me', iat: now(), exp: now() + 600 }
      return { body: JSON.stringify({ access_token: 'a', id_token: key.sign(claims) }) }
    })
    const metadata = {
      issuer: server.origin,
      token_endpoint: `${server.origin}/token`,
      device_authorization_endpoint: `${server.origin}/device`,
      jwks_uri: `${server.origin}/keys`,
      id_token_signing_alg_values_supported: ['ES256'],
    }
    const source = deviceCode({ metadata, clientId: 'me' }, { prompt: () => undefined, scope: 'openid' })
    await expect(source.getTokenResponse()).rejects.toMatchObject({ code: 'ERR_IGWN_OAUTH_RESPONSE' })
    expect(server.seen.map(({ url }) => url)).toEqual(['/device', '/token', '/keys'])
  })

  it('is removed when it is invalid and was not requested', async () => {
    const { outcome } = await logIn([withIdToken])
    expect(outcome).toEqual({ access_token: 'a', token_type: 'Bearer' })
  })
})
