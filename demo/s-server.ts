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

/** Milliseconds to wait until it listens. */
const START_TIMEOUT = 3000

/**
 * Starts `openssl s_server` on a free port of 127.0.0.1. It verifies RFC 3820 proxies, closes the connection if the chain is
 * invalid, and otherwise answers with a page that contains the result of the verification.
 *
 * Resolves to undefined if there is no `openssl`, or one without support for proxies (LibreSSL).
 */
export async function startSServer({ certificate, key, ca }: ServerFiles): Promise<SServer | undefined> {
  const child = spawn(
    'openssl',
    [
      ...['s_server', '-www', '-accept', '127.0.0.1:0', '-cert', certificate, '-key', key],
      // Without -verify_return_error it accepts an invalid chain.
      ...['-allow_proxy_certs', '-CAfile', ca, '-Verify', '4', '-verify_return_error'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const end = () => child.kill()
  process.once('exit', end)
  // A missing program is not an error here.
  const ended = new Promise<void>((resolve) =>
    child.once('error', () => resolve()).once('close', () => resolve()),
  )
  const close = async () => {
    end()
    await ended
    process.off('exit', end)
  }
  const port = await Promise.race([portOf(child), ended, wait(START_TIMEOUT, undefined, { ref: false })])
  if (port !== undefined) return { port, close }
  await close()
  return undefined
}

/** Reads the port from the line `ACCEPT 127.0.0.1:41559`. */
async function portOf({ stdout }: ChildProcess): Promise<number | undefined> {
  let output = ''
  stdout?.setEncoding('utf8')
  while (stdout && !/^ACCEPT .*\n/m.test(output)) output += String((await once(stdout, 'data'))[0])
  const port = /^ACCEPT .*:(\d+)\s*$/m.exec(output)?.[1]
  stdout?.resume()
  return port === undefined ? undefined : Number(port)
}
