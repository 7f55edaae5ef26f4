import { ownProperties } from '../check-values'
import { secondsNow } from '../clock'
import { processEnvironment, type Environment } from '../environment'
import { IgwnAuthError, type Reason } from '../errors'
import { duration } from '../formats/duration'
import type { CertificateInfo } from './certificates'
import { credentialReader, type ReadCredential } from './credential-reader'
import type { Passphrase } from './load-credential'
import type { X509Credential } from './x509-credential'
import { namedLocation, X509_LOCATIONS, type X509Location } from './x509-locations'

/** Which credential {@link findX509Credentials} searches for. */
export interface FindX509Options {
  /**
   * The path of a file with certificate and key, such as a proxy file, or `[certificate, key]`. Default, and `true`: search.
   */
  readonly cert?: string | readonly [cert: string, key: string] | true | undefined
  /** The passphrase of an encrypted key, or a function that returns it, called when a key needs one. Default is none. */
  readonly passphrase?: Passphrase | undefined
  /**
   * How long the credential must still be valid, in seconds; see {@link X509Credential.expiresAt}. Default is 600, as in
   * igwn-auth-utils; 0 for one that `cert` names.
   */
  readonly minTimeLeft?: number | undefined
}

/**
 * Finds an X.509 credential of this user: `X509_USER_CERT` with `X509_USER_KEY`, `X509_USER_PROXY`, `/tmp/x509up_u<uid>`,
 * `~/.globus/usercert.pem` with `userkey.pem`. The first usable one is returned: it is valid for `minTimeLeft`, the key
 * belongs to the first certificate, and the issuers of a proxy are in its file. Others are skipped with a reason. Files are
 * read at each call; nothing is kept between calls.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_CERT_NOT_FOUND` when there is none; `reasons` has one entry per location.
 *   `ERR_IGWN_CERT_UNUSABLE` when the one that `cert` names cannot be used. `ERR_IGWN_INVALID_OPTION` when `cert` is neither
 *   a path nor a pair of paths.
 * @see RFC 3820, igwn_auth_utils.find_credentials
 */
// eslint-disable-next-line @typescript-eslint/require-await -- errors are rejections, as with findSciToken
export async function findX509Credentials(options: FindX509Options = {}): Promise<X509Credential> {
  const { credential, reasons } = x509Discovery()(ownProperties(options))
  if (credential) return credential
  throw x509NotFound(reasons)
}

/** The result of a search. */
export interface X509Discovery {
  /** The first usable credential; undefined when there is none. */
  readonly credential?: X509Credential
  /** Why each location before it was skipped, in order. */
  readonly reasons: readonly Reason[]
  /** A flaw of the selected credential that does not keep it from being used. */
  readonly warning?: Reason
}

/**
 * Makes a search for the first usable credential, or for the one that `cert` names. The returned function keeps what it has
 * read, keys included: unchanged files cost one stat each, and an unchanged result is the same object.
 *
 * It throws {@link IgwnAuthError} `ERR_IGWN_CERT_UNUSABLE` when the credential that `cert` names cannot be used.
 */
export function x509Discovery(
  environment: Environment = processEnvironment,
): (options?: FindX509Options) => X509Discovery {
  const candidatesFor = x509Candidates(environment)
  let last: X509Discovery = { reasons: [] }

  return (options = {}) => {
    const found = firstUsable(candidatesFor(options), isNamed(options.cert))
    if (!isSame(found, last)) last = found
    return last
  }
}

function firstUsable(candidates: Iterable<X509Candidate>, named: boolean): X509Discovery {
  const reasons: Reason[] = []
  for (const { outcome } of candidates) {
    if (!('code' in outcome)) return { ...outcome, reasons }
    if (named) throw certUnusable(outcome)
    reasons.push(outcome)
  }
  return { reasons }
}

function isSame(one: X509Discovery, other: X509Discovery): boolean {
  return (
    one.credential === other.credential &&
    one.warning?.message === other.warning?.message &&
    one.reasons.length === other.reasons.length &&
    one.reasons.every(({ message }, index) => message === other.reasons[index]?.message)
  )
}

/** One location, and the usable credential in it, or why there is none. */
export interface X509Candidate {
  /** Undefined when the location is not set. */
  readonly location?: X509Location
  readonly outcome: ReadCredential | Reason
}

