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
import { expectNoUnhandledRejection, heardEvents } from '../support/record-events'
import { challenge, serverGroup } from '../support/server'
import { thrownBy } from '../support/thrown-by'
import { mint, now, ours, passTime, signatureOf, stopClock } from '../support/tokens'

const servers = serverGroup()
const { events, warnings } = heardEvents()
expectNoUnhandledRejection()
afterEach(async () => {
  jest.useRealTimers()
  await servers.close()
})

const iso = (seconds: number) => new Date(seconds * 1000).toISOString()

/** A hook that gives one thing after the other, the last for ever. */
function giving(...given: unknown[]) {
  let calls = 0
  const getToken = () => {
    const one = given[Math.min(calls, given.length - 1)]
    calls += 1
    return one as string
  }
  return { getToken, calls: () => calls }
}

/** With short waits. What counts the calls of a hook is no option. */
const managed = ({ calls: _, ...options }: { calls?: unknown; [option: string]: unknown }) =>
  externallyManagedJwt({ retryDelays: [0.001, 0.002], ...options } as unknown as ExternallyManagedJwtOptions)

describe('the first token', () => {
  it('serves until it has less than a minute left, and the hook gives the next', async () => {
    stopClock()
    const hook = giving(['next', now() + 1000])
    const source = managed({ ...hook, jwt: 'first', expires: now() + 100 })
    expect([source.authenticated, await source.getToken()]).toEqual([true, 'first'])
    passTime(40)
    expect([source.authenticated, await source.getToken()]).toEqual([true, 'first'])
    passTime(1)
    expect(source.authenticated).toBe(false)
    expect([await source.getToken(), hook.calls()]).toEqual(['next', 1])
  })

  it.each([
    ['a Date', () => new Date(Date.now() + 100_000)],
    ['seconds', () => Date.now() / 1000 + 100],
  ])('has its end as %s', async (_, expires) => {
    const hook = giving(['next', now() + 1000])
    expect(await managed({ ...hook, jwt: 'first', expires: expires() }).getToken()).toBe('first')
    expect(hook.calls()).toBe(0)
  })

  it.each([
    [
      { jwt: 'first' },
      'jwt was given without expires and is not used; the hook is asked for the first token',
    ],
    [{ expires: 4_000_000_000 }, 'expires was given without jwt and means nothing'],
  ])('is dropped with a warning when it is %j', async (initial, message) => {
    const source = managed({ ...giving(['next', now() + 1000]), ...initial })
    expect(events).toEqual([{ type: 'warning', source: 'externallyManagedJwt', message }])
    expect(source.authenticated).toBe(false)
    expect(await source.getToken()).toBe('next')
  })

  it('that has expired is followed by the next', async () => {
    const source = managed({ ...giving(['next', now() + 1000]), jwt: 'first', expires: now() - 1 })
    expect(await source.getToken()).toBe('next')
    expect(warnings()).toEqual([])
  })
})

