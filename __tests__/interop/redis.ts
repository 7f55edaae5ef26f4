import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import path from 'node:path'

/** A Redis server for one test. */
export interface Redis {
  /** `redis://127.0.0.1:<port>`. */
  readonly url: string
  /** Ends it, by its process id. */
  stop(): Promise<void>
}

/** The version of `redis-server` that is installed (Debian package redis-server), or undefined. */
export const redisVersion: string | undefined = (() => {
  try {
    return /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1]
  } catch {
    return undefined
  }
})()

/** The place of a Redis that can be started again with what it kept. */
export interface RedisPlace {
  readonly port: number
  readonly folder: string
}

export async function redisPlace(): Promise<RedisPlace> {
  return { port: await freePort(), folder: fs.mkdtempSync(path.join(String(process.env.TMPDIR), 'redis-')) }
}

/** Starts a Redis on loopback. It keeps nothing on the disk, unless it is given a place. */
export async function startRedis(place?: RedisPlace): Promise<Redis> {
  const { port, folder } = place ?? (await redisPlace())
  const kept = place ? { appendonly: 'yes', appendfsync: 'always' } : { appendonly: 'no' }
  const options = { port, bind: '127.0.0.1', save: '', ...kept, dir: folder, daemonize: 'no' }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(server, 'exit')
  let said = ''
  await new Promise<void>((resolve, reject) => {
    server.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('Ready to accept connections')) resolve()
    })
    server.once('error', reject)
    server.once('exit', () => {
      reject(new Error(`redis-server ended before it was ready: ${said}`))
    })
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      server.kill('SIGTERM')
      await ended
      if (!place) fs.rmSync(folder, { recursive: true })
    },
  }
}

/** Redis does not print the port that it chose. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
