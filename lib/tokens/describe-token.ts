import { htgettokenFor } from './find-sci-token'
import { duration, validateClaims, requirementsOf, type TokenRequirements } from './validate-claims'
import { SciToken } from './scitoken'
import { secondsNow } from '../clock'
import { tokenLocations, type Candidate, type TokenLocation } from './token-locations'
import type { Environment } from '../environment'
import type { TokenQuery } from './token'
import type { Finding, TokenInfo } from '../explain/finding'
import { permissionsOf } from '../files/access'
import { fileFix, findingFor, type UnusableFile } from '../files/describe-file'

/**
 * Every token on this host, in the order of discovery; a request uses the first usable one. Uses no network, and keeps
 * nothing between calls.
 */
export function describeTokens(want: TokenRequirements, environment: Environment): Finding[] {
  const { env } = environment
  const findings = tokenLocations(environment).flatMap((location) => {
    const value = location.reads === undefined ? undefined : env[location.reads]
    return Array.from(location.candidates(value || undefined), (candidate) =>
      findingOf(candidate, location, want),
    )
  })
  const last = findings.pop()
  if (!last) return findings
  // Wherever there is nothing, one that is got now would be; unless that was said of an old one.
  const isSaid = [...findings, last].some(
    ({ verdict, fix }) => verdict === 'usable' || fix?.startsWith('htgettoken'),
  )
  return [...findings, isSaid ? last : { ...last, fix: last.fix ?? htgettokenFor(want) }]
}

function findingOf(
  { token, reason, path, fix: ownFix }: Candidate,
  { variable }: TokenLocation,
  want: TokenRequirements,
): Finding {
  const permissions = path === undefined ? undefined : permissionsOf(path)
  if (!token)
    return findingFor('token', reason ?? { code: 'absent', source: '', message: '' }, {
      permissions,
      fix: ownFix ?? (reason && tokenFix({ code: reason.code, path, variable }, want)),
    })
  const finding = tokenFinding(token, token.source ?? '', want, variable)
  // A file that others can read is used all the same.
  const fix = reason ? tokenFix({ code: reason.code, path }, want) : undefined
  return {
    ...finding,
    permissions,
    ...(reason && { warning: reason.message }),
    fix: finding.fix ?? fix,
  }
}

/** A source that is asked when a request leaves, and not now, since that may use the network. */
export function askedLater(source: string): Finding {
  return { kind: 'token', source, verdict: 'deferred', message: `${source} is asked when a request leaves` }
}

/** A token judged by its claims, wherever it comes from. */
export function tokenFinding(
  token: SciToken,
  source: string,
  want: TokenRequirements,
  variable?: string,
): Finding {
  const verdict = validateClaims(token, want)
  const facts = { token: factsOf(token) }
  if (!verdict)
    return { kind: 'token', source, verdict: 'usable', message: `${source} ${lifeOf(token)}`, ...facts }
  const fix = tokenFix({ code: verdict.code, variable }, ofIssuer(want, token))
  return findingFor(
    'token',
    { ...verdict, source, message: `${source} ${verdict.message}` },
    { ...facts, fix },
  )
}

/** A token that is given is sent as it is; what speaks against it is good to know all the same. */
export function givenToken(text: string, source: string, want: TokenRequirements): Finding {
  const token = SciToken.read(text, source)
  if (!token)
    return { kind: 'token', source, verdict: 'usable', message: `${source} is no JWT, and sent as it is` }
  const { verdict, message, fix, ...facts } = tokenFinding(token, source, want)
  if (verdict === 'usable') return { verdict, message, ...facts }
  return { ...facts, verdict: 'usable', message: `${source} is sent as it is`, warning: message, fix }
}

/** A source that holds a token, as it is now. */
export interface Holder {
  readonly name: string
  /** Undefined when it holds none. `expiresAt` is in seconds since the epoch; Infinity when nobody said. */
  readonly held: { readonly text: string; readonly expiresAt: number } | undefined
  /** The held one lives long enough: it is given, whatever it says. Else the source asks for the next. */
  readonly isEnough: boolean
  readonly asks: () => readonly Finding[]
}

export function examineHolder({ name, held, isEnough, asks }: Holder, query: TokenQuery): readonly Finding[] {
  if (!held) return asks()
  const source = `the token that ${name} holds`
  const given = givenToken(held.text, source, requirementsOf(query))
  if (held.expiresAt === Infinity) return [given]
  const message = `${source} ${howLong(held.expiresAt - secondsNow())}`
  if (isEnough) return [{ ...given, message }]
  const { token } = given
  return [
    { kind: 'token', source, verdict: 'skipped', code: 'expired', message, ...(token && { token }) },
    ...asks(),
  ]
}

/** A token of the same issuer is what is missing, where nobody said which. */
function ofIssuer(want: TokenRequirements, { issuer }: SciToken): TokenRequirements {
  return want.issuer.length > 0 || issuer === undefined ? want : { ...want, issuer: [issuer] }
}

export function factsOf(token: SciToken): TokenInfo {
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

/** How long a token has, as the end of a sentence. */
export function lifeOf(token: SciToken): string {
  const left = token.timeLeft()
  return left === undefined ? 'does not say when it ends' : howLong(left)
}

function howLong(left: number): string {
  return left > 0 ? `has ${duration(left)} left` : `expired ${duration(-left)} ago`
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
      return htgettokenFor(requirements)
    case 'malformed':
    case 'empty':
      // htgettoken overwrites the default file, but not what a variable holds.
      return variable === undefined ? htgettokenFor(requirements) : `unset ${variable}`
    case 'not-yet-valid':
      return "wait, or correct this host's clock"
    case 'not-verified':
      return 'make sure that this host can reach the issuer, or leave verify out'
    default:
      return fileFix({ code, path, variable })
  }
}
