import { checkValues, flag, kindOf, seconds, textOrList, type Check } from '../check-values'
import { secondsNow } from '../clock'
import type { Reason, ReasonCode } from '../errors'
import { duration } from '../formats/duration'
import { hasParentSegment, missingScopes, splitScopes } from '../formats/scopes'
import { printable, sanitize } from '../secrets/sanitize'
import { SciToken } from './scitoken'
import { audienceForms, targetAudience } from './target-audience'
import type { ObjectRequirements, Token, TokenQuery } from './token'

/** What a token must have: a query with its defaults. */
export interface TokenRequirements {
  /** Audiences of which the token must name one (`aud`); empty for any. */
  readonly audience: readonly string[]
  /** Scopes that the token must have, all of them; empty for any. */
  readonly scope: readonly string[]
  /** Scopes of the server's challenge, which it must have too; absent for none. */
  readonly challengeScope?: readonly string[]
  /** Issuers of which one must have issued it (`iss`); empty for any. */
  readonly issuer: readonly string[]
  /** Seconds for which it must not expire. */
  readonly minTimeLeft: number
  /** What it must have for an object of a federation; absent for other requests. */
  readonly object?: ObjectRequirements
}

export function requirementsOf(query: TokenQuery): TokenRequirements {
  const challengeScope = boundedScopes(list(query.challengeScope))
  return {
    audience: list(query.audience),
    scope: list(query.scope).flatMap(splitScopes),
    ...(challengeScope.length > 0 && { challengeScope }),
    ...(query.object && { object: query.object }),
    issuer: list(query.issuer),
    minTimeLeft: query.minTimeLeft ?? MIN_TIME_LEFT,
  }
}

/** What a token must have, one text for each requirement, as "scope read:/". */
export function requirementTexts({ audience, scope, issuer, object }: TokenRequirements): string[] {
  return [
    audience.length > 0 ? `audience ${either(audience)}` : '',
    scope.length > 0 ? `scope ${scope.join(' ')}` : '',
    object && object.scope.length > 0 ? `scope ${either(object.scope)}` : '',
    issuer.length > 0 ? `issuer ${either(issuer)}` : '',
    object && object.issuer.length > 0 ? `issuer ${either(object.issuer)}` : '',
  ].filter(Boolean)
}

/** All scopes that a token must have. */
export function requiredScopes({ scope, challengeScope }: TokenRequirements): readonly string[] {
  return challengeScope === undefined ? scope : [...new Set([...scope, ...challengeScope])]
}

/** A server may send any number of scopes of any length. */
const MAX_CHALLENGE_SCOPES = 20
const MAX_CHALLENGE_SCOPE_LENGTH = 256

function boundedScopes(scopes: readonly string[]): readonly string[] {
  return scopes
    .flatMap(splitScopes)
    .filter((scope) => scope.length <= MAX_CHALLENGE_SCOPE_LENGTH)
    .slice(0, MAX_CHALLENGE_SCOPES)
}

/**
 * Checks a query that a caller gave.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` if a value of it has the wrong type
 */
export function checkQuery(query: TokenQuery): TokenQuery {
  return checkValues(query, QUERY, 'query')
}

const QUERY: Record<keyof TokenQuery, Check> = {
  audience: textOrList,
  scope: textOrList,
  issuer: textOrList,
  minTimeLeft: seconds,
  challengeScope: textOrList,
  object: (value) => (typeof value === 'object' ? undefined : `must be an object, not ${kindOf(value)}`),
  stepUp: (value) => (typeof value === 'object' ? undefined : `must be an object, not ${kindOf(value)}`),
  isRetry: flag,
}

/** Seconds; as in igwn-auth-utils and htgettoken. */
export const MIN_TIME_LEFT = 60

function list(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

/**
 * Whether a token has the claims that a query requires. The signature is not checked and no network is used. False for a
 * text that is not a JWT.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` if a value of the query has the wrong type
 */
export function isValidToken(token: Token, query: TokenQuery = {}): boolean {
  const requirements = requirementsOf(checkQuery(query))
  const decoded = token instanceof SciToken ? token : SciToken.read(textOf(token) ?? '')
  return decoded !== undefined && validateClaims(decoded, requirements) === undefined
}

function textOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token
  return token instanceof Uint8Array ? Buffer.from(token).toString('latin1') : undefined
}

