import { IgwnAuthError, type Reason } from '../errors'
import { CLOCK_TOLERANCE, validateClaims, reasonFor, type TokenRequirements } from './validate-claims'
import type { SciToken } from './scitoken'
import { processEnvironment, type Environment } from '../environment'
import { secondsNow } from '../clock'
import { fileVersion, isStillValid, type FileVersion, type SearchState } from '../files/file-version'
import type { verifiers } from './verify-signature'
import { tokenLocations, type Candidate, type TokenLocation } from './token-locations'

type VerifierFor = ReturnType<typeof verifiers>

/** Loaded on first use: few programs verify, and it needs TLS and cryptography. */
function lazyVerifiers(environment: Environment): VerifierFor {
  let made: Promise<VerifierFor> | undefined
  return async (verify) => {
    made ??= import('./verify-signature').then(({ verifiers }) => verifiers(environment))
    return (await made)(verify)
  }
}

/** The result of a search. */
export interface Discovery {
  /** The first usable token; undefined if there is none. */
  readonly token?: SciToken
  /** Why each candidate before it was skipped, in order. */
  readonly reasons: readonly Reason[]
  /** A problem of the selected token that does not prevent its use. */
  readonly warning?: Reason
  /** What the result depends on; undefined for one that must not be reused. */
  readonly state: SearchState | undefined
}

export interface SearchOptions {
  /** Fail on the first malformed candidate, as WLCG Bearer Token Discovery says. */
  readonly strict?: boolean | undefined
  /** Called with each token whose claims are valid; a reason skips it. */
  readonly passOver?: ((token: SciToken) => Reason | undefined) | undefined
}

/** Searches for the first usable token. */
export interface TokenSearch {
  (requirements: TokenRequirements, options?: SearchOptions): Discovery
  /** The verifier for a `verify` option, with a cache that belongs to this search. */
  readonly verifierFor: VerifierFor
}

/**
 * Token discovery: the first token, in the order of the locations, whose claims are valid; those before it are skipped
 * with a reason. While nothing changes, the same requirements give the same result object for a stat per location, up to
 * that of the token: no file is opened and no token parsed.
 */
export function discovery(environment: Environment = processEnvironment): TokenSearch {
  const locations = tokenLocations(environment)
  const searches = new Map<string, Discovery>()
  const keys = new WeakMap<TokenRequirements, string>()

  function keyOf(requirements: TokenRequirements): string {
    const known = keys.get(requirements)
    if (known !== undefined) return known
    const { audience, scope, challengeScope, issuer, minTimeLeft, object } = requirements
    const key = JSON.stringify([audience, scope, challengeScope, issuer, minTimeLeft, object])
    keys.set(requirements, key)
    return key
  }

  const find = (
    requirements: TokenRequirements,
    { strict = false, passOver }: SearchOptions = {},
  ): Discovery => {
    if (passOver) return search(locations, environment, requirements, strict, passOver)
    const key = strict ? `strict ${keyOf(requirements)}` : keyOf(requirements)
    const last = searches.get(key)
    if (last?.state && isStillValid(last.state, environment)) return last

    const made = search(locations, environment, requirements, strict)
    if (searches.size >= MAX_SEARCHES) searches.clear()
    if (made.state) searches.set(key, made)
    else searches.delete(key)
    return made
  }
  return Object.assign(find, { verifierFor: lazyVerifiers(environment) })
}

/** Requirements differ by server, and a program talks to few. */
const MAX_SEARCHES = 1000

/**
 * Seconds after which a search that skipped something is repeated: the stat of a folder does not show that one of its files
 * was rewritten, nor does any stat show that a transient failure is over.
 */
const REPEAT_AFTER = 5

function search(
  locations: readonly TokenLocation[],
  environment: Environment,
  requirements: TokenRequirements,
  strict: boolean,
  passOver?: SearchOptions['passOver'],
): Discovery {
  const { env, uid, euid } = environment
  const from = secondsNow()
  const reasons: Reason[] = []
  const variables: [string, string | undefined][] = []
  const versions: (FileVersion | undefined)[] = []
  let until = Infinity

  const stateUntil = (end: number): SearchState | undefined => {
    const files = versions.filter((version) => version !== undefined)
    return files.length < versions.length ? undefined : { variables, uid, euid, files, from, until: end }
  }

  for (const location of locations) {
    const { reads } = location
    const value = reads === undefined ? undefined : env[reads]
    if (reads !== undefined) variables.push([reads, value])
    const path = location.path(value || undefined)
    // Taken before reading: a change in between shows as a change next time.
    if (path !== undefined) versions.push(fileVersion(path))
    for (const candidate of location.candidates(value || undefined)) {
      const { token, reason } = candidate
      const skipped = token
        ? (problemOf(token, candidate, requirements, strict, from) ?? passOver?.(token))
        : reason
      if (token && !skipped) {
        if (candidate.isInFolder && candidate.path !== undefined) versions.push(fileVersion(candidate.path))
        const state = stateUntil(Math.min(until, usableUntil(token, requirements)))
        return { token, reasons, ...(reason && { warning: reason }), state }
      }
      if (!skipped) continue
      reasons.push(skipped)
      if (strict && MALFORMED.has(skipped.code)) throw malformed(skipped, reasons)
      until = Math.min(until, repeatAt(skipped, candidate, from))
    }
  }
  // Do not reuse a search that skipped something and found nothing: the user may have just fixed it.
  return { reasons, state: until === Infinity ? stateUntil(until) : undefined }
}

function usableUntil(token: SciToken, { minTimeLeft }: TokenRequirements): number {
  return (token.expiresAt ?? Infinity) - minTimeLeft
}

/** When a skipped candidate may be usable though no stat shows a change. */
function repeatAt({ code }: Reason, { token, isInFolder }: Candidate, now: number): number {
  if (code === 'absent' && !isInFolder) return Infinity
  const validFrom = code === 'not-yet-valid' ? token?.notBefore : undefined
  return Math.min(now + REPEAT_AFTER, (validFrom ?? Infinity) - CLOCK_TOLERANCE)
}

function malformed(skipped: Reason, reasons: readonly Reason[]): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_TOKEN_MALFORMED',
    `${skipped.message}. With \`strict\`, the search fails on the first malformed candidate (WLCG Bearer Token Discovery). ` +
      'Fix or remove it, or leave `strict` out.',
    { reasons },
  )
}

/** What `strict` does not skip. */
const MALFORMED: ReadonlySet<string> = new Set<Reason['code']>([
  'malformed',
  'unreadable',
  'not-a-file',
  'too-large',
  'foreign-owner',
  'open-permissions',
])

function problemOf(
  token: SciToken,
  { reason }: Candidate,
  requirements: TokenRequirements,
  strict: boolean,
  now: number,
): Reason | undefined {
  if (strict && reason) return reason
  const problem = validateClaims(token, requirements, now)
  return problem && reasonFor(token, problem)
}