describe('the hook', () => {
  const jwt = mint({ exp: 4_000_000_000 })
  it.each([
    ['a pair with seconds', ['abc', 4_000_000_000], 'abc'],
    ['a pair with a Date', ['abc', new Date(4_000_000_000_000)], 'abc'],
    ['an object', { jwt: 'abc', expires: 4_000_000_000 }, 'abc'],
    ['a JWT alone', jwt, jwt],
    ['a JWT as bytes', Buffer.from(jwt), jwt],
    ['a SciToken', SciToken.deserialize(jwt), jwt],
    ['a pair with a SciToken', [SciToken.deserialize(jwt), 4_000_000_000], jwt],
    ['a promise of one', Promise.resolve({ jwt: 'abc', expires: 4_000_000_000 }), 'abc'],
  ])('may give %s', async (_, given, text) => {
    const source = managed(giving(given))
    expect(await source.getToken()).toBe(text)
    expect(events).toEqual([{ type: 'renewed', source: 'externallyManagedJwt', expiresAt: 4_000_000_000 }])
    expect(await source.getToken()).toBe(text)
  })

  it.each([
    [undefined, 'what getToken gave must be a string, a Uint8Array or a SciToken, not undefined.'],
    ['', 'what getToken gave is empty; leave it out to search for one.'],
    ['abc', 'getToken gave a token that does not say when it ends (no exp). Return [token, expires].'],
    [['abc'], 'getToken gave a token that does not say when it ends (no exp). Return [token, expires].'],
    [
      ['abc', 'tomorrow'],
      'the end that getToken gave must be a Date or seconds since the epoch, not a string.',
    ],
    [
      ['abc', 1_800_000_000_000],
      'the end that getToken gave must be a Date or seconds since the epoch, not milliseconds (1800000000000).',
    ],
    [
      ['abc', new Date('never')],
      'the end that getToken gave must be a Date or seconds since the epoch, not an invalid Date.',
    ],
    [['abc', NaN], 'the end that getToken gave must be a Date or seconds since the epoch, not NaN.'],
    [{ token: 'abc' }, 'what getToken gave must be a string, a Uint8Array or a SciToken, not undefined.'],
  ])('may not give %j', async (given, message) => {
    const hook = giving(given)
    await expect(managed(hook).getToken()).rejects.toEqual(ours('ERR_IGWN_TOKEN_MALFORMED', message))
    expect(hook.calls()).toBe(1)
  })

  it('is asked again when it gives an expired token, as one does that renews it at that moment', async () => {
    const hook = giving(['old', now() - 10], ['old', now() + 30], ['new', now() + 1000])
    expect(await managed(hook).getToken()).toBe('new')
    expect(hook.calls()).toBe(3)
  })

  it('waits one second, then two, before it asks again', async () => {
    const asked: number[] = []
    const source = externallyManagedJwt({
      getToken: () => {
        asked.push(performance.now())
        return ['token', now() + (asked.length === 3 ? 1000 : -10)]
      },
    })
    await source.getToken()
    const [first = 0, second = 0, third = 0] = asked
    expect(Math.round((second - first) / 100) / 10).toBeGreaterThanOrEqual(1)
    expect(second - first).toBeLessThan(1900)
    expect(third - second).toBeGreaterThanOrEqual(1990)
  })

  it.each([
    [-300, 'expired'],
    [30, 'ends'],
  ])('fails after three tries, with the end in the message (%d s left)', async (left, word) => {
    stopClock()
    const hook = giving([mint(), now() + left])
    const source = managed(hook)
    const error: unknown = await source.getValidToken().catch((reason: unknown) => reason)
    expect(error).toEqual(
      ours(
        'ERR_IGWN_TOKEN_EXPIRED',
        `externallyManagedJwt got no usable token in 3 tries: the last one ${word} at ${iso(now() + left)}, and 60 seconds are wanted. ` +
          "Have whoever manages it renew it, or set this machine's clock.",
      ),
    )
    expect(hook.calls()).toBe(3)
    await expect(source.getToken()).rejects.toBeDefined()
    expect(hook.calls()).toBe(6)
  })

  it('that throws is not asked again, and is asked by the next request', async () => {
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

  it('is asked once for all that wait, those that come during its tries too', async () => {
    const hook = giving(['old', now() - 10], ['new', now() + 1000])
    const source = managed({ ...hook, retryDelays: [0.05] })
    const early = Array.from({ length: 20 }, async () => source.getToken())
    await new Promise((resolve) => setTimeout(resolve, 20))
    const late = Array.from({ length: 20 }, async () => source.getValidToken())
    expect(new Set(await Promise.all([...early, ...late]))).toEqual(new Set(['new']))
    expect(hook.calls()).toBe(2)
  })

  it('is asked when a request wants more time left than there is', async () => {
    const hook = giving(['long', now() + 5000])
    const source = managed({ ...hook, jwt: 'short', expires: now() + 100 })
    expect(await source.getToken({ minTimeLeft: 300 })).toBe('long')
    expect(hook.calls()).toBe(1)
  })

  it('may give tokens that live shorter, where minTimeLeft says so', async () => {
    const source = managed({ ...giving(['abc', now() + 20]), minTimeLeft: 10 })
    expect(await source.getToken()).toBe('abc')
    expect(source.authenticated).toBe(true)
  })
})

describe('under the names of Bitfount', () => {
  it('authenticate asks the hook unless there is a token', async () => {
    const hook = giving(['abc', now() + 1000])
    const source = managed(hook)
    await source.authenticate()
    await source.authenticate()
    expect(await source.getValidToken()).toBe('abc')
    expect(hook.calls()).toBe(1)
  })

  it('requestHeaders has the header, and is an error while there is none', async () => {
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
        `The token has less than 60 seconds left: it ends at ${iso(end)}. Call authenticate() and wait for it first.`,
      ),
    )
  })
})

