import fs from 'node:fs'
import path from 'node:path'
import { freePorts, startDaemon, type Daemon } from './daemon'
import { handOver, identityOf, newFolder, write } from './room'

export interface TinyproxyOptions {
  /** Required credentials, `user:password`. Default is none. */
  readonly login?: string
  /** The ports that it tunnels to. Default is all. */
  readonly connectPorts?: readonly number[]
}

export interface Tinyproxy extends Daemon {
  /** `http://127.0.0.1:<port>`, for HTTPS_PROXY. */
  readonly url: string
  /** The first lines of the requests since the last call: `CONNECT localhost:443 HTTP/1.1`. */
  requests(): string[]
}

/** tinyproxy, a forward proxy: it tunnels with CONNECT, and forwards plain HTTP requests. */
export async function startTinyproxy({
  login,
  connectPorts = [],
}: TinyproxyOptions = {}): Promise<Tinyproxy> {
  const folder = newFolder('tinyproxy')
  const { port } = await freePorts('port')
  const log = path.join(folder, 'proxy.log')
  const configuration = write(
    path.join(folder, 'tinyproxy.conf'),
    [
      `Port ${port}`,
      'Listen 127.0.0.1',
      'Allow 127.0.0.1',
      'Timeout 60',
      'MaxClients 50',
      'LogLevel Connect',
      `LogFile "${log}"`,
      ...(login === undefined ? [] : [`BasicAuth ${login.replace(':', ' ')}`]),
      ...connectPorts.map((allowed) => `ConnectPort ${allowed}`),
    ]
      .map((line) => `${line}\n`)
      .join(''),
  )
  const identity = identityOf('daemon')
  handOver(folder, identity)
  const daemon = await startDaemon({
    command: ['tinyproxy', '-d', '-c', configuration],
    folder,
    port,
    identity,
  })

  let seen = 0
  return {
    ...daemon,
    output: () => fs.readFileSync(log, 'utf8'),
    url: `http://127.0.0.1:${port}`,
    requests() {
      const all = [...fs.readFileSync(log, 'utf8').matchAll(/Request \(file descriptor \d+\): (.*)/g)]
      const lines = all.slice(seen).map(([, line = '']) => line)
      seen = all.length
      return lines
    },
  }
}
