/**
 * What this package throws, and why.
 *
 *   Error
 *   └─ IgwnAuthError   code: what kind; reasons: every credential that was looked at and why it was not used
 *
 * A refusal by the server stays what axios makes of it, an `AxiosError`.
 * No message, reason or property here ever holds a token, a password, a passphrase or a key.
 */

/** What kind of thing went wrong; each is something the caller can act on. */
export type IgwnAuthErrorCode =
  /** An option has a type or a value it cannot have, or two options contradict each other. */
  | 'ERR_IGWN_INVALID_OPTION'
  /** An environment variable has a value that means nothing here. */
  | 'ERR_IGWN_INVALID_ENVIRONMENT'
  /** A URL cannot be read, or has no audience. */
  | 'ERR_IGWN_INVALID_URL'
  /** No token satisfies the query; `reasons` says why, one by one. */
  | 'ERR_IGWN_TOKEN_NOT_FOUND'
  /** Something that should be a token is not one, or could not be sent as one. */
  | 'ERR_IGWN_TOKEN_MALFORMED'
  /** A source gave a token that has expired already. */
  | 'ERR_IGWN_TOKEN_EXPIRED'
  /** No X.509 credential satisfies; `reasons` says why, one by one. */
  | 'ERR_IGWN_CERT_NOT_FOUND'
  /** A certificate or key that was named cannot be used. */
  | 'ERR_IGWN_CERT_UNUSABLE'
  /** A CA bundle or folder cannot be used. */
  | 'ERR_IGWN_CA_UNUSABLE'
  /** A netrc file cannot be used. */
  | 'ERR_IGWN_NETRC_UNUSABLE'
  /** `failIfNoAuth` was asked for and there is no credential at all. */
  | 'ERR_IGWN_NO_CREDENTIAL'
  /** A token or password would cross a clear-text connection. */
  | 'ERR_IGWN_INSECURE_TRANSPORT'
  /** The transport cannot do what is required: the fetch adapter presents no client certificate, and lets nobody see redirects. */
  | 'ERR_IGWN_UNSUPPORTED'
  /** OAuth 1: a request cannot be signed: its body cannot be read ahead or cannot carry a signature, or signing failed. */
  | 'ERR_IGWN_OAUTH1_UNSIGNED'
  /** OAuth 1: the user, or the server, refused. */
  | 'ERR_IGWN_OAUTH1_DENIED'
  /** OAuth 1: there is no verifier yet. */
  | 'ERR_IGWN_OAUTH1_NO_VERIFIER'
  /** OAuth 1: there is no request token, or the callback is for another. */
  | 'ERR_IGWN_OAUTH1_REQUEST_TOKEN'
  /** OAuth 1: an answer that should give a token gives none. */
  | 'ERR_IGWN_OAUTH1_RESPONSE'
  /** A token store cannot be used: its file, or the folder of it, is open to others, belongs to somebody else or is broken. */
  | 'ERR_IGWN_STORE_UNUSABLE'
  /** A command that should give a token failed, or gave none. */
  | 'ERR_IGWN_COMMAND_FAILED'
  /** An authorization server refused, and said so in its own words: `error`, `errorDescription`, `errorUri`, `status`. */
  | 'ERR_IGWN_OAUTH_REFUSED'
  /** An authorization server cannot be reached. */
  | 'ERR_IGWN_OAUTH_UNREACHABLE'
  /** An authorization server, or a person who should log in, took too long. */
  | 'ERR_IGWN_OAUTH_TIMEOUT'
  /** An authorization server says something that cannot be used. */
  | 'ERR_IGWN_OAUTH_RESPONSE'
  /** An answer to a login is not one to the login that was begun here: stale, or forged. */
  | 'ERR_IGWN_OAUTH_STATE'
  /** An id_token is not to be trusted. */
  | 'ERR_IGWN_OAUTH_ID_TOKEN'

/** Why one candidate was not used. */
export type ReasonCode =
  /** Nothing there: the variable is unset or the file does not exist. */
  | 'absent'
  /** There, with nothing in it. */
  | 'empty'
  /** There, but reading it failed. */
  | 'unreadable'
  /** A folder, a FIFO, a socket or a device where a file should be. */
  | 'not-a-file'
  /** Larger than a credential can be. */
  | 'too-large'
  /** Belongs to somebody who is neither this user nor root. */
  | 'foreign-owner'
  /** Others may read or change it. */
  | 'open-permissions'
  /** Not what it should be: no JWT, no PEM, no netrc. */
  | 'malformed'
  /** It has ended, or has less life left than is wanted (`exp`; `notAfter` of a certificate). */
  | 'expired'
  /** It begins later (`nbf`; `notBefore` of a certificate). */
  | 'not-yet-valid'
  /** It is meant for somebody else (`aud`). */
  | 'audience'
  /** It is of another issuer than the wanted ones (`iss`). */
  | 'issuer'
  /** It does not allow all that is wanted (`scope`). */
  | 'scope'
  /** A claim that its profile demands is not there, or not of the right kind. */
  | 'claim'
  /** A profile or version we cannot judge. */
  | 'profile'
  /** The signature is wrong. */
  | 'signature'
  /** The signature could not be checked. */
  | 'not-verified'
  /** The key does not belong to the certificate. */
  | 'key-mismatch'
  /** The certificate that signed a proxy certificate is not in its file. */
  | 'broken-chain'
  /** The key is encrypted and the passphrase is missing or wrong. */
  | 'passphrase'
  /** It would have crossed a clear-text connection. */
  | 'insecure-transport'
  /** Switched off by an option or an environment variable. */
  | 'disabled'
  /** Another credential was preferred. */
  | 'not-needed'
  /** The server refused it. */
  | 'refused'
  /** This transport cannot carry it. */
  | 'unsupported'
  /** A source failed. */
  | 'failed'

/** One candidate credential that was not used: where it was, what is wrong with it. */
export interface Reason {
  /** What kind of thing is wrong; for programs. */
  readonly code: ReasonCode
  /** Where it came from: an environment variable, a file, or both. */
  readonly source: string
  /** One sentence that names the thing and says why. */
  readonly message: string
  /** The JWT claim that decided, where one did. */
  readonly claim?: string
  /** What that claim should have said, or what else was wanted; absent where nothing was compared. */
  readonly expected?: unknown
  /** What it says; of a value of the wrong kind, the kind. Never a secret. */
  readonly actual?: unknown
}

/**
 * An error of this package. `message` names the thing, says why and what to do; `code` is for programs;
 * `reasons` has one entry for every credential that was looked at and not used.
 */
export class IgwnAuthError extends Error {
  /** For printing. To tell it from other errors there are `instanceof` and `code`. */
  override readonly name = 'IgwnAuthError'
  /** What kind of thing went wrong; for programs. */
  readonly code: IgwnAuthErrorCode
  /** Every credential that was looked at and not used, in the order in which they were looked at; empty where none was. */
  readonly reasons: readonly Reason[]

  /**
   * For sources and schemes of your own, too.
   *
   * @param message - without a secret: it names the thing, says why and what to do
   * @param options - `reasons`: default is none. `cause`: what was thrown below, default is nothing
   */
  constructor(
    code: IgwnAuthErrorCode,
    message: string,
    { reasons = [], cause }: { reasons?: readonly Reason[]; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.reasons = reasons
  }
}