/** Why a token cannot be used: a `Reason` without its source. */
export type ClaimProblem = Omit<Reason, 'source'>

/** The problem of a token as a reason. */
export function reasonFor(token: SciToken, problem: ClaimProblem): Reason {
  const source = token.source ?? 'a token'
  return { source, ...problem, message: `${source} ${problem.message}` }
}

/** The reason why a token is not sent again. */
export function refusedByServer(source = 'the token'): Reason {
  return { code: 'refused', source, message: `${source} was refused by the server` }
}

/** Seconds by which clocks may differ; WLCG profile section 4.3.1 has issuers back-date `nbf` by as much. */
export const CLOCK_TOLERANCE = 60

/**
 * Validates the claims of a token; undefined if it has what is required. Unknown claims never disqualify.
 *
 * @see SciTokens Claims and Verification; WLCG profile 1.3 sections 2.1.1, 2.2.1 and 4.2
 */
export function validateClaims(
  token: SciToken,
  requirements: TokenRequirements,
  now = secondsNow(),
): ClaimProblem | undefined {
  return (
    validateProfile(token) ??
    validateTimes(token, requirements.minTimeLeft, now) ??
    validateIssuer(token, requirements.issuer) ??
    validateAudience(token, requirements.audience) ??
    validateScope(token, requiredScopes(requirements)) ??
    (requirements.object && validateForObject(token, requirements.object))
  )
}

function validateForObject(token: SciToken, object: ObjectRequirements): ClaimProblem | undefined {
  const { scope, issuer, audience, tokenName } = object
  // HTCondor writes a dot as an underscore.
  if (tokenName !== undefined && !token.source?.includes(`/${tokenName.replaceAll('.', '_')}.use (`))
    return { code: 'not-needed', message: `is not the token ${sanitize(tokenName)} that the URL names` }
  const hasIssuer = issuer.some((one) => withoutSlash(one) === withoutSlash(token.issuer ?? ''))
  const problem = hasIssuer ? undefined : validateIssuer(token, issuer)
  if (problem) return problem
  return validateAudience(token, audience) ?? validateAnyScope(token, scope)
}

function validateAnyScope({ scopes = [] }: SciToken, wanted: readonly string[]): ClaimProblem | undefined {
  if (wanted.length === 0 || missingScopes(scopes, wanted).length < wanted.length) return undefined
  const has = scopes.length > 0 ? `scope ${sanitize(scopes.join(' '))}` : 'no scope'
  return problem('scope', 'scope', wanted, scopes, `has ${has}, not ${sanitize(either(wanted))}`)
}

function withoutSlash(text: string): string {
  return text.replace(/\/$/, '')
}

/** WLCG: an unknown major version must be refused, a newer minor one accepted (profile section 2.1). */
function validateProfile(token: SciToken): ClaimProblem | undefined {
  const version = token.claims['wlcg.ver']
  if (version === undefined || (typeof version === 'string' && /^1\.\d+$/.test(version))) return undefined
  return problem('profile', 'wlcg.ver', '1.x', version, 'has an unknown version of the WLCG profile')
}

function validateTimes(token: SciToken, minTimeLeft: number, now: number): ClaimProblem | undefined {
  const { claims, expiresAt, notBefore } = token
  if (expiresAt === undefined)
    return problem(
      'claim',
      'exp',
      'a time',
      claims.exp,
      claims.exp === undefined ? 'has no exp claim' : 'has an exp claim that is not a time',
    )
  if (claims.nbf !== undefined && notBefore === undefined)
    return problem('claim', 'nbf', 'a time', claims.nbf, 'has an nbf claim that is not a time')
  if (expiresAt < now + minTimeLeft)
    return problem(
      'expired',
      'exp',
      `at least ${minTimeLeft} s left`,
      expiresAt,
      expiresAt <= now
        ? `expired ${duration(now - expiresAt)} ago`
        : `expires in ${duration(expiresAt - now)}, less than the required ${duration(minTimeLeft)}`,
    )
  if (notBefore !== undefined && notBefore > now + CLOCK_TOLERANCE)
    return problem(
      'not-yet-valid',
      'nbf',
      'now',
      notBefore,
      `is not valid yet: valid from ${moment(notBefore)} (in ${duration(notBefore - now)})`,
    )
  return undefined
}

