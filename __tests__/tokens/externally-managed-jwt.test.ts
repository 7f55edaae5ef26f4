import axios from 'axios'
import {
  applyIgwnAuth,
  externallyManagedJwt,
  SciToken,
  type ExternallyManagedJwtOptions,
  type Finding,
  type TokenQuery,
} from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { expectNoUnhandledRejection, recordEvents } from '../support/record-events'
import { challenge, serve } from '../support/server'
import { thrownBy } from '../support/thrown-by'
import { mint, now, ours, passTime, signatureOf, stopClock } from '../support/tokens'

const { events, warnings } = recordEvents()
expectNoUnhandledRejection()
afterEach(() => {
  jest.useRealTimers()
})

const iso = (seconds: number) => new Date(seconds * 1000).toISOString().replace('.000', '')

/** A provider that returns one value after the other, then always the last one. */
function giving(...results: unknown[]) {
  let calls = 0
  const getToken = () => {
    const one = results[Math.min(calls, results.length - 1)]
    calls += 1
    return one as string
  }
  return { getToken, calls: () => calls }
}

/** With short delays. `calls` is not an option. */
const managed = ({ calls: _, ...options }: { calls?: unknown; [option: string]: unknown }) =>
  externallyManagedJwt({ retryDelays: [1, 2], ...options } as unknown as ExternallyManagedJwtOptions)

describe('the first token', () => {
  it('is used until it has less than a minute left; then the provider returns the next one', async () => {
    stopClock()
    const provider = giving(['next', now() + 1000])
    const source = managed({ ...provider, jwt: 'first', expires: now() + 100 })
    expect([source.authenticated, await source.getToken()]).toEqual([true, 'first'])
    passTime(40)
    expect([source.authenticated, await source.getToken()]).toEqual([true, 'first'])
    passTime(1)
    expect(source.authenticated).toBe(false)
    expect([await source.getToken(), provider.calls()]).toEqual(['next', 1])
  })

  it.each([
    ['a Date', () => new Date(Date.now() + 100_000)],
    ['seconds', () => Date.now() / 1000 + 100],
  ])('has its expiry as %s', async (_, expires) => {
    const provider = giving(['next', now() + 1000])
    expect(await managed({ ...provider, jwt: 'first', expires: expires() }).getToken()).toBe('first')
    expect(provider.calls()).toBe(0)
  })

  it.each([
    [
      { jwt: 'first' },
      'jwt was given without expires and is not used. The provider is asked for the first token.',
    ],
    [{ expires: 4_000_000_000 }, 'expires was given without jwt and is not used.'],
  ])('is ignored with a warning when it is %j', async (initial, message) => {
    const source = managed({ ...giving(['next', now() + 1000]), ...initial })
    expect(events).toEqual([{ type: 'warning', source: 'externallyManagedJwt', message }])
    expect(source.authenticated).toBe(false)
    expect(await source.getToken()).toBe('next')
  })

  it('that has expired is replaced', async () => {
    const source = managed({ ...giving(['next', now() + 1000]), jwt: 'first', expires: now() - 1 })
    expect(await source.getToken()).toBe('next')
    expect(warnings()).toEqual([])
  })
})

