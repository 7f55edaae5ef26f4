import { IgwnAuthError } from '../errors'
import { tokenResponse } from '../stores/stored-token'
import type { StoredToken } from '../stores/token-store'
import { SciToken } from './scitoken'
import { tokenText, type Token } from './token'

/** A token response of an authorization server (RFC 6749 section 5.1), as a source or a token function may return it. */
export interface TokenResponse {
  /** The access token. */
  readonly access_token: string
  /** How the token is sent. Default is `Bearer`. */
  readonly token_type?: string | undefined
  /** Lifetime in seconds. Default is the `exp` claim, else `expires_at`. */
  readonly expires_in?: number | string | undefined
  /** Expiry in seconds since the epoch; milliseconds, digits and date texts are understood. Default is no expiry. */
  readonly expires_at?: number | string | Date | undefined
  readonly [member: string]: unknown
}

/** What a token function or source may return for a token. */
export type TokenResult = Token | TokenResponse

/** A token that is held, with its expiry. Secret. */
export interface HeldToken {
  /** As the source returned it; of a token response, its access token. */
  readonly token: Token
  /** The text of the token. */
  readonly text: string
  /** Seconds since the epoch; Infinity when unknown. */
  readonly expiresAt: number
  /** The token with all that came with it. */
  readonly response: StoredToken
}

/**
 * Normalizes what a token source or token function returned: a token in any form, or a token response.
 *
 * @param origin - where it came from, for messages: "the token function"
 * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` when it is not a token; `ERR_IGWN_INVALID_OPTION` for a token
 *   response with a `token_type` other than `Bearer`
 */
export function tokenOf(result: TokenResult, origin: string): HeldToken {
  if (!isTokenResponse(result)) {
    const text = tokenText(result, origin)
    const expiry = (result instanceof SciToken ? result : SciToken.read(text))?.expiresAt
    const response = {
      access_token: text,
      token_type: 'Bearer',
      ...(expiry !== undefined && { expires_at: expiry }),
    }
    return { token: result, text, expiresAt: expiry ?? Infinity, response }
  }
  const { token_type: type } = result
  if (typeof type === 'string' && !/^bearer$/i.test(type))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `${origin} is not a Bearer token: its token_type is another one. Give a DPoP source to dpop(), as scheme.`,
    )
  return heldToken(tokenResponse({ ...result, access_token: tokenText(result.access_token, origin) }))
}

/** The same for a token response that was normalized before. */
export function heldToken(response: StoredToken): HeldToken {
  const { access_token: text, expires_at: expiresAt = Infinity } = response
  return { token: text, text, expiresAt, response }
}

function isTokenResponse(result: TokenResult): result is TokenResponse {
  return (
    typeof result === 'object' &&
    (result as TokenResponse | null)?.access_token !== undefined &&
    !(result instanceof SciToken)
  )
}
