import fc from 'fast-check'
import { reuse, type TokenQuery, type TokenSource } from '../support/all'
import { runs, SEEDED } from '../support/properties'
import { mint, now, stopClock } from '../support/tokens'

beforeEach(stopClock)
afterEach(() => {
  jest.useRealTimers()
})

const QUERIES: readonly TokenQuery[] = [{ audience: 'https://a' }, { audience: 'https://b' }]

/** Lifetimes of the tokens: none, long, renewed in the background from the start, too short to be kept. */
const LIFETIMES = [Infinity, 3600, 65, 30]

/** An action: request a token, or report that one was refused. */
type Act =
  { readonly kind: 'ask'; readonly query: number } | { readonly kind: 'refuse'; readonly which: number }

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('ask' as const), query: fc.nat(QUERIES.length - 1) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), which: fc.nat() }) },
)

/** How the renewals end, in turn. */
const endings = fc.array(
  fc.oneof(fc.constantFrom(...LIFETIMES), fc.constant('fails' as const), fc.constant('none' as const)),
  {
    minLength: 1,
    maxLength: 6,
  },
)

interface Flight {
  readonly query: number
  /** When it began and ended, in the order of all events. */
  readonly begin: number
  end?: number
  readonly ending: number | 'fails' | 'none'
  token?: string
  error?: Error
}

interface Asked {
  readonly query: number
  readonly at: number
  answeredAt?: number
  token?: unknown
  error?: unknown
}

/** Runs the actions in an order that the scheduler chooses, and records everything. */
async function happen(scheduler: fc.Scheduler, acts: readonly Act[], ends: readonly Flight['ending'][]) {
  let time = 0
  const flights: Flight[] = []
  const asked: Asked[] = []
  const refused: { token: string; at: number }[] = []

  const source: TokenSource = {
    async getToken(query) {
      const number = flights.length
      const flight: Flight = {
        query: QUERIES.findIndex((one) => one.audience === query.audience),
        begin: (time += 1),
        ending: ends[number % ends.length]!,
      }
      flights.push(flight)
      await scheduler.schedule(Promise.resolve(), `flight ${number} ends`)
      flight.end = time += 1
      if (flight.ending === 'none') return undefined
      if (flight.ending === 'fails') throw (flight.error = new Error(`flight ${number} failed`))
      flight.token =
        flight.ending === Infinity
          ? `opaque-${number}`
          : mint({ exp: now() + flight.ending, jti: String(number) })
      return flight.token
    },
  }
  const kept = reuse(source)

  const ask = async (query: number) => {
    const one: Asked = { query, at: (time += 1) }
    asked.push(one)
    try {
      one.token = await kept.getToken(QUERIES[query]!)
    } catch (error) {
      one.error = error
    }
    one.answeredAt = time += 1
  }
  const refuse = (which: number) => {
    const given = flights.flatMap(({ token }) => token ?? [])
    const token = given[which % given.length] ?? 'never given'
    refused.push({ token, at: (time += 1) })
    kept.invalidate?.(token)
  }
  for (const one of acts)
    void scheduler
      .schedule(Promise.resolve(), one.kind === 'ask' ? `query ${one.query}` : 'a token is refused')
      .then(() => (one.kind === 'ask' ? ask(one.query) : refuse(one.which)))
  await scheduler.waitIdle()
  // At the end, with nothing pending.
  const later = QUERIES.map((_, query) => ask(query))
  await scheduler.waitIdle()
  return { flights, asked, refused, later }
}

type Happened = Awaited<ReturnType<typeof happen>>

/** What is true whatever happens. */
const ALWAYS: Record<string, (happened: Happened) => void> = {
  'never has two renewals for one query': ({ flights }) => {
    for (const one of flights)
      for (const other of flights)
        if (one !== other && one.query === other.query)
          expect(one.end! < other.begin || other.end! < one.begin).toBe(true)
  },

  'settles every getToken': ({ asked, flights }) => {
    for (const one of asked) expect(one.answeredAt).toBeDefined()
    for (const flight of flights) expect(flight.end).toBeDefined()
  },

  'returns the token of a finished renewal for the same query': ({ asked, flights }) => {
    for (const { query, token, answeredAt } of asked) {
      if (token === undefined) continue
      const origin = flights.find((flight) => flight.token === token)
      expect(origin?.query).toBe(query)
      expect(origin!.end!).toBeLessThan(answeredAt!)
    }
  },

  'rejects those that waited for a failed renewal, and none that came later': ({ asked, flights }) => {
    for (const { error, query, at } of asked) {
      if (error === undefined) continue
      const flight = flights.find((one) => one.error === error)
      expect(flight?.query).toBe(query)
      expect(at).toBeLessThan(flight!.end!)
    }
  },

  'never returns a refused token again': ({ asked, refused }) => {
    for (const { token, at } of refused)
      for (const one of asked) if (one.at > at) expect(one.token).not.toBe(token)
  },

  'drops no token but the refused one, and renews none that is valid': ({ asked, flights, refused }) => {
    const isRefused = (token: string, before: number) =>
      refused.some((one) => one.token === token && one.at < before)
    for (const { begin, query } of flights) {
      // The last one before, unless it was too short to be kept, or is renewed in the background.
      const [before] = flights
        .filter((one) => one.query === query && one.token !== undefined && one.end! < begin)
        .sort((a, b) => b.end! - a.end!)
      if (!before?.token || Number(before.ending) < 120) continue
      expect(isRefused(before.token, begin)).toBe(true)
    }
    expect(asked.length).toBeGreaterThan(0)
  },

  'returns a token while it is renewed in the background': ({ asked, flights, refused }) => {
    for (const { ending, token, end, query } of flights) {
      if (ending !== 65 || refused.some((one) => one.token === token)) continue
      const next = flights.find((one) => one.query === query && one.token !== undefined && one.end! > end!)
      const meanwhile = asked.filter(
        (one) => one.query === query && one.at > end! && one.at < (next?.end ?? Infinity),
      )
      // Nothing is asserted about those that waited from before.
      for (const one of meanwhile) expect(one.token).toBe(token)
    }
  },
}

describe(`reuse, in any order of events ${SEEDED}`, () => {
  it(Object.keys(ALWAYS).join('; '), () =>
    fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(act, { minLength: 1, maxLength: 12 }),
        endings,
        async (scheduler, acts, ends) => {
          const happened = await happen(scheduler, acts, ends)
          for (const check of Object.values(ALWAYS)) check(happened)
        },
      ),
      runs(100),
    ),
  )
})
