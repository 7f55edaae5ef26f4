import { IgwnAuthError } from '../errors'
import type { Reason } from '../errors'
import { duration } from '../tokens/validate-claims'
import { processEnvironment } from '../environment'
import type { Environment } from '../environment'
import { fileVersion, isStillValid, type FileVersion, type SearchState } from '../files/file-version'
import { secondsNow } from '../tokens/token'
import { credentialReader } from './credential-reader'
import type { ReadCredential } from './credential-reader'
import type { Passphrase } from './load-credential'
import type { X509Credential } from './x509-credential'
import { namedPlace, VARIABLES, X509_LOCATIONS } from './x509-locations'
import type { X509Location } from './x509-locations'

/** Which credential {@link findX509Credentials} looks for. */
export interface FindX509Options {
  /**
   * The path of a file with certificate and key, as proxies are, or the paths of both. Default, and `true`: searched for.
   */
  readonly cert?: string | readonly [cert: string, key: string] | true | undefined
  /** The passphrase of an encrypted key, or a function that gives it, called only when one is needed. Default is none. */
  readonly passphrase?: Passphrase | undefined
  /**
   * Seconds that every certificate of the credential must still be good. Default is 600, as in igwn-auth-utils; for one
   * that `cert` names it is 0.
   */
  readonly minTimeLeft?: number | undefined
}

/**
 * Finds an X.509 credential on this machine: `X509_USER_CERT` with `X509_USER_KEY`, `X509_USER_PROXY`,
 * `/tmp/x509up_u<uid>`, `~/.globus/usercert.pem` with `userkey.pem`. Every certificate of it must be good for the time
 * wanted, the key must be that of the first, and a proxy must have its chain; what does not satisfy is passed over with a
 * reason.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_CERT_NOT_FOUND` when none satisfies; `reasons` has one entry for each place.
 *   `ERR_IGWN_CERT_UNUSABLE` when the one that `cert` names cannot be used. `ERR_IGWN_INVALID_OPTION` when `cert` names nothing.
 * @see RFC 3820, igwn_auth_utils.find_credentials
 */
// eslint-disable-next-line @typescript-eslint/require-await -- what is thrown is a rejection, as of findSciToken
export async function findX509Credentials(options: FindX509Options = {}): Promise<X509Credential> {
  const { credential, reasons } = lookForX509(options)
  if (credential) return credential
  throw x509NotFound(reasons)
}

/** What a look at the machine gave. */
export interface X509Discovery {
  /** The first credential that satisfies; undefined when none does. */
  readonly credential?: X509Credential
  /** Why each place before it was passed over, in order. */
  readonly reasons: readonly Reason[]
  /** What is not as it should be with the credential that was chosen. */
  readonly warning?: Reason
}

/**
 * Looks for the first credential that satisfies, or at the one that `cert` names.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_CERT_UNUSABLE` when the named one cannot be used
 */
export type LookForX509 = (options?: FindX509Options) => X509Discovery

/**
 * X.509 discovery with a memory of its own: files are read and understood once, and again when they have changed. A search
 * is remembered too, as long as no variable and no file of it has changed: a second one costs a few stats.
 */
export function x509Discovery(environment: Environment = processEnvironment): LookForX509 {
  const candidates = x509Candidates(environment)
  let last: Search | undefined

  return (options = {}) => {
    const { cert, passphrase, minTimeLeft } = options
    if (cert !== undefined && cert !== true) return named(options)
    if (
      last?.passphrase === passphrase &&
      last?.minTimeLeft === minTimeLeft &&
      last &&
      isStillValid(last.state, environment)
    )
      return last.discovery
    const { env, uid, euid } = environment
    const variables = VARIABLES.map((name) => [name, env[name]] as const)
    const { discovery, files } = search(options)
    const state = stateOf(discovery, files, minTimeLeft, { variables, uid, euid })
    last = state && { passphrase, minTimeLeft, discovery, state }
    return discovery
  }

  function named(options: FindX509Options): X509Discovery {
    for (const { outcome } of candidates(options)) {
      if ('code' in outcome) throw certUnusable(outcome)
      return { ...outcome, reasons: [] }
    }
    return { reasons: [] }
  }

  function search(options: FindX509Options): { discovery: X509Discovery; files: Versions } {
    // Taken before reading: a change in between shows as a change next time.
    const versions = Array.from(places(environment), (place) => ('code' in place ? [] : filesOf(place)))
    const reasons: Reason[] = []
    const files: (FileVersion | undefined)[] = []
    for (const { outcome } of candidates(options)) {
      files.push(...(versions.shift() ?? []))
      if (!('code' in outcome)) return { discovery: { ...outcome, reasons }, files }
      reasons.push(outcome)
    }
    return { discovery: { reasons }, files }
  }
}

/** Undefined for a file that changed too recently. */
type Versions = readonly (FileVersion | undefined)[]

interface Search {
  readonly passphrase: Passphrase | undefined
  readonly minTimeLeft: number | undefined
  readonly discovery: X509Discovery
  readonly state: SearchState
}

