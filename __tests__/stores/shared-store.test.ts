import fs from 'node:fs'
import {
  fileStore,
  reuse,
  type StoredToken,
  type TokenQuery,
  type TokenSource,
  type TokenStore,
} from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { expectNoUnhandledRejection, recordEvents } from '../support/record-events'
import { mint, now, ours, passTime, room, signatureOf, stopClock } from '../support/tokens'

/** `reuse` with a store that processes share, and with one that fails. */
const { events, warnings } = recordEvents()
expectNoUnhandledRejection()
afterEach(() => {
  jest.useRealTimers()
})

/** A source that makes tokens with a lifetime of an hour and records the queries. */
function maker(life = 3600) {
  const queries: TokenQuery[] = []
  const source: TokenSource = {
    getToken: async (query) => {
      const jti = String(queries.push(query))
      return Promise.resolve(mint({ exp: now() + life, jti }))
    },
  }
  return Object.assign(source, { queries })
}

/** A store in memory that records the calls and fails in the given methods. */
function memory({
  fail = {},
  locks = true,
}: { fail?: Partial<Record<keyof TokenStore, Error>>; locks?: boolean } = {}) {
  const kept = new Map<string, StoredToken>()
  const done: string[] = []
  const doing = <T>(what: keyof TokenStore, result: () => T): Promise<T> => {
    done.push(what)
    return fail[what] ? Promise.reject(fail[what]) : Promise.resolve(result())
  }
  let last: Promise<unknown> = Promise.resolve()
  const store: TokenStore = {
    get: (key) => doing('get', () => kept.get(key)),
    set: (key, token) => doing('set', () => void kept.set(key, token)),
    delete: (key) => doing('delete', () => void kept.delete(key)),
    ...(locks && {
      async lock<T>(_: string, work: () => Promise<T>): Promise<T> {
        await doing('lock', () => undefined)
        const next = last.then(work)
        last = next.catch(() => undefined)
        return next
      },
    }),
  }
  return Object.assign(store, { kept, done })
}

const shared = (source: TokenSource, store: TokenStore) => reuse(source, { store, storeKey: 'igwn' })
const only = (store: ReturnType<typeof memory>) => [...store.kept.values()][0]!

describe('a stored token', () => {
  it('has its expiry, and a key made of the query', async () => {
    stopClock()
    const store = memory()
    const kept = shared(maker(), store)
    const token = await kept.getToken({ audience: 'https://x.example.org', scope: 'b a' })
    expect([...store.kept]).toEqual([
      [
        'igwn [["https://x.example.org"],["a","b"],[]]',
        { access_token: token, expires_at: now() + 3600, token_type: 'Bearer' },
      ],
    ])
    expect(store.done).toEqual(['get', 'lock', 'get', 'set'])
  })

  it('is used by the next process, which does not ask its source', async () => {
    const store = memory()
    const [one, other] = [maker(), maker()]
    const token = await shared(one, store).getToken({})
    expect(await shared(other, store).getToken({})).toBe(token)
    expect(other.queries).toEqual([])
  })

  it('is the same whatever the order of scopes and audiences, and a different one for another issuer', async () => {
    const store = memory()
    const source = maker()
    const key = { audience: ['b', 'a'], scope: 'y x', minTimeLeft: 60 }
    const token = await shared(source, store).getToken(key)
    const same = { audience: ['a', 'b'], scope: ['x', 'y'], minTimeLeft: 120 }
    expect(await shared(source, store).getToken(same)).toBe(token)
    expect(await shared(source, store).getToken({ ...same, issuer: 'i' })).not.toBe(token)
    expect(source.queries).toHaveLength(2)
  })

  it('has the key that a function returns', async () => {
    const store = memory()
    const kept = reuse(maker(), { store, storeKey: ({ audience }) => `my ${String(audience)}` })
    await kept.getToken({ audience: 'x' })
    expect([...store.kept.keys()]).toEqual(['my x'])
  })

  it('has no expiry when none is known', async () => {
    const store = memory()
    await shared({ getToken: () => 'opaque-token' }, store).getToken({})
    expect(only(store)).toEqual({ access_token: 'opaque-token', token_type: 'Bearer' })
    expect(await shared(maker(), store).getToken({})).toBe('opaque-token')
  })

  it('that has too little time left is skipped and replaced', async () => {
    stopClock()
    const store = memory()
    const source = maker(1000)
    const old = await shared(source, store).getToken({})
    passTime(941)
    const fresh = await shared(source, store).getToken({})
    expect(fresh).not.toBe(old)
    expect(only(store).access_token).toBe(fresh)
  })

  it('is not read while the held one is valid', async () => {
    const store = memory()
    const kept = shared(maker(), store)
    await kept.getToken({})
    store.done.length = 0
    await kept.getToken({})
    expect(store.done).toEqual([])
  })
})

