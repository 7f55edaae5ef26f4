/**
 * Errors of this package.
 *
 *   Error
 *   └─ IgwnAuthError   code: the kind of error; reasons: every credential that was looked at and why it was not used
 *
 * A refusal by the server stays an `AxiosError`. No message, reason or property has a token, password, passphrase or key.
 */

/** The kinds of errors. */
export type IgwnAuthErrorCode =
  /** An option has an invalid type or value, or two options exclude each other. */
  | 'ERR_IGWN_INVALID_OPTION'
  /** An environment variable has an invalid value. */
  | 'ERR_IGWN_INVALID_ENVIRONMENT'
  /** A URL cannot be parsed, or has no host. */
  | 'ERR_IGWN_INVALID_URL'
  /** The discovery document or the director of a Pelican federation is invalid. */
  | 'ERR_IGWN_FEDERATION'
  /** A transfer cannot be verified, has another digest than the server names, or is reported as failed by the server. */
  | 'ERR_IGWN_INTEGRITY'
  /** No suitable token was found; `reasons` has one entry for each candidate. */
  | 'ERR_IGWN_TOKEN_NOT_FOUND'
  /** A token is malformed, or cannot be sent in a header. */
  | 'ERR_IGWN_TOKEN_MALFORMED'
  /** A source returned an expired token. */
  | 'ERR_IGWN_TOKEN_EXPIRED'
  /** No suitable X.509 credential was found; `reasons` has one entry for each candidate. */
  | 'ERR_IGWN_CERT_NOT_FOUND'
  /** The named certificate or key cannot be used. */
  | 'ERR_IGWN_CERT_UNUSABLE'
  /** A CA bundle or folder cannot be used. */
  | 'ERR_IGWN_CA_UNUSABLE'
  /** A netrc file cannot be used. */
  | 'ERR_IGWN_NETRC_UNUSABLE'
  /** `failIfNoAuth` is set, and no credential was found. */
  | 'ERR_IGWN_NO_CREDENTIAL'
  /** A token or password would be sent over plain HTTP. */
  | 'ERR_IGWN_INSECURE_TRANSPORT'
  /** The adapter cannot do what is required: the fetch adapter presents no client certificate and does not report redirects. */
  | 'ERR_IGWN_UNSUPPORTED'
  /** OAuth 1: a request cannot be signed: its body cannot be read in advance or cannot hold a signature, or signing failed. */
  | 'ERR_IGWN_OAUTH1_UNSIGNED'
  /** OAuth 1: the user or the server refused. */
  | 'ERR_IGWN_OAUTH1_DENIED'
  /** OAuth 1: the verifier is missing. */
  | 'ERR_IGWN_OAUTH1_NO_VERIFIER'
  /** OAuth 1: the request token is missing, or the callback is for another one. */
  | 'ERR_IGWN_OAUTH1_REQUEST_TOKEN'
  /** OAuth 1: a token response has no token. */
  | 'ERR_IGWN_OAUTH1_RESPONSE'
  /** A token store cannot be used: its file or folder is accessible to others, owned by another user, or damaged. */
  | 'ERR_IGWN_STORE_UNUSABLE'
  /** The server of a token store does not respond. */
  | 'ERR_IGWN_STORE_UNREACHABLE'
  /** A token command failed or printed no token. */
  | 'ERR_IGWN_COMMAND_FAILED'
  /** oidc-agent, or the identity service of a CI system, refused, did not respond in time, or responded with something else than a token. */
  | 'ERR_IGWN_SOURCE_FAILED'
  /** An authorization server refused; its response is in `error`, `errorDescription`, `errorUri`, `status`. */
  | 'ERR_IGWN_OAUTH_REFUSED'
  /** An authorization server cannot be reached. */
  | 'ERR_IGWN_OAUTH_UNREACHABLE'
  /** An authorization server, or the user who logs in, took too long. */
  | 'ERR_IGWN_OAUTH_TIMEOUT'
  /** The response of an authorization server is invalid. */
  | 'ERR_IGWN_OAUTH_RESPONSE'
  /** A callback does not belong to a login that was started here: it is outdated or forged. */
  | 'ERR_IGWN_OAUTH_STATE'
  /** An id_token is invalid. */
  | 'ERR_IGWN_OAUTH_ID_TOKEN'