/** What a search depended on; undefined for one that must not be reused. */
function stateOf(
  { credential, reasons }: X509Discovery,
  files: Versions,
  minTimeLeft = MIN_TIME_LEFT,
  environment: Pick<SearchState, 'variables' | 'uid' | 'euid'>,
): SearchState | undefined {
  // A skipped credential may be usable by now: its dates have come, its passphrase is known.
  if (reasons.some(({ code }) => code !== 'absent')) return undefined
  const until = credential ? credential.expiresAt - minTimeLeft : Infinity
  const settled = files.filter((file) => file !== undefined)
  return settled.length < files.length
    ? undefined
    : { ...environment, files: settled, from: secondsNow(), until }
}

/** Without a certificate it does not matter whether there is a key. */
function filesOf({ cert, key }: X509Location): Versions {
  const first = fileVersion(cert.path)
  return key && first?.stats !== undefined ? [first, fileVersion(key.path)] : [first]
}

/** One place where a credential may be, and what is there: one that satisfies, or why there is none. */
export interface X509Candidate {
  /** Undefined where there is nothing to look at. */
  readonly place?: X509Location
  readonly outcome: ReadCredential | Reason
}

/** The candidates in their order, with a memory of their own; or the one that `cert` names. Nothing is read before it is asked for. */
export function x509Candidates(
  environment: Environment,
): (options: FindX509Options) => Iterable<X509Candidate> {
  const read = credentialReader(environment)

  return function* ({ cert, passphrase, minTimeLeft }) {
    const isNamed = cert !== undefined && cert !== true
    const wanted = minTimeLeft ?? (isNamed ? 0 : MIN_TIME_LEFT)
    for (const place of isNamed ? [namedPlace(cert)] : places(environment)) {
      if ('code' in place) yield { outcome: place }
      else yield { place, outcome: inForce(read(place, passphrase), wanted) }
    }
  }
}

function* places(environment: Environment): Iterable<X509Location | Reason> {
  for (const placeIn of X509_LOCATIONS) yield placeIn(environment)
}

/** The look of this process; what one caller has read, another need not read again. */
export const lookForX509: LookForX509 = x509Discovery()

/** A credential that was found before, if it is still good; its files are not looked at. */
export function assertInForce(credential: X509Credential): X509Credential {
  const outcome = inForce({ credential }, 0)
  if ('code' in outcome) throw certUnusable(outcome)
  return credential
}

/** Seconds; the same as in igwn-auth-utils. */
const MIN_TIME_LEFT = 600

/** Seconds this machine's clock may be behind that of whoever signed. */
const CLOCK_TOLERANCE = 60

/** The credential if all its certificates are good now and for the time wanted, else why not: which one, and when. */
function inForce(
  read: ReadCredential | Reason,
  minTimeLeft: number,
  now = secondsNow(),
): ReadCredential | Reason {
  if ('code' in read) return read
  const { certificates, expiresAt, notBefore, source } = read.credential
  const said = (when: 'expiresAt' | 'notBefore', time: number) => {
    const index = certificates.findIndex((one) => one[when] === time)
    const number = certificates.length > 1 ? `certificate ${index + 1} of ${certificates.length}, ` : ''
    return `(${number}${certificates[index]?.subject ?? ''}, ${dateOf(time)})`
  }
  if (!(expiresAt >= now + minTimeLeft)) {
    const how =
      expiresAt <= now
        ? `expired ${duration(now - expiresAt)} ago`
        : `has ${duration(expiresAt - now)} left, and ${duration(minTimeLeft)} are wanted`
    const message = `${source} ${how} ${said('expiresAt', expiresAt)}`
    return { code: 'expired', source, expected: `at least ${minTimeLeft} s left`, actual: expiresAt, message }
  }
  if (notBefore > now + CLOCK_TOLERANCE) {
    const message = `${source} is valid only in ${duration(notBefore - now)} ${said('notBefore', notBefore)}`
    return { code: 'not-yet-valid', source, expected: 'now', actual: notBefore, message }
  }
  return read
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '')
}

/** The error for a credential that was named and cannot be used. */
export function certUnusable(reason: Reason): IgwnAuthError {
  const whatToDo = TO_DO[reason.code] ?? 'Give the path of a proxy file, or [certificate, key]'
  return new IgwnAuthError('ERR_IGWN_CERT_UNUSABLE', `${reason.message}. ${whatToDo}.`, { reasons: [reason] })
}

const HOW_TO_MAKE_ONE = 'Make a proxy with grid-proxy-init or voms-proxy-init'

const TO_DO: Partial<Record<Reason['code'], string>> = {
  expired: HOW_TO_MAKE_ONE,
  'not-yet-valid': "Wait, or set this machine's clock",
  'key-mismatch': 'Give the certificate and the key that belong together',
  'broken-chain': HOW_TO_MAKE_ONE,
  passphrase: 'Set the passphrase option to the one the key was made with',
}

/** The error for a search that ended with nothing: what each place lacked, what to do. */
export function x509NotFound(reasons: readonly Reason[]): IgwnAuthError {
  const looked = reasons.filter(({ code }) => code !== 'absent').map(({ message }) => `${message}.`)
  const absent = reasons.filter(({ code }) => code === 'absent').map(({ source }) => source)
  const sentences = [
    'No usable X.509 credential found.',
    ...looked,
    absent.length > 0 ? `Nothing in ${absent.join(', ')}.` : '',
    `${HOW_TO_MAKE_ONE}, or name one in X509_USER_PROXY.`,
  ]
  return new IgwnAuthError('ERR_IGWN_CERT_NOT_FOUND', sentences.filter(Boolean).join(' '), { reasons })
}
