import { inspect } from 'node:util'
import { IgwnAuthError } from '../errors'
import { kindOf } from '../tokens/token'

/** A token and its secret, as they are kept between runs. Both are secret. */
export interface OAuth1TokenPair {
  /** `oauth_token`. */
  readonly token: string
  /** `oauth_token_secret`; may be empty where requests are signed with RSA. Default is empty. */
  readonly tokenSecret?: string | undefined
}

/**
 * What a server gives in the first and in the last of the three steps: a request token or an access token (RFC 5849 calls
 * them temporary credentials and token credentials), its secret, and what else the server said, as `user_id`. It shows
 * nothing of it when it is printed or turned into JSON; to keep one, keep its `token` and `tokenSecret`.
 */
export class OAuth1Token implements OAuth1TokenPair {
  readonly #token: string
  readonly #tokenSecret: string
  readonly #parameters: Readonly<Record<string, unknown>>

  /** @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when there is no token */
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

  /** `oauth_token`. A secret. */
  get token(): string {
    return this.#token
  }

  /** `oauth_token_secret`. A secret. */
  get tokenSecret(): string {
    return this.#tokenSecret
  }

  /** What else the server said, by its own names; of a form, strings. */
  get parameters(): Readonly<Record<string, unknown>> {
    return this.#parameters
  }

  /** The names of what else the server said: some servers give secrets there, as `oauth_session_handle`. */
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
