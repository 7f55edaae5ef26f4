import type { Reason } from '../errors'
import type { SciToken } from '../tokens/scitoken'
import type { TokenQuery } from '../tokens/token'
import type { TlsChoice } from '../x509/tls-settings'
import type { AuthScheme, RequestChanges } from './auth-scheme'

/** What is attached to a request, and why other candidates were skipped. */
export interface Credentials {
  /** The value of `Authorization`. Secret. */
  readonly authorization?: string | undefined
  /** The bearer token in it. Secret. */
  readonly token?: string | undefined
  /** That token when it was found, with its claims; undefined for one that was given or came from a source. */
  readonly found?: SciToken | undefined
  /** Username and password in it, for redaction. Secret. */
  readonly basic?: { readonly username: string; readonly password: string } | undefined
  /** Where the header comes from: a variable, a file, an option. */
  readonly source?: string | undefined
  /** A scheme that changes the request when it is sent, and the query it gets. */
  readonly scheme?: AuthScheme | undefined
  readonly query?: TokenQuery | undefined
  /** Whether the next request would get the same header; absent where it has to search or ask. */
  readonly isCurrent?: (() => boolean) | undefined
  /** The certificate and the trusted CAs. They are independent of the header. */
  readonly tls?: TlsChoice | undefined
  readonly reasons: readonly Reason[]
  /** What the scheme changed; set when the request is sent. Secret. */
  changes?: RequestChanges | undefined
  /** The URL before that. */
  unchangedUrl?: string | undefined
}
