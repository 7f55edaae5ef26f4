import { autoRenew, type TokenQuery } from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { expectNoUnhandledRejection, recordEvents } from '../support/record-events'
import { runProgram } from '../support/program'
import { mint, now, ours, signatureOf } from '../support/tokens'

const { events, warnings } = recordEvents()
expectNoUnhandledRejection()
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'], now: 1_800_000_000_000 })
})
afterEach(() => {
  jest.useRealTimers()
})

const LIFETIME = 1000
/** With the defaults, a token is renewed when it has 120 seconds left. */
const RENEWED_AFTER = 880

/** Lets time pass, and the timers in it fire. */
const pass = (seconds: number) => jest.advanceTimersByTimeAsync(seconds * 1000)

/** A source that records queries; the given calls fail. */
function maker(...failing: number[]) {
  const queries: TokenQuery[] = []
  return {
    queries,
    async getToken(query: TokenQuery) {
      const call = queries.push(query)
      if (failing.includes(call)) throw new Error('vault is down: token hvs.0123456789abcdefghij')
      return Promise.resolve(mint({ exp: now() + LIFETIME, jti: String(call) }))
    },
  }
}

it('renews before the token expires, also without a request, and again', async () => {
  const source = maker()
  const renewing = autoRenew(source)
  const first = await renewing.getToken({})
  await pass(RENEWED_AFTER - 1)
  expect(source.queries).toHaveLength(1)
  await pass(2)
  expect(source.queries).toHaveLength(2)
  expect(await renewing.getToken({})).not.toBe(first)
  await pass(RENEWED_AFTER + 1)
  expect(source.queries).toHaveLength(3)
  renewing.stop()
})

it('does not start before the first getToken', async () => {
  const source = maker()
  autoRenew(source)
  await pass(3600)
  expect(source.queries).toEqual([])
})

it('returns the same token meanwhile, and asks once for concurrent requests', async () => {
  const source = maker()
  const renewing = autoRenew(source)
  const tokens = await Promise.all(
    Array.from({ length: 20 }, async () => renewing.getToken({ audience: 'a' })),
  )
  expect(new Set(tokens).size).toBe(1)
  expect(source.queries).toHaveLength(1)
  renewing.stop()
})

it('renews once for each query', async () => {
  const source = maker()
  const renewing = autoRenew(source)
  for (const audience of ['a', 'b', 'a']) await renewing.getToken({ audience })
  expect(source.queries).toHaveLength(2)
  await pass(RENEWED_AFTER + 1)
  expect(source.queries.map(({ audience }) => audience)).toEqual(['a', 'b', 'a', 'b'])
  renewing.stop()
})

it('does not renew the scopes of a challenge', async () => {
  const source = maker()
  const renewing = autoRenew(source)
  await renewing.getToken({ challengeScope: ['admin'] })
  await pass(RENEWED_AFTER + 1)
  expect(source.queries.map(({ challengeScope }) => challengeScope)).toEqual([['admin'], undefined])
  renewing.stop()
})

it('tries again after retryDelay when a renewal fails, publishes it, and returns the old token meanwhile', async () => {
  const source = maker(2, 3)
  const renewing = autoRenew(source, { retryDelay: 5000 })
  const first = await renewing.getToken({})
  await pass(RENEWED_AFTER + 6)
  expect(source.queries).toHaveLength(3)
  expect(await renewing.getToken({})).toBe(first)
  await pass(5)
  expect(source.queries).toHaveLength(4)
  expect(await renewing.getToken({})).not.toBe(first)
  renewing.stop()
  expect(new Set(warnings())).toEqual(new Set(['A renewal failed: vault is down: token [hidden]']))
  expectNoSecret(events, [signatureOf(String(first))])
})

it('rejects the first getToken when the source fails, and tries again in the background', async () => {
  const source = maker(1)
  const renewing = autoRenew(source)
  await expect(renewing.getToken({})).rejects.toThrow('vault is down')
  await pass(11)
  expect(source.queries).toHaveLength(2)
  renewing.stop()
})

it('stops with stop(), and still returns tokens', async () => {
  const source = maker()
  const renewing = autoRenew(source)
  const first = await renewing.getToken({})
  renewing.stop()
  renewing.stop()
  await pass(RENEWED_AFTER + 10)
  expect(source.queries).toHaveLength(1)
  expect(await renewing.getToken({})).toBe(first)
  expect(jest.getTimerCount()).toBe(0)
})

it('renews at most 100 queries, and emits no warning about listeners', async () => {
  const emitted = jest.fn()
  process.on('warning', emitted)
  const asked = new Map<string, number>()
  const source = {
    getToken({ scope }: TokenQuery): never {
      asked.set(String(scope), (asked.get(String(scope)) ?? 0) + 1)
      throw new Error('no such scope')
    },
  }
  const renewing = autoRenew(source)
  for (let n = 0; n < 120; n += 1)
    await expect(Promise.resolve(renewing.getToken({ scope: `scope-${n}` }))).rejects.toThrow('no such scope')
  await pass(11)
  renewing.stop()
  expect(asked.size).toBe(120)
  expect([...asked.values()].filter((times) => times > 1)).toHaveLength(100)
  process.off('warning', emitted)
  expect(emitted).not.toHaveBeenCalled()
})

it('drops a refused token', async () => {
  const renewing = autoRenew(maker())
  const first = String(await renewing.getToken({}))
  renewing.invalidate?.(first)
  expect(await renewing.getToken({})).not.toBe(first)
  renewing.stop()
})

it('does not keep a process running', async () => {
  jest.useRealTimers()
  expect(
    await runProgram(`
      const renewing = all.autoRenew({ getToken: () => 'abc' })
      console.log(await renewing.getToken({}))`),
  ).toBe('abc\n')
})

it.each([
  [
    { every: 10 },
    'options has no option "every"; there are minTimeLeft, renewBefore, clockTolerance, store, storeKey, retryDelay.',
  ],
  [{ retryDelay: '10' }, 'options.retryDelay must be a number of milliseconds, 0 or more, not a string.'],
])('rejects %j', (options, message) => {
  expect(() => autoRenew(maker(), options as object)).toThrow(ours('ERR_IGWN_INVALID_OPTION', message))
})

it('explain() shows the held token, or the source that would be asked', async () => {
  const source = maker()
  const renewing = autoRenew(source)
  const explained = () => renewing.explain?.({}).map(({ message }) => message)
  expect(explained()).toEqual([expect.stringContaining('the source of autoRenew is asked')])
  const opaque = autoRenew({ getToken: () => 'abc', explain: () => [] })
  expect(opaque.explain?.({})).toEqual([])
  await opaque.getToken({})
  opaque.stop()
  expect(opaque.explain?.({}).map(({ message }) => message)).toEqual([
    expect.stringContaining('the token of autoRenew is '),
  ])
  expect(source.queries).toEqual([])
})

it('a failure that is not an error is published without it, since it may have a secret', async () => {
  const source = {
    getToken: () => Promise.reject<string>('hvs.0123456789abcdefghij'),
  }
  const renewing = autoRenew(source)
  await expect(renewing.getToken({})).rejects.toBe('hvs.0123456789abcdefghij')
  renewing.stop()
  expect(warnings()).toContain('A renewal failed: no reason given')
})
