import type { InternalAxiosRequestConfig } from 'axios'
import type { Reason } from '../errors'
import type { IgwnAuthOptions } from '../options'
import type { AuthScheme } from '../schemes/auth-scheme'
import type { SciToken } from '../tokens/scitoken'
import type { TokenQuery } from '../tokens/token'
import type { RedirectOptions } from './redirects'
import type { X509Credential } from '../x509/x509-credential'

/** What is known of a request when its credentials are looked for. */
export interface Purpose {
  /** Where the request goes; its path may not be that of the request. */
  readonly url: URL
  readonly options: IgwnAuthOptions
  readonly request: InternalAxiosRequestConfig
  /** The caller brought a header of their own: only the certificate is ours to add. */
  readonly authenticated?: boolean
  /** A redirect led away from the origin that the request was made for: what was given for that stays behind. */
  readonly astray?: boolean
  /** What the request had at an origin that is declared to be one service with this one. */
  readonly carried?: Credentials | undefined
  /** The server refused these credentials: others are wanted. */
  readonly refused?: Credentials
  /** Scopes that the server asks for in its challenge (RFC 6750 section 3). */
  readonly challengeScope?: readonly string[]
}

/** What goes on a request, and what does not and why. */
export interface Credentials {
  /** The value for `Authorization`; a secret. */
  readonly authorization?: string | undefined
  /** The bearer token in it, which a server may refuse; a secret. */
  readonly token?: string | undefined
  /** What that token says; undefined for one that was given or came from a source. */
  readonly found?: SciToken | undefined
  /** Where the header comes from, for people. */
  readonly source?: string | undefined
  /** What sees the request when it leaves, in the place of a header; and what it is told of tokens. */
  readonly scheme?: AuthScheme | undefined
  readonly query?: TokenQuery | undefined
  /** The certificate, which is independent of the header. */
  readonly transport?: Transport
  readonly reasons: readonly Reason[]
}

/** How a request is connected: with which certificate, and whom it trusts. */
export interface Transport {
  /** What is presented to a server that asks. */
  readonly credential?: X509Credential
  /** What axios is to be told; nothing where its own ways do. */
  readonly settings?: Partial<InternalAxiosRequestConfig>
  /** Has follow-redirects go on to another origin without the certificate, where it goes on by itself. */
  readonly leaveBehind?: (redirect: RedirectOptions) => void
  readonly reasons: readonly Reason[]
}
