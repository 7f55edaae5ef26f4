import fs from 'node:fs'
import { kindOf } from '../check-values'
import { IgwnAuthError } from '../errors'
import type { Finding } from '../explain/finding'
import { SciToken } from './scitoken'

export { kindOf } from '../check-values'
export { secondsNow } from '../clock'

/** A bearer token in any form it can be given: its text, the bytes of it, or a `SciToken`. */
export type Token = string | Uint8Array | SciToken

/** What a token is wanted for. Everything is optional; what is absent is not asked for. */
export interface TokenQuery {
  /** The audience the server expects (`aud`, RFC 7519 section 4.1.3); any one of several will do. Default is any. */
  readonly audience?: string | readonly string[] | undefined
  /** Scopes the token must have, all of them: a list, or one string separated by spaces (RFC 6749 section 3.3). Default is any. */
  readonly scope?: string | readonly string[] | undefined
  /** The issuer that must have made it (`iss`); any one of several will do. Default is any. */
  readonly issuer?: string | readonly string[] | undefined
  /** Seconds of life the token must have left. Default is 60, as in igwn-auth-utils and htgettoken. */
  readonly minTimeLeft?: number | undefined
  /**
   * The scopes that a server named in its challenge (RFC 6750 section 3). They choose among tokens that exist; a source that
   * obtains tokens requests only those that its option `challengeScopes` allows. At most 20 scopes of at most 256 characters
   * count, the others are ignored. Default is none.
   */
  readonly challengeScope?: readonly string[] | undefined
}

/** Where bearer tokens come from. Behaviour is added by wrapping one source in another. */
export interface TokenSource {
  /**
   * The token for what is wanted; undefined when this source has none. To throw means that the source is broken:
   * nothing else is tried in its place.
   */
  getToken(query: TokenQuery): Token | undefined | Promise<Token | undefined>
  /** Forget this token: the server refused it. Nothing else that is held may be forgotten. */
  invalidate?(rejected: string): void
  /** What this source has for a query, for `explain`: without the network, and without a secret. */
  explain?(query: TokenQuery): readonly Finding[]
}

/**
 * The text of a token, checked to be one that can stand in a header.
 *
 * @param origin - who gave it, for the message: "option token", "the token function"
 * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` when it is empty, or has a character that RFC 6750 section
 *   2.1 does not allow, as line breaks; the message says where, never what
 */
export function tokenText(token: Token, origin = 'the token'): string {
  if (token instanceof SciToken) return token.serialize()
  const text: unknown = token instanceof Uint8Array ? Buffer.from(token).toString('latin1') : token
  if (typeof text !== 'string')
    throw new IgwnAuthError(
      'ERR_IGWN_TOKEN_MALFORMED',
      `${origin} must be a string, a Uint8Array or a SciToken, not ${kindOf(token)}.`,
    )
  if (text === '')
    throw new IgwnAuthError('ERR_IGWN_TOKEN_MALFORMED', `${origin} is empty; leave it out to search for one.`)
  // A slash is a letter of tokens too; what exists as a file is none.
  if (text.startsWith('/') && fs.existsSync(text))
    throw new IgwnAuthError(
      'ERR_IGWN_TOKEN_MALFORMED',
      `${origin} is the path of a file. Name the file in BEARER_TOKEN_FILE and leave the option out, or give what it holds.`,
    )
  const wrong = text.search(NOT_IN_B64TOKEN)
  if (wrong >= 0)
    throw new IgwnAuthError(
      'ERR_IGWN_TOKEN_MALFORMED',
      `${origin} is no bearer token: character ${wrong + 1} of ${text.length} is ${nameOf(text.charCodeAt(wrong))}, ` +
        'which RFC 6750 section 2.1 does not allow. Give the token alone, without "Bearer" and without white space.',
    )
  return text
}

/** Finds what is not in `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 section 2.1). */
const NOT_IN_B64TOKEN = /[^A-Za-z0-9\-._~+/=]|=(?=[^=])|^=/

/** Says what a forbidden character is without repeating it: it may be part of a secret. */
function nameOf(code: number): string {
  if (code === 0x0d) return 'a carriage return'
  if (code === 0x0a) return 'a line feed'
  if (code === 0x20) return 'a space'
  if (code < 0x20 || code === 0x7f) return 'a control character'
  if (code > 0xff) return 'outside Latin-1'
  return code === 0x3d ? 'an equals sign out of place' : 'none of the letters, digits and marks of a token'
}

/**
 * The value for `Authorization` that carries a token: `Bearer` and the token (RFC 6750 section 2.1).
 *
 * @param scheme - another scheme's name in place of `Bearer`
 * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` when the token could not be sent as it is
 */
export function tokenAuthorizationHeader(token: Token, scheme = 'Bearer'): string {
  return `${scheme} ${tokenText(token)}`
}

/** Whether there is something to wait for. */
export function isPromise<T>(value: T | PromiseLike<T>): value is Promise<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function'
}
