import type { Challenge } from '../formats/www-authenticate'
import type { TokenQuery } from '../tokens/token'

/** A request as it is about to leave: everybody's interceptors and transforms are through with it. */
export interface SchemeRequest {
  /** In upper case. */
  readonly method: string
  /** With its parameters, as it goes on the wire; without a login and without a fragment. A copy, free to be changed. */
  readonly url: URL
  /** The `Content-Type`, where there is one. */
  readonly contentType: string | undefined
  /** The body as it goes on the wire; undefined where there is none, and for one that cannot be read ahead (a stream). */
  readonly body: string | Uint8Array | undefined
  /** The body is a stream: it goes out as it is, and a scheme cannot see it. */
  readonly isStream: boolean
  /** What a token for this request is wanted for: the options of instance and request, and the scopes of a challenge. */
  readonly query: TokenQuery
}

/** What a scheme puts on a request; what is absent stays as it is. All of it is held to be secret. */
export interface RequestChanges {
  /** Header fields, over those of the request. Default is none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** In the place of the URL; of the same origin. Default is as it is. */
  readonly url?: URL | undefined
  /** In the place of the body. Default is as it is. */
  readonly body?: string | undefined
}

/** What a server said to a request that a scheme had its part in. */
export interface SchemeResponse {
  /** The status of HTTP. */
  readonly status: number
  /** A header field of the answer by its name, in any case of letters. */
  readonly header: (name: string) => string | undefined
  /** What `WWW-Authenticate` asks for. */
  readonly challenges: readonly Challenge[]
}

/**
 * A way of saying who one is that must see each request as it leaves: one that signs it (OAuth 1, RFC 5849), proves
 * possession of a key (DPoP, RFC 9449), or puts a token elsewhere than into `Authorization` (RFC 6750 sections 2.2 and 2.3).
 * It is asked anew for each send: for a redirect on the same origin, after a refusal, and on every retry. It is never asked
 * for another origin, nor where the caller brings an `Authorization` of their own.
 */
export interface AuthScheme {
  /** How people know it, for messages and events: `OAuth 1.0`, `DPoP`. */
  readonly name: string
  /**
   * Whether what it puts on a request may cross a clear-text connection, as a signature may that was made with a secret
   * which stays here. Default is false: then http is an error before anything is sent, but to this machine.
   */
  readonly allowOverHttp?: boolean | undefined
  /** What goes on this request; undefined for nothing. To throw means that nothing is sent. */
  authorize(request: SchemeRequest): RequestChanges | undefined | Promise<RequestChanges | undefined>
  /**
   * Called with every answer of a server to what this scheme put something on, also one that is no refusal: for what servers
   * tell in passing, as the next nonce of DPoP (RFC 9449 section 8.2).
   */
  onResponse?(answer: SchemeResponse, sent: RequestChanges): void
  /**
   * Called once when the server answers 401 and the body can be sent again: whether another send, for which `authorize` is
   * asked anew, may fare better. Default is no.
   *
   * @param sent - the very object that `authorize` gave for what was refused
   */
  shouldRetry?(refusal: SchemeResponse, sent: RequestChanges): boolean | Promise<boolean>
  /**
   * What the server says of its refusal in the words of this scheme, as one sentence without a full stop; for the summary of
   * the error. It must not repeat what may be secret. Default is nothing.
   */
  describeRefusal?(answer: SchemeResponse, sent: RequestChanges): string | undefined
}