describe('a renewal', () => {
  it('by another process is used when the held token is nearly expired', async () => {
    stopClock()
    const store = memory()
    const [one, other] = [maker(1000), maker(1000)]
    const mine = shared(one, store)
    await mine.getToken({})
    passTime(950)
    const fresh = await shared(other, store).getToken({})
    expect(await mine.getToken({})).toBe(fresh)
    expect([one.queries.length, other.queries.length]).toEqual([1, 1])
  })

  it('in the background uses a token of another process too, unless that expires as soon', async () => {
    stopClock()
    const store = memory()
    const [one, other] = [maker(1000), maker(1000)]
    const [mine, theirs] = [shared(one, store), shared(other, store)]
    const old = await mine.getToken({})
    await theirs.getToken({})
    passTime(900)
    // Both return the old one, and one of them renews it in the background.
    expect([await mine.getToken({}), await theirs.getToken({})]).toEqual([old, old])
    await new Promise((resolve) => setTimeout(resolve, 20))
    const fresh = await mine.getToken({})
    expect(fresh).not.toBe(old)
    expect(await theirs.getToken({})).toBe(fresh)
    expect(one.queries.length + other.queries.length).toBe(2)
  })

  it('is made once by many that share a store with a lock, which read it again under the lock', async () => {
    const store = memory()
    const sources = Array.from({ length: 8 }, () => maker())
    const tokens = await Promise.all(sources.map(async (source) => shared(source, store).getToken({})))
    expect(new Set(tokens).size).toBe(1)
    expect(sources.flatMap(({ queries }) => queries)).toHaveLength(1)
  })

  it('is made without a lock when the store has none', async () => {
    const store = memory({ locks: false })
    expect(await shared(maker(), store).getToken({})).toBe(only(store).access_token)
  })

  it('that fails rejects with the error of the source, is not remembered, and leaves the store unchanged', async () => {
    const store = memory()
    let calls = 0
    const kept = shared(
      { getToken: () => ((calls += 1) === 1 ? Promise.reject(new Error('vault is down')) : 'abc') },
      store,
    )
    await expect(kept.getToken({})).rejects.toThrow('vault is down')
    expect(store.kept.size).toBe(0)
    expect(await kept.getToken({})).toBe('abc')
    expect(warnings()).toEqual([])
  })

  it('without a token, or with an expired one, stores nothing', async () => {
    const store = memory()
    expect(await shared({ getToken: () => undefined }, store).getToken({})).toBeUndefined()
    const expired = { getToken: () => mint({ exp: now() - 10 }) }
    await expect(shared(expired, store).getToken({})).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_EXPIRED',
    })
    expect(store.kept.size).toBe(0)
  })

  it('is published; using the token of another process is not', async () => {
    const store = memory()
    await shared(maker(), store).getToken({})
    await shared(maker(), store).getToken({})
    expect(events).toEqual([{ type: 'renewed', source: 'reuse', expiresAt: expect.any(Number) }])
  })
})

describe('a refused token', () => {
  it('is deleted from the store, and the token of another process is used instead', async () => {
    const store = memory()
    const [one, other] = [maker(), maker()]
    const [mine, theirs] = [shared(one, store), shared(other, store)]
    const old = String(await mine.getToken({}))
    await theirs.getToken({})
    theirs.invalidate?.(old)
    const fresh = await theirs.getToken({})
    expect(fresh).not.toBe(old)
    mine.invalidate?.(old)
    expect(await mine.getToken({})).toBe(fresh)
    expect([one.queries.length, other.queries.length]).toEqual([1, 1])
    expect(only(store).access_token).toBe(fresh)
  })

  it('is deleted also when no further token is requested', async () => {
    const store = memory()
    const kept = shared(maker(), store)
    kept.invalidate?.(String(await kept.getToken({})))
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(store.kept.size).toBe(0)
  })

  it('does not delete a newer one', async () => {
    const store = memory()
    const kept = shared(maker(), store)
    const old = String(await kept.getToken({}))
    store.kept.set([...store.kept.keys()][0]!, { access_token: 'newer' })
    kept.invalidate?.(old)
    expect(await kept.getToken({})).toBe('newer')
    expect(only(store).access_token).toBe('newer')
  })

  it('is not used again from a store that cannot delete it', async () => {
    const store = memory({ fail: { delete: new Error('read only') } })
    const source = maker()
    const kept = shared(source, store)
    const old = String(await kept.getToken({}))
    kept.invalidate?.(old)
    expect(await kept.getToken({})).not.toBe(old)
    expect(warnings()).toEqual(['The token store failed: read only'])
  })

  it('that the store never had deletes nothing', async () => {
    const store = memory()
    const kept = shared(maker(), store)
    await kept.getToken({})
    store.done.length = 0
    kept.invalidate?.('another')
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(store.done).toEqual([])
  })
})

