import { IgwnAuthError, type IgwnAuthErrorCode, type Reason } from '../errors'

/** What an authorization server said of a request that it refused (RFC 6749 sections 4.1.2.1 and 5.2). */
export interface OAuthRefusal {
  /** The server's code: `invalid_client`, `invalid_grant`, `access_denied`. Absent where it gave none. */
  readonly error?: string | undefined
  /** `error_description`: what the server says to developers. Absent where it gave none. */
  readonly errorDescription?: string | undefined
  /** `error_uri`: a page about it. Absent where it gave none. */
  readonly errorUri?: string | undefined
  /** The status of HTTP; absent where the refusal came by way of a browser. */
  readonly status?: number | undefined
}

/** An error of a flow of OAuth 2. What the server said is data here; its words in `message` are cut and made printable. */
export class OAuthError extends IgwnAuthError implements OAuthRefusal {
  declare readonly error?: string
  declare readonly errorDescription?: string
  declare readonly errorUri?: string
  declare readonly status?: number

  /**
   * For flows of your own, too.
   *
   * @param message - without a secret: it names the thing, says why and what to do
   * @param refusal - what the server said, each default is absent; `reasons` and `cause` as of {@link IgwnAuthError}
   */
  constructor(
    code: IgwnAuthErrorCode,
    message: string,
    {
      reasons,
      cause,
      ...refusal
    }: OAuthRefusal & { reasons?: readonly Reason[] | undefined; cause?: unknown } = {},
  ) {
    super(code, message, { ...(reasons && { reasons }), cause })
    for (const [name, value] of Object.entries(refusal))
      if (value !== undefined) Object.defineProperty(this, name, { value, enumerable: true })
  }
}

/** Whether an authorization server refused, and with which of its codes; any will do where none is named. */
export function isRefused(error: unknown, ...codes: readonly string[]): error is OAuthError {
  return (
    error instanceof OAuthError &&
    error.code === 'ERR_IGWN_OAUTH_REFUSED' &&
    (codes.length === 0 || codes.includes(error.error ?? ''))
  )
}
