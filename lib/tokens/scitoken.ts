import { IgwnAuthError } from '../errors'
import { decodeJwt } from '../formats/jwt'
import { withoutTrailingNewline } from '../formats/line-ends'
import { splitScopes } from '../formats/scopes'
import { secondsNow } from '../clock'

/** The profile of a token: SciTokens 1.0 (also without `ver`), SciTokens 2.0, WLCG, or a version that is not known. */
export type TokenProfile = 'scitoken:1.0' | 'scitoken:2.0' | 'wlcg' | 'unknown'

/**
 * A SciToken or WLCG token: a JWT with the permissions of its bearer. Its text is a secret, and only
 * {@link SciToken.serialize} returns it: `console.log`, `inspect` and JSON show claims. The signature is not checked.
 *
 * @see https://scitokens.org/technical_docs/Claims, WLCG Common JWT Profiles 1.3
 */
export class SciToken {
  readonly #text: string
  /** All claims of the token. */
  readonly claims: Readonly<Record<string, unknown>>
  /** The header of the JWT: `alg`, `kid`, `typ`. */
  readonly header: Readonly<Record<string, unknown>>
  /** Where discovery found it, such as "BEARER_TOKEN" or "/tmp/bt_u1000"; undefined for a token that was given. */
  readonly source: string | undefined

  private constructor(text: string, jwt: NonNullable<ReturnType<typeof decodeJwt>>, source?: string) {
    this.#text = text
    this.claims = jwt.claims
    this.header = jwt.header
    this.source = source
  }

  /**
   * Decodes a token, also an expired one. Line breaks at the end of the text are ignored.
   *
   * @param source - where it comes from, for messages. Default is none
   * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` if the text is not a JWT in compact form
   */
  static deserialize(text: string, source?: string): SciToken {
    const token = SciToken.read(text, source)
    if (token) return token
    throw new IgwnAuthError(
      'ERR_IGWN_TOKEN_MALFORMED',
      `${source ?? 'The text'} is not a SciToken: a JWT has a header and claims in JSON, encoded and joined by dots (RFC 7519).`,
    )
  }

  /** The same, but undefined for a text that is not a token. */
  static read(text: string, source?: string): SciToken | undefined {
    const trimmed = withoutTrailingNewline(text)
    const jwt = decodeJwt(trimmed)
    return jwt && new SciToken(trimmed, jwt, source)
  }

  /** The token itself. A secret. */
  serialize(): string {
    return this.#text
  }

  /**
   * The profile that its claims `wlcg.ver` and `ver` name.
   *
   * @see WLCG profile 1.3 section 2.1, SciTokens Claims: `ver`
   */
  get profile(): TokenProfile {
    if (this.claims['wlcg.ver'] !== undefined) return 'wlcg'
    const { ver } = this.claims
    if (ver === undefined) return 'scitoken:1.0'
    // scitokens-cpp writes the plural.
    const version = typeof ver === 'string' ? /^scitokens?:(\d+)\./.exec(ver)?.[1] : undefined
    return version === '1' ? 'scitoken:1.0' : version === '2' ? 'scitoken:2.0' : 'unknown'
  }

  /** `iss`: the issuer; undefined if the claim is not a string. */
  get issuer(): string | undefined {
    return text(this.claims.iss)
  }

  /** `sub`: the subject; undefined if the claim is not a string. */
  get subject(): string | undefined {
    return text(this.claims.sub)
  }

  /** `aud`: the audiences; empty if the claim is missing, undefined if it has the wrong type. */
  get audience(): readonly string[] | undefined {
    const { aud } = this.claims
    if (aud === undefined) return []
    if (typeof aud === 'string') return [aud]
    return isTextList(aud) ? aud : undefined
  }

  /** `scope`, or the older `scp`: a string or a list of strings; empty if both are missing, undefined if it has the wrong type. */
  get scopes(): readonly string[] | undefined {
    const { scope, scp } = this.claims
    const claim = scope === undefined ? scp : scope
    if (claim === undefined) return []
    if (typeof claim === 'string') return splitScopes(claim)
    return isTextList(claim) ? claim.flatMap(splitScopes) : undefined
  }

  /** `exp`: when it expires, in seconds since the epoch; undefined if the claim is not a number. */
  get expiresAt(): number | undefined {
    return numericDate(this.claims.exp)
  }

  /** `nbf`: from when it is valid, in seconds since the epoch; undefined if the claim is not a number. */
  get notBefore(): number | undefined {
    return numericDate(this.claims.nbf)
  }

  /** Seconds until it expires, negative if it has expired; undefined without `exp`. */
  timeLeft(): number | undefined {
    return this.expiresAt === undefined ? undefined : this.expiresAt - secondsNow()
  }

  /** Its claims, for logs: never the token itself. */
  toJSON(): Record<string, unknown> {
    const { source, profile, issuer, subject, audience, scopes, expiresAt } = this
    return { source, profile, issuer, subject, audience, scopes, expiresAt }
  }

  /** Its issuer and source, in a line of text; never the token itself. */
  toString(): string {
    return `SciToken of ${this.issuer ?? 'an unknown issuer'}${this.source ? ` from ${this.source}` : ''}`
  }

  /** The result of `toJSON`, for `console.log`. */
  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number,
    options: object,
    inspect: (value: unknown, options: object) => string,
  ): string {
    return `SciToken ${inspect(this.toJSON(), options)}`
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** NumericDate of RFC 7519 section 2. */
function numericDate(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
