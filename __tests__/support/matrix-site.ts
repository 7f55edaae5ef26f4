/**
 * What the secrets matrices of axios and of `igwnFetch` share: secrets, credentials, outcomes of requests, and servers. One server
 * speaks HTTP/1.1 and HTTP/2 over TLS, one the same without TLS, one is of another origin, and one is not certified by a known CA.
 * Each behaves as the path of a request says.
 */
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import http2 from 'node:http2'
import type { IgwnAuthOptions } from '../../lib/index'
import { listen } from './listen'
import { createAuthority, type Authority } from './pki'
import { mint, put, room, signatureOf } from './tokens'

const random = (what: string) => `${what}-${randomBytes(12).toString('hex')}`
const token = mint({ aud: 'ANY' })
export const SECRETS = {
  token,
  'signature of the token': signatureOf(token),
  password: random('password'),
  passphrase: random('passphrase'),
  'scheme header': random('header'),
  'scheme query': random('query'),
  'scheme body': random('body'),
  'OAuth client secret': random('client'),
  'OAuth access token': random('access'),
  'OAuth refresh token': random('refresh'),
  'initial access token': random('initial'),
  'registration access token': random('registration'),
  'token of oidc-agent': random('agent'),
  'request token of a job': random('request'),
  'Vault token': random('vault'),
  'token from Vault': random('of-vault'),
  'identity of a job': mint({ aud: 'ANY', jti: 'job' }),
}

/** What a request is given. */
export interface Given {
  readonly options: () => IgwnAuthOptions
  /** What the server must have seen at least once, for the rows to mean anything. */
  readonly sent: string
  /** The request has a body that is a form. */
  readonly hasForm?: boolean
}

export const CREDENTIALS: Record<string, Given> = {
  'a token': { options: () => ({ token }), sent: token },
  'a netrc password': {
    options: () => ({ token: false, netrc: room('netrc') }),
    sent: Buffer.from(`albert:${SECRETS.password}`).toString('base64'),
  },
  'a scheme with header, query and body': {
    options: () => ({
      scheme: {
        name: 'archive signature',
        authorize: ({ url, body }) => {
          url.searchParams.set('signature', SECRETS['scheme query'])
          return {
            // White space around it, which Node.js removes on the wire.
            headers: { 'X-Archive': ` ${SECRETS['scheme header']} ` },
            url,
            ...(typeof body === 'string' && { body: `${body}&signature=${SECRETS['scheme body']}` }),
          }
        },
      },
    }),
    sent: SECRETS['scheme header'],
    hasForm: true,
  },
}

/** An outcome of a request. */
export interface Ending {
  readonly path?: string
  /** The URL, where it is not at the server of the row. */
  readonly url?: (site: MatrixSite) => string
  /** Aborts the request at this moment. */
  readonly aborts?: 'before' | 'arrival'
  readonly redirects?: boolean
  /** The status of the response, where the row means nothing without it. */
  readonly status?: number
}

/** By any client, with any credential. */
export const ENDINGS: Record<string, Ending> = {
  'a response': { status: 200 },
  'a response that repeats the credential': { path: 'repeats-200', status: 200 },
  'a 404': { path: 'missing', status: 404 },
  'a 401': { path: 'challenge', status: 401 },
  'a 401 that repeats the credential': { path: 'repeats-401', status: 401 },
  'a 403 that repeats the credential': { path: 'repeats-403', status: 403 },
  'plain HTTP': { url: ({ insecure }) => `${insecure}/ok` },
  'no server': { url: () => 'https://127.0.0.1:1/' },
  'a server that is not trusted': { url: ({ untrusted }) => `${untrusted}/ok` },
  'an abort before it is sent': { aborts: 'before' },
  'an abort before the response': { path: 'never-answers', aborts: 'arrival' },
  'a connection that is cut before the response': { path: 'cut' },
  'a connection that is cut in the body': { path: 'cut-in-the-body' },
  'a redirect on the same origin': { path: 'redirect', redirects: true, status: 200 },
  'a redirect on the same origin, and a 401': {
    path: 'redirect-and-challenge',
    redirects: true,
    status: 401,
  },
  'a redirect to another origin': { path: 'redirect-to-other', redirects: true },
  'a redirect to another origin that repeats what it got': {
    path: 'redirect-to-other-repeating',
    redirects: true,
  },
  'a redirect to a URL that is none and repeats the credential': {
    path: 'redirect-to-invalid-url',
    redirects: true,
  },
  'a redirect to plain HTTP that repeats the credential': {
    path: 'redirect-to-plain-http-repeating',
    redirects: true,
  },
  'too many redirects': { path: 'redirect-to-itself', redirects: true },
}

