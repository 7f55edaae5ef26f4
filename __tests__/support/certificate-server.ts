/**
 * An https server on loopback that asks for a client certificate and answers which one it was shown, with the chain that
 * came with it. Node cannot verify RFC 3820 proxies, so it lets everybody in; `verifiedChain` does the verifying.
 */
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import type { Authority, Issued } from './pki'

/** What the server says of a request: the certificates it was shown, PEM, the leaf first; none: []. */
export interface Shown {
  readonly chain: readonly string[]
  readonly authorized: boolean
}

export interface CertificateServer {
  /** `https://localhost:<port>` */
  readonly url: string
  readonly port: number
  /** How many TLS handshakes there were. */
  handshakes(): number
  /** Connections that are open now. */
  connections(): number
  close(): Promise<void>
}

export interface CertificateServerOptions extends tls.TlsOptions {
  readonly authority: Authority
  readonly server: Issued
  /** Answers in place of the server's own answer. */
  readonly answer?: (request: http.IncomingMessage, response: http.ServerResponse) => void
}

export async function certificateServer({
  authority,
  server,
  answer = showChain,
  ...options
}: CertificateServerOptions): Promise<CertificateServer> {
  const listening = https.createServer({
    cert: server.certificate,
    key: server.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: false,
    ...options,
  } as https.ServerOptions)
  let handshakes = 0
  const open = new Set<net.Socket>()
  listening.on('secureConnection', (socket) => {
    handshakes += 1
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => undefined)
  })
  listening.on('request', answer)
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  return {
    url: `https://localhost:${port}`,
    port,
    handshakes: () => handshakes,
    connections: () => open.size,
    async close() {
      listening.closeAllConnections()
      await new Promise((resolve) => listening.close(resolve))
    },
  }
}

/** Answers what the client has shown. */
export function showChain(request: http.IncomingMessage, response: http.ServerResponse): void {
  const { socket } = request
  if (!(socket instanceof tls.TLSSocket)) throw new TypeError('This answer is for https.')
  const shown: Shown = { authorized: socket.authorized, chain: chainOf(socket) }
  request.resume()
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(shown))
}

/** The certificates that a client has shown, PEM, the leaf first; none: []. */
export function chainOf(socket: tls.TLSSocket): string[] {
  const chain: string[] = []
  // Without a certificate it is an empty object; the last issuer has none, or is its own.
  let current: Partial<tls.DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true)
  while (current?.raw && chain.at(-1) !== pemOf(current.raw)) {
    chain.push(pemOf(current.raw))
    current = current.issuerCertificate
  }
  return chain
}

function pemOf(der: Buffer): string {
  return new X509Certificate(der).toString()
}

/**
 * The subjects of a chain whose every signature and every name holds up to this authority; undefined when it does not.
 * This is what a server that takes proxies does (RFC 3820 section 4), without its look at policies and dates.
 */
export function verifiedChain(chain: readonly string[], authority: Authority): string[] | undefined {
  const certificates = chain.map((one) => new X509Certificate(one))
  const ca = new X509Certificate(authority.certificate)
  const isSigned = certificates.every((one, index) => {
    const issuer = certificates[index + 1] ?? ca
    return one.issuer === issuer.subject && one.verify(issuer.publicKey)
  })
  return isSigned ? certificates.map(({ subject }) => subject.split('\n').at(-1) ?? '') : undefined
}