/** The candidates in order, or the one that `cert` names; each is read when the iteration reaches it. */
export function x509Candidates(
  environment: Environment,
): (options: FindX509Options) => Iterable<X509Candidate> {
  const read = credentialReader(environment)

  return function* ({ cert, passphrase, minTimeLeft }) {
    const named = isNamed(cert) ? namedLocation(cert) : undefined
    const required = minTimeLeft ?? (named ? 0 : MIN_TIME_LEFT)
    for (const locate of named ? [() => named] : X509_LOCATIONS) {
      const location = locate(environment)
      if ('code' in location) yield { outcome: location }
      else yield { location, outcome: valid(read(location, passphrase), required) }
    }
  }
}

function isNamed(cert: FindX509Options['cert']): cert is string | readonly [cert: string, key: string] {
  return cert !== undefined && cert !== true
}

/**
 * A credential found earlier, if it has not expired. Its files are not read.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_CERT_UNUSABLE`
 */
export function assertValid(credential: X509Credential): X509Credential {
  const outcome = valid({ credential }, 0)
  if ('code' in outcome) throw certUnusable(outcome)
  return credential
}

/** Seconds; the same as in igwn-auth-utils. */
const MIN_TIME_LEFT = 600

/** How many seconds the clock of this host may be behind that of the signer. */
const CLOCK_TOLERANCE = 60

/** The credential if it is valid now and for the required time; otherwise a reason that names the certificate at fault. */
function valid(
  read: ReadCredential | Reason,
  minTimeLeft: number,
  now = secondsNow(),
): ReadCredential | Reason {
  if ('code' in read) return read
  const { expiresAt, notBefore, source } = read.credential
  if (!(expiresAt >= now + minTimeLeft)) {
    const what =
      expiresAt <= now
        ? `expired ${duration(now - expiresAt)} ago`
        : `expires in ${duration(expiresAt - now)}, and at least ${duration(minTimeLeft)} are required`
    const message = `${source} ${what} (${atFault(read.credential, 'expiresAt')}, ${dateOf(expiresAt)})`
    return { code: 'expired', source, expected: `at least ${minTimeLeft} s left`, actual: expiresAt, message }
  }
  if (notBefore > now + CLOCK_TOLERANCE) {
    const message =
      `${source} is not valid yet: valid from ${dateOf(notBefore)} ` +
      `(in ${duration(notBefore - now)}; ${atFault(read.credential, 'notBefore')})`
    return { code: 'not-yet-valid', source, expected: 'now', actual: notBefore, message }
  }
  return read
}

/** The certificate that sets a date of the credential. */
function atFault(credential: X509Credential, date: keyof CertificateInfo & keyof X509Credential): string {
  const { certificates } = credential
  const index = certificates.findIndex((one) => one[date] === credential[date])
  const number = certificates.length > 1 ? `certificate ${index + 1} of ${certificates.length}, ` : ''
  return number + (certificates[index]?.subject ?? '')
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '')
}

/** The error for a credential that was named and cannot be used. */
export function certUnusable(reason: Reason): IgwnAuthError {
  const whatToDo = WHAT_TO_DO[reason.code] ?? 'Give the path of a proxy file, or [certificate, key]'
  return new IgwnAuthError('ERR_IGWN_CERT_UNUSABLE', `${reason.message}. ${whatToDo}.`, { reasons: [reason] })
}

const MAKE_A_PROXY = 'Make a proxy with grid-proxy-init or voms-proxy-init'

const WHAT_TO_DO: Partial<Record<Reason['code'], string>> = {
  expired: MAKE_A_PROXY,
  'not-yet-valid': 'Wait, or set the clock of this host',
  'key-mismatch': 'Give a certificate and the key that belongs to it',
  'broken-chain': MAKE_A_PROXY,
  passphrase: 'Set the passphrase option to the passphrase of the key',
  unsupported: 'Give the converted file',
}

/** The error for a search that found nothing: the problem of each location, and what to do. */
export function x509NotFound(reasons: readonly Reason[]): IgwnAuthError {
  const unusable = reasons.filter(({ code }) => code !== 'absent').map(({ message }) => `${message}.`)
  const absent = reasons.filter(({ code }) => code === 'absent').map(({ source }) => source)
  const sentences = [
    'No usable X.509 credential found.',
    ...unusable,
    absent.length > 0 ? `Nothing in ${absent.join(', ')}.` : '',
    `${MAKE_A_PROXY}, or name one in X509_USER_PROXY.`,
  ]
  return new IgwnAuthError('ERR_IGWN_CERT_NOT_FOUND', sentences.filter(Boolean).join(' '), { reasons })
}
