/** A fleet: processes that share one login with rotated refresh tokens, and the server that rotates them. */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { listen } from '../../support/listen'

export const ROOT = path.join(__dirname, '../../..')
const DIST = path.join(ROOT, 'dist')

/** Seconds for which an access token is valid, unless a test sets another lifetime. */
const LIFETIME = 2

/** As many renewals as processes need that renew no token early: one second of each token is its `minTimeLeft`. */
export function mostRotations(begin: number): number {
  return Math.ceil((performance.now() - begin) / 1000 / (LIFETIME - 1)) + 1
}

/** An authorization server that accepts each refresh token once, and a service that accepts its access tokens. */
export async function rotatingIssuer() {
  const state = {
    refreshToken: 'first',
    rotations: 0,
    /** Requests with a valid token. */
    accepted: 0,
    /** Seconds for which an access token is valid. */
    lifetime: LIFETIME,
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
      const isValid = until > Date.now()
      if (isValid) state.accepted += 1
      answer(isValid ? 200 : 401, {})
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
        valid.set(`Bearer ${token}`, Date.now() + (state.lifetime + 10) * 1000)
        answer(200, {
          access_token: token,
          token_type: 'Bearer',
          expires_in: state.lifetime,
          refresh_token: state.refreshToken,
        })
      })
    })
  })
  const { port } = await listen(server)
  return { state, origin: `http://127.0.0.1:${port}` }
}

export interface Worker {
  readonly child: ChildProcess
  /** How many requests were accepted, and what others failed with. Undefined for a process that was killed. */
  readonly result: Promise<{ readonly accepted: number; readonly failed: readonly string[] } | undefined>
}

/**
 * Starts a process that sends requests with the shared login, for so many milliseconds.
 *
 * @param setup - a program that defines `store`
 */
export function startWorker(
  setup: string,
  { origin, duration, env = {} }: { origin: string; duration: number; env?: NodeJS.ProcessEnv },
): Worker {
  const program = `${setup}
    import { refreshToken as fleetLogin } from '${DIST}/oauth2.js'
    const source = fleetLogin(
      { metadata: { issuer: '${origin}', token_endpoint: '${origin}/token' }, clientId: 'fleet' },
      { refreshToken: 'first', store, minTimeLeft: 1, renewBefore: 0, params: { worker: String(process.pid) } },
    )
    const failed = []
    let accepted = 0
    const end = Date.now() + ${duration}
    // A process that was paused may continue after its end.
    while (Date.now() < end || accepted === 0) {
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
    env: { ...process.env, ...env },
  })
  let printed = ''
  child.stdout.on('data', (chunk) => (printed += String(chunk)))
  const result = once(child, 'close').then(() =>
    printed === '' ? undefined : (JSON.parse(printed) as { accepted: number; failed: string[] }),
  )
  return { child, result }
}

/** For a setup: the process stops itself when it holds the lock and has read the login, before it sends the refresh token. */
export const STOPS_ITSELF = `
  let isLocked = false
  const { get, lock: lockOfStore } = store
  store.lock = (key, work) => lockOfStore(key, (held) => { isLocked = true; return work(held) })
  store.get = async (key) => {
    const found = await get(key)
    if (isLocked && !key.includes('[')) { store.get = get; process.kill(process.pid, 'SIGSTOP') }
    return found
  }`

/** Waits until a process is stopped. */
export async function stopped(pid: number): Promise<void> {
  for (let left = 1000; left > 0; left -= 1) {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    if (/\) T /.test(stat)) return
    await wait(20)
  }
  throw new Error('the process did not stop')
}
