import type { Challenge } from '../formats/www-authenticate'
import type { TokenQuery } from '../tokens/token'

/** A request as it will be sent, after all interceptors and transforms. */
export interface SchemeRequest {
  /** In upper case. */
  readonly method: string
  /** The final URL with its parameters, without userinfo and fragment. A copy, which may be changed. */
  readonly url: URL
  /** The `Content-Type`; undefined where there is none. */
  readonly contentType: string | undefined
  /** The final body; undefined where there is none, and for one that cannot be read in advance (a stream). */
  readonly body: string | Uint8Array | undefined
  /** The body is a stream, which a scheme cannot read. */
  readonly isStream: boolean
  /** What a token for this request has to satisfy: the options, and the scopes of a challenge. */
  readonly query: TokenQuery
}

/** What a scheme changes in a request; what is absent stays. All of it is treated as secret. */
export interface RequestChanges {
  /** Header fields, over those of the request. Default is none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** A new URL of the same origin. Default is the URL of the request. */
  readonly url?: URL | undefined
  /** A new body. Default is the body of the request. */
  readonly body?: string | undefined
}

/** A response to a request that a scheme changed. */
export interface SchemeResponse {
  /** The HTTP status. */
  readonly status: number
  /** A header field by its name, in any case. */
  readonly header: (name: string) => string | undefined
  /** The challenges of `WWW-Authenticate`. */
  readonly challenges: readonly Challenge[]
}

/**
 * An authentication scheme that has to see each request as it is sent: one that signs it (OAuth 1, RFC 5849), proves possession of
 * a key (DPoP, RFC 9449), or sends a token elsewhere than in `Authorization` (RFC 6750 sections 2.2 and 2.3). It is called for
 * each send: also after a redirect on the same origin, after a refusal, and on every retry. It is never called for another origin,
 * nor where the caller has an own `Authorization`.
 */
export interface AuthScheme {
  /** Its name in messages and events: `OAuth 1.0`, `DPoP`. */
  readonly name: string
  /**
   * Whether its changes may be sent over plain HTTP, such as a signature whose secret is not sent. Default is false: then http is an
   * error before anything is sent, except to loopback.
   */
  readonly allowOverHttp?: boolean | undefined
  /** The changes for this request; undefined for none. An error is that of the request, and nothing more is sent. */
  authorize(request: SchemeRequest): RequestChanges | undefined | Promise<RequestChanges | undefined>
  /** Called with every response to a request that the scheme changed, such as one with the next DPoP nonce (RFC 9449 section 8.2). */
  onResponse?(response: SchemeResponse, changes: RequestChanges): void
  /**
   * Called once when the status is 401 and the body can be sent again: whether a retry, for which `authorize` is called again, can
   * succeed. Default is no.
   *
   * @param changes - the object that `authorize` returned for the refused request
   */
  shouldRetry?(response: SchemeResponse, changes: RequestChanges): boolean | Promise<boolean>
  /** The refusal in the terms of the scheme, as one sentence without a full stop and without a secret. Default is nothing. */
  describeRefusal?(response: SchemeResponse, changes: RequestChanges): string | undefined
}