function validateIssuer(token: SciToken, issuers: readonly string[]): ClaimProblem | undefined {
  if (issuers.length === 0 || (token.issuer !== undefined && issuers.includes(token.issuer))) return undefined
  return problem(
    'issuer',
    'iss',
    issuers,
    token.claims.iss,
    token.issuer === undefined
      ? `has no issuer, and ${either(issuers)} is required`
      : `is from issuer ${sanitize(token.issuer)}, not ${either(issuers)}`,
  )
}

/**
 * Any audience, in SciTokens and in WLCG. Each counts in tokens of its own profile only, as in scitokens and
 * scitokens-cpp.
 */
const ANY_OF_SCITOKENS = 'ANY'
const ANY_OF_WLCG = 'https://wlcg.cern.ch/jwt/v1/any'

function validateAudience(token: SciToken, audiences: readonly string[]): ClaimProblem | undefined {
  const { audience, profile, claims } = token
  if (audience === undefined)
    return problem(
      'claim',
      'aud',
      audiences,
      claims.aud,
      'has an aud claim that is neither a string nor a list of strings',
    )
  // Required except in SciTokens 1.0, where a token without it is for any audience.
  if (audience.length === 0)
    return profile === 'scitoken:2.0' || profile === 'wlcg'
      ? problem('claim', 'aud', audiences, claims.aud, `has no aud claim, which ${profile} tokens must have`)
      : undefined
  if (audiences.length === 0) return undefined
  const any = profile === 'wlcg' ? ANY_OF_WLCG : ANY_OF_SCITOKENS
  if (audience.includes(any) || audiences.some((one) => namesAudience(token, one))) return undefined
  return problem(
    'audience',
    'aud',
    audiences,
    audience,
    `is for audience ${sanitize(either(audience))}, not ${either(audiences)}`,
  )
}

/** Whether `aud` has an audience; for `scheme://host[:port]` also as `host` or `host:port`. */
function namesAudience({ audience = [] }: SciToken, wanted: string): boolean {
  return audienceForms(wanted).some((form) => audience.includes(form))
}

/**
 * Whether `aud` names the origin of a URL, in one of the forms of {@link targetAudience}. False for a token without `aud` or
 * for any audience.
 */
export function namesOrigin(token: SciToken, url: URL): boolean {
  return targetAudience(url).some((one) => namesAudience(token, one))
}

function validateScope(token: SciToken, scopes: readonly string[]): ClaimProblem | undefined {
  const { scopes: granted, profile, claims } = token
  const claim = claims.scope ?? claims.scp
  if (granted === undefined)
    return problem(
      'claim',
      'scope',
      scopes,
      claim,
      'has a scope claim that is neither a string nor a list of strings',
    )
  if (claim === undefined && profile === 'scitoken:2.0')
    return problem('claim', 'scope', scopes, claim, 'has no scope claim, which scitoken:2.0 tokens must have')
  const climbing = granted.find(hasParentSegment)
  if (climbing !== undefined)
    return problem(
      'scope',
      'scope',
      scopes,
      granted,
      `has the scope ${sanitize(climbing)}, whose path contains ".."`,
    )
  const missing = missingScopes(granted, scopes)
  if (missing.length === 0) return undefined
  const has = granted.length > 0 ? `scope ${sanitize(granted.join(' '))}` : 'no scope'
  return problem('scope', 'scope', scopes, granted, `has ${has}, not ${sanitize(missing.join(' '))}`)
}

function problem(
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

/** A value of the wrong type may be an object of any depth, which cannot be printed. */
function isData(value: unknown): boolean {
  return typeof value !== 'object' || (Array.isArray(value) && value.every((one) => typeof one !== 'object'))
}

function either(values: readonly string[]): string {
  return values.join(' or ')
}

/** A time, in seconds since the epoch, in ISO 8601. */
export function moment(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? 'a time outside the calendar' : date.toISOString().replace('.000', '')
}
