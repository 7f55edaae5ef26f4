import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { rememberProcess } from './processes'
import type { Identity } from './room'

export interface DaemonOptions {
  /** The program, and its arguments. */
  readonly command: readonly [program: string, ...args: string[]]
  /** Its working directory. Its output goes to `output.log` there. */
  readonly folder: string
  /** A TCP port of 127.0.0.1, or a UNIX socket, on which it accepts connections once it has started. */
  readonly port: number | string
  readonly identity?: Identity | undefined
  /** Its environment, in addition to PATH and a plain locale. Nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Daemon {
  readonly pid: number
  /** Its output so far. */
  output(): string
  /** Ends it, and waits until it has ended. */
  stop(): Promise<void>
}

/** Milliseconds for a server to start; most take a few hundred. */
const START_TIMEOUT = 20_000

/** Milliseconds before a server that should end is killed. */
const STOP_TIMEOUT = 5_000

/**
 * Starts a server and waits until it accepts connections. It ends with this process, even if that is killed: the kernel sends
 * it SIGTERM (prctl PR_SET_PDEATHSIG), and the runner ends what is left by process id.
 *
 * @throws if it ends before it accepts connections, with its output
 */
export async function startDaemon({ command, folder, port, identity, env }: DaemonOptions): Promise<Daemon> {
  const log = path.join(folder, 'output.log')
  const descriptor = fs.openSync(log, 'a')
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], {
    cwd: folder,
    // A process group of its own: its child processes end with it, and Ctrl-C reaches only this process.
    detached: true,
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', HOME: folder, TMPDIR: folder, ...env },
    stdio: ['ignore', descriptor, descriptor],
    ...identity,
  })
  fs.closeSync(descriptor)
  children.add(child)
  child.once('exit', () => children.delete(child))
  const failure = once(child, 'error').then(([error]) => Promise.reject(error as Error))
  failure.catch(() => undefined)
  await Promise.race([once(child, 'spawn'), failure])
  const { pid = 0 } = child
  const forget = rememberProcess(pid)
  child.once('exit', forget)

  const daemon: Daemon = {
    pid,
    output: () => fs.readFileSync(log, 'utf8'),
    stop: () => stop(child),
  }
  if (await answers(port, child)) return daemon
  await daemon.stop()
  throw new Error(`${command[0]}does not accept connections on port ${port}. Its output:\n${daemon.output()}`)
}

const children = new Set<ChildProcess>()

/** Servers that a test file starts end with the file. */
afterAll(async () => {
  await Promise.all([...children].map(stop))
})

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}

async function answers(port: number | string, child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + START_TIMEOUT
  while (isRunning(child) && performance.now() < deadline) {
    if (await connects(port)) return isRunning(child)
    await wait(20)
  }
  return false
}

async function connects(port: number | string): Promise<boolean> {
  const socket = typeof port === 'string' ? net.connect(port) : net.connect(port, '127.0.0.1')
  const connected = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false)
  socket.destroy()
  return connected
}

async function stop(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return
  const ended = once(child, 'exit')
  killGroup(child, 'SIGTERM')
  const timer = new AbortController()
  const late = wait(STOP_TIMEOUT, 'late', { signal: timer.signal }).catch(() => undefined)
  if ((await Promise.race([ended, late])) === 'late') killGroup(child, 'SIGKILL')
  timer.abort()
  await ended
}

function killGroup({ pid = 0 }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // It has already ended.
  }
}

/** Ports of 127.0.0.1 that are free now, all different. */
export async function freePorts<Names extends string>(...names: Names[]): Promise<Record<Names, number>> {
  const servers = names.map(() => net.createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Record<Names, number>
}
