import axios from 'axios'
import {
  applyIgwnAuth,
  chain,
  discoveredTokens,
  reuse,
  SciToken,
  staticToken,
  type StoredToken,
  type TokenQuery,
  type TokenSource,
  type TokenStore,
} from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { expectNoUnhandledRejection } from '../support/record-events'
import { mint } from '../support/tokens'
import { challenge, serve } from '../support/server'

expectNoUnhandledRejection()
afterEach(() => {
  jest.useRealTimers()
})
beforeEach(() => {
  for (const name of ['BEARER_TOKEN', 'SCITOKEN']) delete process.env[name]
})

const NOW = 1_800_000_000
/** Sets the clock; timers run on. */
const clock = (seconds: number) => {
  jest.useFakeTimers({
    doNotFake: ['setImmediate', 'setTimeout', 'clearTimeout', 'nextTick', 'queueMicrotask', 'performance'],
  })
  jest.setSystemTime(seconds * 1000)
}

/** A source that makes tokens with a lifetime in seconds and records the queries. */
function maker(life = 3600, delay = 0) {
  const queries: TokenQuery[] = []
  const invalidated: string[] = []
  const source: TokenSource = {
    async getToken(query) {
      const number = queries.push(query)
      if (delay) await new Promise((resolve) => setTimeout(resolve, delay))
      return Promise.resolve(
        mint({ aud: 'ANY', exp: Math.floor(Date.now() / 1000) + life, jti: String(number) }),
      )
    },
    invalidate: (rejected) => void invalidated.push(rejected),
  }
  return Object.assign(source, { queries, invalidated })
}

describe('reuse', () => {
  it('asks the source once and returns the same token again', async () => {
    const source = maker()
    const kept = reuse(source)
    const first = await kept.getToken({})
    expect(await kept.getToken({})).toBe(first)
    expect(source.queries).toHaveLength(1)
  })

  it('keeps one token for each query', async () => {
    const source = maker()
    const kept = reuse(source)
    const [a, b] = [await kept.getToken({ audience: 'a' }), await kept.getToken({ audience: 'b' })]
    expect(a).not.toBe(b)
    expect(await kept.getToken({ audience: 'a' })).toBe(a)
    expect(source.queries.map(({ audience }) => audience)).toEqual(['a', 'b'])
  })

  it('lets concurrent requests wait for one renewal', async () => {
    const source = maker(3600, 5)
    const kept = reuse(source)
    const tokens = await Promise.all(Array.from({ length: 50 }, async () => kept.getToken({})))
    expect(new Set(tokens).size).toBe(1)
    expect(source.queries).toHaveLength(1)
  })

  it('does not remember a failure: a source that fails once and then works is asked again (trap 22)', async () => {
    let calls = 0
    const kept = reuse({
      getToken: async () => {
        calls += 1
        if (calls === 1) throw new Error('not yet')
        return Promise.resolve('abc')
      },
    })
    const both = await Promise.allSettled([kept.getToken({}), kept.getToken({})])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await kept.getToken({})).toBe('abc')
    expect(calls).toBe(2)
  })

  it.each([
    [121, 1, 'returned, not renewed'],
    [120, 1, 'returned, not renewed'],
    [119, 2, 'returned while one renewal runs'],
    [60, 2, 'returned while one renewal runs'],
    [59, 2, 'renewed first'],
  ])('with %d s left it has asked %d times: the token is %s (trap 24)', async (left, asked) => {
    clock(NOW)
    const source = maker(1000)
    const kept = reuse(source)
    const first = await kept.getToken({})
    clock(NOW + 1000 - left)
    const [second] = await Promise.all([kept.getToken({}), kept.getToken({})])
    expect(second === first).toBe(left >= 60)
    await new Promise((resolve) => setImmediate(resolve))
    expect(source.queries).toHaveLength(asked)
    expect((await kept.getToken({})) === first).toBe(asked === 1)
  })

  it('returns the held token when a renewal in the background fails, and tries again', async () => {
    clock(NOW)
    let calls = 0
    const kept = reuse({
      getToken: async () => {
        calls += 1
        if (calls === 2) throw new Error('down')
        return Promise.resolve(mint({ aud: 'ANY', exp: NOW + 1000 * calls, jti: String(calls) }))
      },
    })
    const first = await kept.getToken({})
    clock(NOW + 1000 - 100)
    expect(await kept.getToken({})).toBe(first)
    await new Promise((resolve) => setImmediate(resolve))
    expect(await kept.getToken({})).toBe(first)
    await new Promise((resolve) => setImmediate(resolve))
    expect(await kept.getToken({})).not.toBe(first)
    expect(calls).toBe(3)
  })

  it('requires as much time left as the query does', async () => {
    clock(NOW)
    const source = maker(1000)
    const kept = reuse(source)
    await kept.getToken({ minTimeLeft: 900 })
    clock(NOW + 101)
    await kept.getToken({ minTimeLeft: 900 })
    expect(source.queries).toHaveLength(2)
  })

  it('rejects a token that has expired already, and says when it expired', async () => {
    clock(NOW)
    const kept = reuse({ getToken: () => mint({ aud: 'ANY', exp: NOW - 300 }) })
    await expect(kept.getToken({})).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_EXPIRED',
      message: `The token source returned a token that expired 5 minutes ago (2027-01-15T07:55:00Z). Renew it at its source, or set this host's clock.`,
    })
    const tolerant = reuse({ getToken: () => mint({ aud: 'ANY', exp: NOW - 300 }) }, { clockTolerance: 400 })
    expect(await tolerant.getToken({})).toBeDefined()
  })

  it('keeps a token without an expiry until it is refused', async () => {
    let calls = 0
    const kept = reuse({ getToken: () => `opaque-${(calls += 1)}` })
    expect([await kept.getToken({}), await kept.getToken({})]).toEqual(['opaque-1', 'opaque-1'])
    kept.invalidate?.('opaque-1')
    expect(await kept.getToken({})).toBe('opaque-2')
  })

  it('drops only the refused token, and passes it to the source', async () => {
    const source = maker()
    const kept = reuse(source)
    const first = String(await kept.getToken({}))
    kept.invalidate?.('another')
    expect(await kept.getToken({})).toBe(first)
    kept.invalidate?.(first)
    const second = await kept.getToken({})
    kept.invalidate?.(first)
    expect(await kept.getToken({})).toBe(second)
    expect(source.invalidated).toEqual(['another', first, first])
  })

  it('keeps SciTokens and undefined as they are', async () => {
    const token = SciToken.deserialize(mint({ aud: 'ANY' }))
    expect(await reuse(staticToken(token)).getToken({})).toBe(token.serialize())
    expect(await reuse({ getToken: () => token }).getToken({})).toBe(token)
    expect(await reuse({ getToken: () => undefined }).getToken({})).toBeUndefined()
  })

  it('rejects a token that cannot be sent', async () => {
    await expect(reuse({ getToken: () => 'a\nb' }).getToken({})).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_MALFORMED',
    })
  })
})

