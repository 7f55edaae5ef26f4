/** The store of docs/fleets.md for PostgreSQL: processes share one login, while they are killed and paused, and connections end. */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { examplesIn, fencesIn } from '../support/examples'
import {
  mostRotations,
  ROOT,
  rotatingIssuer,
  startWorker,
  stopped,
  STOPS_ITSELF,
  type Worker,
} from './support/fleet'
import { startPgBouncer, startPostgres, type Postgres } from './support/postgres'

const document = fs.readFileSync(path.join(ROOT, 'docs/fleets.md'), 'utf8')
const inSection = ({ heading }: { heading: string }) => heading === 'PostgreSQL'
const program = examplesIn(document).find(inSection)!.code
const table = fencesIn(document).find((one) => inSection(one) && one.language === 'sql')!.code

let postgres: Postgres
let server: Awaited<ReturnType<typeof rotatingIssuer>>
const workers: Worker[] = []

beforeAll(async () => {
  postgres = await startPostgres()
  postgres.query(table)
})
beforeEach(async () => {
  postgres.query('TRUNCATE tokens')
  server = await rotatingIssuer()
})
afterEach(() => {
  for (const { child } of workers.splice(0)) child.kill('SIGKILL')
})

function start(duration: number, { env = postgres.env, setup = program } = {}): Worker {
  const worker = startWorker(setup, { origin: server.origin, duration, env })
  workers.push(worker)
  return worker
}

/** Kills the processes that send these token requests, before the server has used their refresh token. */
function killAt(...indexes: number[]): ReadonlySet<number> {
  let requests = 0
  const killed = new Set<number>()
  server.state.isCut = (pid) => {
    requests += 1
    if (!indexes.includes(requests)) return false
    killed.add(pid)
    return process.kill(pid, 'SIGKILL')
  }
  return killed
}

async function expectOneRenewalPerRotation(fleet: readonly Worker[], left: number) {
  const begin = performance.now()
  const results = await Promise.all(fleet.map(({ result }) => result))
  const survivors = results.filter((result) => result !== undefined)
  expect(survivors).toHaveLength(left)
  expect(server.state.reused).toEqual([])
  expect(survivors.flatMap(({ failed }) => failed)).toEqual([])
  for (const { accepted } of survivors) expect(accepted).toBeGreaterThan(0)
  expect(server.state.rotations).toBeGreaterThan(1)
  expect(server.state.rotations).toBeLessThanOrEqual(mostRotations(begin))
}

it('eight processes make one renewal per rotation and lose no login when processes are killed', async () => {
  const fleet = Array.from({ length: 8 }, () => start(10_000))
  const killed = killAt(1, 3)
  await expectOneRenewalPerRotation(fleet, 6)
  expect(killed.size).toBe(2)
}, 60_000)

it('the lock works through PgBouncer with pool_mode transaction', async () => {
  const pgBouncer = await startPgBouncer(postgres)
  try {
    const fleet = Array.from({ length: 4 }, () => start(6000, { env: pgBouncer.env }))
    const killed = killAt(2)
    await expectOneRenewalPerRotation(fleet, 3)
    expect(killed.size).toBe(1)
  } finally {
    for (const { child } of workers) child.kill('SIGKILL')
    await pgBouncer.stop()
  }
}, 60_000)

it('a process that was paused for too long loses its lock, does not send its refresh token, and uses what another one obtained', async () => {
  const shorter = program.replace("'1min'", "'1s'")
  expect(shorter).not.toBe(program)
  const paused = start(5000, { setup: shorter + STOPS_ITSELF })
  await stopped(paused.child.pid ?? 0)
  const other = await start(2500, { setup: shorter }).result
  expect(other?.failed).toEqual([])
  expect(server.state.rotations).toBeGreaterThan(0)
  paused.child.kill('SIGCONT')
  const result = await paused.result
  // The request that waited for the lock fails; the next one reads the store.
  expect(result?.failed).toHaveLength(1)
  expect(result?.accepted).toBeGreaterThan(0)
  expect(server.state.reused).toEqual([])
}, 60_000)

it('a process whose connections end sends nothing without its lock, and works on', async () => {
  const worker = start(6000)
  for (let ended = 0; ended < 5; ended += 1) {
    await wait(800)
    postgres.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
  }
  const result = await worker.result
  expect(result?.accepted).toBeGreaterThan(0)
  // Where a renewal was under way.
  expect(result?.failed.length).toBeLessThanOrEqual(5)
  expect(server.state.reused).toEqual([])
}, 60_000)
