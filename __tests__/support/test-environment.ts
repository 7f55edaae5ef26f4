/**
 * The environment of each test file. When the file has ended, also when its `beforeAll` failed halfway, nothing that it started
 * remains: listening servers are closed and child processes are killed, because either would keep Jest from exiting. A file that
 * left something fails.
 */
import './compile-once'
import { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { TestEnvironment } from 'jest-environment-node'

const servers = new Set<net.Server & { closeAllConnections?: () => void }>()
const children = new Set<ChildProcess>()
/** Processes that test files use one after the other: see warm-command.ts and openid-provider.ts. They end with this process. */
const idleHosts = new Map<string, ChildProcess[]>()

/** See pki.ts. */
const loadX509 = async () => {
  await import('reflect-metadata')
  return import('@peculiar/x509')
}

// All servers inherit it.
const listening = net.Server.prototype as { listen: (...parameters: unknown[]) => net.Server }
const { listen } = listening
listening.listen = function (this: net.Server, ...parameters) {
  servers.add(this)
  this.once('close', () => servers.delete(this))
  return listen.apply(this, parameters)
}

// Not part of the types of Node.js: all functions of node:child_process that are not synchronous call it.
const prototype = ChildProcess.prototype as unknown as { spawn: (options: { args?: string[] }) => unknown }
const { spawn } = prototype
prototype.spawn = function (this: ChildProcess, options) {
  children.add(this)
  this.once('exit', () => children.delete(this))
  return spawn.call(this, options)
}

/** Milliseconds until a child process must have ended after a signal. */
const END_TIMEOUT = 10_000

export default class extends TestEnvironment {
  private failed = false

  constructor(...parameters: ConstructorParameters<typeof TestEnvironment>) {
    super(...parameters)
    Object.assign(this.global, { idleHosts, loadX509 })
  }

  handleTestEvent = ({ name }: { readonly name: string }): void => {
    if (['test_fn_failure', 'hook_failure', 'error'].includes(name)) this.failed = true
  }

  override async teardown(): Promise<void> {
    await super.teardown()
    const left = [...(await closeServers()), ...(await endChildren())]
    const message = `The test file did not stop what it started: ${left.join(', ')}`
    // An error here replaces those of the tests.
    if (left.length > 0 && !this.failed) throw new Error(message)
    if (left.length > 0) console.error(message)
  }
}

async function closeServers(): Promise<string[]> {
  const listening = [...servers].filter((server) => server.listening)
  servers.clear()
  const names = listening.map((server) => `a server at ${JSON.stringify(server.address())}`)
  for (const server of listening) {
    server.close()
    server.closeAllConnections?.()
  }
  return names
}

async function endChildren(): Promise<string[]> {
  const kept = new Set([...idleHosts.values()].flat())
  const running = [...children].filter(
    (child) => child.pid && child.exitCode === null && child.signalCode === null && !kept.has(child),
  )
  children.clear()
  for (const child of kept) children.add(child)
  const left = await Promise.all(
    running.map(async (child) => {
      const ended = once(child, 'exit').catch(() => undefined)
      if (child.killed && (await Promise.race([ended, wait(END_TIMEOUT, 'late')])) !== 'late') return []
      child.kill('SIGKILL')
      await ended
      return [`${child.spawnargs.join(' ').slice(0, 200)} (process ${child.pid})`]
    }),
  )
  return left.flat()
}
