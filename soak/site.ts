/**
 * The servers of the soak test: two TLS origins, which accept tokens for their own audience and request a certificate, and a plain
 * HTTP server for passwords. Some paths fail on purpose. The process also issues the credentials and records which are replaced.
 */
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import jsonwebtoken from 'jsonwebtoken'
import { createAuthority } from '../__tests__/support/pki'
import { createSigningKey, mint, now } from '../__tests__/support/tokens'
import { LOGIN } from './login'

export interface Site {
  readonly a: string
  readonly b: string
  readonly clear: string
  /** The certificate of the CA, PEM. */
  readonly ca: string
}

export interface Answers {
  /** New tokens, one for each origin. Tokens that are three renewals old are refused from now on. */
  readonly renew: { readonly a: string; readonly b: string }
  /** The newest tokens have been written. */
  readonly placed: true
  /** Refuses all tokens except the newest. */
  readonly revoke: true
  /** A new proxy certificate with key and chain, PEM. */
  readonly proxy: string
  readonly tally: Tally
}

export interface Tally {
  requests: number
  /** Requests with a token for another origin, or with an invalid signature. */
  foreign: number
  /** Requests with a token that was replaced more than 5 seconds before. */
  stale: number
}

const signingKey = createSigningKey()
const authority = await createAuthority()
const { certificate, key } = await authority.issueServer()
const alice = await authority.issueUser()
const tls = { cert: certificate, key, requestCert: true, rejectUnauthorized: false }

const tally: Tally = { requests: 0, foreign: 0, stale: 0 }
/** Milliseconds that a request can take on a busy host. */
const LONG = 5_000

/** By generation: when it was replaced. */
const replacedAt = new Map<number, number>()
let newest = 0
let oldestAccepted = 0

const site: Site = {
  a: await listen(
    'https',
    https.createServer(tls, (request, response) => void answer('a', request, response)),
  ),
  b: await listen(
    'https',
    https.createServer(tls, (request, response) => void answer('b', request, response)),
  ),
  clear: await listen('http', http.createServer(answerLogin)),
  ca: authority.certificate,
}

process.on('disconnect', () => process.exit())
process.on('message', (question: keyof Answers) => void reply(question))
process.send?.(site)

async function reply(question: keyof Answers): Promise<void> {
  process.send?.(await answers[question]())
}

const answers: { [Question in keyof Answers]: () => Answers[Question] | Promise<Answers[Question]> } = {
  renew() {
    newest += 1
    oldestAccepted = Math.max(oldestAccepted, newest - 2)
    return { a: tokenFor(site.a), b: tokenFor(site.b) }
  },
  placed() {
    replacedAt.set(newest - 1, Date.now())
    return true
  },
  revoke() {
    oldestAccepted = newest
    return true
  },
  proxy: async () => (await authority.issueProxy(alice)).bundle,
  tally: () => tally,
}

function tokenFor(aud: string, expiresIn = 3600): string {
  return mint({ aud, scope: 'read:/', generation: newest, exp: now() + expiresIn }, signingKey)
}

async function answer(
  origin: 'a' | 'b',
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  tally.requests += 1
  const { pathname: path } = new URL(request.url ?? '', site[origin])
  request.resume()
  await once(request, 'end').catch(() => undefined)
  // For a token source: a token that expires in 3 seconds.
  if (path === '/token') json(response, 200, { access_token: tokenFor(site.b, 3) })
  else if (path === '/open') json(response, 200, {})
  else if (isAccepted(request, site[origin])) answerTo(path, request, response)
  else json(response, 401, {}, { 'WWW-Authenticate': 'Bearer realm="soak", error="invalid_token"' })
}

/** Responds to a request with a valid token. */
function answerTo(path: string, request: http.IncomingMessage, response: http.ServerResponse): void {
  switch (path) {
    case '/reset':
      request.socket.destroy()
      break
    case '/cut':
      response.writeHead(200, { 'Content-Length': 1000 }).write('half')
      setTimeout(() => request.socket.destroy(), 5)
      break
    case '/slow':
      setTimeout(() => {
        json(response, 200, {})
      }, 1000)
      break
    case '/stream':
      response.writeHead(200)
      for (let part = 0; part < 16; part += 1) response.write(Buffer.alloc(64 * 1024))
      response.end()
      break
    case '/away':
      response.writeHead(302, { Location: `${site.b}/data` }).end()
      break
    case '/around':
      response.writeHead(307, { Location: '/data' }).end()
      break
    case '/forbidden':
      json(response, 403, {})
      break
    default:
      json(response, 200, { certificate: hasCertificate(request) })
  }
}

function isAccepted({ headers }: http.IncomingMessage, audience: string): boolean {
  const token = headers.authorization?.replace(/^Bearer /, '') ?? ''
  try {
    const claims = jsonwebtoken.verify(token, signingKey.publicKey, { audience, algorithms: ['ES256'] })
    const { generation } = claims as { generation: number }
    if (Date.now() - (replacedAt.get(generation) ?? Infinity) > LONG) tally.stale += 1
    return generation >= oldestAccepted
  } catch (error) {
    // A token of the source may expire in transit, which is not an error.
    if (!(error instanceof jsonwebtoken.TokenExpiredError) && token !== '') tally.foreign += 1
    return false
  }
}

function hasCertificate({ socket }: http.IncomingMessage): boolean {
  return socket instanceof TLSSocket && Object.keys(socket.getPeerCertificate()).length > 0
}

function answerLogin(request: http.IncomingMessage, response: http.ServerResponse): void {
  tally.requests += 1
  const expected = `Basic ${Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')}`
  json(response, request.headers.authorization === expected ? 200 : 401, {})
}

function json(
  response: http.ServerResponse,
  status: number,
  body: object,
  headers: http.OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body))
}

async function listen(scheme: string, server: http.Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
}
