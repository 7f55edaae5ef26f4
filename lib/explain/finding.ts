import type { ReasonCode } from '../errors'
import type { TokenProfile } from '../tokens/scitoken'
import type { CertificateInfo } from '../x509/certificates'

/** What a finding is about. */
export type FindingKind = 'token' | 'basic' | 'certificate' | 'ca' | 'scheme' | 'request'

/**
 * The result for one finding:
 * - `selected`: it would be sent
 * - `usable`: it is suitable, and another one is sent
 * - `deferred`: a source that is asked when a request needs its token, because it may use the network
 * - `skipped`: it exists and is not suitable; `code` says why
 * - `absent`: nothing is there
 * - `active`: it is not a credential, and affects the request
 */
export type FindingVerdict = 'selected' | 'deferred' | 'usable' | 'skipped' | 'absent' | 'active'

/** One candidate or setting that was looked at, in the order of the search. It has no secret. */
export interface Finding {
  /** What it is about. */
  readonly kind: FindingKind
  /** The variable, file or option. */
  readonly source: string
  /** The result. */
  readonly verdict: FindingVerdict
  /** One sentence, without a full stop. */
  readonly message: string
  /** Why it is not suitable, for programs. Absent for a suitable one. */
  readonly code?: ReasonCode | undefined
  /** The JWT claim that decided, if any. */
  readonly claim?: string | undefined
  /** The expected value; absent where nothing was compared. */
  readonly expected?: unknown
  /** The actual value, or the kind of a value of a wrong type. */
  readonly actual?: unknown
  /** The claims of the token. */
  readonly token?: TokenInfo | undefined
  /** The certificates of an X.509 credential, the presented one first. */
  readonly certificates?: readonly CertificateInfo[] | undefined
  /** The netrc entry, without its password. */
  readonly basic?:
    | {
        /** The username (`user-id` of RFC 7617). */
        readonly username: string
      }
    | undefined
  /** The permissions of its file, as `0600`. */
  readonly permissions?: string | undefined
  /** A problem that does not prevent its use. */
  readonly warning?: string | undefined
  /** The command or the action that fixes it. */
  readonly fix?: string | undefined
}

/** The claims of a token. Times are seconds since the epoch. */
export interface TokenInfo {
  /** The profile that it follows. */
  readonly profile: TokenProfile
  /** `iss`; undefined when missing or not a string. */
  readonly issuer: string | undefined
  /** `sub`; undefined when missing or not a string. */
  readonly subject: string | undefined
  /** `aud`; empty when missing, undefined when of a wrong type. */
  readonly audience: readonly string[] | undefined
  /** `scope`, or `scp`; empty when missing, undefined when of a wrong type. */
  readonly scopes: readonly string[] | undefined
  /** `exp`; undefined when missing or not a number. */
  readonly expiresAt: number | undefined
  /** Seconds until it expires, negative when it has expired; undefined without `exp`. */
  readonly timeLeft: number | undefined
}