describe('a store that fails', () => {
  it.each(['get', 'set', 'lock'] as const)(
    'in %s loses no obtained token, and is published',
    async (what) => {
      const store = memory({
        fail: { [what]: new Error('connect ECONNREFUSED redis://me:hunter22@127.0.0.1') },
      })
      const source = maker()
      const kept = shared(source, store)
      const token = await kept.getToken({})
      expect(await kept.getToken({})).toBe(token)
      expect(source.queries).toHaveLength(1)
      expect(new Set(warnings())).toEqual(
        new Set(['The token store failed: connect ECONNREFUSED redis://[hidden]@127.0.0.1']),
      )
      expectNoSecret(events, [signatureOf(String(token)), 'hunter22'])
    },
  )

  it('after the work under its lock loses no token either', async () => {
    const store = memory()
    store.lock = async (_, work) => {
      await work()
      throw new Error('the lock is gone')
    }
    expect(await shared(maker(), store).getToken({})).toBe(only(store).access_token)
    expect(warnings()).toEqual(['The token store failed: the lock is gone'])
  })

  it('without an error object is not taken for a failure of the source', async () => {
    const store = memory()
    store.get = () => Promise.reject(undefined)
    expect(await shared(maker(), store).getToken({})).toBeDefined()
    expect(warnings()[0]).toBe('The token store failed: no reason given')
  })

  it('by throwing synchronously is handled the same way', async () => {
    const store = memory()
    store.get = () => {
      throw new Error('not connected')
    }
    expect(await shared(maker(), store).getToken({})).toBeDefined()
    expect(warnings()[0]).toBe('The token store failed: not connected')
  })

  it('by never responding is given up after a while', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'Date'] })
    const store = memory()
    store.get = () => new Promise(() => undefined)
    const token = shared(maker(), store).getToken({})
    await jest.advanceTimersByTimeAsync(5000)
    expect(await token).toBeDefined()
    expect(warnings()).toEqual(['The token store failed: no response within 5 seconds'])
    // Nor is its lock waited for, which may be as dead.
    expect(store.done).toEqual([])
  })

  it('by never responding to a write is given up too, and so is the deletion of a refused token', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'Date'] })
    const store = memory({ locks: false })
    store.set = () => new Promise(() => undefined)
    store.delete = () => new Promise(() => undefined)
    const kept = shared(maker(), store)
    const first = kept.getToken({})
    await jest.advanceTimersByTimeAsync(15_000)
    expect(warnings()).toEqual(['The token store failed: no response within 15 seconds'])
    store.kept.set('igwn [[],[],[]]', { access_token: String(await first) })
    kept.invalidate?.(String(await first))
    const second = kept.getToken({})
    await jest.advanceTimersByTimeAsync(15_000)
    expect(await second).not.toBe(await first)
  })

  it('by returning something that is not a token counts as empty', async () => {
    const store = memory()
    store.get = () => Promise.resolve({ access_token: 'a\nb' })
    expect(await shared(maker(), store).getToken({})).toBeDefined()
    expect(warnings()[0]).toBe('The token store failed: it returned something that is not a token')
    events.length = 0
    store.get = () => Promise.resolve('text' as unknown as StoredToken)
    expect(await shared(maker(), store).getToken({})).toBeDefined()
    expect(warnings()[0]).toBe('The token store failed: it returned something that is not a token')
  })
})

describe('a store that must not be used', () => {
  it('rejects before the source is asked, with the reason and the fix', async () => {
    const file = room('open.json')
    fs.writeFileSync(file, '{}')
    fs.chmodSync(file, 0o644)
    const source = maker()
    const kept = shared(source, fileStore(file))
    await expect(kept.getToken({})).rejects.toEqual(
      ours(
        'ERR_IGWN_STORE_UNUSABLE',
        expect.stringContaining(`Run \`chmod 600 ${file}\`.`) as unknown as string,
      ),
    )
    expect(source.queries).toEqual([])
    fs.chmodSync(file, 0o600)
    expect(await kept.getToken({})).toBeDefined()
    fs.rmSync(file)
  })

  it('after the token was obtained loses nothing', async () => {
    const file = room('later.json')
    const store = fileStore(file)
    const kept = shared(
      {
        getToken: () => {
          fs.writeFileSync(file, '{}')
          fs.chmodSync(file, 0o644)
          return 'abc'
        },
      },
      store,
    )
    expect(await kept.getToken({})).toBe('abc')
    expect(warnings()).toEqual([expect.stringContaining('is accessible to others (mode 0644)')])
    fs.rmSync(file)
  })
})

describe('options', () => {
  it.each([
    [
      { store: {} },
      'options.store must be a token store, such as fileStore() or keyvStore(), not an object.',
    ],
    [
      { store: 'redis' },
      'options.store must be a token store, such as fileStore() or keyvStore(), not a string.',
    ],
    [
      { store: memory() },
      'options.store needs options.storeKey: a name for these tokens, or a function that returns one for each query.',
    ],
    [{ storeKey: 7 }, 'options.storeKey must be a string or a function that returns one, not a number.'],
    [{ minTimeLeft: '60' }, 'options.minTimeLeft must be a number of seconds, 0 or more, not a string.'],
    [
      { ttl: 1 },
      'options has no option "ttl"; there are minTimeLeft, renewBefore, clockTolerance, store, storeKey.',
    ],
  ])('that are invalid throw at once: %j', (options, message) => {
    expect(() => reuse(maker(), options as object)).toThrow(ours('ERR_IGWN_INVALID_OPTION', message))
  })
})