export interface MatrixSite {
  readonly authority: Authority
  /** Files: the certificate of a user and its key, encrypted with the passphrase. */
  readonly certificate: [cert: string, key: string]
  /** A file: the CA. */
  readonly ca: string
  /** All secrets, with those of the files. */
  readonly secrets: readonly string[]
  /** `https://localhost:<port>`, HTTP/1.1 and HTTP/2. */
  readonly secure: string
  /** `http://localhost:<port>` */
  readonly plain: string
  /** The same server by an address that is not a loopback address: credentials may not be sent to it. */
  readonly insecure: string
  /** `https://localhost:<port>` with a certificate of another CA. */
  readonly untrusted: string
  /** What reached the other origin and the insecure one: URLs, headers and bodies. */
  readonly received: unknown[]
  /** Called when a request with `/<id>` at the end of its path has arrived, or its response has begun. */
  readonly onArrival: Map<string, () => void>
  /** Requests that carried each of the given texts. */
  readonly carried: (text: string) => number
  close(): Promise<void>
}

type Request = http.IncomingMessage | http2.Http2ServerRequest
type Response = http.ServerResponse | http2.Http2ServerResponse

export async function matrixSite(): Promise<MatrixSite> {
  const authority = await createAuthority()
  const own = await authority.issueServer()
  const foreign = await (await createAuthority('Another CA')).issueServer()
  const user = await authority.issueUser()
  // Not for the other origin, which is at 127.0.0.1: a netrc entry is looked for again there.
  put(room('netrc'), `machine localhost login albert password ${SECRETS.password}\n`)
  const received: unknown[] = []
  const seen: string[] = []
  const onArrival = new Map<string, () => void>()

  const recording = listener((request, body) => {
    received.push({ url: request.url, headers: request.headers, body })
  })
  const tls = { requestCert: true, rejectUnauthorized: false, allowHTTP1: true }
  const servers = {
    secure: http2.createSecureServer({ ...tls, cert: own.certificate, key: own.key }, listener()),
    untrusted: http2.createSecureServer({ ...tls, cert: foreign.certificate, key: foreign.key }, listener()),
    other: http2.createSecureServer({ ...tls, cert: own.certificate, key: own.key }, recording),
    plain: http.createServer(listener()),
    insecure: http.createServer(recording),
  }
  const ports: Record<string, number> = {}
  const closers: (() => Promise<void>)[] = []
  for (const [name, server] of Object.entries(servers)) {
    server.on('sessionError', () => undefined)
    server.on('clientError', (_, socket) => (socket as { destroy(): void }).destroy())
    const { port, close } = await listen(server, name === 'insecure' ? { host: '0.0.0.0' } : {})
    ports[name] = port
    closers.push(close)
  }
  const site = {
    secure: `https://localhost:${ports.secure}`,
    other: `https://127.0.0.1:${ports.other}`,
    untrusted: `https://localhost:${ports.untrusted}`,
    plain: `http://localhost:${ports.plain}`,
    insecure: `http://0.0.0.0:${ports.insecure}`,
  }

  return {
    ...site,
    authority,
    certificate: [
      put(room('usercert.pem'), user.certificate),
      put(room('userkey.pem'), user.encryptedKey(SECRETS.passphrase)),
    ],
    ca: put(room('ca.pem'), authority.certificate),
    secrets: [
      ...Object.values(SECRETS),
      `albert:${SECRETS.password}`,
      ...user.key.split('\n').filter((line) => line !== '' && !line.startsWith('-')),
    ],
    received,
    onArrival,
    carried: (text) => seen.filter((one) => one.includes(text)).length,
    async close() {
      await Promise.all(closers.map((close) => close()))
    },
  }

  function listener(record?: (request: Request, body: string) => void) {
    return (request: Request, response: Response): void => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('error', () => undefined)
      response.on('error', () => undefined)
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        record?.(request, body)
        seen.push(
          `${request.headers.authorization ?? ''} ${String(request.headers['x-archive'] ?? '')} ${request.url} ${body}`,
        )
        answer(request, response as http.ServerResponse, body)
      })
    }
  }

  function answer(request: Request, response: http.ServerResponse, body: string): void {
    const [, place = '', id = ''] = /^\/([^/?]*)(?:\/([^/?]*))?/.exec(request.url ?? '') ?? []
    const arrived = onArrival.get(id)
    onArrival.delete(id)
    const redirect = (location: string, status = 302) => {
      response.writeHead(status, { Location: location }).end()
    }
    switch (place) {
      case 'token': // of OAuth, and the identity service of a job
      case 'v1': // Vault
        json(response, 200, {
          token_type: 'Bearer',
          expires_in: 3600,
          access_token: SECRETS['OAuth access token'],
          refresh_token: SECRETS['OAuth refresh token'],
          value: SECRETS['identity of a job'],
          data: { access_token: SECRETS['token from Vault'] },
        })
        break
      case 'register':
        json(response, 201, {
          client_id: 'me',
          registration_client_uri: `${site.secure}/missing`,
          client_secret: SECRETS['OAuth client secret'],
          registration_access_token: SECRETS['registration access token'],
        })
        break
      case 'missing':
        json(response, 404, {})
        break
      case 'challenge':
        json(response, 401, {}, { 'WWW-Authenticate': 'Bearer realm="test", error="invalid_token"' })
        break
      case 'repeats-401':
        repeat(request, response, body, 401, 'WWW-Authenticate')
        break
      case 'repeats-403':
        repeat(request, response, body, 403, 'X-Repeated')
        break
      case 'repeats-200':
        repeat(request, response, body, 200, 'X-Repeated')
        break
      case 'redirect':
        redirect('/ok')
        break
      case 'redirect-and-challenge':
        redirect('/challenge')
        break
      case 'redirect-to-other':
        redirect(`${site.other}/ok`)
        break
      case 'redirect-to-other-repeating':
        redirect(`${site.other}/repeats-403`)
        break
      case 'redirect-to-invalid-url':
        redirect(`https://[${credentialsOf(request, body).join(' ')}`)
        break
      case 'redirect-to-plain-http-repeating':
        redirect(
          `${site.insecure}/ok?authz=${credentialsOf(request, body).map(encodeURIComponent).join('&')}`,
          307,
        )
        break
      case 'redirect-to-itself':
        redirect(`/${place}/${id}`)
        break
      case 'never-answers':
        arrived?.()
        break
      case 'stops-in-the-body':
        response.writeHead(200, { 'Content-Type': 'application/json' })
        response.write('{"a":"', () => arrived?.())
        break
      case 'large':
        json(response, 200, { a: 'x'.repeat(100_000) })
        break
      case 'not-json':
        response.writeHead(200, { 'Content-Type': 'application/json' }).end('<html>')
        break
      case 'cut':
        cut(request)
        break
      case 'cut-in-the-body':
        response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 1000 })
        response.write('{"a":"', () => setImmediate(() => cut(request)))
        break
      default:
        json(response, 200, { ok: true })
    }
  }
}

