import { givenToken } from './describe-token'
import type { Finding } from '../explain/finding'
import { requirementsOf } from './validate-claims'
import { tokenText, type Token, type TokenQuery, type TokenSource } from './token'

/**
 * A source that always returns the same token, also after it has expired.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` if the token cannot be sent in a header
 */
export function staticToken(token: Token): TokenSource {
  return new StaticToken(token, 'the static token')
}

/** Wraps a token so that `inspect` and JSON cannot show it. */
export class StaticToken implements TokenSource {
  readonly #text: string

  constructor(token: Token, origin: string) {
    this.#text = tokenText(token, origin)
  }

  getToken(): string {
    return this.#text
  }

  explain(query: TokenQuery): readonly Finding[] {
    return [givenToken(this.#text, 'the static token', requirementsOf(query))]
  }
}
