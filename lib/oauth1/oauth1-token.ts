import { inspect } from 'node:util'
import { kindOf } from '../check-values'
import { IgwnAuthError } from '../errors'

/** A token and its secret, as kept between runs. Both are secret. */
export interface OAuth1TokenPair {
  /** `oauth_token`. */
  readonly token: string
  /** `oauth_token_secret`; may be empty when requests are signed with RSA. Default: empty. */
  readonly tokenSecret?: string | undefined
}

/**
 * A request token or an access token (RFC 5849: temporary credentials and token credentials), its secret, and the other
 * parameters of the response, such as `user_id`. Printing it or converting it to JSON shows no value. To store one, store its
 * `token` and `tokenSecret`.
 */
export class OAuth1Token implements OAuth1TokenPair {
  readonly #token: string
  readonly #tokenSecret: string
  readonly #parameters: Readonly<Record<string, unknown>>

  /** @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when the token is missing or not a string */
  constructor(
    { token, tokenSecret = '' }: OAuth1TokenPair,
    parameters: Readonly<Record<string, unknown>> = {},
  ) {
    for (const [name, value] of Object.entries({ token, tokenSecret } as Record<string, unknown>))
      if (typeof value !== 'string')
        throw new IgwnAuthError(
          'ERR_IGWN_INVALID_OPTION',
          `${name} of an OAuth 1 token must be a string, not ${kindOf(value)}.`,
        )
    if (token === '')
      throw new IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'token of an OAuth 1 token must not be empty.')
    this.#token = token
    this.#tokenSecret = tokenSecret
    this.#parameters = parameters
  }

  /** `oauth_token`. Secret. */
  get token(): string {
    return this.#token
  }

  /** `oauth_token_secret`. Secret. */
  get tokenSecret(): string {
    return this.#tokenSecret
  }

  /** The other parameters of the response by name; strings when the response was a form. */
  get parameters(): Readonly<Record<string, unknown>> {
    return this.#parameters
  }

  /** Only the names of the other parameters: some servers send secrets in them, such as `oauth_session_handle`. */
  toJSON(): {
    /** The names. */
    parameters: string[]
  } {
    return { parameters: Object.keys(this.#parameters) }
  }

  /** The same for `console.log`. */
  [inspect.custom](): string {
    return `OAuth1Token ${inspect(this.toJSON())}`
  }
}
