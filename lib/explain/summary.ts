import { duration } from '../formats/duration'
import type { Reason } from '../errors'
import { grantsScope, parseScope, splitScopes } from '../formats/scopes'
import type { BearerChallenge, Challenge, StepUp } from '../formats/www-authenticate'
import type { Credentials } from '../schemes/credentials'
import { printable, sanitize } from '../secrets/sanitize'
import { redact } from '../secrets/redact'
import { SciToken } from '../tokens/scitoken'
import { timeLeftOf } from '../x509/describe-certificates'

/** A refusal by a server, and what it refused. */
export interface RefusedRequest {
  readonly status: number
  readonly challenges: readonly Challenge[]
  readonly bearer: BearerChallenge | undefined
  /** What the scheme on the request says about it. */
  readonly ofScheme?: string | undefined
  readonly target: URL
  /** The caller authenticated. */
  readonly authenticated: boolean
  readonly credentials: Credentials
  /** What was sent and may be repeated by the server. Secret. */
  readonly secrets: readonly string[]
  /** Why the challenge was not answered by a retry. */
  readonly notRetried: readonly Reason[]
}

/** One sentence: what the server requires, what was sent, and what that lacks. */
export function summaryOf(refused: RefusedRequest): string {
  const { credential } = refused.credentials.tls ?? {}
  const parts = [required(refused), sent(refused)]
  if (credential)
    parts.push(`the certificate ${credential.subject} from ${credential.source} ${timeLeftOf(credential)}`)
  return printable(parts.join('; '))
}

function required({ status, challenges, bearer, secrets }: RefusedRequest): string {
  if (!bearer) {
    const schemes = [...new Set(challenges.map(({ scheme }) => schemeName(scheme)))]
    return schemes.length > 0
      ? `the server requires ${schemes.join(' or ')} authentication`
      : `the server refused with ${status} and gave no reason`
  }
  const { scope, error, errorDescription, stepUp } = bearer
  if (stepUp) return stepUpText(stepUp)
  const said = `says ${redact(errorDescription ?? error ?? '', secrets)}`
  if (scope.length > 0) {
    const scopes = `the server requires ${sanitize(scope.join(' '))}`
    // Only the server knows what is wrong with a token; what its scopes lack is said below.
    return error === 'invalid_token' ? `${scopes} and ${said}` : scopes
  }
  // Some servers say invalid_request to a request without a token.
  if (error === undefined || error === 'invalid_request') return 'the server requires a token'
  return `the server ${said}`
}

function stepUpText({ acrValues, maxAge }: StepUp): string {
  const how = acrValues === undefined ? '' : ` with acr_values ${sanitize(acrValues)}`
  const when = maxAge === undefined ? '' : ` in the last ${maxAge} seconds`
  return `the server requires another login${how}${when}: log in again, or set stepUp of the grant`
}

function sent(refused: RefusedRequest): string {
  const { credentials, authenticated, challenges, bearer, ofScheme, notRetried } = refused
  const { authorization, token, scheme, source = 'the request', found, reasons } = credentials
  if (authenticated) return 'the request had its own credentials'
  if (scheme) return `${scheme.name} was applied${ofScheme === undefined ? '' : `: ${sanitize(ofScheme)}`}`
  if (token !== undefined) {
    const read = found ?? SciToken.read(token, source)
    return read ? aboutToken(read, source, refused) : `a token from ${source} that is not a JWT was sent`
  }
  // Where nothing is searched before the server asks, only the retry has reasons.
  const why = whyNone(reasons.length > 0 ? reasons : notRetried)
  if (authorization === undefined) {
    const isForToken = bearer !== undefined || challenges.length === 0
    return isForToken
      ? `no token was sent: ${why ?? 'none was found'}`
      : `no credentials were sent: ${why ?? 'none were found'}`
  }
  const basic = `username and password from ${source} were sent`
  return bearer && why !== undefined ? `${basic}, and no token: ${why}` : basic
}

function aboutToken(token: SciToken, source: string, { bearer, target }: RefusedRequest): string {
  const { scopes = [], audience = [] } = token
  const left = token.timeLeft()
  const life =
    left === undefined
      ? 'no expiry'
      : left > 0
        ? `expires in ${duration(left)}`
        : `expired ${duration(-left)} ago`
  const has = `the token from ${source} has ${scopes.length > 0 ? sanitize(scopes.join(' ')) : 'no scope'} and ${life}`
  const lacking = (bearer?.scope ?? []).flatMap(splitScopes).filter((scope) => !grantsScope(scopes, scope))
  if (lacking.length > 0)
    return source === 'the token source' ? `${has}; set tokenScope, or challengeScopes of the grant` : has
  const forAudience = audience.length > 0 ? `, for audience ${sanitize(audience.join(' or '))}` : ''
  // A server that names scopes does not decide by paths alone.
  return `${has}${forAudience}${bearer ? '' : pathHint(scopes, target)}`
}

/** Storage servers refuse without a reason what no path of a scope covers. */
function pathHint(scopes: readonly string[], { pathname }: URL): string {
  const paths = scopes.filter((scope) => STORAGE.test(parseScope(scope).authorization))
  const isCovered = paths.some((scope) =>
    grantsScope([scope], `${parseScope(scope).authorization}:${pathname}`),
  )
  return paths.length === 0 || isCovered ? '' : `, and none of its scopes covers ${sanitize(pathname)}`
}

/** Scopes of SciTokens and WLCG whose paths are those of files. */
const STORAGE = /^(?:read|write|create|modify|stage|storage\.\w+)$/

/** Why no token was sent; undefined where there was none at all. */
function whyNone(reasons: readonly Reason[]): string | undefined {
  const messages = reasons.filter(({ code }) => code !== 'absent').map(({ message }) => message)
  return messages.length > 0 ? messages.slice(0, MAX_REASONS).join('; ') : undefined
}

/** More do not make a sentence; `reasons` has all of them. */
const MAX_REASONS = 3

/** An authentication scheme for a message. A server chose it. */
export function schemeName(scheme: string): string {
  if (scheme === 'oauth' || scheme === 'dpop') return scheme === 'oauth' ? 'OAuth' : 'DPoP'
  return sanitize(scheme.charAt(0).toUpperCase() + scheme.slice(1))
}
