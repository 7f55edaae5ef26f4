/** Runs the command in a process that has already loaded it: see `warm-host.mjs`. */
import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import os from 'node:os'
import path from 'node:path'
import type { Ended, Running } from './command'

export interface Run {
  readonly words: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Default is nothing. */
  readonly stdin?: string | undefined
  /** The width of its terminal. Default: its output is not a terminal. */
  readonly columns?: number
}

const HOST = path.join(__dirname, 'warm-host.mjs')

/** A process that runs the command, and the text that it writes at the end of each run. */
type Host = ChildProcess & { readonly end: string }

/**
 * Idle hosts by the variables that Node.js reads when it starts, and by whether they have a terminal. The test files of a Jest
 * process share them (`test-environment.ts`), except those whose key names a file of a test.
 */
const { idleHosts: idle } = globalThis as unknown as { idleHosts: Map<string, Host[]> }
const isShared = (key: string) => !key.includes('/')

afterAll(async () => {
  for (const [key, hosts] of idle)
    if (!isShared(key)) {
      idle.delete(key)
      await Promise.all(
        hosts.map(async (host) => {
          if (host.kill()) await once(host, 'exit')
        }),
      )
    }
})

/** Runs it to its end, as a process of its own would. */
export async function runWarm(
  cli: string,
  preload: string,
  run: Run,
  meanwhile?: (running: Running) => unknown,
): Promise<Ended> {
  const isTerminal = run.columns !== undefined
  const variables = Object.entries(run.env).filter(([name]) => name.startsWith('NODE_'))
  const key = JSON.stringify([isTerminal, ...variables])
  const host = idle.get(key)?.pop() ?? (await start(cli, preload, run.env, isTerminal))
  const said = { stdout: '', stderr: '' }
  const { end } = host
  let hasEnded = false
  const ended = new Promise<Omit<Ended, 'stdout' | 'stderr'>>((resolve) => {
    host.once('close', (code, signal) => {
      resolve({ code, signal })
    })
    let result: Omit<Ended, 'stdout' | 'stderr'> | undefined
    const look = () => {
      if (result && said.stdout.endsWith(end) && (isTerminal || said.stderr.endsWith(end))) resolve(result)
    }
    host.once('message', ({ code, signal }: { code: number; signal: NodeJS.Signals | null }) => {
      // The exit code by which script reports a signal.
      if (isTerminal && signal) result = { code: 128 + os.constants.signals[signal], signal: null }
      else result = { code: signal ? null : code, signal }
      look()
    })
    for (const name of ['stdout', 'stderr'] as const)
      host[name]?.setEncoding('utf8').on('data', (text: string) => {
        said[name] += text
        look()
      })
  }).finally(() => (hasEnded = true))
  host.send(run)
  await meanwhile?.({
    child: host as ChildProcess as ChildProcessWithoutNullStreams,
    said,
    hasEnded: () => hasEnded,
    resize: (columns) => host.send({ columns }),
  })
  const { code, signal } = await ended
  host.removeAllListeners('close').removeAllListeners('message')
  for (const name of ['stdout', 'stderr'] as const) host[name]?.removeAllListeners('data')
  if (host.exitCode === null && host.signalCode === null) idle.set(key, [...(idle.get(key) ?? []), host])
  return { code, signal, stdout: said.stdout.replace(end, ''), stderr: said.stderr.replace(end, '') }
}

async function start(
  cli: string,
  preload: string,
  env: NodeJS.ProcessEnv,
  isTerminal: boolean,
): Promise<Host> {
  const end = `end-${randomUUID()}`
  // Of the option of vm.Script by which the command imports modules.
  const words = ['--disable-warning=ExperimentalWarning', '--require', preload, HOST, cli, end]
  const [program, ...parameters] = isTerminal
    ? ['script', '-qefc', `exec ${process.execPath} ${words.join(' ')}`, '/dev/null']
    : [process.execPath, ...words]
  const host = spawn(program, parameters, { env, stdio: ['pipe', 'pipe', 'pipe', 'ipc'] })
  await once(host, 'message')
  // It ends when this process does.
  host.unref()
  for (const one of [host.channel, host.stdin, host.stdout, host.stderr])
    (one as unknown as { unref(): void }).unref()
  return Object.assign(host, { end })
}
