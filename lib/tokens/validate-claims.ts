import { checkValues, seconds, textOrList, type Check } from '../check-values'
import type { Reason, ReasonCode } from '../errors'
import { duration } from '../formats/duration'
import { climbs, givesScope, splitScopes } from '../formats/scopes'
import { printable, sanitize } from '../secrets/sanitize'
import { SciToken } from './scitoken'
import { kindOf, secondsNow, type Token, type TokenQuery } from './token'

export { duration }

/** A query with its defaults in place, every list a list. */
export interface TokenRequirements {
  /** Audiences of which one must be named (`aud`); empty for any. */
  readonly audience: readonly string[]
  /** Scopes that the token must have, all of them; empty for any. */
  readonly scope: readonly string[]
  /** Scopes of the server's challenge, which it must have too. */
  readonly challengeScope: readonly string[]
  /** Issuers of which one must have made it (`iss`); empty for any. */
  readonly issuer: readonly string[]
  /** Seconds of life it must have left. */
  readonly minTimeLeft: number
}

export function requirementsOf(query: TokenQuery): TokenRequirements {
  return {
    audience: list(query.audience),
    scope: list(query.scope).flatMap(splitScopes),
    challengeScope: boundedScopes(query.challengeScope),
    issuer: list(query.issuer),
    minTimeLeft: query.minTimeLeft ?? MIN_TIME_LEFT,
  }
}

/** All scopes that a token must have. */
export function requiredScopes({ scope, challengeScope }: TokenRequirements): readonly string[] {
  return challengeScope.length === 0 ? scope : [...new Set([...scope, ...challengeScope])]
}

/** A server may send any number of scopes of any length. */
const MAX_CHALLENGE_SCOPES = 20
const MAX_CHALLENGE_SCOPE_LENGTH = 256

function boundedScopes(scopes: readonly string[] = NONE): readonly string[] {
  if (scopes.length === 0) return NONE
  return scopes
    .flatMap(splitScopes)
    .filter((scope) => scope.length <= MAX_CHALLENGE_SCOPE_LENGTH)
    .slice(0, MAX_CHALLENGE_SCOPES)
}

const NONE: readonly string[] = []

/**
 * Checks a query that a caller gave.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when a value of it is of the wrong type
 */
export function checkQuery(query: TokenQuery): TokenQuery {
  return checkValues(query, QUERY, 'query')
}

const QUERY: Record<keyof TokenQuery, Check> = {
  audience: textOrList,
  scope: textOrList,
  challengeScope: textOrList,
  issuer: textOrList,
  minTimeLeft: seconds,
}

/** Seconds; the same as in igwn-auth-utils and htgettoken. */
export const MIN_TIME_LEFT = 60

function list(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

/**
 * Whether a token satisfies a query, by its claims alone: no signature is checked and no network used.
 * What is no token at all does not.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when a value of the query is of the wrong type
 */
export function isValidToken(token: Token, query: TokenQuery = {}): boolean {
  const want = requirementsOf(checkQuery(query))
  const read = token instanceof SciToken ? token : SciToken.read(textOf(token) ?? '')
  return read !== undefined && validateClaims(read, want) === undefined
}

function textOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token
  return token instanceof Uint8Array ? Buffer.from(token).toString('latin1') : undefined
}

/** Why one token does not satisfy; a `Reason` without its source. */
export type ClaimProblem = Omit<Reason, 'source'>

/** A verdict on a token as a reason: with where it came from. */
export function reasonFor(token: SciToken, verdict: ClaimProblem): Reason {
  const source = token.source ?? 'a token'
  return { source, ...verdict, message: `${source} ${verdict.message}` }
}

/** A token, given or found, that is not sent again. */
export function refusedByServer(source = 'the token'): Reason {
  return { code: 'refused', source, message: `${source} was refused by the server` }
}

/** Seconds an issuer's clock may be ahead of ours; WLCG profile section 4.3.1 has issuers back-date `nbf` by as much. */
export const CLOCK_TOLERANCE = 60

/**
 * Judges a token by its claims; undefined when it satisfies. A claim that is unknown here never disqualifies.
 *
 * @see SciTokens Claims and Verification; WLCG profile 1.3 sections 2.1.1, 2.2.1 and 4.2
 */
export function validateClaims(
  token: SciToken,
  want: TokenRequirements,
  now = secondsNow(),
): ClaimProblem | undefined {
  return (
    judgeProfile(token) ??
    judgeLife(token, want.minTimeLeft, now) ??
    judgeIssuer(token, want.issuer) ??
    judgeAudience(token, want.audience) ??
    judgeScope(token, requiredScopes(want))
  )
}

/** WLCG: an unknown major version must be refused, a newer minor one accepted (profile section 2.1). */
function judgeProfile(token: SciToken): ClaimProblem | undefined {
  const version = token.claims['wlcg.ver']
  if (version === undefined || (typeof version === 'string' && /^1\.\d+$/.test(version))) return undefined
  return verdict(
    'profile',
    'wlcg.ver',
    '1.x',
    version,
    'follows a version of the WLCG profile not known here',
  )
}

