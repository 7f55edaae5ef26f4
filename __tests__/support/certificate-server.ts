/**
 * A loopback https server that requests a client certificate, and returns the certificate and chain that it received. Node.js
 * cannot verify RFC 3820 proxies, so the server accepts everything; `verifiedChain` verifies.
 */
import { X509Certificate } from 'node:crypto'
import type http from 'node:http'
import https from 'node:https'
import tls from 'node:tls'
import { listen } from './listen'
import type { Authority, Issued } from './pki'

/** The response: the certificates that the client presented, PEM, leaf first. */
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
  /** Replaces the response of the server. */
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
  listening.on('secureConnection', () => (handshakes += 1)).on('request', answer)
  const { port, open, close } = await listen(listening)
  return {
    url: `https://localhost:${port}`,
    port,
    handshakes: () => handshakes,
    connections: () => open.size,
    close,
  }
}

/** Responds with what the client presented. */
export function showChain(request: http.IncomingMessage, response: http.ServerResponse): void {
  const { socket } = request
  if (!(socket instanceof tls.TLSSocket)) throw new TypeError('This answer is for https.')
  const shown: Shown = { authorized: socket.authorized, chain: chainOf(socket) }
  request.resume()
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(shown))
}

/** The certificates that a client presented, PEM, leaf first. */
export function chainOf(socket: tls.TLSSocket): string[] {
  const chain: string[] = []
  // Without a certificate it is an empty object; the last certificate has no issuer, or is its own issuer.
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
 * The subjects of a chain, if all signatures and names up to this CA are valid; otherwise undefined. Servers that accept proxies
 * do the same (RFC 3820 section 4), and also check policies and dates.
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
