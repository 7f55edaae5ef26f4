import { duration } from '../formats/duration'
import { LOG_IN } from '../formats/log-in-command'
import { logInFor } from './find-sci-token'
import { validateClaims, requirementsOf, type TokenRequirements } from './validate-claims'
import { SciToken } from './scitoken'
import { secondsNow } from '../clock'
import { condorFix, TO_SEND, tokenLocations, type Candidate, type TokenLocation } from './token-locations'
import type { Environment } from '../environment'
import type { TokenQuery, TokenSource } from './token'
import type { Finding, TokenInfo } from '../explain/finding'
import { permissionsOf } from '../files/access'
import { fileFix, findingFor, type UnusableFile } from '../files/describe-file'

/**
 * Every token on this host, in the order of discovery; a request uses the first usable one. Uses no network, and keeps
 * nothing between calls.
 */
export function describeTokens(requirements: TokenRequirements, environment: Environment): Finding[] {
  const { env } = environment
  const findings = tokenLocations(environment).flatMap((location) => {
    const value = location.reads === undefined ? undefined : env[location.reads]
    return Array.from(location.candidates(value || undefined), (candidate) =>
      findingOf(candidate, location, requirements),
    )
  })
  const last = findings.pop()
  if (!last) return findings
  // Where there is no token, the fix is to get one. A login would overwrite an opaque token in its file.
  const isSaid = [...findings, last].some(
    ({ verdict, fix, code = 'absent', source }) =>
      verdict === 'usable' ||
      fix?.startsWith(LOG_IN) ||
      fix?.startsWith(TO_SEND) ||
      condorFix({ code, source }) !== undefined,
  )
  return [...findings, isSaid ? last : { ...last, fix: last.fix ?? logInFor(requirements) }]
}

function findingOf(
  { token, reason, path, fix: ownFix }: Candidate,
  { variable }: TokenLocation,
  requirements: TokenRequirements,
): Finding {
  const permissions = path === undefined ? undefined : permissionsOf(path)
  if (!token)
    return findingFor('token', reason ?? { code: 'absent', source: '', message: '' }, {
      permissions,
      fix: ownFix ?? (reason && tokenFix({ code: reason.code, path, variable }, requirements)),
    })
  const finding = tokenFinding(token, token.source ?? '', requirements, variable)
  const fix = reason ? tokenFix({ code: reason.code, path }, requirements) : undefined
  return {
    ...finding,
    permissions,
    ...(reason && { warning: reason.message }),
    fix: finding.fix ?? fix,
  }
}

/** A source that is not asked now, since that may use the network. */
export function deferredFinding(source: string): Finding {
  return {
    kind: 'token',
    source,
    verdict: 'deferred',
    message: `${source} is asked when a request needs its token`,
  }
}

/** What a source has for a query; it may ask other programs of this host. */
export async function explainSource(
  source: TokenSource,
  query: TokenQuery,
  name: string,
): Promise<readonly Finding[]> {
  return source.explainAsync?.(query) ?? source.explain?.(query) ?? [deferredFinding(name)]
}

/** The finding for a token with its claims validated, from any source. */
export function tokenFinding(
  token: SciToken,
  source: string,
  requirements: TokenRequirements,
  variable?: string,
): Finding {
  const problem = validateClaims(token, requirements)
  const info = { token: tokenInfo(token) }
  if (!problem)
    return { kind: 'token', source, verdict: 'usable', message: `${source} ${lifeOf(token)}`, ...info }
  const fix =
    condorFix({ code: problem.code, source }) ??
    tokenFix({ code: problem.code, variable }, withIssuerOf(token, requirements))
  return findingFor(
    'token',
    { ...problem, source, message: `${source} ${problem.message}` },
    { ...info, fix },
  )
}

/** A token that is given is sent as it is; a problem of its claims is a warning. */
export function givenToken(text: string, source: string, requirements: TokenRequirements): Finding {
  const token = SciToken.read(text, source)
  if (!token)
    return {
      kind: 'token',
      source,
      verdict: 'usable',
      message: `${source} is not a JWT, and is sent as it is`,
    }
  const { verdict, message, fix, ...others } = tokenFinding(token, source, requirements)
  if (verdict === 'usable') return { verdict, message, ...others }
  return { ...others, verdict: 'usable', message: `${source} is sent as it is`, warning: message, fix }
}

/** The state of a source that caches a token. */
export interface CachingSource {
  readonly name: string
  /** Undefined if it has none. `expiresAt` is in seconds since the epoch; Infinity if it is not known. */
  readonly held: { readonly text: string; readonly expiresAt: number } | undefined
  /** The token is valid for long enough to be used, whatever its claims. Otherwise the source asks for the next. */
  readonly isEnough: boolean
  /** What is asked for the next. */
  readonly asks: () => readonly Finding[]
}

export function describeCachingSource(
  { name, held, isEnough, asks }: CachingSource,
  query: TokenQuery,
): readonly Finding[] {
  if (!held) return asks()
  const source = `the token of ${name}`
  const given = givenToken(held.text, source, requirementsOf(query))
  if (held.expiresAt === Infinity) return [given]
  const message = `${source} ${expiryText(held.expiresAt - secondsNow())}`
  if (isEnough) return [{ ...given, message }]
  const { token } = given
  return [
    { kind: 'token', source, verdict: 'skipped', code: 'expired', message, ...(token && { token }) },
    ...asks(),
  ]
}

/** If no issuer is required, the fix is another token of the same issuer. */
export function withIssuerOf({ issuer }: SciToken, requirements: TokenRequirements): TokenRequirements {
  return requirements.issuer.length > 0 || issuer === undefined
    ? requirements
    : { ...requirements, issuer: [issuer] }
}

export function tokenInfo(token: SciToken): TokenInfo {
  const { profile, issuer, subject, audience, scopes, expiresAt } = token
  const left = token.timeLeft()
  return {
    profile,
    issuer,
    subject,
    audience,
    scopes,
    expiresAt,
    timeLeft: left === undefined ? left : Math.floor(left),
  }
}

/** When a token expires, as the end of a sentence. */
export function lifeOf(token: SciToken): string {
  const left = token.timeLeft()
  return left === undefined ? 'has no expiry (no exp claim)' : expiryText(left)
}

function expiryText(left: number): string {
  return left > 0 ? `expires in ${duration(left)}` : `expired ${duration(-left)} ago`
}

/** The command or action that gives a suitable token, or stops one that can never be used from being found. */
export function tokenFix(
  { code, path, variable }: UnusableFile,
  requirements: TokenRequirements,
): string | undefined {
  switch (code) {
    case 'expired':
    case 'audience':
    case 'issuer':
    case 'scope':
    case 'claim':
    case 'profile':
    case 'signature':
    case 'refused':
      return logInFor(requirements)
    case 'malformed':
    case 'empty':
      // A login overwrites the default file, but not what a variable holds.
      return variable === undefined ? logInFor(requirements) : `unset ${variable}`
    case 'not-yet-valid':
      return "wait, or correct this host's clock"
    case 'not-verified':
      return 'leave verify out: the server verifies the signature in any case'
    default:
      return fileFix({ code, path, variable })
  }
}