/** Why a candidate was not used. */
export type ReasonCode =
  /** The variable is unset, or the file does not exist. */
  | 'absent'
  /** It is empty. */
  | 'empty'
  /** It cannot be read. */
  | 'unreadable'
  /** A folder, FIFO, socket or device instead of a file. */
  | 'not-a-file'
  /** Larger than any credential. */
  | 'too-large'
  /** Owned by another user who is not root. */
  | 'foreign-owner'
  /** Accessible to others. */
  | 'open-permissions'
  /** Not a JWT, PEM or netrc file. */
  | 'malformed'
  /** Expired, or expires before the minimum time left (`exp`; `notAfter` of a certificate). */
  | 'expired'
  /** Not valid yet (`nbf`; `notBefore` of a certificate). */
  | 'not-yet-valid'
  /** Issued for another audience (`aud`). */
  | 'audience'
  /** Issued by another issuer than the required ones (`iss`). */
  | 'issuer'
  /** A required scope is missing (`scope`). */
  | 'scope'
  /** A claim that its profile requires is missing or has a wrong type. */
  | 'claim'
  /** An unknown profile or version. */
  | 'profile'
  /** The signature is invalid. */
  | 'signature'
  /** The signature could not be verified. */
  | 'not-verified'
  /** The key does not match the certificate. */
  | 'key-mismatch'
  /** The file of a proxy certificate lacks the certificate that signed it. */
  | 'broken-chain'
  /** The key is encrypted, and the passphrase is missing or wrong. */
  | 'passphrase'
  /** It would be sent over plain HTTP. */
  | 'insecure-transport'
  /** Switched off by an option or an environment variable. */
  | 'disabled'
  /** Another credential takes precedence, or it is for another server. */
  | 'not-needed'
  /** The server refused it. */
  | 'refused'
  /** The adapter cannot send it, or OpenSSL cannot decrypt it. */
  | 'unsupported'
  /** A source failed. */
  | 'failed'

/** A candidate that was not used, and why. */
export interface Reason {
  /** The kind of problem, for programs. */
  readonly code: ReasonCode
  /** Where it came from: an environment variable, a file, or both. */
  readonly source: string
  /** One sentence that names the candidate and the problem. */
  readonly message: string
  /** The JWT claim that decided, if any. */
  readonly claim?: string
  /** The expected value; absent where nothing was compared. */
  readonly expected?: unknown
  /** The actual value, or the kind of a value of a wrong type. Never a secret. */
  readonly actual?: unknown
}

/**
 * An error of this package. `message` says what failed, why and what to do; `code` is for programs; `reasons` has one entry for
 * each credential that was looked at and not used. None of them has a secret.
 */
export class IgwnAuthError extends Error {
  /** To recognize it, use {@link isIgwnAuthError} and `code`. */
  override readonly name = 'IgwnAuthError'
  /** The kind of error, for programs. */
  readonly code: IgwnAuthErrorCode
  /** Every credential that was looked at and not used, in order; empty where none was. */
  readonly reasons: readonly Reason[]

  /**
   * For sources and schemes of your own, too.
   *
   * @param message - without a secret: what failed, why and what to do
   * @param options - `reasons`: default is none. `cause`: what was thrown below, default is none
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

  /** For loggers: `name`, `message`, `code`, `summary` (the message) and `reasons`, with the properties of subclasses. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, reasons } = this
    return { ...(this as object), name, message, code, summary: message, reasons }
  }
}

/** Whether a value is an {@link IgwnAuthError}; also one of the other module format (ESM, CommonJS) of this package. */
export function isIgwnAuthError(value: unknown): value is IgwnAuthError {
  const { name, code } = value instanceof Error ? (value as Partial<IgwnAuthError>) : {}
  return name === 'IgwnAuthError' && typeof code === 'string' && code.startsWith('ERR_IGWN_')
}
