/**
 * A loopback HTTPS site that requires SciTokens, or, at some paths, a certificate or grid proxy, or a username and password. It
 * creates its CA, server certificate and token issuer when it starts. Tests and the demo use it.
 */
import { constants, X509Certificate } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import https from 'node:https'
import { TLSSocket } from 'node:tls'
import jsonwebtoken, { type JwtPayload } from 'jsonwebtoken'
import { chainOf, verifiedChain } from './certificate-server'
import { listen } from './listen'
import { createAuthority, type Authority } from './pki'
import { createSigningKey, mint, now } from './tokens'

export interface SiteOptions {
  /** The host names and addresses of its certificate and its origin. Default is localhost and 127.0.0.1. */
  names?: readonly string[]
  /** The URL of its token issuer. Default is the origin of the site. */
  issuer?: string
  /** The required scope by path prefix; the first match counts, and other paths are 404. */
  scopes?: Readonly<Record<string, string>>
  /** The credentials required below `/logbook/`, `user:password`. Default is none: every request is refused. */
  login?: string
  /** Returns the token for a request to `/token` (RFC 6749 section 5.1). Default is none: `/token` is 404. */
  issue?: () => string
}

export interface MintOptions {
  /** Lifetime in seconds; negative for an expired token. Default is 600. */
  expiresIn?: number
  /** Seconds until it is valid. Default is no `nbf`. */
  notBefore?: number
  /** Signed with an unknown key instead of the key of the issuer. */
  forged?: boolean
}

