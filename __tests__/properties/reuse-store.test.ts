import fc from 'fast-check'
import { reuse, type StoredToken, type TokenSource, type TokenStore } from '../support/all'
import { runs, SEEDED } from '../support/properties'
import { mint, now, stopClock } from '../support/tokens'

beforeEach(stopClock)
afterEach(() => {
  jest.useRealTimers()
})

const QUERY = { audience: 'https://a' }

/** The actions of each process, one after the other: request a token, or report that the newest one was refused. */
type Act = 'ask' | 'refuse'
const acts = fc.array(
  fc.array(fc.constantFrom<Act[]>('ask', 'ask', 'refuse'), { minLength: 1, maxLength: 8 }),
  {
    minLength: 1,
    maxLength: 3,
  },
)

/** How the renewals end, in turn, and which steps of the store fail. */
const endings = fc.array(fc.constantFrom('token' as const, 'token' as const, 'fails' as const), {
  minLength: 1,
  maxLength: 5,
})
const faults = fc.array(fc.nat(30), { maxLength: 10 })

interface Flight {
  readonly begin: number
  end?: number
  token?: string
  error?: Error
}

interface Asked {
  readonly process: number
  readonly at: number
  answeredAt?: number
  token?: string
  error?: unknown
}

/** A store whose steps end when the scheduler decides, and of which some fail. Its lock admits one at a time. */
function slowStore(scheduler: fc.Scheduler, faulty: readonly number[]): TokenStore {
  const kept = new Map<string, StoredToken>()
  let steps = 0
  let free: Promise<unknown> = Promise.resolve()
  const step = async <T>(what: string, result: () => T): Promise<T> => {
    const number = (steps += 1)
    await scheduler.schedule(Promise.resolve(), `the store ${what}`)
    if (faulty.includes(number)) throw new Error(`step ${number} of the store failed`)
    return result()
  }
  return {
    get: (key) => step('reads', () => kept.get(key)),
    set: (key, token) => step('writes', () => void kept.set(key, token)),
    delete: (key) => step('removes', () => void kept.delete(key)),
    async lock<T>(_key: string, work: () => Promise<T>): Promise<T> {
      const before = free
      const turn = before.then(work)
      free = turn.catch(() => undefined)
      return turn
    },
  }
}

/** Processes that share a store, with events in an order that the scheduler chooses. */
async function happen(
  scheduler: fc.Scheduler,
  todo: readonly (readonly Act[])[],
  ends: readonly ('token' | 'fails')[],
  faulty: readonly number[],
) {
  let time = 0
  const flights: Flight[] = []
  const asked: Asked[] = []
  const refused: { token: string; process: number; at: number }[] = []
  const source: TokenSource = {
    async getToken() {
      const number = flights.length
      const flight: Flight = { begin: (time += 1) }
      flights.push(flight)
      await scheduler.schedule(Promise.resolve(), `flight ${number} ends`)
      flight.end = time += 1
      if (ends[number % ends.length] === 'fails') throw (flight.error = new Error(`flight ${number} failed`))
      return (flight.token = mint({ exp: now() + 3600, jti: String(number) }))
    },
  }
  const store = slowStore(scheduler, faulty)
  const processes = todo.map(() => reuse(source, { store, storeKey: 'shared' }))

  const ask = async (process: number) => {
    const one: Asked = { process, at: (time += 1) }
    asked.push(one)
    try {
      const token = await processes[process]!.getToken(QUERY)
      if (token !== undefined) one.token = String(token)
    } catch (error) {
      one.error = error
    }
    one.answeredAt = time += 1
  }
  const refuse = (process: number) => {
    const token = asked.filter((one) => one.process === process).at(-1)?.token
    if (token === undefined) return
    refused.push({ token, process, at: (time += 1) })
    processes[process]!.invalidate?.(token)
  }
  for (const [process, own] of todo.entries())
    void (async () => {
      for (const act of own) {
        await scheduler.schedule(Promise.resolve(), `process ${process} is to ${act}`)
        if (act === 'ask') await ask(process)
        else refuse(process)
      }
    })()
  await scheduler.waitIdle()
  return { flights, asked, refused }
}

type Happened = Awaited<ReturnType<typeof happen>>

/** What is true whatever happens. */
const ALWAYS: Record<string, (happened: Happened) => void> = {
  'has one renewal at a time in all processes, whatever fails': ({ flights }) => {
    for (const [number, flight] of flights.entries())
      for (const other of flights.slice(number + 1)) expect(flight.end!).toBeLessThan(other.begin)
  },

  'settles every getToken, whatever fails': ({ asked }) => {
    for (const { answeredAt, token, error } of asked) {
      expect(answeredAt).toBeDefined()
      expect(token ?? error).toBeDefined()
    }
  },

  'never loses an obtained token when the store fails: all that waited for it get it': ({
    asked,
    flights,
  }) => {
    for (const { token, error, answeredAt } of asked) {
      const flight = flights.find((one) => (token === undefined ? one.error === error : one.token === token))
      // A failure of the store rejects no getToken.
      expect(flight?.end).toBeLessThan(answeredAt!)
    }
  },

  'never returns a token again to a process for which it was refused': ({ asked, refused }) => {
    for (const { token, process, at } of refused)
      for (const one of asked) if (one.process === process && one.at > at) expect(one.token).not.toBe(token)
  },
}

const inAnyOrder = (faulty: fc.Arbitrary<number[]>, check: (happened: Happened) => void) =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), acts, endings, faulty, async (scheduler, todo, ends, failing) => {
      check(await happen(scheduler, todo, ends, failing))
    }),
    runs(80),
  )

describe(`reuse with a store that processes share, in any order of events ${SEEDED}`, () => {
  it(Object.keys(ALWAYS).join('; '), () =>
    inAnyOrder(faults, (happened) => {
      for (const check of Object.values(ALWAYS)) check(happened)
    }),
  )

  it('makes one renewal for all processes while the store works and nothing is refused', () =>
    inAnyOrder(fc.constant([]), ({ flights, refused }) => {
      if (refused.length > 0) return
      // One that fails is tried again by the next getToken.
      expect(flights.filter(({ token }) => token !== undefined).length).toBeLessThanOrEqual(1)
    }))
})