describe('a storm of refusals (trap 17)', () => {
  it('of 100 requests at once with one refused token makes one renewal and loses none', async () => {
    const source = maker(3600, 2)
    const kept = reuse(source)
    const old = String(await kept.getToken({ audience: ['http://127.0.0.1'] }))
    const valid = () => source.queries.length > 1
    const server = await serve(({ headers }) =>
      valid() && headers.authorization !== `Bearer ${old}` ? {} : challenge('error="invalid_token"'),
    )
    const shared: TokenSource = {
      getToken: async () => kept.getToken({ audience: ['http://127.0.0.1'] }),
      invalidate: (token) => kept.invalidate?.(token),
    }
    const instance = applyIgwnAuth(axios.create(), { token: shared })
    const all = await Promise.all(Array.from({ length: 100 }, async () => instance.get(server.origin)))
    expect(all.every(({ status }) => status === 200)).toBe(true)
    expect(source.queries).toHaveLength(2)
  })

  it('of 50 staggered ones makes one renewal', async () => {
    let calls = 0
    const kept = reuse({ getToken: async () => Promise.resolve(`token-${(calls += 1)}`) })
    const server = await serve(async ({ url, headers }) => {
      await new Promise((resolve) => setTimeout(resolve, Number(url.slice(1))))
      return headers.authorization === 'Bearer token-1' ? challenge('error="invalid_token"') : {}
    })
    const instance = applyIgwnAuth(axios.create(), { token: kept })
    const all = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => instance.get(`${server.origin}/${i * 2}`)),
    )
    expect(all.every(({ status }) => status === 200)).toBe(true)
    expect(calls).toBe(2)
  })
})

