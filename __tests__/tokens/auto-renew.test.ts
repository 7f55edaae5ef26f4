import { setTimeout as wait } from 'node:timers/promises'
import { autoRenew, type TokenQuery } from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { expectNoUnhandledRejection, heardEvents } from '../support/record-events'
import { runProgram } from '../support/program'
import { mint, now, ours, signatureOf } from '../support/tokens'

const { events } = heardEvents()
expectNoUnhandledRejection()

/** Tokens that are renewed a second after they were made, with some time to spare. */
const OPTIONS = { minTimeLeft: 5, renewBefore: 4, retryAfter: 0.05 }
const LIFE = 10

/** A source that counts, and tells when it was asked so many times. */
function maker(failing: (call: number) => boolean = () => false) {
  const queries: TokenQuery[] = []
  const waiting: [number, () => void][] = []
  return {
    queries,
    asked: (times: number) => new Promise<void>((resolve) => waiting.push([times, resolve])),
    async getToken(query: TokenQuery) {
      const call = queries.push(query)
      for (const [times, resolve] of waiting) if (call >= times) resolve()
      if (failing(call)) throw new Error('vault is down: token hvs.0123456789abcdefghij')
      return Promise.resolve(mint({ exp: now() + LIFE, jti: String(call) }))
    },
  }
}

it('renews before the token ends, also when nobody asks, and again', async () => {
  const source = maker()
  const fresh = autoRenew(source, OPTIONS)
  const third = source.asked(3)
  const first = await fresh.getToken({})
  await third
  await wait(20)
  expect(await fresh.getToken({})).not.toBe(first)
  fresh.stop()
})

it('does not begin before it is first asked', async () => {
  const source = maker()
  autoRenew(source, OPTIONS)
  await wait(50)
  expect(source.queries).toEqual([])
})

it('gives the same token meanwhile, and asks once for many that come at once', async () => {
  const source = maker()
  const fresh = autoRenew(source)
  const tokens = await Promise.all(Array.from({ length: 20 }, async () => fresh.getToken({ audience: 'a' })))
  expect(new Set(tokens).size).toBe(1)
  expect(source.queries).toHaveLength(1)
  fresh.stop()
})

it('renews for each thing that is wanted, once', async () => {
  const source = maker()
  const fresh = autoRenew(source, OPTIONS)
  const sixth = source.asked(4)
  for (const audience of ['a', 'b', 'a']) await fresh.getToken({ audience })
  expect(source.queries).toHaveLength(2)
  await sixth
  expect(source.queries.map(({ audience }) => audience).sort()).toEqual(['a', 'a', 'b', 'b'])
  fresh.stop()
})

it('goes on trying when a renewal fails, publishes that, and serves the old one meanwhile', async () => {
  const source = maker((call) => call === 2 || call === 3)
  const fresh = autoRenew(source, OPTIONS)
  const fourth = source.asked(4)
  const first = await fresh.getToken({})
  await source.asked(3)
  expect(await fresh.getToken({})).toBe(first)
  await fourth
  await wait(20)
  expect(await fresh.getToken({})).not.toBe(first)
  fresh.stop()
  const warnings = events.filter(({ type }) => type === 'warning')
  expect(warnings).toEqual(
    Array(2).fill({
      type: 'warning',
      source: 'autoRenew',
      message: 'A renewal failed: vault is down: token [hidden]',
    }),
  )
  expectNoSecret(events, [signatureOf(String(first))])
})

it('lets who asks first hear of a failure, and goes on behind it', async () => {
  const source = maker((call) => call === 1)
  const fresh = autoRenew(source, OPTIONS)
  const second = source.asked(2)
  await expect(fresh.getToken({})).rejects.toThrow('vault is down')
  await second
  expect(await fresh.getToken({})).toBeDefined()
  fresh.stop()
})

it('renews no more once it is stopped, and still gives tokens', async () => {
  const source = maker()
  const fresh = autoRenew(source, OPTIONS)
  const first = await fresh.getToken({})
  fresh.stop()
  fresh.stop()
  await wait(1200)
  expect(source.queries).toHaveLength(1)
  expect(await fresh.getToken({})).toBe(first)
})

it('renews for a hundred wants and no more, since servers can ask for any; it warns of no leak', async () => {
  const warnings = jest.fn()
  process.on('warning', warnings)
  const asked = new Map<string, number>()
  const source = {
    getToken({ scope }: TokenQuery): never {
      asked.set(String(scope), (asked.get(String(scope)) ?? 0) + 1)
      throw new Error('no such scope')
    },
  }
  const fresh = autoRenew(source, { ...OPTIONS, retryDelay: 0.05 })
  for (let n = 0; n < 120; n += 1)
    await expect(Promise.resolve(fresh.getToken({ scope: `scope-${n}` }))).rejects.toThrow('no such scope')
  await wait(200)
  fresh.stop()
  expect(asked.size).toBe(120)
  expect([...asked.values()].filter((times) => times > 1)).toHaveLength(100)
  process.off('warning', warnings)
  expect(warnings).not.toHaveBeenCalled()
})

it('forgets a refused token', async () => {
  const fresh = autoRenew(maker())
  const first = String(await fresh.getToken({}))
  fresh.invalidate?.(first)
  expect(await fresh.getToken({})).not.toBe(first)
  fresh.stop()
})

it('does not keep a program running', async () => {
  expect(
    await runProgram(`
      const fresh = all.autoRenew({ getToken: () => 'abc' })
      console.log(await fresh.getToken({}))`),
  ).toBe('abc\n')
})

it('refuses an option that it does not have', () => {
  expect(() => autoRenew(maker(), { every: 10 } as object)).toThrow(
    ours(
      'ERR_IGWN_INVALID_OPTION',
      'options has no option "every"; there are minTimeLeft, renewBefore, clockTolerance, store, storeKey, retryAfter.',
    ),
  )
})

it('explains what it holds, and what it would ask', async () => {
  const source = maker()
  const fresh = autoRenew(source)
  const explained = () => fresh.explain?.({}).map(({ message }) => message)
  expect(explained()).toEqual(['the source of autoRenew is asked when a request leaves'])
  const opaque = autoRenew({ getToken: () => 'abc', explain: () => [] })
  expect(opaque.explain?.({})).toEqual([])
  await opaque.getToken({})
  opaque.stop()
  expect(opaque.explain?.({}).map(({ message }) => message)).toEqual([
    'the token that reuse holds is no JWT, and sent as it is',
  ])
  expect(source.queries).toEqual([])
})
