import Keyv from 'keyv'
import { keyvStore, type KeyvLike } from '../support/all'
import { thrownBy } from '../support/thrown-by'
import { passTime, stopClock } from '../support/tokens'

afterEach(() => {
  jest.useRealTimers()
})

const end = () => Math.trunc(Date.now() / 1000) + 600
const token = () => ({ access_token: 'first-token', expires_at: end(), token_type: 'Bearer' })

/** A store that records the calls of set. */
function noting(answer?: unknown) {
  const calls: unknown[][] = []
  const kept = new Map<string, unknown>()
  const store: KeyvLike = {
    get: (key) => kept.get(key),
    set(key, value, ttl) {
      calls.push([key, value, ttl])
      kept.set(key, value)
      return answer
    },
    delete: (key) => kept.delete(key),
  }
  return Object.assign(store, { calls, kept })
}

it('stores tokens in Keyv, by key, and deletes them', async () => {
  const store = keyvStore(new Keyv())
  expect(await store.get('a')).toBeUndefined()
  const one = token()
  await store.set('a', one)
  expect(await store.get('a')).toEqual(one)
  await store.delete('a')
  await store.delete('a')
  expect(await store.get('a')).toBeUndefined()
})

it('lets Keyv delete a token when it expires', async () => {
  stopClock()
  const store = keyvStore(new Keyv())
  await store.set('a', token())
  passTime(599)
  expect(await store.get('a')).toBeDefined()
  passTime(2)
  expect(await store.get('a')).toBeUndefined()
})

it.each([
  ['a token with an expiry: milliseconds until then', { shift: 0 }, 600_000],
  ['an expired one: the minimum, since 0 means never', { shift: -5000 }, 1],
  ['one without an expiry: never', { expires_at: undefined }, undefined],
  ['one with a refresh token: never', { refresh_token: 'r' }, undefined],
])(
  'sets the time to live of %s',
  async (_, { shift = 0, ...more }: { shift?: number; [member: string]: unknown }, ttl) => {
    stopClock()
    const store = noting()
    await keyvStore(store).set('a', { ...token(), expires_at: end() + shift, ...more })
    expect(store.calls[0]![2]).toBe(ttl)
  },
)

it('passes a copy as plain data to the store', async () => {
  const store = noting()
  const one = { ...token(), scope: undefined, nested: { list: ['x'] } }
  await keyvStore(store).set('a', one)
  const [, kept] = store.calls[0]!
  expect(kept).toStrictEqual(JSON.parse(JSON.stringify(one)))
  expect((kept as typeof one).nested).not.toBe(one.nested)
})

it('works with a synchronous store, such as a Map', async () => {
  const map = new Map<string, unknown>()
  const store = keyvStore(map)
  await store.set('a', token())
  expect((await store.get('a'))?.access_token).toBe('first-token')
  await store.delete('a')
  expect(map.size).toBe(0)
})

it('reads null as no value, as in Redis and cache-manager', async () => {
  const store = keyvStore({ get: () => Promise.resolve(null), set: () => undefined, delete: () => undefined })
  expect(await store.get('a')).toBeUndefined()
})

it('adds a prefix to each key, in the lock too', async () => {
  const store = noting()
  const locked: string[] = []
  const prefixed = keyvStore(store, {
    prefix: 'igwn:',
    lock: (key, work) => {
      locked.push(key)
      return work()
    },
  })
  await prefixed.set('a', token())
  expect([...store.kept.keys()]).toEqual(['igwn:a'])
  expect(await prefixed.get('a')).toBeDefined()
  expect(await prefixed.lock?.('a', () => Promise.resolve(1))).toBe(1)
  expect(locked).toEqual(['igwn:a'])
  await prefixed.delete('a')
  expect(store.kept.size).toBe(0)
})

it('has no lock by default', () => {
  expect(keyvStore(new Map())).not.toHaveProperty('lock')
})

it('rejects when the store did not keep a token', async () => {
  await expect(keyvStore(noting(false)).set('a', token())).rejects.toMatchObject({
    code: 'ERR_IGWN_STORE_UNUSABLE',
    message: 'The store did not keep the token. Its error events have the reason.',
  })
})

it.each(['text', 7, {}, { access_token: 7 }, []])(
  'rejects another value under the key: %j',
  async (value) => {
    await expect(keyvStore(new Map([['a', value]])).get('a')).rejects.toMatchObject({
      code: 'ERR_IGWN_STORE_UNUSABLE',
      message:
        'The store has a value under this key that is not a token. Set a prefix that nothing else uses.',
    })
  },
)

it.each([
  [undefined, 'undefined has no get'],
  [null, 'null has no get'],
  [{ get: () => 1 }, 'an object has no set'],
  ['redis://127.0.0.1', 'a string has no get'],
])('rejects what is not a store: %j', (value, problem) => {
  expect(thrownBy(() => keyvStore(value as never))).toMatchObject({
    code: 'ERR_IGWN_INVALID_OPTION',
    message: `keyvStore needs a store with get, set and delete, such as new Keyv(); ${problem}.`,
  })
})