/** A request as it arrived. */
export interface Arrival {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

export interface Site {
  /** `https://localhost:<port>`. */
  readonly origin: string
  readonly port: number
  /** The certificate of its CA, PEM. */
  readonly ca: string
  /** Its CA, which issues the certificates that it accepts below `/grid/`. */
  readonly authority: Authority
  readonly issuer: string
  /**
   * A token of its issuer, signed with ES256. By default it is valid for this origin, with scope `gracedb.read`. A claim set to
   * undefined is omitted.
   */
  mint(claims?: Readonly<Record<string, unknown>>, options?: MintOptions): string
  /** Every request that arrived, in order, with all its headers. */
  readonly requests: Arrival[]
  /** The number of connections so far. */
  connections(): number
  /** Closes the server and its connections. */
  close(): Promise<void>
}

const SCOPES = {
  '/gracedb/': 'gracedb.read',
  '/datafind/': 'gwdatafind.read',
  '/dqsegdb/': 'dqsegdb.read',
}

export async function startSite({
  names = ['localhost', '127.0.0.1'],
  scopes = SCOPES,
  login,
  issue,
  ...options
}: SiteOptions = {}): Promise<Site> {
  const authority = await createAuthority()
  const server = await authority.issueServer({ names })
  const key = createSigningKey()
  const requests: Arrival[] = []
  let minted = 0

  const listening = https.createServer(
    { cert: server.certificate, key: server.key, ...REQUEST_CERTIFICATE },
    (request, response) => {
      const { method = '', url = '', headers } = request
      requests.push({ method, url, headers })
      request.resume() // an unread body would keep the connection busy
      const { status, body, challenge } = answer(request)
      response.writeHead(status, {
        'Content-Type': 'application/json',
        ...(challenge !== undefined && { 'WWW-Authenticate': challenge }),
      })
      response.end(JSON.stringify(body))
    },
  )
  const { port, connections, close } = await listen(listening)
  const origin = `https://localhost:${port}`
  const { issuer = origin } = options

  function answer({ url: path = '', headers, socket }: IncomingMessage): Answer {
    const { host = '', authorization } = headers
    if (!isOurs(host)) return { status: 421, body: { error: `unknown host ${host}` } }
    if (path === '/.well-known/openid-configuration')
      return { status: 200, body: { issuer, jwks_uri: `${issuer}/jwks` } }
    if (path === '/jwks') return { status: 200, body: { keys: [key.jwk] } }
    if (path === '/token' && issue)
      return { status: 200, body: { access_token: issue(), token_type: 'Bearer' } }
    if (path.startsWith('/grid/'))
      return certificateResponse(path, socket instanceof TLSSocket ? chainOf(socket) : [], authority)
    if (path.startsWith('/logbook/')) return passwordResponse(path, authorization, login)

    const scope = Object.entries(scopes).find(([beginning]) => path.startsWith(beginning))?.[1]
    if (scope === undefined) return { status: 404, body: { error: `nothing at ${path}` } }
    const realm = `https://${host}`
    const { refusal, claims } = judge(authorization, realm, scope)
    return refusal
      ? {
          status: refusal.status,
          body: { error: refusal.description },
          challenge: challenge(realm, scope, refusal),
        }
      : { status: 200, body: { path, user: claims.sub, token: claims.jti, scope: claims.scope as unknown } }
  }

  /** A request with another Host header has no known audience. */
  function isOurs(host: string): boolean {
    return names.some((name) => host === name || host === `${name}:${port}`)
  }

  function judge(authorization: string | undefined, audience: string, scope: string): Judgement {
    const token = /^Bearer +([^ ]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return { refusal: { status: 401, description: 'a SciToken is required' } }
    try {
      const claims = jsonwebtoken.verify(token, key.publicKey, { algorithms: ['ES256'], audience, issuer })
      if (typeof claims === 'string' || claims.exp === undefined)
        throw new Error('the token has no exp claim')
      if (String(claims.scope).split(' ').includes(scope)) return { claims }
      const description = `the token does not have scope ${scope}`
      return { refusal: { status: 403, error: 'insufficient_scope', description } }
    } catch (error) {
      return { refusal: { status: 401, error: 'invalid_token', description: (error as Error).message } }
    }
  }

  return {
    origin,
    port,
    ca: authority.certificate,
    authority,
    issuer,
    requests,
    connections,
    mint(claims = {}, { expiresIn = 600, notBefore, forged = false } = {}) {
      const signedBy = forged ? createSigningKey(key.jwk.kid) : key
      return mint(
        {
          iss: issuer,
          aud: origin,
          scope: 'gracedb.read',
          jti: `token-${(minted += 1)}`,
          iat: now(),
          exp: now() + expiresIn,
          nbf: notBefore === undefined ? undefined : now() + notBefore,
          ...claims,
        },
        signedBy,
      )
    },
    close,
  }
}

/**
 * The TLS layer requests a certificate and accepts any: Node.js cannot verify grid proxies, so the site does. No session
 * tickets, because a resumed session has no chain to verify.
 */
const REQUEST_CERTIFICATE = {
  requestCert: true,
  rejectUnauthorized: false,
  secureOptions: constants.SSL_OP_NO_TICKET,
}

/** The response below `/grid/`, which requires a certificate of the CA, or a proxy with its whole chain. */
function certificateResponse(path: string, chain: readonly string[], authority: Authority): Answer {
  const own = chain.filter((one) => one !== String(new X509Certificate(authority.certificate)))
  if (own.length === 0) return { status: 403, body: { error: 'a certificate is required' } }
  const names = verifiedChain(own, authority)
  if (!names || !isCurrent(own) || !own.slice(0, -1).every(isNamedAsProxy))
    return { status: 403, body: { error: 'the certificate chain is not valid' } }
  return {
    status: 200,
    body: { path, user: names.at(-1), proxies: names.length - 1, verified: 'by the site' },
  }
}

function isCurrent(chain: readonly string[]): boolean {
  const time = Date.now()
  return chain
    .map((one) => new X509Certificate(one))
    .every(({ validFrom, validTo }) => Date.parse(validFrom) <= time && time < Date.parse(validTo))
}

/** RFC 3820 section 3.4: the subject of a proxy is the subject of its issuer and one more CN; otherwise users could sign any name. */
function isNamedAsProxy(certificate: string): boolean {
  const { subject, issuer } = new X509Certificate(certificate)
  return subject.startsWith(`${issuer}\nCN=`) && !subject.slice(issuer.length + 1).includes('\n')
}

/** The response below `/logbook/` (RFC 7617). */
function passwordResponse(path: string, authorization = '', login?: string): Answer {
  const given = /^Basic +([^ ]+)$/i.exec(authorization)?.[1]
  const [user] = (login ?? '').split(':')
  if (login !== undefined && given === Buffer.from(login).toString('base64'))
    return { status: 200, body: { path, user } }
  return {
    status: 401,
    body: { error: given ? 'wrong username or password' : 'a username and password are required' },
    challenge: 'Basic realm="logbook"',
  }
}

interface Answer {
  readonly status: number
  readonly body: object
  readonly challenge?: string
}

type Judgement =
  | { readonly claims: JwtPayload; readonly refusal?: undefined }
  | { readonly claims?: undefined; readonly refusal: Refusal }

/** Why a request was refused; without `error` if it had no token (RFC 6750 section 3.1). */
interface Refusal {
  readonly status: 401 | 403
  readonly error?: 'invalid_token' | 'insufficient_scope'
  readonly description: string
}

/** The value of `WWW-Authenticate` (RFC 6750 section 3). */
function challenge(realm: string, scope: string, { error, description }: Refusal): string {
  const params = { realm, scope, ...(error && { error, error_description: description }) }
  return `Bearer ${Object.entries(params)
    .map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`)
    .join(', ')}`
}
