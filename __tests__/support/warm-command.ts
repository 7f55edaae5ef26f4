/** Runs the command in a process that has already loaded it: see `warm-host.mjs`. */
import { fork, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import type { Ended } from './command'

export interface Run {
  readonly words: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Default is nothing. */
  readonly stdin?: string | undefined
}

const HOST = path.join(__dirname, 'warm-host.mjs')
const END = `\n${randomUUID()}\n`

/** Processes by the variables that Node.js reads when it starts. Each does one run at a time. */
const idle = new Map<string, ChildProcess[]>()
const all = new Set<ChildProcess>()

afterAll(async () => {
  for (const host of all) if (host.kill()) await once(host, 'exit')
})

/** Runs it to its end, as a process of its own would. */
export async function runWarm(cli: string, preload: string, run: Run): Promise<Ended> {
  const key = JSON.stringify(Object.entries(run.env).filter(([name]) => name.startsWith('NODE_')))
  const host = idle.get(key)?.pop() ?? (await start(cli, preload, run.env))
  const said = { stdout: '', stderr: '' }
  const ended = new Promise<Omit<Ended, 'stdout' | 'stderr'>>((resolve) => {
    host.once('close', (code, signal) => {
      resolve({ code, signal })
    })
    let code: number | undefined
    const look = () => {
      if (code !== undefined && said.stdout.endsWith(END) && said.stderr.endsWith(END))
        resolve({ code, signal: null })
    }
    host.once('message', (message: { code: number }) => {
      ;({ code } = message)
      look()
    })
    for (const name of ['stdout', 'stderr'] as const)
      host[name]?.setEncoding('utf8').on('data', (text: string) => {
        said[name] += text
        look()
      })
  })
  host.send(run)
  const { code, signal } = await ended
  host.removeAllListeners('close').removeAllListeners('message')
  for (const name of ['stdout', 'stderr'] as const) host[name]?.removeAllListeners('data')
  if (host.exitCode === null && host.signalCode === null) idle.set(key, [...(idle.get(key) ?? []), host])
  return { code, signal, stdout: said.stdout.replace(END, ''), stderr: said.stderr.replace(END, '') }
}

async function start(cli: string, preload: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  // Of the option of vm.Script by which the command imports modules.
  const execArgv = ['--disable-warning=ExperimentalWarning', '--require', preload]
  const host = fork(HOST, [cli, END], { env, silent: true, execArgv })
  all.add(host)
  await once(host, 'message')
  return host
}
