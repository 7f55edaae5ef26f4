import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Listening } from './server'

/** Starts the server in a process of its own. */
export async function startServer(): Promise<{ listening: Listening; stop: () => void }> {
  const server = fork(new URL('server.ts', import.meta.url), { execArgv: ['--import', 'tsx'] })
  const listening = await Promise.race([
    once(server, 'message').then(([message]) => message as Listening),
    once(server, 'exit').then(() => Promise.reject(new Error('the server ended before it listened'))),
  ])
  return { listening, stop: () => void server.kill() }
}