function judgeLife(token: SciToken, minTimeLeft: number, now: number): ClaimProblem | undefined {
  const { expiresAt, notBefore, claims } = token
  if (expiresAt === undefined)
    return verdict(
      'claim',
      'exp',
      'a time',
      claims.exp,
      claims.exp === undefined ? 'has no exp claim' : 'has an exp claim that is no time',
    )
  if (claims.nbf !== undefined && notBefore === undefined)
    return verdict('claim', 'nbf', 'a time', claims.nbf, 'has an nbf claim that is no time')
  if (expiresAt < now + minTimeLeft)
    return verdict(
      'expired',
      'exp',
      `at least ${minTimeLeft} s left`,
      expiresAt,
      expiresAt <= now
        ? `expired ${duration(now - expiresAt)} ago`
        : `has ${duration(expiresAt - now)} left, and ${duration(minTimeLeft)} are wanted`,
    )
  if (notBefore !== undefined && notBefore > now + CLOCK_TOLERANCE)
    return verdict('not-yet-valid', 'nbf', 'now', notBefore, `is valid only in ${duration(notBefore - now)}`)
  return undefined
}

function judgeIssuer(token: SciToken, issuers: readonly string[]): ClaimProblem | undefined {
  if (issuers.length === 0 || (token.issuer !== undefined && issuers.includes(token.issuer))) return undefined
  return verdict(
    'issuer',
    'iss',
    issuers,
    token.claims.iss,
    token.issuer === undefined
      ? `names no issuer, and ${either(issuers)} is wanted`
      : `is of issuer ${sanitize(token.issuer)}, not ${either(issuers)}`,
  )
}

/**
 * Any audience, as SciTokens and as WLCG write it. Each counts in tokens of its own kind only, as scitokens and
 * scitokens-cpp have it.
 */
const ANY_OF_SCITOKENS = 'ANY'
const ANY_OF_WLCG = 'https://wlcg.cern.ch/jwt/v1/any'

function judgeAudience(token: SciToken, audiences: readonly string[]): ClaimProblem | undefined {
  const { audience, profile, claims } = token
  if (audience === undefined)
    return verdict(
      'claim',
      'aud',
      audiences,
      claims.aud,
      'has an aud claim that is neither a string nor a list of them',
    )
  // Optional in SciTokens 1.0 only: a token without is meant for everybody.
  if (audience.length === 0)
    return profile === 'scitoken:2.0' || profile === 'wlcg'
      ? verdict('claim', 'aud', audiences, claims.aud, `names no audience, which a ${profile} token must do`)
      : undefined
  if (audiences.length === 0) return undefined
  const any = profile === 'wlcg' ? ANY_OF_WLCG : ANY_OF_SCITOKENS
  if (audience.includes(any) || audiences.some((one) => audience.includes(one))) return undefined
  return verdict(
    'audience',
    'aud',
    audiences,
    audience,
    `is for audience ${sanitize(either(audience))}, not ${either(audiences)}`,
  )
}

function judgeScope(token: SciToken, scopes: readonly string[]): ClaimProblem | undefined {
  const { scopes: granted, profile, claims } = token
  if (granted === undefined)
    return verdict(
      'claim',
      'scope',
      scopes,
      claims.scope ?? claims.scp,
      'has a scope claim that is no string',
    )
  if (granted.length === 0 && profile === 'scitoken:2.0')
    return verdict(
      'claim',
      'scope',
      scopes,
      claims.scope ?? claims.scp,
      'gives no scope, which a scitoken:2.0 token must do',
    )
  const climbing = granted.find(climbs)
  if (climbing !== undefined)
    return verdict(
      'scope',
      'scope',
      scopes,
      granted,
      `has the scope ${sanitize(climbing)}, whose path climbs by ".."`,
    )
  const missing = scopes.filter((scope) => !givesScope(granted, scope))
  if (missing.length === 0) return undefined
  return verdict(
    'scope',
    'scope',
    scopes,
    granted,
    `gives ${granted.length > 0 ? sanitize(granted.join(' ')) : 'no scope'}, not ${sanitize(missing.join(' '))}`,
  )
}

function verdict(
  code: ReasonCode,
  claim: string,
  expected: unknown,
  actual: unknown,
  message: string,
): ClaimProblem {
  return {
    code,
    claim,
    expected,
    actual: isData(actual) ? actual : kindOf(actual),
    message: printable(message),
  }
}

/** A value of the wrong kind may be an object of any depth, on which printing the reason would fail. */
function isData(value: unknown): boolean {
  return typeof value !== 'object' || (Array.isArray(value) && value.every((one) => typeof one !== 'object'))
}

function either(values: readonly string[]): string {
  return values.join(' or ')
}

/** A time, in seconds since the epoch, as people can read it. */
export function moment(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? 'a time outside of the calendar' : date.toISOString()
}
