import { givenToken } from './describe-token'
import type { Finding } from '../explain/finding'
import { requirementsOf } from './validate-claims'
import { tokenText, type Token, type TokenQuery, type TokenSource } from './token'

/**
 * A source that always gives the same token. It has no life of its own: useful for tokens that outlive the program.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` at once when the token could not be sent
 */
export function staticToken(token: Token): TokenSource {
  return new StaticToken(token, 'the static token')
}

/** Holds a token where printing does not reach. */
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