describe('on an instance', () => {
  it('goes on each request, and is renewed once when many are refused', async () => {
    let number = 0
    const token = managed({ getToken: async () => Promise.resolve([`token-${(number += 1)}`, now() + 1000]) })
    const server = await servers.serve(({ headers }) =>
      headers.authorization === 'Bearer token-2' ? {} : challenge('error="invalid_token"'),
    )
    const instance = applyIgwnAuth(axios.create(), { token })
    const all = await Promise.all(Array.from({ length: 20 }, async () => instance.get(server.origin)))
    expect(all.every(({ status }) => status === 200)).toBe(true)
    expect(number).toBe(2)
  })

  it('or in the options of a request, whose config axios copies', async () => {
    const token = managed(giving(['abc', now() + 1000]))
    const server = await servers.serve(() => ({}))
    const instance = applyIgwnAuth(axios.create())
    await instance.get(server.origin, { igwnAuth: { token } })
    await instance.get(server.origin, { igwnAuth: { token } })
    expect(server.authorizations).toEqual(['Bearer abc', 'Bearer abc'])
    expect(token.authenticated).toBe(true)
  })

  it('a hook that gives the refused token again leaves the refusal as it is', async () => {
    const server = await servers.serve(() => challenge())
    const token = managed(giving(['abc', now() + 1000]))
    await expect(applyIgwnAuth(axios.create(), { token }).get(server.origin)).rejects.toMatchObject({
      response: { status: 401 },
    })
    expect(server.seen).toHaveLength(1)
  })

  it('a refusal of an older token forgets nothing', async () => {
    const hook = giving(['abc', now() + 1000])
    const source = managed(hook)
    await source.authenticate()
    source.invalidate('older')
    expect(source.authenticated).toBe(true)
    source.invalidate('abc')
    expect(source.authenticated).toBe(false)
  })
})

describe('explains', () => {
  const explained = (source: { explain(query: TokenQuery): readonly Finding[] }, query: TokenQuery = {}) =>
    source.explain(query).map(({ verdict, message }) => `${verdict}: ${message}`)

  it('that it asks its hook when there is no token, and then the token and its life, without asking', async () => {
    stopClock()
    const hook = giving(['abc', now() + 1000])
    const source = managed(hook)
    const asked = 'deferred: the hook of externallyManagedJwt is asked when a request leaves'
    expect(explained(source)).toEqual([asked])
    expect(hook.calls()).toBe(0)
    await source.authenticate()
    expect(explained(source)).toEqual([
      'usable: the token that externallyManagedJwt holds has 16 minutes left',
    ])
    passTime(950)
    expect(explained(source)).toEqual([
      'skipped: the token that externallyManagedJwt holds has 50 seconds left',
      asked,
    ])
    passTime(60)
    expect(explained(source)[0]).toBe(
      'skipped: the token that externallyManagedJwt holds expired 10 seconds ago',
    )
    expect(hook.calls()).toBe(1)
  })

  it('what speaks against the token that it gives all the same, as data too', async () => {
    const token = mint({ aud: 'https://y.example.org' })
    const source = managed(giving([token, now() + 1000]))
    await source.authenticate()
    const [finding] = source.explain({ audience: 'https://x.example.org', minTimeLeft: 0 })
    expect(finding).toMatchObject({
      kind: 'token',
      verdict: 'usable',
      source: 'the token that externallyManagedJwt holds',
      warning: expect.stringContaining('is for audience https://y.example.org, not https://x.example.org'),
      token: { issuer: 'https://issuer.example.org', audience: ['https://y.example.org'] },
    })
    expectNoSecret(finding, [signatureOf(token)])
  })

  it('the command that it would run, by its program alone', () => {
    const source = externallyManagedJwt({ command: ['/usr/bin/htgettoken', '--secret', 'abc'] })
    expect(explained(source)).toEqual(['deferred: /usr/bin/htgettoken is run when a request leaves'])
  })
})

it('shows no token when it is printed, nor in an error of its', async () => {
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
    [{}, 'options has neither getToken nor command: where would the next token come from?'],
    [{ getToken, command: ['x'] }, 'options has getToken and command; give one of them.'],
    [{ getToken: 'abc' }, 'options.getToken must be a function, not a string.'],
    [
      { getToken, jwt: 'abc', expires: 'soon' },
      'options.expires must be a Date or seconds since the epoch, not a string.',
    ],
    [{ getToken, retryDelays: [-1] }, 'options.retryDelays must be a list of seconds, each 0 or more.'],
  ])('that cannot be used are an error at once: %j', (options, message) => {
    expect(thrownBy(() => externallyManagedJwt(options as never))).toEqual(
      ours('ERR_IGWN_INVALID_OPTION', message),
    )
  })

  it('a first token that could not be sent is one too', () => {
    expect(thrownBy(() => managed({ getToken, jwt: 'a b', expires: 1 }))).toMatchObject({
      code: 'ERR_IGWN_TOKEN_MALFORMED',
    })
  })
})
