import { duration } from '../formats/duration'
import { tokenOf } from '../tokens/token-response'
import { oneOf, shortName, ownProperties } from '../check-values'
import { secondsNow } from '../clock'
import { IgwnAuthError } from '../errors'
import { isTokenSource } from '../options'
import type { AuthScheme, SchemeRequest, SchemeResponse, RequestChanges } from '../schemes/auth-scheme'
import type { StoredToken } from '../stores/token-store'
import { tokenText, type Token, type TokenSource } from '../tokens/token'

/** Where a token is sent in a request (RFC 6750 section 2). */
export type TokenPlacement = 'header' | 'query' | 'body'

/** Options of {@link OAuth2Auth}. */
export interface OAuth2AuthOptions {
  /**
   * `header`: in `Authorization`; `query` or `body`: as `access_token` in the query or in a form body, for servers that support
   * nothing else. URLs are logged, so avoid `query`. Default: `header`.
   */
  readonly placement?: TokenPlacement | undefined
}

/**
 * Sends a token with the requests of an instance: `applyIgwnAuth(instance, { scheme: new OAuth2Auth(token) })`. (For the header,
 * `{ token }` does the same.)
 *
 * The token is a string, a `SciToken`, a token response, or a source of any of these. A source is asked for another token when the
 * server answers with a 401 and a Bearer challenge. Requests reject with `ERR_IGWN_TOKEN_EXPIRED` for an expired token response,
 * `ERR_IGWN_TOKEN_NOT_FOUND` when a source has no token, and `ERR_IGWN_INVALID_OPTION` when the body is not a form.
 */
export class OAuth2Auth implements AuthScheme {
  /** For messages and events. */
  readonly name = 'OAuth 2.0'
  /** Where the token is sent. */
  readonly placement: TokenPlacement
  readonly #token: Token | StoredToken | TokenSource
  /** The token of each request. */
  readonly #sent = new WeakMap<RequestChanges, string>()

  /**
   * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an unknown placement, or a token type other than Bearer;
   *   `ERR_IGWN_TOKEN_MALFORMED` for an invalid token
   */
  constructor(token: Token | StoredToken | TokenSource, options: OAuth2AuthOptions = {}) {
    const { placement = 'header' } = ownProperties(options)
    const problem = oneOf('header', 'query', 'body')(placement)
    if (problem) throw new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `placement ${problem}.`)
    this.placement = placement
    this.#token = token
    if (!isTokenSource(token)) textIn(token)
  }

  async authorize(request: SchemeRequest): Promise<RequestChanges> {
    const token = this.#token
    const text = isTokenSource(token) ? await fromSource(token, request) : unexpired(token)
    const changes = this.#place(text, request)
    this.#sent.set(changes, text)
    return changes
  }

  shouldRetry({ challenges }: SchemeResponse, sent: RequestChanges): boolean {
    const text = this.#sent.get(sent)
    const isBearer = challenges.some(({ scheme }) => scheme === 'bearer')
    if (!isTokenSource(this.#token) || text === undefined || !isBearer) return false
    this.#token.invalidate?.(text)
    return true
  }

  #place(text: string, { url, method, contentType, body }: SchemeRequest): RequestChanges {
    if (this.placement === 'header') return { headers: { Authorization: `Bearer ${text}` } }
    if (this.placement === 'query') {
      const withToken = new URL(url)
      withToken.searchParams.set('access_token', text)
      // Caches must not keep the response (RFC 6750 section 2.3).
      return { url: withToken, headers: { 'Cache-Control': 'no-store' } }
    }
    const isForm =
      /^application\/x-www-form-urlencoded\b/i.test(contentType ?? '') && typeof body === 'string'
    if (method === 'GET' || method === 'HEAD' || !isForm)
      throw new IgwnAuthError(
        'ERR_IGWN_INVALID_OPTION',
        `placement is body, but the body of this ${method} request is not a form (RFC 6750 section 2.2). Send URLSearchParams, or set placement to header. Nothing was sent.`,
      )
    const form = new URLSearchParams(body)
    form.set('access_token', text)
    return { body: form.toString() }
  }
}

async function fromSource(source: TokenSource, { query }: SchemeRequest): Promise<string> {
  const token = await source.getToken(query)
  if (token !== undefined) return tokenOf(token, 'the token of the source').text
  throw new IgwnAuthError(
    'ERR_IGWN_TOKEN_NOT_FOUND',
    'The token source has no token for this request. Nothing was sent.',
  )
}

function unexpired(token: Token | StoredToken): string {
  const expiresAt = isTokenResponse(token) ? token.expires_at : undefined
  const age = secondsNow() - (expiresAt ?? Infinity)
  if (age < 0) return textIn(token)
  throw new IgwnAuthError(
    'ERR_IGWN_TOKEN_EXPIRED',
    `The token expired ${duration(age)} ago. Pass a source that renews it, such as refreshToken(). Nothing was sent.`,
  )
}

function textIn(token: Token | StoredToken): string {
  if (!isTokenResponse(token)) return tokenText(token, 'the token')
  const { access_token: text, token_type: type = 'Bearer' } = token
  if (/^bearer$/i.test(type)) return tokenText(text, 'access_token')
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    `The token has the type ${shortName(type)}; OAuth2Auth supports only Bearer. For DPoP use dpop().`,
  )
}

function isTokenResponse(token: unknown): token is StoredToken {
  return typeof token === 'object' && token !== null && 'access_token' in token
}
