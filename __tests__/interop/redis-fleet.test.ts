/** Eight processes share one login with rotated refresh tokens through Redis, while processes are killed and paused, and Redis restarts. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { examplesIn } from '../support/examples'
import { redisPlace, redisVersion, startRedis, type Redis, type RedisPlace } from './redis'
import {
  mostRotations,
  ROOT,
  rotatingIssuer,
  startWorker,
  stopped,
  STOPS_ITSELF,
  type Worker,
} from './support/fleet'

const withRedis = redisVersion === undefined ? describe.skip : describe

const CLIENTS = {
  'node-redis': (port: number) => `
    import { createClient } from '@redis/client'
    const client = createClient({ url: 'redis://127.0.0.1:${port}', socket: { reconnectStrategy: 100 } })
    client.on('error', () => undefined)
    await client.connect()`,
  ioredis: (port: number) => `
    import Redis from 'ioredis'
    const client = new Redis(${port}, '127.0.0.1', { retryStrategy: () => 100, maxRetriesPerRequest: null })
    client.on('error', () => undefined)`,
}

withRedis(`with Redis ${redisVersion ?? '(redis-server is not installed)'}`, () => {
  let place: RedisPlace
  let redis: Redis
  let server: Awaited<ReturnType<typeof rotatingIssuer>>
  const workers: Worker[] = []

  beforeEach(async () => {
    place = await redisPlace()
    redis = await startRedis(place)
    server = await rotatingIssuer()
  })
  afterEach(async () => {
    for (const { child } of workers.splice(0)) child.kill('SIGKILL')
    await redis.stop()
    fs.rmSync(place.folder, { recursive: true, force: true })
  })

  function start(client: keyof typeof CLIENTS, duration: number, lifetime: number, setup = ''): Worker {
    const program = `
      import { redisStore } from 'axios-igwn-auth'
      ${CLIENTS[client](place.port)}
      const store = redisStore(client, { prefix: 'fleet:', lifetime: ${lifetime} })
      ${setup}`
    const worker = startWorker(program, { origin: server.origin, duration })
    workers.push(worker)
    return worker
  }

  it('eight processes make one renewal per rotation, lose no login and no request, when processes are killed and Redis restarts', async () => {
    const begin = performance.now()
    const fleet = Array.from({ length: 8 }, (_, index) =>
      start(index % 2 ? 'ioredis' : 'node-redis', 16_000, 4000),
    )
    // Kills the process that renews, before the server has used its refresh token: the third and the sixth time.
    let requests = 0
    const killed = new Set<number>()
    server.state.isCut = (pid) => {
      requests += 1
      if (requests !== 3 && requests !== 6) return false
      killed.add(pid)
      return process.kill(pid, 'SIGKILL')
    }
    await wait(4000)
    await redis.stop()
    await wait(1000)
    redis = await startRedis(place)
    const results = await Promise.all(fleet.map(({ result }) => result))

    expect(killed.size).toBe(2)
    const survivors = results.filter((result) => result !== undefined)
    expect(survivors).toHaveLength(6)
    expect(server.state.reused).toEqual([])
    expect(survivors.flatMap(({ failed }) => failed)).toEqual([])
    for (const { accepted } of survivors) expect(accepted).toBeGreaterThan(0)
    expect(server.state.rotations).toBeGreaterThan(4)
    expect(server.state.rotations).toBeLessThanOrEqual(mostRotations(begin))
  }, 60_000)

  it('a process that was paused past the lifetime of its lock does not send its refresh token, and uses what another one obtained', async () => {
    const paused = start('node-redis', 5000, 1000, STOPS_ITSELF)
    await stopped(paused.child.pid ?? 0)
    const other = start('ioredis', 1500, 1000)
    const { failed } = (await other.result) ?? {}
    expect(failed).toEqual([])
    const { rotations } = server.state
    expect(rotations).toBeGreaterThan(0)
    paused.child.kill('SIGCONT')
    const result = await paused.result
    expect(result?.failed).toEqual([])
    expect(result?.accepted).toBeGreaterThan(0)
    expect(server.state.reused).toEqual([])
  }, 60_000)

  it('the program of docs/fleets.md keeps tokens in Redis', async () => {
    const document = fs.readFileSync(path.join(ROOT, 'docs/fleets.md'), 'utf8')
    const [program] = examplesIn(document)
    const use = `await store.set('a', { access_token: 'x' })
      console.log((await store.get('a')).access_token, gracedb.defaults.baseURL)
      process.exit(0)`
    // The package finds itself by its name.
    const child = spawn(process.execPath, ['--input-type=module', '--eval', `${program?.code}\n${use}`], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, REDIS_PORT: String(place.port), FIRST_REFRESH_TOKEN: 'first' },
    })
    const [printed] = (await once(child.stdout, 'data')) as [Buffer]
    expect(String(printed)).toBe('x https://gracedb.example.org\n')
  })

  it('a process whose Redis is gone works on with the token it has', async () => {
    server.state.lifetime = 60
    const worker = start('node-redis', 3000, 1000)
    // The token is stored before it is sent.
    while (server.state.accepted === 0) await wait(20)
    await redis.stop()
    const result = await worker.result
    redis = await startRedis(place)
    expect(result).toEqual({ accepted: expect.any(Number) as number, failed: [] })
    expect(result?.accepted).toBeGreaterThan(0)
  }, 60_000)
})
