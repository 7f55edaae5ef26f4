/** Eight processes share one login with rotated refresh tokens through Redis, while processes are killed and paused, and Redis restarts. */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { examplesIn } from '../support/examples'
import { redisPlace, redisVersion, startRedis, type Redis, type RedisPlace } from './redis'

const ROOT = path.join(__dirname, '../..')
const DIST = path.join(ROOT, 'dist')
const withRedis = redisVersion === undefined ? describe.skip : describe

/** Seconds for which an access token is valid. */
const LIFETIME = 2

/** An authorization server that accepts each refresh token once, and a service that accepts its access tokens. */
async function issuer() {
  const state = {
    refreshToken: 'first',
    rotations: 0,
    /** Refresh tokens that were used a second time: the login is lost. */
    reused: [] as string[],
    /** Called with the process of each token request; returns whether the request ends before the refresh token is used. */
    isCut: (_pid: number): boolean => false,
  }
  const valid = new Map<string, number>()
  const server = http.createServer((request, response) => {
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (request.url === '/data') {
      const until = valid.get(String(request.headers.authorization)) ?? 0
      answer(until > Date.now() ? 200 : 401, {})
      return
    }
    let text = ''
    request.on('data', (chunk) => (text += String(chunk)))
    request.on('end', () => {
      const form = new URLSearchParams(text)
      if (state.isCut(Number(form.get('worker')))) return
      void wait(30).then(() => {
        const used = String(form.get('refresh_token'))
        if (used !== state.refreshToken) {
          state.reused.push(used)
          answer(400, { error: 'invalid_grant' })
          return
        }
        state.rotations += 1
        state.refreshToken = randomUUID()
        const token = randomUUID()
        valid.set(`Bearer ${token}`, Date.now() + (LIFETIME + 0.5) * 1000)
        answer(200, {
          access_token: token,
          token_type: 'Bearer',
          expires_in: LIFETIME,
          refresh_token: state.refreshToken,
        })
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    state,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

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

interface Worker {
  readonly child: ChildProcess
  /** How many requests were accepted, and what others failed with. */
  readonly result: Promise<{ readonly accepted: number; readonly failed: readonly string[] } | undefined>
}

/** A process that sends requests with the shared login, for so many milliseconds. */
function startWorker(
  client: keyof typeof CLIENTS,
  {
    port,
    origin,
    prefix,
    duration,
    lifetime,
    setup = '',
  }: Record<'port' | 'duration' | 'lifetime', number> &
    Record<'origin' | 'prefix', string> & { setup?: string },
): Worker {
  const program = `
    import { redisStore } from '${DIST}/index.js'
    import { refreshToken } from '${DIST}/oauth2.js'
    ${CLIENTS[client](port)}
    const store = redisStore(client, { prefix: '${prefix}', lifetime: ${lifetime} })
    ${setup}
    const source = refreshToken(
      { metadata: { issuer: '${origin}', token_endpoint: '${origin}/token' }, clientId: 'fleet' },
      { refreshToken: 'first', store, minTimeLeft: 1, renewBefore: 0, params: { worker: String(process.pid) } },
    )
    const failed = []
    let accepted = 0
    const end = Date.now() + ${duration}
    while (Date.now() < end) {
      try {
        const token = await source.getToken({})
        const { status } = await fetch('${origin}/data', { headers: { Authorization: 'Bearer ' + token } })
        if (status === 200) accepted += 1
        else failed.push('status ' + status)
      } catch (error) {
        failed.push(error.code + ' ' + error.message)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    console.log(JSON.stringify({ accepted, failed }))
    process.exit(0)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.on('data', (chunk) => (printed += String(chunk)))
  const result = once(child, 'close').then(() =>
    printed === '' ? undefined : (JSON.parse(printed) as { accepted: number; failed: string[] }),
  )
  return { child, result }
}

withRedis(`with Redis ${redisVersion ?? '(redis-server is not installed)'}`, () => {
  let place: RedisPlace
  let redis: Redis
  let server: Awaited<ReturnType<typeof issuer>>
  const workers: Worker[] = []

  beforeEach(async () => {
    place = await redisPlace()
    redis = await startRedis(place)
    server = await issuer()
  })
  afterEach(async () => {
    for (const { child } of workers.splice(0)) child.kill('SIGKILL')
    server.close()
    await redis.stop()
    fs.rmSync(place.folder, { recursive: true, force: true })
  })

  function start(client: keyof typeof CLIENTS, duration: number, lifetime: number, setup = ''): Worker {
    const { port } = place
    const options = { port, origin: server.origin, prefix: 'fleet:', duration, lifetime, setup }
    const worker = startWorker(client, options)
    workers.push(worker)
    return worker
  }

  it('eight processes make one renewal per rotation, lose no login and no request, when processes are killed and Redis restarts', async () => {
    const duration = 16_000
    const fleet = Array.from({ length: 8 }, (_, index) =>
      start(index % 2 ? 'ioredis' : 'node-redis', duration, 4000),
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
    for (const { accepted } of survivors) expect(accepted).toBeGreaterThan(10)
    expect(server.state.rotations).toBeGreaterThan(4)
    // A token lasts for one second, as the other one is its minTimeLeft.
    expect(server.state.rotations).toBeLessThanOrEqual(Math.ceil(duration / 1000 / (LIFETIME - 1)))
  }, 60_000)

  it('a process that was paused past the lifetime of its lock does not send its refresh token, and uses what another one obtained', async () => {
    // Stops itself when it holds the lock and has read the login.
    const paused = start(
      'node-redis',
      5000,
      1000,
      `let isLocked = false
       const { get, lock } = store
       store.lock = (key, work) => lock(key, (held) => { isLocked = true; return work(held) })
       store.get = async (key) => {
         const found = await get(key)
         if (isLocked && !key.includes('[')) { store.get = get; process.kill(process.pid, 'SIGSTOP') }
         return found
       }`,
    )
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
    const worker = start('node-redis', 1500, 1000)
    while (server.state.rotations === 0) await wait(20)
    await wait(100)
    await redis.stop()
    const result = await worker.result
    redis = await startRedis(place)
    expect(result?.accepted).toBeGreaterThan(10)
  }, 60_000)
})

/** Waits until a process is stopped. */
async function stopped(pid: number): Promise<void> {
  for (let left = 1000; left > 0; left -= 1) {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    if (/\) T /.test(stat)) return
    await wait(20)
  }
  throw new Error('the process did not stop')
}
