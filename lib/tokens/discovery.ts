import { IgwnAuthError, type Reason } from '../errors'
import { CLOCK_TOLERANCE, validateClaims, reasonFor, type TokenRequirements } from './validate-claims'
import type { SciToken } from './scitoken'
import { processEnvironment, snapshotOf, type Environment } from '../environment'
import { secondsNow } from './token'
import { versionOf, sameVersion, type FileVersion } from '../files/file-version'
import { statOf } from '../files/read-file'
import { tokenLocations, type Candidate, type TokenLocation } from './token-locations'

/** What a look at the machine gave. */
export interface Discovery {
  /** The first token that satisfies; undefined when none does. */
  readonly token?: SciToken
  /** Why each candidate before it was passed over, in order. */
  readonly reasons: readonly Reason[]
  /** What is not as it should be with the token that was chosen. */
  readonly warning?: Reason
}

export interface LookOptions {
  /** Stop with an error at the first candidate that is broken, as WLCG Bearer Token Discovery says. */
  readonly strict?: boolean | undefined
  /** Judges a token once more, after its claims: a reason passes it over. */
  readonly passOver?: ((token: SciToken) => Reason | undefined) | undefined
}

/** Looks for the first token that satisfies. */
export type Look = (want: TokenRequirements, options?: LookOptions) => Discovery

/**
 * Token discovery: the first token, in the order of the places, whose claims satisfy. One that does not is passed over and
 * leaves a reason. As long as nothing has changed, a second look costs a stat for each place up to the one that had the
 * token: no file is opened, no token parsed or judged again, however many candidates there are.
 */
export function discovery(environment: Environment = processEnvironment): Look {
  const places = tokenLocations()
  const decisions = new Map<string, Decision>()

  return (want, { strict = false, passOver } = {}) => {
    const now = snapshotOf(environment)
    if (passOver) return search(places, now, want, strict, passOver).discovery
    const key = keyOf(want, strict)
    const before = decisions.get(key)
    if (before && holds(before, places, now)) return before.discovery

    const decision = search(places, now, want, strict)
    if (decisions.size >= MAX_DECISIONS) decisions.clear()
    if (decision.marks) decisions.set(key, decision)
    else decisions.delete(key)
    return decision.discovery
  }
}

/** Queries differ by server, and a program talks to few; past this many the oldest answers are not worth keeping. */
const MAX_DECISIONS = 1000

interface Decision {
  readonly discovery: Discovery
  /** The state of each place up to the one that had the token. Undefined: do not rely on this decision again. */
  readonly marks?: readonly FileVersion[] | undefined
  /** The file of the chosen token and its state, where it is one of several in a folder. */
  readonly file?: { readonly path: string; readonly mark: FileVersion } | undefined
  /** Seconds since the epoch: when it was made. A clock that shows less has been set back, and may tell otherwise. */
  readonly from: number
  /** Seconds since the epoch from which time alone may change the decision. */
  readonly until: number
}

/**
 * Seconds for which a decision is relied on that passed something over. One file of several that is rewritten in place shows
 * in no mark, nor does trouble that passes; and what was expired by a minute then is expired by an hour later.
 */
const LOOK_AGAIN_AFTER = 5

function holds(
  { marks, file, from, until }: Decision,
  places: readonly TokenLocation[],
  environment: Environment,
): boolean {
  const now = secondsNow()
  if (!marks || now < from || now >= until) return false
  for (let index = 0; index < marks.length; index++)
    if (!sameVersion(marks[index], places[index]?.mark(environment))) return false
  return !file || sameVersion(file.mark, versionOf(file.path, statOf(file.path)))
}

function search(
  places: readonly TokenLocation[],
  environment: Environment,
  want: TokenRequirements,
  strict: boolean,
  passOver?: LookOptions['passOver'],
): Decision {
  const now = secondsNow()
  const reasons: Reason[] = []
  const marks: (FileVersion | undefined)[] = []
  let until = Infinity

  for (const place of places) {
    // Taken before reading: a change that comes between shows as a change next time.
    marks.push(place.mark(environment))
    for (const candidate of place.candidates(environment)) {
      const { token, reason, file } = candidate
      const refusal = token ? (refuse(token, candidate, want, strict, now) ?? passOver?.(token)) : reason
      if (token && !refusal) {
        const mark = file && versionOf(file.path, file.stats)
        return {
          discovery: { token, reasons, ...(reason && { warning: reason }) },
          marks: file && mark === undefined ? undefined : settled(marks),
          file: file && mark !== undefined ? { path: file.path, mark } : undefined,
          from: now,
          until: Math.min(until, (token.expiresAt ?? Infinity) - want.minTimeLeft),
        }
      }
      if (!refusal) continue
      reasons.push(refusal)
      if (strict && BROKEN.has(refusal.code)) throw broken(refusal, reasons)
      until = Math.min(until, lookAgainAt(refusal, candidate, now))
    }
  }
  // Whoever has just mended what was passed over, and asks again, must not be told of how it was.
  const isFinal = until === Infinity
  return { discovery: { reasons }, marks: isFinal ? settled(marks) : undefined, from: now, until }
}

/** The marks of places that have all been still for long enough to have one. */
function settled(marks: readonly (FileVersion | undefined)[]): readonly FileVersion[] | undefined {
  return marks.every((mark) => mark !== undefined) ? marks : undefined
}

/** When what was passed over is worth another look though no mark changes; never, where there was nothing. */
function lookAgainAt({ code }: Reason, { token, file }: Candidate, now: number): number {
  if (code === 'absent' && !file) return Infinity
  const validFrom = code === 'not-yet-valid' ? token?.notBefore : undefined
  return Math.min(now + LOOK_AGAIN_AFTER, (validFrom ?? Infinity) - CLOCK_TOLERANCE)
}

function broken(refusal: Reason, reasons: readonly Reason[]): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_TOKEN_MALFORMED',
    `${refusal.message}. With \`strict\`, a broken candidate ends the search, as WLCG Bearer Token Discovery says; ` +
      'mend or remove it, or leave `strict` out.',
    { reasons },
  )
}

/** What `strict` does not pass over. */
const BROKEN: ReadonlySet<string> = new Set<Reason['code']>([
  'malformed',
  'unreadable',
  'not-a-file',
  'too-large',
  'foreign-owner',
  'open-permissions',
])

function refuse(
  token: SciToken,
  { reason }: Candidate,
  want: TokenRequirements,
  strict: boolean,
  now: number,
): Reason | undefined {
  if (strict && reason) return reason
  const verdict = validateClaims(token, want, now)
  return verdict && reasonFor(token, verdict)
}

/** Exact, so that no two queries share a decision, whatever is in their texts. Requests to one server share one query. */
function keyOf(want: TokenRequirements, strict: boolean): string {
  const { audience, scope, issuer, minTimeLeft } = want
  const query = keys.get(want) ?? JSON.stringify([audience, scope, issuer, minTimeLeft])
  keys.set(want, query)
  return strict ? `strict ${query}` : query
}

const keys = new WeakMap<TokenRequirements, string>()
