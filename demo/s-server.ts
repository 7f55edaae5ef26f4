import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

/** Paths of PEM files. */
export interface ServerFiles {
  readonly certificate: string
  readonly key: string
  readonly ca: string
}

export interface SServer {
  readonly port: number
  close(): Promise<void>
}

/** Milliseconds to wait for it to listen. */
const PATIENCE = 3000

/**
 * `openssl s_server` on a free port of this machine: a server that verifies RFC 3820 proxies, and hangs up on a client
 * whose chain does not hold. It answers each request with a page on its connection, which says how the verifying ended.
 *
 * Undefined when there is no `openssl`, or one that cannot do this (LibreSSL).
 */
export async function startSServer({ certificate, key, ca }: ServerFiles): Promise<SServer | undefined> {
  const child = spawn(
    'openssl',
    [
      ...['s_server', '-www', '-accept', '127.0.0.1:0', '-cert', certificate, '-key', key],
      // Without the last, it reports what does not hold and goes on.
      ...['-allow_proxy_certs', '-CAfile', ca, '-Verify', '4', '-verify_return_error'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const end = () => child.kill()
  process.once('exit', end)
  // A program that is not there is no error, and ends at once.
  const ended = new Promise<void>((resolve) =>
    child.once('error', () => resolve()).once('close', () => resolve()),
  )
  const close = async () => {
    end()
    await ended
    process.off('exit', end)
  }
  const port = await Promise.race([portOf(child), ended, wait(PATIENCE, undefined, { ref: false })])
  if (port !== undefined) return { port, close }
  await close()
  return undefined
}

/** Where it listens, once it says so: `ACCEPT 127.0.0.1:41559`. */
async function portOf({ stdout }: ChildProcess): Promise<number | undefined> {
  let said = ''
  stdout?.setEncoding('utf8')
  while (stdout && !/^ACCEPT .*\n/m.test(said)) said += String((await once(stdout, 'data'))[0])
  const port = /^ACCEPT .*:(\d+)\s*$/m.exec(said)?.[1]
  stdout?.resume()
  return port === undefined ? undefined : Number(port)
}
