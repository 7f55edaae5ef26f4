import type { ReasonCode } from '../errors'
import type { TokenProfile } from '../tokens/scitoken'
import type { CertificateInfo } from '../x509/certificates'

/** What something that was looked at is about. */
export type FindingKind = 'token' | 'basic' | 'certificate' | 'ca' | 'scheme' | 'request'

/**
 * What became of it:
 * - `attached`: it would go on the request
 * - `asked`: it is asked when the request leaves, and was not asked now, since that may use the network
 * - `satisfies`: it would do, and is not needed
 * - `passed-over`: it is there and will not do; `code` says why
 * - `absent`: there is nothing
 * - `in-use`: it is not a credential, and has its effect on the request
 */
export type FindingVerdict = 'selected' | 'deferred' | 'usable' | 'skipped' | 'absent' | 'active'

/** One thing that was looked at, in the order in which it is looked at for a request. None of it is secret. */
export interface Finding {
  /** What it is about. */
  readonly kind: FindingKind
  /** Where it is: a variable, a file, an option. */
  readonly source: string
  /** What became of it. */
  readonly verdict: FindingVerdict
  /** One sentence, without a full stop. */
  readonly message: string
  /** Why it will not do; for programs. Absent for what will do. */
  readonly code?: ReasonCode | undefined
  /** The JWT claim that decided, where one did. */
  readonly claim?: string | undefined
  /** What that claim should have said, or what else was wanted; absent where nothing was compared. */
  readonly expected?: unknown
  /** What it says; of a value of the wrong kind, the kind. */
  readonly actual?: unknown
  /** What the token says. */
  readonly token?: TokenInfo | undefined
  /** The certificates of an X.509 credential, the one that is presented first. */
  readonly certificates?: readonly CertificateInfo[] | undefined
  /** What a netrc entry says, but for the password. */
  readonly basic?:
    | {
        /** The user name (`user-id` of RFC 7617), as the entry has it. */
        readonly username: string
      }
    | undefined
  /** The permissions of its file, as `0600`. */
  readonly permissions?: string | undefined
  /** What is not as it should be though it can be used. */
  readonly warning?: string | undefined
  /** The command or the action that would mend it. */
  readonly fix?: string | undefined
}

/** What a token says of itself. Times are seconds since the epoch, lengths seconds. */
export interface TokenInfo {
  /** Which rules it follows. */
  readonly profile: TokenProfile
  /** Who made it (`iss`); undefined when it does not say so in a string. */
  readonly issuer: string | undefined
  /** Whom it is about (`sub`); undefined when it does not say so in a string. */
  readonly subject: string | undefined
  /** For whom it is (`aud`); empty when it does not say, undefined when the claim is of the wrong kind. */
  readonly audience: readonly string[] | undefined
  /** What it allows (`scope`, or `scp`); empty when it does not say, undefined when the claim is of the wrong kind. */
  readonly scopes: readonly string[] | undefined
  /** When it ends (`exp`); undefined when it does not say so in a number. */
  readonly expiresAt: number | undefined
  /** Life it has left, negative when it has ended; undefined when its end is not known. */
  readonly timeLeft: number | undefined
}
