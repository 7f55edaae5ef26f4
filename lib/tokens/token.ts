import type { TokenResult } from './token-response'
import fs from 'node:fs'
import { kindOf } from '../check-values'
import { IgwnAuthError } from '../errors'
import { withoutTrailingNewline } from '../formats/line-ends'
import type { Finding } from '../explain/finding'
import type { StepUp } from '../formats/www-authenticate'
import { SciToken } from './scitoken'

/** A bearer token: its text, the bytes of it, or a `SciToken`. */
export type Token = string | Uint8Array | SciToken

/** What a token must have. Everything is optional; what is absent is not required. */
export interface TokenQuery {
  /** The audience the server expects (`aud`, RFC 7519 section 4.1.3); any one of several. Default is any. */
  readonly audience?: string | readonly string[] | undefined
  /** Scopes the token must have, all of them: a list, or one string separated by spaces (RFC 6749 section 3.3). Default is any. */
  readonly scope?: string | readonly string[] | undefined
  /** The issuer (`iss`); any one of several. Default is any. */
  readonly issuer?: string | readonly string[] | undefined
  /** Seconds for which the token must not expire. Default is 60, as in igwn-auth-utils and htgettoken. */
  readonly minTimeLeft?: number | undefined
  /**
   * The scopes that a server named in its challenge (RFC 6750 section 3). They choose among tokens that exist; a source that
   * obtains tokens requests only those that its option `challengeScopes` allows. At most 20 scopes of at most 256 characters
   * count, the others are ignored. Default is none.
   */
  readonly challengeScope?: readonly string[] | undefined
  /**
   * What the director of a federation says about the object of the request. It chooses among tokens that exist; a source that
   * obtains tokens requests nothing of it. Default is none.
   */
  readonly object?: ObjectRequirements | undefined
  /**
   * What the server requires of the login behind the token, in the query of the retry (RFC 9470). A source starts a login for it
   * only if its option `stepUp` allows that. Default is none.
   */
  readonly stepUp?: StepUp | undefined
  /** Whether the token is for the retry after a 401: then a source must not start an interactive login. Default is false. */
  readonly isRetry?: boolean | undefined
}

/** What a token for an object of a Pelican federation must have. */
export interface ObjectRequirements {
  /** Scopes of which it must have one; empty for any. */
  readonly scope: readonly string[]
  /** Issuers of which one must have issued it; a slash at the end does not count. Empty for any. */
  readonly issuer: readonly string[]
  /** Audiences of which it must name one, unless it is for any audience; empty for any. */
  readonly audience: readonly string[]
  /** The scope to request for a new token: it includes the files beside the object. Default is none. */
  readonly scopeToRequest?: string | undefined
  /** The host of the Vault server that issues tokens. Default is none. */
  readonly vaultServer?: string | undefined
  /** The name of the HTCondor token file without `.use`, as in `name+osdf:///…`. Default is any token. */
  readonly tokenName?: string | undefined
}

/** A source of bearer tokens. Sources can wrap others: {@link reuse}, {@link chain}. */
export interface TokenSource {
  /**
   * The token for a query; undefined if this source has none. An error means that the source is broken: no other source is
   * asked, and the request is not sent.
   */
  getToken(query: TokenQuery): TokenResult | undefined | Promise<TokenResult | undefined>
  /** Forgets this token, which the server refused, and no other. */
  invalidate?(rejected: string): void
  /** What this source has for a query, for `explain`. Uses no network, and has no secret. */
  explain?(query: TokenQuery): readonly Finding[]
  /**
   * The same, for `explain()` of a request that was not sent: it may ask other programs of this host, such as oidc-agent. Default is
   * `explain`.
   */
  explainAsync?(query: TokenQuery): Promise<readonly Finding[]>
}

/**
 * The text of a token, checked so that it can be sent in a header. Line breaks at its end are removed.
 *
 * @param origin - where it comes from, for the message: "the token option", "the token function"
 * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` if it is empty, a path, or has a character that RFC 6750 section
 *   2.1 does not allow; the message has the position of the character, not the text
 */
export function tokenText(token: Token, origin = 'the token'): string {
  if (token instanceof SciToken) return token.serialize()
  const given: unknown = token instanceof Uint8Array ? Buffer.from(token).toString('latin1') : token
  if (typeof given !== 'string')
    throw malformed(`${origin} must be a string, a Uint8Array or a SciToken, not ${kindOf(token)}.`)
  const text = withoutTrailingNewline(given)
  if (text === '')
    throw malformed(
      `${origin} is empty.${origin === TOKEN_OPTION ? ' Leave it out to search for a token.' : ''}`,
    )
  // Tokens may contain slashes too.
  if (text.startsWith('/') && fs.existsSync(text))
    throw malformed(
      `${origin} is the path of a file. Set BEARER_TOKEN_FILE to it and leave the option out, or give the content of the file.`,
    )
  const wrong = text.search(NOT_IN_B64TOKEN)
  if (wrong >= 0)
    throw malformed(
      `${origin} is not a bearer token: character ${wrong + 1} of ${text.length} is ${nameOf(text.charCodeAt(wrong))}, ` +
        'which RFC 6750 section 2.1 does not allow. Give the token alone, without "Bearer" and white space.',
    )
  return text
}

/** The origin of a token in the options, for {@link tokenText}. */
export const TOKEN_OPTION = 'the token option'

function malformed(message: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_TOKEN_MALFORMED', message)
}

/** Finds what is not in `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 section 2.1). */
const NOT_IN_B64TOKEN = /[^A-Za-z0-9\-._~+/=]|=(?=[^=])|^=/

/** Describes a forbidden character without repeating it: it may be part of a secret. */
function nameOf(code: number): string {
  if (code === 0x0d) return 'a carriage return'
  if (code === 0x0a) return 'a line feed'
  if (code === 0x20) return 'a space'
  if (code < 0x20 || code === 0x7f) return 'a control character'
  if (code > 0xff) return 'outside Latin-1'
  return code === 0x3d ? 'a misplaced equals sign' : 'not a letter, a digit or one of -._~+/'
}

/**
 * The value of an `Authorization` header with a token: `Bearer` and the token (RFC 6750 section 2.1).
 *
 * @param scheme - the name of another scheme. Default is `Bearer`
 * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` if the token cannot be sent in a header
 */
export function tokenAuthorizationHeader(token: Token, scheme = 'Bearer'): string {
  return `${scheme} ${tokenText(token)}`
}

export function isPromise<T>(value: T | PromiseLike<T>): value is Promise<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function'
}
