/**
 * The server for timed requests, in a process of its own, so that its time does not count. It sends its addresses and CA to its
 * parent, and ends when the parent ends.
 */
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { connectProxy } from '../__tests__/support/connect-proxy'
import { createAuthority, RSA } from '../__tests__/support/pki'

export interface Listening {
  readonly http: string
  readonly https: string
  /** The certificate of its CA, PEM. */
  readonly ca: string
  /** Requests a client certificate; returns the number of handshakes and of open connections. */
  readonly asking: string
  /** A user's proxy certificate with key and chain, PEM. */
  readonly proxy: string
  /** The next proxy certificate of that user. */
  readonly renewedProxy: string
  /** A network proxy with CONNECT. */
  readonly tunnel: string
}

const authority = await createAuthority('Throw-away CA', RSA)
const { certificate, key } = await authority.issueServer()
const user = await authority.issueUser()
const asking = https.createServer(
  { cert: certificate, key, requestCert: true, rejectUnauthorized: false },
  answerAll,
)
let handshakes = 0
asking.on('secureConnection', () => (handshakes += 1))
const listening: Listening = {
  http: `http://127.0.0.1:${await listen(http.createServer(answer))}`,
  https: `https://127.0.0.1:${await listen(https.createServer({ cert: certificate, key }, answer))}`,
  ca: authority.certificate,
  asking: `https://127.0.0.1:${await listen(asking)}`,
  proxy: (await authority.issueProxy(user)).bundle,
  renewedProxy: (await authority.issueProxy(user)).bundle,
  tunnel: (await connectProxy()).url,
}
process.on('disconnect', () => process.exit())
process.send?.(listening)

/** A small JSON document for requests with a bearer token. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const allowed = request.headers.authorization?.startsWith('Bearer ') === true
  const body = JSON.stringify({ allowed, path: request.url })
  response.writeHead(allowed ? 200 : 401, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(body)
}

/** The number of handshakes and of open connections. */
function answerAll(_: http.IncomingMessage, response: http.ServerResponse): void {
  asking.getConnections((_error, connections) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ handshakes, connections }))
  })
}

async function listen(server: http.Server): Promise<number> {
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
