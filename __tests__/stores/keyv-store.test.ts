import Keyv from 'keyv'
import { keyvStore, type KeyvLike } from '../support/all'
import { thrownBy } from '../support/thrown-by'
import { passTime, stopClock } from '../support/tokens'

afterEach(() => {
  jest.useRealTimers()
})

const end = () => Math.trunc(Date.now() / 1000) + 600
const token = () => ({ access_token: 'first-token', expires_at: end(), token_type: 'Bearer' })

/** A store that notes what it is asked to keep. */
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

it('keeps tokens in Keyv, by key, and forgets them when told', async () => {
  const store = keyvStore(new Keyv())
  expect(await store.get('a')).toBeUndefined()
  const one = token()
  await store.set('a', one)
  expect(await store.get('a')).toEqual(one)
  await store.delete('a')
  await store.delete('a')
  expect(await store.get('a')).toBeUndefined()
})

it('lets Keyv forget a token when it ends', async () => {
  stopClock()
  const store = keyvStore(new Keyv())
  await store.set('a', token())
  passTime(599)
  expect(await store.get('a')).toBeDefined()
  passTime(2)
  expect(await store.get('a')).toBeUndefined()
})

it.each([
  ['one with an end: milliseconds until then', { shift: 0 }, 600_000],
  ['one that has ended: the least there is, for 0 is for ever', { shift: -5000 }, 1],
  ['one without an end: for ever', { expires_at: undefined }, undefined],
  ['one with a refresh token, which outlives it: for ever', { refresh_token: 'r' }, undefined],
])(
  'says how long to keep %s',
  async (_, { shift = 0, ...more }: { shift?: number; [member: string]: unknown }, ttl) => {
    stopClock()
    const store = noting()
    await keyvStore(store).set('a', { ...token(), expires_at: end() + shift, ...more })
    expect(store.calls[0]![2]).toBe(ttl)
  },
)

it('gives a store plain data of its own, that it can keep in any way', async () => {
  const store = noting()
  const one = { ...token(), scope: undefined, nested: { list: ['x'] } }
  await keyvStore(store).set('a', one)
  const [, kept] = store.calls[0]!
  expect(kept).toStrictEqual(JSON.parse(JSON.stringify(one)))
  expect((kept as typeof one).nested).not.toBe(one.nested)
})

it('takes a store that is not asynchronous, as a Map', async () => {
  const map = new Map<string, unknown>()
  const store = keyvStore(map)
  await store.set('a', token())
  expect((await store.get('a'))?.access_token).toBe('first-token')
  await store.delete('a')
  expect(map.size).toBe(0)
})

it('takes null for nothing, as Redis and cache-manager say it', async () => {
  const store = keyvStore({ get: () => Promise.resolve(null), set: () => undefined, delete: () => undefined })
  expect(await store.get('a')).toBeUndefined()
})

it('puts a prefix before each key, in the lock too', async () => {
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

it('has no lock when it is given none', () => {
  expect(keyvStore(new Map())).not.toHaveProperty('lock')
})

it('says so when the store did not keep a token', async () => {
  await expect(keyvStore(noting(false)).set('a', token())).rejects.toMatchObject({
    code: 'ERR_IGWN_STORE_UNUSABLE',
    message: 'The store says that it did not keep the token. Listen to its error events for the reason.',
  })
})

it.each(['text', 7, {}, { access_token: 7 }, []])(
  'refuses what others keep under the key: %j',
  async (value) => {
    await expect(keyvStore(new Map([['a', value]])).get('a')).rejects.toMatchObject({
      code: 'ERR_IGWN_STORE_UNUSABLE',
      message:
        'The store holds something else than a token under the key of one. Give keyvStore a prefix that nobody else uses.',
    })
  },
)

it.each([
  [undefined, 'get is missing in undefined'],
  [null, 'get is missing in null'],
  [{ get: () => 1 }, 'set is missing in an object'],
  ['redis://127.0.0.1', 'get is missing in a string'],
])('refuses what is no store: %j', (value, problem) => {
  expect(thrownBy(() => keyvStore(value as never))).toMatchObject({
    code: 'ERR_IGWN_INVALID_OPTION',
    message: `keyvStore needs a store with get, set and delete, as new Keyv(); ${problem}.`,
  })
})