/** Ends this request alone: an HTTP/2 connection has others. */
function cut(request: Request): void {
  if ('stream' in request) request.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
  else request.socket.destroy()
}

function json(response: http.ServerResponse, status: number, body: object, headers = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** Repeats all credentials of a request in a header field, and in the reason phrase, which HTTP/2 does not have. */
function repeat(
  request: Request,
  response: http.ServerResponse,
  body: string,
  status: number,
  field: string,
): void {
  const shown = credentialsOf(request, body).join(' ')
  if (!('stream' in response)) response.statusMessage = `no ${shown}`
  const value =
    field === 'WWW-Authenticate' ? `Bearer error="invalid_token", error_description="no ${shown}"` : shown
  json(response, status, {}, { [field]: value })
}

/** What a request carried: the value of its header fields, of its query, and of its body; Basic credentials also decoded. */
function credentialsOf({ headers, url = '' }: Request, body: string): string[] {
  const value = (headers.authorization ?? '').replace(/^\S+ /, '')
  const decoded = /^Basic /.test(headers.authorization ?? '') ? Buffer.from(value, 'base64').toString() : ''
  const query = new URL(url, 'https://localhost').searchParams.get('signature') ?? ''
  const form = new URLSearchParams(body).get('signature') ?? ''
  return [
    value,
    decoded,
    decoded.split(':').at(-1) ?? '',
    String(headers['x-archive'] ?? ''),
    query,
    form,
  ].filter((text) => text !== '')
}
