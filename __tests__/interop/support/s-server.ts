/** `openssl s_server`, which requires a certificate, accepts proxies (RFC 3820), and closes the connection for an invalid chain. */
import path from 'node:path'
import type { Authority } from '../../support/pki'
import { freePorts, startDaemon, type Daemon } from './daemon'
import { newFolder, write } from './room'

export interface SServerOptions {
  readonly authority: Authority
  /** The only TLS version that it supports. */
  readonly tls: '1.2' | '1.3'
  /** Seconds by which its clock is ahead when it checks certificates. Default is 0. */
  readonly ahead?: number
}

export interface SServer extends Daemon {
  /** `https://localhost:<port>/`, a page about the connection. */
  readonly url: string
}

export async function startSServer({ authority, tls, ahead = 0 }: SServerOptions): Promise<SServer> {
  const folder = newFolder('s-server')
  const { port } = await freePorts('port')
  const { certificate, key } = await authority.issueServer()
  const at = (name: string) => path.join(folder, name)
  const daemon = await startDaemon({
    command: [
      ...(['openssl', 's_server', '-www', '-accept', `127.0.0.1:${port}`] as const),
      ...['-cert', write(at('server.pem'), certificate), '-key', write(at('server.key'), key)],
      ...['-CAfile', write(at('ca.pem'), authority.certificate), '-Verify', '9', '-verify_return_error'],
      ...['-allow_proxy_certs', `-tls${tls.replace('.', '_')}`],
      ...(ahead === 0 ? [] : ['-attime', String(Math.trunc(Date.now() / 1000) + ahead)]),
    ],
    folder,
    port,
  })
  return { ...daemon, url: `https://localhost:${port}/` }
}