describe('the scopes of a challenge', () => {
  it('reach the source, and the next requests use the token that was obtained for them', async () => {
    const source = maker()
    const kept = reuse(source)
    const first = String(await kept.getToken({ audience: 'a' }))
    kept.invalidate?.(first)
    const wider = await kept.getToken({ audience: 'a', challengeScope: ['b'] })
    expect(source.queries).toEqual([{ audience: 'a' }, { audience: 'a', challengeScope: ['b'] }])
    expect(await kept.getToken({ audience: 'a' })).toBe(wider)
    expect(await kept.getToken({ audience: 'a', challengeScope: ['c'] })).toBe(wider)
    expect(source.queries).toHaveLength(2)
  })

  it('make no entry of their own, and put nothing into the store', async () => {
    const kept = new Map<string, StoredToken>()
    const store: TokenStore = {
      get: async (key) => Promise.resolve(kept.get(key)),
      set: async (key, token) => Promise.resolve(void kept.set(key, token)),
      delete: async (key) => Promise.resolve(void kept.delete(key)),
    }
    const cached = reuse(maker(), { store, storeKey: 'igwn' })
    for (let n = 0; n < 5; n += 1) {
      const token = await cached.getToken({ challengeScope: [`admin-${n}`] })
      cached.invalidate?.(String(token))
    }
    expect([...kept.keys()]).toEqual([])
    await cached.getToken({})
    expect([...kept.keys()]).toEqual(['igwn [[],[],[]]'])
  })
})

describe('a source that returns a token response', () => {
  it('has its lifetime from expires_in, also as text', async () => {
    clock(NOW)
    let calls = 0
    const kept = reuse({
      getToken: () => ({ access_token: `opaque-${(calls += 1)}`, expires_in: '900' }),
    })
    expect(await kept.getToken({})).toBe('opaque-1')
    clock(NOW + 839)
    expect(await kept.getToken({})).toBe('opaque-1')
    clock(NOW + 841)
    expect(await kept.getToken({})).not.toBe('opaque-1')
  })

  it.each([
    ['a date text', new Date((NOW + 900) * 1000).toISOString()],
    ['digits', String(NOW + 900)],
    ['milliseconds', (NOW + 900) * 1000],
    ['a Date', new Date((NOW + 900) * 1000)],
  ])('or from expires_at as %s', async (_, expires_at) => {
    clock(NOW)
    let calls = 0
    const kept = reuse({ getToken: () => ({ access_token: `opaque-${(calls += 1)}`, expires_at }) })
    expect([await kept.getToken({}), await kept.getToken({})]).toEqual(['opaque-1', 'opaque-1'])
    clock(NOW + 841)
    expect(await kept.getToken({})).toBe('opaque-2')
  })

  it('of another type than Bearer is rejected', async () => {
    const kept = reuse({ getToken: () => ({ access_token: 'abc', token_type: 'DPoP' }) })
    await expect(kept.getToken({})).rejects.toMatchObject({ code: 'ERR_IGWN_INVALID_OPTION' })
  })
})

describe('the number of entries', () => {
  const audiences = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => ({ audience: `https://${from + n}.example.org` }))

  it('is bounded: the oldest is removed', async () => {
    let calls = 0
    const kept = reuse({ getToken: () => `token-${(calls += 1)}` })
    for (const query of audiences(0, 1001)) await kept.getToken(query)
    for (const query of audiences(1, 1001)) await kept.getToken(query)
    expect(calls).toBe(1001)
    for (const query of audiences(0, 1)) await kept.getToken(query)
    expect(calls).toBe(1002)
  })

  it('does not include expired tokens', async () => {
    clock(NOW)
    let calls = 0
    const kept = reuse({
      getToken: () =>
        (calls += 1) <= 10
          ? `valid-${calls}`
          : { access_token: `expiring-${calls}`, expires_at: Date.now() / 1000 + 100 },
    })
    for (const query of audiences(0, 1000)) await kept.getToken(query)
    clock(NOW + 200)
    expect(calls).toBe(1000)
    await kept.getToken({ audience: 'another' })
    for (const query of audiences(0, 10)) await kept.getToken(query)
    expect(calls).toBe(1001)
  })
})