describe('the provider', () => {
  const jwt = mint({ exp: 4_000_000_000 })
  it.each([
    ['a pair with seconds', ['abc', 4_000_000_000], 'abc'],
    ['a pair with a Date', ['abc', new Date(4_000_000_000_000)], 'abc'],
    ['an object', { jwt: 'abc', expires: 4_000_000_000 }, 'abc'],
    ['a JWT alone', jwt, jwt],
    ['a JWT as bytes', Buffer.from(jwt), jwt],
    ['a SciToken', SciToken.deserialize(jwt), jwt],
    ['a pair with a SciToken', [SciToken.deserialize(jwt), 4_000_000_000], jwt],
    ['a token response', { access_token: 'abc', expires_at: 4_000_000_000 }, 'abc'],
    ['a promise of one', Promise.resolve({ jwt: 'abc', expires: 4_000_000_000 }), 'abc'],
  ])('may return %s', async (_, given, text) => {
    const source = managed(giving(given))
    expect(await source.getToken()).toBe(text)
    expect(events).toEqual([{ type: 'renewed', source: 'externallyManagedJwt', expiresAt: 4_000_000_000 }])
    expect(await source.getToken()).toBe(text)
  })

  it.each([
    [undefined, 'the result of getToken must be a string, a Uint8Array or a SciToken, not undefined.'],
    ['', expect.stringMatching(/^the result of getToken is empty/) as unknown as string],
    ['abc', 'getToken returned a token without an expiry (no exp claim). Return [token, expires].'],
    [['abc'], 'getToken returned a token without an expiry (no exp claim). Return [token, expires].'],
    [
      ['abc', 'tomorrow'],
      'the expiry that getToken returned must be a Date or seconds since the epoch, not a string.',
    ],
    [
      ['abc', 1_800_000_000_000],
      'the expiry that getToken returned must be a Date or seconds since the epoch, not milliseconds (1800000000000).',
    ],
    [
      ['abc', new Date('never')],
      'the expiry that getToken returned must be a Date or seconds since the epoch, not an invalid Date.',
    ],
    [['abc', NaN], 'the expiry that getToken returned must be a Date or seconds since the epoch, not NaN.'],
    [{ token: 'abc' }, 'the result of getToken must be a string, a Uint8Array or a SciToken, not an object.'],
  ])('must not return %j', async (given, message) => {
    const provider = giving(given)
    await expect(managed(provider).getToken()).rejects.toEqual(ours('ERR_IGWN_TOKEN_MALFORMED', message))
    expect(provider.calls()).toBe(1)
  })

  it('is asked again when it returns an expired token, which it may be renewing', async () => {
    const provider = giving(['old', now() - 10], ['old', now() + 30], ['new', now() + 1000])
    expect(await managed(provider).getToken()).toBe('new')
    expect(provider.calls()).toBe(3)
  })

  it('is asked again after one second, then after two', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] })
    const begin = Date.now()
    const asked: number[] = []
    const source = externallyManagedJwt({
      getToken: () => {
        asked.push(Date.now() - begin)
        return ['token', now() + (asked.length === 3 ? 1000 : -10)]
      },
    })
    const token = source.getToken()
    await jest.runAllTimersAsync()
    expect(await token).toBe('token')
    expect(asked).toEqual([0, 1000, 3000])
  })

  it.each([
    [-300, 'expired'],
    [30, 'expires'],
  ])('fails after three tries, with the end in the message (%d s left)', async (left, word) => {
    stopClock()
    const provider = giving([mint(), now() + left])
    const source = managed(provider)
    const error: unknown = await source.getValidToken().catch((reason: unknown) => reason)
    expect(error).toEqual(
      ours(
        'ERR_IGWN_TOKEN_EXPIRED',
        `externallyManagedJwt got no usable token in 3 tries: the last one ${word} at ${iso(now() + left)}, and 60 seconds are required. ` +
          "Renew it where it is managed, or set this host's clock.",
      ),
    )
    expect(provider.calls()).toBe(3)
    await expect(source.getToken()).rejects.toThrow('got no usable token in 3 tries')
    expect(provider.calls()).toBe(6)
  })

  it('that throws is asked again by the next request, not before', async () => {
    let calls = 0
    const source = managed({
      getToken: () => {
        calls += 1
        if (calls === 1) throw new Error('vault is down')
        return ['abc', now() + 1000]
      },
    })
    await expect(source.authenticate()).rejects.toThrow('vault is down')
    expect(calls).toBe(1)
    await source.authenticate()
    expect(source.authenticated).toBe(true)
  })

  it('is asked once for all requests, those that arrive between its tries too', async () => {
    const provider = giving(['old', now() - 10], ['new', now() + 1000])
    const source = managed({ ...provider, retryDelays: [50] })
    const early = Array.from({ length: 20 }, async () => source.getToken())
    await new Promise((resolve) => setTimeout(resolve, 20))
    const late = Array.from({ length: 20 }, async () => source.getValidToken())
    expect(new Set(await Promise.all([...early, ...late]))).toEqual(new Set(['new']))
    expect(provider.calls()).toBe(2)
  })

  it('is asked when a query requires more time left than there is', async () => {
    const provider = giving(['long', now() + 5000])
    const source = managed({ ...provider, jwt: 'short', expires: now() + 100 })
    expect(await source.getToken({ minTimeLeft: 300 })).toBe('long')
    expect(provider.calls()).toBe(1)
  })

  it('may return tokens with a shorter lifetime when minTimeLeft allows it', async () => {
    const source = managed({ ...giving(['abc', now() + 20]), minTimeLeft: 10 })
    expect(await source.getToken()).toBe('abc')
    expect(source.authenticated).toBe(true)
  })
})

describe('the names of Bitfount', () => {
  it('authenticate asks the provider unless there is a token', async () => {
    const provider = giving(['abc', now() + 1000])
    const source = managed(provider)
    await source.authenticate()
    await source.authenticate()
    expect(await source.getValidToken()).toBe('abc')
    expect(provider.calls()).toBe(1)
  })

  it('requestHeaders has the header, and throws without a token', async () => {
    stopClock()
    const source = managed(giving(['abc', now() + 1000]))
    expect(thrownBy(() => source.requestHeaders)).toEqual(
      ours('ERR_IGWN_TOKEN_EXPIRED', 'There is no token yet. Call authenticate() and wait for it first.'),
    )
    await source.authenticate()
    expect(source.requestHeaders).toEqual({ authorization: 'Bearer abc' })
    const end = now() + 1000
    passTime(950)
    expect(thrownBy(() => source.requestHeaders)).toEqual(
      ours(
        'ERR_IGWN_TOKEN_EXPIRED',
        `The token has less than 60 seconds left: it expires at ${iso(end)}. Call authenticate() and wait for it first.`,
      ),
    )
  })
})

