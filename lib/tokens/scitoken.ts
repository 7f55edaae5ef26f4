import { IgwnAuthError } from '../errors'
import { decodeJwt } from '../formats/jwt'
import { splitScopes } from '../formats/scopes'
import { secondsNow } from '../clock'

/** Which rules a token follows: SciTokens 1.0 (also without a `ver`), SciTokens 2.0, WLCG, or a version not known here. */
export type TokenProfile = 'scitoken:1.0' | 'scitoken:2.0' | 'wlcg' | 'unknown'

/**
 * A SciToken or WLCG token: a JWT that says what its bearer may do. Its text is a secret and shows only through
 * {@link SciToken.serialize}: printing, inspecting or turning a `SciToken` into JSON gives what it says, not what it is.
 * No signature is checked here.
 *
 * @see https://scitokens.org/technical_docs/Claims, WLCG Common JWT Profiles 1.3
 */
export class SciToken {
  readonly #text: string
  /** All claims as they stand in the token. */
  readonly claims: Readonly<Record<string, unknown>>
  /** The header of the JWT: `alg`, `kid`, `typ`. */
  readonly header: Readonly<Record<string, unknown>>
  /** Where discovery found it, as "BEARER_TOKEN" or "/tmp/bt_u1000"; undefined for a token that was given. */
  readonly source: string | undefined

  private constructor(text: string, jwt: NonNullable<ReturnType<typeof decodeJwt>>, source?: string) {
    this.#text = text
    this.claims = jwt.claims
    this.header = jwt.header
    this.source = source
  }

  /**
   * Reads a token. Judges nothing: an expired token is a token too.
   *
   * @param source - where it came from, for messages
   * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` when the text is no JWT in compact form
   */
  static deserialize(text: string, source?: string): SciToken {
    const token = SciToken.read(text, source)
    if (token) return token
    throw new IgwnAuthError(
      'ERR_IGWN_TOKEN_MALFORMED',
      `${source ?? 'The text'} is no SciToken: a JWT has a header and claims in JSON, encoded and joined by dots (RFC 7519).`,
    )
  }

  /** The same, with undefined for a text that is no token. */
  static read(text: string, source?: string): SciToken | undefined {
    const jwt = decodeJwt(text)
    return jwt && new SciToken(text, jwt, source)
  }

  /** The token as it goes into a header. A secret. */
  serialize(): string {
    return this.#text
  }

  /**
   * Which rules it follows, as its claims `wlcg.ver` and `ver` say.
   *
   * @see WLCG profile 1.3 section 2.1, SciTokens Claims: `ver`
   */
  get profile(): TokenProfile {
    if (this.claims['wlcg.ver'] !== undefined) return 'wlcg'
    const { ver } = this.claims
    if (ver === undefined) return 'scitoken:1.0'
    // Both spellings are in use; the plural is scitokens-cpp's.
    const version = typeof ver === 'string' ? /^scitokens?:(\d+)\./.exec(ver)?.[1] : undefined
    return version === '1' ? 'scitoken:1.0' : version === '2' ? 'scitoken:2.0' : 'unknown'
  }

  /** `iss`: who made it. */
  get issuer(): string | undefined {
    return text(this.claims.iss)
  }

  /** `sub`: whom it is about. */
  get subject(): string | undefined {
    return text(this.claims.sub)
  }

  /** `aud`: for whom it is meant; empty when the token does not say, undefined when the claim is not of the right kind. */
  get audience(): readonly string[] | undefined {
    const { aud } = this.claims
    if (aud === undefined) return []
    if (typeof aud === 'string') return [aud]
    return isTextList(aud) ? aud : undefined
  }

  /** `scope`, or the older `scp`: what it allows; empty when the token does not say, undefined when the claim is not of the right kind. */
  get scopes(): readonly string[] | undefined {
    const { scope, scp } = this.claims
    if (typeof scope === 'string') return splitScopes(scope)
    if (scope !== undefined) return undefined
    if (scp === undefined) return []
    if (typeof scp === 'string') return splitScopes(scp)
    return isTextList(scp) ? scp : undefined
  }

  /** `exp`: when it ends, in seconds since the epoch; undefined when the token does not say so in a number. */
  get expiresAt(): number | undefined {
    return numericDate(this.claims.exp)
  }

  /** `nbf`: when it begins, in seconds since the epoch. */
  get notBefore(): number | undefined {
    return numericDate(this.claims.nbf)
  }

  /** Seconds it has left, negative when it has ended; undefined for a token without an end. */
  timeLeft(): number | undefined {
    return this.expiresAt === undefined ? undefined : this.expiresAt - secondsNow()
  }

  /** What it says, for people and logs: never the token itself. */
  toJSON(): Record<string, unknown> {
    const { source, profile, issuer, subject, audience, scopes, expiresAt } = this
    return { source, profile, issuer, subject, audience, scopes, expiresAt }
  }

  /** Its issuer and where it was found, for a line of text; never the token itself. */
  toString(): string {
    return `SciToken of ${this.issuer ?? 'an unnamed issuer'}${this.source ? ` from ${this.source}` : ''}`
  }

  /** What `toJSON` gives, for `console.log`. */
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
