import { IgwnAuthError } from '../errors'
import { duration } from '../tokens/validate-claims'
import type { AuthScheme, SchemeRequest, SchemeResponse, RequestChanges } from '../schemes/auth-scheme'
import { secondsNow } from '../clock'
import type { StoredToken } from '../stores/token-store'
import { tokenText, type Token, type TokenSource } from '../tokens/token'
import { oneOf, shortName } from './checks'

/** Where a token stands in a request (RFC 6750 section 2). */
export type TokenPlacement = 'header' | 'query' | 'body'

/** Where a token goes. */
export interface OAuth2AuthOptions {
  /**
   * Where the token is put: into `Authorization`, or as `access_token` into the query or into a form that is the body. Default
   * is `header`; the others are for servers that know nothing else, since a URL is written down in many places.
   */
  readonly placement?: TokenPlacement | undefined
}

/**
 * Puts a token on the requests of an instance: `applyIgwnAuth(instance, { scheme: new OAuth2Auth(token) })`. (In the header,
 * `{ token }` does the same.)
 *
 * The token is a text, a `SciToken`, an answer of a token endpoint, or a source of any of these. Requests reject with
 * `ERR_IGWN_TOKEN_EXPIRED` when a given one has ended, `ERR_IGWN_TOKEN_NOT_FOUND` when a source has none, and
 * `ERR_IGWN_INVALID_OPTION` when the body is no form to put it into. A source is asked for another one when a server refuses.
 */
export class OAuth2Auth implements AuthScheme {
  /** For messages and events. */
  readonly name = 'OAuth 2.0'
  /** Where it puts the token. */
  readonly placement: TokenPlacement
  readonly #token: Token | StoredToken | TokenSource
  /** Which token was put on which request. */
  readonly #sent = new WeakMap<RequestChanges, string>()

  /**
   * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for another placement, or a token of a type other than Bearer;
   *   `ERR_IGWN_TOKEN_MALFORMED` for one that could not be sent
   */
  constructor(token: Token | StoredToken | TokenSource, { placement = 'header' }: OAuth2AuthOptions = {}) {
    const problem = oneOf('header', 'query', 'body')(placement)
    if (problem) throw new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `placement ${problem}.`)
    this.placement = placement
    this.#token = token
    if (!isSource(token)) textIn(token)
  }

  async authorize(request: SchemeRequest): Promise<RequestChanges> {
    const token = this.#token
    const text = isSource(token) ? await fromSource(token, request) : inForce(token)
    const parts = this.#put(text, request)
    this.#sent.set(parts, text)
    return parts
  }

  shouldRetry({ challenges }: SchemeResponse, sent: RequestChanges): boolean {
    const text = this.#sent.get(sent)
    const isBearer = challenges.some(({ scheme }) => scheme === 'bearer')
    if (!isSource(this.#token) || text === undefined || !isBearer) return false
    this.#token.invalidate?.(text)
    return true
  }

  #put(text: string, { url, method, contentType, body }: SchemeRequest): RequestChanges {
    if (this.placement === 'header') return { headers: { Authorization: `Bearer ${text}` } }
    if (this.placement === 'query') {
      const withToken = new URL(url)
      withToken.searchParams.set('access_token', text)
      // RFC 6750 section 2.3: nobody on the way shall keep the answer either.
      return { url: withToken, headers: { 'Cache-Control': 'no-store' } }
    }
    const isForm =
      /^application\/x-www-form-urlencoded\b/i.test(contentType ?? '') && typeof body === 'string'
    if (method === 'GET' || method === 'HEAD' || !isForm)
      throw new IgwnAuthError(
        'ERR_IGWN_INVALID_OPTION',
        `placement is body, and the ${method} request has no form as its body (RFC 6750 section 2.2). Send URLSearchParams, or place the token in the header. Nothing was sent.`,
      )
    const form = new URLSearchParams(body)
    form.set('access_token', text)
    return { body: form.toString() }
  }
}

async function fromSource(source: TokenSource, { query }: SchemeRequest): Promise<string> {
  const token = await source.getToken(query)
  if (token !== undefined) return tokenText(token, 'what the token source gave')
  throw new IgwnAuthError(
    'ERR_IGWN_TOKEN_NOT_FOUND',
    'The token source has no token for this request. Nothing was sent.',
  )
}

function inForce(token: Token | StoredToken): string {
  const end = isAnswer(token) ? token.expires_at : undefined
  const past = secondsNow() - (end ?? Infinity)
  if (past < 0) return textIn(token)
  throw new IgwnAuthError(
    'ERR_IGWN_TOKEN_EXPIRED',
    `The token ended ${duration(past)} ago, and there is no way given to renew it. Give a source that does, as refreshToken(). Nothing was sent.`,
  )
}

function textIn(token: Token | StoredToken): string {
  if (!isAnswer(token)) return tokenText(token, 'the token')
  const { access_token: text, token_type: type = 'Bearer' } = token
  if (/^bearer$/i.test(type)) return tokenText(text, 'access_token')
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    `The token is of type ${shortName(type)}, which OAuth2Auth cannot put on a request: it knows Bearer. For DPoP use dpop().`,
  )
}

function isAnswer(token: unknown): token is StoredToken {
  return typeof token === 'object' && token !== null && 'access_token' in token
}

function isSource(token: unknown): token is TokenSource {
  return typeof (token as Partial<TokenSource> | null)?.getToken === 'function'
}