describe('on an instance', () => {
  it('the token is sent with each request, and renewed once when many are refused', async () => {
    let number = 0
    const token = managed({ getToken: async () => Promise.resolve([`token-${(number += 1)}`, now() + 1000]) })
    const server = await serve(({ headers }) =>
      headers.authorization === 'Bearer token-2' ? {} : challenge('error="invalid_token"'),
    )
    const instance = applyIgwnAuth(axios.create(), { token })
    const all = await Promise.all(Array.from({ length: 20 }, async () => instance.get(server.origin)))
    expect(all.every(({ status }) => status === 200)).toBe(true)
    expect(number).toBe(2)
  })

  it('the source may be in the options of a request, whose config axios copies', async () => {
    const token = managed(giving(['abc', now() + 1000]))
    const server = await serve(() => ({}))
    const instance = applyIgwnAuth(axios.create())
    await instance.get(server.origin, { igwnAuth: { token } })
    await instance.get(server.origin, { igwnAuth: { token } })
    expect(server.authorizations).toEqual(['Bearer abc', 'Bearer abc'])
    expect(token.authenticated).toBe(true)
  })

  it('a provider that returns the refused token again does not cause a retry', async () => {
    const server = await serve(() => challenge())
    const token = managed(giving(['abc', now() + 1000]))
    await expect(applyIgwnAuth(axios.create(), { token }).get(server.origin)).rejects.toMatchObject({
      response: { status: 401 },
    })
    expect(server.seen).toHaveLength(1)
  })

  it('the refusal of an older token drops nothing', async () => {
    const provider = giving(['abc', now() + 1000])
    const source = managed(provider)
    await source.authenticate()
    source.invalidate('older')
    expect(source.authenticated).toBe(true)
    source.invalidate('abc')
    expect(source.authenticated).toBe(false)
  })
})

describe('explain() shows', () => {
  const explained = (source: { explain(query: TokenQuery): readonly Finding[] }, query: TokenQuery = {}) =>
    source.explain(query).map(({ verdict, message }) => `${verdict}: ${message}`)

  it('that the provider is asked when there is no token, then the token and its time left, without asking', async () => {
    stopClock()
    const provider = giving(['abc', now() + 1000])
    const source = managed(provider)
    const asked = 'deferred: getToken of externallyManagedJwt is asked when a request needs its token'
    expect(explained(source)).toEqual([asked])
    expect(provider.calls()).toBe(0)
    await source.authenticate()
    expect(explained(source)).toEqual(['usable: the token of externallyManagedJwt expires in 16 minutes'])
    passTime(950)
    expect(explained(source)).toEqual([
      'skipped: the token of externallyManagedJwt expires in 50 seconds',
      asked,
    ])
    passTime(60)
    expect(explained(source)[0]).toBe('skipped: the token of externallyManagedJwt expired 10 seconds ago')
    expect(provider.calls()).toBe(1)
  })

  it('a warning about a token that it returns nevertheless, as data too', async () => {
    const token = mint({ aud: 'https://y.example.org' })
    const source = managed(giving([token, now() + 1000]))
    await source.authenticate()
    const [finding] = source.explain({ audience: 'https://x.example.org', minTimeLeft: 0 })
    expect(finding).toMatchObject({
      kind: 'token',
      verdict: 'usable',
      source: 'the token of externallyManagedJwt',
      warning: expect.stringContaining('is for audience https://y.example.org, not https://x.example.org'),
      token: { issuer: 'https://issuer.example.org', audience: ['https://y.example.org'] },
    })
    expectNoSecret(finding, [signatureOf(token)])
  })

  it('the program of the command that it would run, without arguments', () => {
    const source = externallyManagedJwt({ command: ['/usr/bin/htgettoken', '--secret', 'abc'] })
    expect(explained(source)).toEqual(['deferred: /usr/bin/htgettoken is run when a request is sent'])
  })
})

it('shows no token when it is printed, nor in its errors', async () => {
  const token = mint()
  const source = managed({ ...giving([token, now() - 5]), jwt: token, expires: now() + 1000 })
  expectNoSecret(source, [signatureOf(token)])
  source.invalidate(token)
  expectNoSecret(await source.authenticate().catch((error: unknown) => error), [signatureOf(token)])
  expectNoSecret(events, [signatureOf(token)])
})

describe('options', () => {
  const { getToken } = giving(['abc', now() + 1000])
  it.each([
    [{}, 'options has neither getToken nor command. Give one of them.'],
    [{ getToken, command: ['x'] }, 'options has getToken and command. Give one of them.'],
    [{ getToken: 'abc' }, 'options.getToken must be a function, not a string.'],
    [
      { getToken, jwt: 'abc', expires: 'soon' },
      'options.expires must be a Date or seconds since the epoch, not a string.',
    ],
    [{ getToken, retryDelays: [-1] }, 'options.retryDelays must be a list of milliseconds, each 0 or more.'],
  ])('that are invalid throw at once: %j', (options, message) => {
    expect(thrownBy(() => externallyManagedJwt(options as never))).toEqual(
      ours('ERR_IGWN_INVALID_OPTION', message),
    )
  })

  it('include the first token, which must be one that can be sent', () => {
    expect(thrownBy(() => managed({ getToken, jwt: 'a b', expires: 1 }))).toMatchObject({
      code: 'ERR_IGWN_TOKEN_MALFORMED',
    })
  })
})
