/**
 * An HTTPS site on this machine that takes SciTokens; at some paths a certificate, grid proxies too, or a login. With a CA,
 * a server certificate, and an issuer with a key, all made when it starts and gone when it closes. The tests talk to it,
 * and so does the demo.
 */
import {
  constants,
  generateKeyPairSync,
  randomUUID,
  X509Certificate,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import jsonwebtoken, { type JwtPayload } from 'jsonwebtoken'
import { chainOf, verifiedChain } from './certificate-server'
import { createAuthority, type Authority } from './pki'

export interface SiteOptions {
  /** The names and addresses in its certificate, under which it may be asked. Default is localhost and 127.0.0.1. */
  names?: readonly string[]
  /** The name its issuer goes by: an https URL that leads here. Default is the origin of the site. */
  issuer?: string
  /** What a token must give, by the beginning of the path; the first that fits counts, and other paths do not exist. */
  scopes?: Readonly<Record<string, string>>
  /** The login that is wanted below `/logbook/`, `user:password`. Default is none: nobody gets in. */
  login?: string
  /** The token that `/token` gives, each time (RFC 6749 section 5.1). Default is none: there is no such path. */
  issue?: () => string
}

export interface MintOptions {
  /** Seconds of life; negative for a token that has ended. Default is ten minutes. */
  expiresIn?: number
  /** Seconds until it begins. Default is no `nbf` at all. */
  notBefore?: number
  /** Signed by a key that nobody knows, in place of the issuer's. */
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
  /** Its CA, for the certificates that it takes below `/grid/`. */
  readonly authority: Authority
  readonly issuer: string
  /**
   * A token of its issuer, signed with ES256. Without more it is good: for this origin, with `gracedb.read`. A claim
   * given as undefined is left out.
   */
  mint(claims?: Readonly<Record<string, unknown>>, options?: MintOptions): string
  /** Every request that arrived, in order, with all its headers. */
  readonly requests: Arrival[]
  /** How many connections were made so far. */
  connections(): number
  /** Ends everything, connections under way too. */
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
  const { certificate, key } = await authority.issueServer({ names })
  const keys = newKeys()
  const requests: Arrival[] = []
  let minted = 0
  let connections = 0

  const server = https.createServer(
    { cert: certificate, key, ...ASK_FOR_CERTIFICATE },
    (request, response) => {
      const { method = '', url = '', headers } = request
      requests.push({ method, url, headers })
      request.resume() // a body that nobody reads would hold the connection
      const { status, body, challenge } = answer(request)
      response.writeHead(status, {
        'Content-Type': 'application/json',
        ...(challenge !== undefined && { 'WWW-Authenticate': challenge }),
      })
      response.end(JSON.stringify(body))
    },
  )
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const { port } = server.address() as AddressInfo
  const origin = `https://localhost:${port}`
  const { issuer = origin } = options

  function answer({ url: path = '', headers, socket }: IncomingMessage): Answer {
    const { host = '', authorization } = headers
    if (!isOurs(host)) return { status: 421, body: { error: `${host} is not here` } }
    if (path === '/.well-known/openid-configuration')
      return { status: 200, body: { issuer, jwks_uri: `${issuer}/jwks` } }
    if (path === '/jwks') return { status: 200, body: { keys: [keys.jwk] } }
    if (path === '/token' && issue)
      return { status: 200, body: { access_token: issue(), token_type: 'Bearer' } }
    if (path.startsWith('/grid/'))
      return forCertificates(path, socket instanceof TLSSocket ? chainOf(socket) : [], authority)
    if (path.startsWith('/logbook/')) return forLogins(path, authorization, login)

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

  /** Asked under a name that is not in its certificate, it cannot know for which audience. */
  function isOurs(host: string): boolean {
    return names.some((name) => host === name || host === `${name}:${port}`)
  }

  function judge(authorization: string | undefined, audience: string, scope: string): Judgement {
    const token = /^Bearer +([^ ]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return { refusal: { status: 401, description: 'a SciToken is needed' } }
    try {
      const claims = jsonwebtoken.verify(token, keys.publicKey, { algorithms: ['ES256'], audience, issuer })
      if (typeof claims === 'string' || claims.exp === undefined) throw new Error('the token has no end')
      if (String(claims.scope).split(' ').includes(scope)) return { claims }
      const description = `the token does not give ${scope}`
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
    connections: () => connections,
    mint(claims = {}, { expiresIn = 600, notBefore, forged = false } = {}) {
      const now = Math.trunc(Date.now() / 1000)
      const all = {
        ver: 'scitoken:2.0',
        iss: issuer,
        sub: 'albert.einstein',
        aud: origin,
        scope: 'gracedb.read',
        jti: `token-${(minted += 1)}`,
        exp: now + expiresIn,
        nbf: notBefore === undefined ? undefined : now + notBefore,
        ...claims,
      }
      const said = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
      const { privateKey } = forged ? newKeys() : keys
      return jsonwebtoken.sign(said, privateKey, { algorithm: 'ES256', keyid: keys.jwk.kid })
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/**
 * Everybody is asked for a certificate, and let in without: Node cannot verify proxies, so the site does. Without tickets,
 * for a session that is resumed has no chain to verify.
 */
const ASK_FOR_CERTIFICATE = {
  requestCert: true,
  rejectUnauthorized: false,
  secureOptions: constants.SSL_OP_NO_TICKET,
}

/** The answer below `/grid/`: to a certificate of the CA, or to a proxy with its whole chain. */
function forCertificates(path: string, chain: readonly string[], authority: Authority): Answer {
  const own = chain.filter((one) => one !== String(new X509Certificate(authority.certificate)))
  if (own.length === 0) return { status: 403, body: { error: 'a certificate is needed' } }
  const names = verifiedChain(own, authority)
  if (!names || !isInForce(own) || !own.slice(0, -1).every(isNamedAsProxy))
    return { status: 403, body: { error: 'the chain of the certificate does not hold' } }
  return {
    status: 200,
    body: { path, user: names.at(-1), proxies: names.length - 1, verified: 'by the site itself' },
  }
}

function isInForce(chain: readonly string[]): boolean {
  const now = Date.now()
  return chain
    .map((one) => new X509Certificate(one))
    .every(({ validFrom, validTo }) => Date.parse(validFrom) <= now && now < Date.parse(validTo))
}

/** RFC 3820 section 3.4: the subject of a proxy is its issuer's and one CN more, else users could sign anybody's name. */
function isNamedAsProxy(certificate: string): boolean {
  const { subject, issuer } = new X509Certificate(certificate)
  return subject.startsWith(`${issuer}\nCN=`) && !subject.slice(issuer.length + 1).includes('\n')
}

/** The answer below `/logbook/` (RFC 7617). */
function forLogins(path: string, authorization = '', login?: string): Answer {
  const given = /^Basic +([^ ]+)$/i.exec(authorization)?.[1]
  const [user] = (login ?? '').split(':')
  if (login !== undefined && given === Buffer.from(login).toString('base64'))
    return { status: 200, body: { path, user } }
  return {
    status: 401,
    body: { error: given ? 'wrong login' : 'a login is needed' },
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

/** Why a request was refused; without an `error` when it had no token (RFC 6750 section 3.1). */
interface Refusal {
  readonly status: 401 | 403
  readonly error?: 'invalid_token' | 'insufficient_scope'
  readonly description: string
}

interface Keys {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** The public key as the issuer publishes it (RFC 7517). */
  readonly jwk: JsonWebKey & { readonly kid: string }
}

function newKeys(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'ES256', use: 'sig' }
  return { privateKey, publicKey, jwk }
}

/** The value of `WWW-Authenticate` (RFC 6750 section 3). */
function challenge(realm: string, scope: string, { error, description }: Refusal): string {
  const params = { realm, scope, ...(error && { error, error_description: description }) }
  return `Bearer ${Object.entries(params)
    .map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`)
    .join(', ')}`
}