describe('chain', () => {
  it('returns the token of the first source that has one', async () => {
    const first = { getToken: () => undefined }
    expect(await chain(first, staticToken('abc'), staticToken('def')).getToken({})).toBe('abc')
  })

  it('skips discovery when it finds no token', async () => {
    const links = chain(discoveredTokens(), staticToken('abc'))
    expect(await links.getToken({})).toBe('abc')
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    expect(await links.getToken({})).toBeInstanceOf(SciToken)
  })

  it('skips a discovered token that a server refused', async () => {
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    const server = await serve(({ headers }) => (headers.authorization === 'Bearer abc' ? {} : challenge()))
    await applyIgwnAuth(axios.create(), { token: chain(discoveredTokens(), staticToken('abc')) }).get(
      server.origin,
    )
    expect(server.authorizations).toEqual([`Bearer ${token}`, 'Bearer abc'])
  })

  it('stops at a broken source', async () => {
    const broken = { getToken: () => Promise.reject(new Error('vault is down')) }
    await expect(chain(broken, staticToken('abc')).getToken({})).rejects.toThrow('vault is down')
  })

  it('names the reason of each source when none has a token', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', scope: 'read:/a' })
    const failed = chain({ getToken: () => undefined }, discoveredTokens()).getToken({ scope: 'write:/' })
    await expect(failed).rejects.toMatchObject({ code: 'ERR_IGWN_TOKEN_NOT_FOUND' })
    await expect(failed).rejects.toThrow(
      /^None of 2 token sources has a token\. source 1 of 2 has no token\. .*BEARER_TOKEN has scope read:\/a, not write:\/\./,
    )
  })

  it('sends a request without a token when no source has one, and rejects it with failIfNoAuth', async () => {
    const server = await serve(() => ({}))
    const instance = applyIgwnAuth(axios.create(), { token: chain(discoveredTokens()) })
    await instance.get(server.origin)
    expect(server.authorizations).toEqual([undefined])
    await expect(instance.get(server.origin, { igwnAuth: { failIfNoAuth: true } })).rejects.toMatchObject({
      code: 'ERR_IGWN_NO_CREDENTIAL',
    })
  })
})

describe('explain() does not ask the source and shows', () => {
  const explained = (source: TokenSource, query: TokenQuery) =>
    source.explain?.(query).map(({ verdict, message }) => `${verdict}: ${message}`)
  const query = { audience: 'https://service.example.org', scope: 'read:/' }
  const asked = 'deferred: the source of reuse is asked when a request needs its token'

  it('that there is no token yet; then the held one and its time left', async () => {
    clock(NOW)
    const source = maker(1000)
    const kept = reuse(source)
    expect(explained(kept, query)).toEqual([asked])
    expect(source.queries).toEqual([])
    await kept.getToken(query)
    expect(explained(kept, query)).toEqual(['usable: the token of reuse expires in 16 minutes'])
    expect(explained(kept, { ...query, scope: [] })).toEqual([asked])
    expect(explained(kept, { ...query, scope: 'write:/' })).toEqual([asked])
    clock(NOW + 941)
    expect(explained(kept, query)).toEqual(['skipped: the token of reuse expires in 59 seconds', asked])
    expect(source.queries).toHaveLength(1)
  })

  it('a token that is not a JWT', async () => {
    const kept = reuse({ getToken: () => 'abc' })
    await kept.getToken({})
    expect(explained(kept, {})).toEqual(['usable: the token of reuse is not a JWT, and is sent as it is'])
  })

  it('the findings of the source', () => {
    process.env.BEARER_TOKEN = 'garbage'
    const messages = explained(reuse(discoveredTokens()), query) ?? []
    expect(messages.filter((one) => !one.startsWith('absent'))).toEqual([
      'skipped: BEARER_TOKEN contains no SciToken (not a JWT)',
    ])
    delete process.env.BEARER_TOKEN
  })

  it('the findings of a chain, with those of a static token', () => {
    clock(NOW)
    const token = mint({ aud: 'ANY', exp: NOW - 100 })
    const sources = chain(reuse(maker()), staticToken(token), staticToken('abc'))
    expect(explained(sources, { minTimeLeft: 60 })).toEqual([
      asked,
      'usable: the static token is sent as it is',
      'usable: the static token is not a JWT, and is sent as it is',
    ])
    const [, finding] = sources.explain?.({}) ?? []
    expect(finding?.warning).toBe('the static token expired 100 seconds ago')
    expectNoSecret(finding, [token.slice(token.lastIndexOf('.') + 1)])
  })
})

it('explain() of a chain shows a source without explain as asked later', () => {
  const findings = chain(staticToken(mint({ aud: 'ANY' })), { getToken: () => undefined }).explain?.({}) ?? []
  expect(findings.map(({ verdict }) => verdict)).toEqual(['usable', 'deferred'])
  expect(findings[1]?.source).toContain('2')
})

it('a discovered token is found again when 100 others were refused after it', async () => {
  const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
  const source = discoveredTokens()
  source.invalidate?.(token)
  const found = async () => {
    const one = await source.getToken({})
    return one instanceof SciToken ? one.serialize() : one
  }
  await expect(found()).rejects.toMatchObject({ code: 'ERR_IGWN_TOKEN_NOT_FOUND' })
  for (let i = 0; i < 99; i++) source.invalidate?.(`another-${i}`)
  await expect(found()).rejects.toMatchObject({ code: 'ERR_IGWN_TOKEN_NOT_FOUND' })
  source.invalidate?.('the last one')
  expect(await found()).toBe(token)
})
