import type { Reason } from '../errors'
import { givesScope, parseScope, splitScopes } from '../formats/scopes'
import type { BearerChallenge, Challenge } from '../formats/www-authenticate'
import { duration } from '../tokens/validate-claims'
import type { Credentials, Purpose } from '../request/context'
import { printable, sanitize } from '../secrets/sanitize'
import { redact } from '../secrets/redact'
import { SciToken } from '../tokens/scitoken'
import { urlOf } from '../request/destination'
import { timeLeftOf } from '../x509/describe-certificates'

/** What a server said in refusing. */
export interface ServerSaid {
  readonly status: number
  readonly challenges: readonly Challenge[]
  readonly bearer: BearerChallenge | undefined
  /** The same in the words of the scheme that was on the request. */
  readonly toScheme?: string | undefined
}

/**
 * One sentence that says what a server wants, what was sent, and what that lacks: "the server wants gracedb.write; the token
 * from /run/user/1000/bt_u1000 has gracedb.read and 12 minutes left". No secret is in it.
 *
 * @param unanswered - why a challenge was not answered
 */
export function summaryOf(
  purpose: Purpose,
  credentials: Credentials,
  said: ServerSaid,
  unanswered: readonly Reason[] = [],
): string {
  const parts = [wants(said, credentials), sent(purpose, credentials, said, unanswered)]
  const { credential } = credentials.transport ?? {}
  if (credential)
    parts.push(`the certificate ${credential.subject} from ${credential.source} ${timeLeftOf(credential)}`)
  return printable(parts.filter(Boolean).join('; '))
}

/** What the server asks for, as far as it says so. */
function wants({ status, challenges, bearer }: ServerSaid, { token }: Credentials): string {
  if (!bearer) {
    const schemes = [...new Set(challenges.map(({ scheme }) => capital(scheme)))]
    return schemes.length > 0
      ? `the server wants ${sanitize(schemes.join(' or '))} authentication`
      : `the server refuses with ${status} and does not say why`
  }
  const { scope, error, errorDescription } = bearer
  // Some repeat the token that they refuse.
  const says = `says ${redact(errorDescription ?? error ?? '', token === undefined ? [] : [token])}`
  if (scope.length > 0) {
    const wanted = `the server wants ${sanitize(scope.join(' '))}`
    // What is wrong with a token is known to the server alone; what its scopes lack is said below.
    return error === 'invalid_token' ? `${wanted} and ${says}` : wanted
  }
  // Of a request without a token some say that too.
  if (error === undefined || error === 'invalid_request') return 'the server wants a token'
  return `the server ${says}`
}

function sent(
  purpose: Purpose,
  credentials: Credentials,
  said: ServerSaid,
  unanswered: readonly Reason[],
): string {
  const { authorization, token, scheme, source = 'the request', found, reasons } = credentials
  if (purpose.authenticated) return 'the credentials were those that the request brought itself'
  if (scheme)
    return `${scheme.name} was on the request${said.toScheme === undefined ? '' : `: ${sanitize(said.toScheme)}`}`
  if (token !== undefined) {
    const read = found ?? SciToken.read(token, source)
    return read ? about(read, source, purpose, said) : `a token from ${source} that is no JWT was sent`
  }
  // Where nothing is looked for before a server asks, only the answer to it knows.
  const why = whyNone(reasons.length > 0 ? reasons : unanswered)
  if (authorization === undefined) return `no token was sent: ${why ?? 'there is none on this machine'}`
  const login = `the login of ${source} was sent`
  return said.bearer && why !== undefined ? `${login}, and no token: ${why}` : login
}

/** What of a token may matter to this server. */
function about(token: SciToken, source: string, { request, url }: Purpose, { bearer }: ServerSaid): string {
  const { scopes = [], audience = [] } = token
  const left = token.timeLeft()
  const life =
    left === undefined ? 'no end' : left > 0 ? `${duration(left)} left` : `expired ${duration(-left)} ago`
  const has = scopes.length > 0 ? sanitize(scopes.join(' ')) : 'no scope'
  const named = `the token from ${source}`
  const forWhom = audience.length > 0 ? `, for audience ${sanitize(audience.join(' or '))}` : ''
  const lacking = (bearer?.scope ?? []).flatMap(splitScopes).filter((scope) => !givesScope(scopes, scope))
  if (lacking.length > 0) return `${named} has ${has} and ${life}`
  // A server that names scopes is not one that goes by paths alone.
  const hint = bearer ? '' : pathHint(scopes, urlOf(request) ?? url)
  return `${named} has ${has} and ${life}${forWhom}${hint}`
}

/** Storage refuses without a word what no path of a scope covers. */
function pathHint(scopes: readonly string[], { pathname }: URL): string {
  const paths = scopes.filter((scope) => STORAGE.test(parseScope(scope).authorization))
  if (paths.length === 0) return ''
  const covered = paths.some((scope) => {
    const { authorization } = parseScope(scope)
    return givesScope([scope], `${authorization}:${pathname}`)
  })
  return covered ? '' : `, and no scope of it covers ${sanitize(pathname)}`
}

/** The scopes whose paths are those of files: SciTokens' and WLCG's. */
const STORAGE = /^(?:read|write|create|modify|stage|storage\.\w+)$/

/** Why no token was sent; undefined where there was none at all. */
function whyNone(reasons: readonly Reason[]): string | undefined {
  const telling = reasons.filter(({ code }) => code !== 'absent').map(({ message }) => message)
  return telling.length > 0 ? telling.slice(0, MAX_SAID).join('; ') : undefined
}

/** Reasons that make a sentence still; `reasons` has them all. */
const MAX_SAID = 3

/** As people write the names of schemes. */
function capital(scheme: string): string {
  if (scheme === 'oauth' || scheme === 'dpop') return scheme === 'oauth' ? 'OAuth' : 'DPoP'
  return scheme.charAt(0).toUpperCase() + scheme.slice(1)
}
