import { IgwnAuthError, type IgwnAuthErrorCode, type Reason } from '../errors'

/** The error response of an authorization server (RFC 6749 sections 4.1.2.1 and 5.2). */
export interface OAuthRefusal {
  /** Error code of the server: `invalid_client`, `invalid_grant`, `access_denied`. Absent when it sent none. */
  readonly error?: string | undefined
  /** `error_description`: the server's explanation for developers. Absent when it sent none. */
  readonly errorDescription?: string | undefined
  /** `error_uri`: an http(s) page about the error. Absent when the server sent none. */
  readonly errorUri?: string | undefined
  /** HTTP status. Absent when there was no response, or when the error came in a redirect of the browser. */
  readonly status?: number | undefined
  /**
   * Set for a temporary failure (429, 5xx, `temporarily_unavailable`, an HTML page, no response): milliseconds after which the
   * server asks to try again (`Retry-After`), 0 when it does not say. Absent when trying again does not help.
   */
  readonly retryAfter?: number | undefined
}

/** An error of an OAuth 2 flow. Texts of the server are sanitized, shortened, and contain no secret that was sent. */
export class OAuthError extends IgwnAuthError implements OAuthRefusal {
  declare readonly error?: string
  declare readonly errorDescription?: string
  declare readonly errorUri?: string
  declare readonly status?: number
  declare readonly retryAfter?: number

  /**
   * Also for your own flows.
   *
   * @param message - says what failed, why, and what to do; must not contain a secret
   * @param refusal - the error response, all members optional; `reasons` and `cause` as in {@link IgwnAuthError}
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

/** Whether the authorization server refused, with one of these error codes, or with any when none is given. */
export function isRefused(error: unknown, ...codes: readonly string[]): error is OAuthError {
  return (
    error instanceof OAuthError &&
    error.code === 'ERR_IGWN_OAUTH_REFUSED' &&
    (codes.length === 0 || codes.includes(error.error ?? ''))
  )
}

/** The error response that an error has, for another message about it. */
export function refusalOf({
  error,
  errorDescription,
  errorUri,
  status,
  retryAfter,
}: OAuthError): OAuthRefusal {
  return { error, errorDescription, errorUri, status, retryAfter }
}
