import { splitScopes } from './scopes'

/** One challenge of a `WWW-Authenticate` field: what a server wants to see, in which scheme. */
export interface Challenge {
  /** The scheme in lower case, because schemes have no case (RFC 9110 section 11.1): `bearer`, `basic`, `negotiate`. */
  readonly scheme: string
  /** The parameters by lower-cased name, as an object without prototype; empty where there are none. */
  readonly params: Readonly<Record<string, string>>
  /** What some schemes send instead of parameters: `Negotiate oYIB…==`. */
  readonly token68?: string
}

/** What RFC 6750 section 3 lets a resource server say about the token it wants, or refused. */
export interface BearerChallenge {
  readonly realm?: string
  /** The scopes that would do; empty where the server names none. */
  readonly scope: readonly string[]
  /** `invalid_request`, `invalid_token`, `insufficient_scope` (section 3.1), or a word of the server's own. */
  readonly error?: string
  readonly errorDescription?: string
  readonly errorUri?: string
  /** Another login is required (RFC 9470 section 3). */
  readonly stepUp?: StepUp
}

/** What a server requires of the login behind a token (RFC 9470 section 3): `insufficient_user_authentication`. */
export interface StepUp {
  /** How the user must have logged in: classes in order of preference, separated by spaces. Default is any. */
  readonly acrValues?: string | undefined
  /** Seconds since the login, at most. Default is any time. */
  readonly maxAge?: number | undefined
}

/**
 * Reads the challenges of a `WWW-Authenticate` field, in their order: several in one field, several fields joined by
 * commas (as axios gives them) or as a list. A parameter named twice in one challenge counts once, the first time.
 *
 * Never throws. What cannot be read is left out and the rest kept: a malformed parameter is dropped, a
 * malformed scheme with its parameters too, and nothing inside quotes is read as a challenge. A missing comma between two
 * parameters is accepted, and so are characters for which a value needs quotes.
 *
 * @see RFC 9110 sections 5.6 and 11.2 to 11.6.1
 */
export function parseChallenges(header: string | readonly string[] | undefined | null): Challenge[] {
  const challenges: Challenge[] = []
  for (const field of Array.isArray(header) ? header : [header]) {
    if (typeof field === 'string') readField(new Reader(field), challenges)
  }
  return challenges
}

/** The first Bearer challenge, with the parameters of RFC 6750 section 3; undefined when no Bearer token is wanted. */
export function bearerChallenge(challenges: readonly Challenge[]): BearerChallenge | undefined {
  const params = challenges.find(({ scheme }) => scheme === 'bearer')?.params
  if (!params) return undefined
  const { realm, scope, error, error_description: errorDescription, error_uri: errorUri } = params
  return {
    ...(realm !== undefined && { realm }),
    scope: splitScopes(scope ?? ''),
    ...(error !== undefined && { error }),
    ...(errorDescription !== undefined && { errorDescription }),
    ...(errorUri !== undefined && { errorUri }),
    ...(error === 'insufficient_user_authentication' && { stepUp: stepUpOf(params) }),
  }
}

/** Only what an authorization request may have: the server chose it. */
function stepUpOf({ acr_values: acrValues = '', max_age: maxAge = '' }: Challenge['params']): StepUp {
  return {
    ...(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(acrValues) && { acrValues }),
    ...(/^\d{1,9}$/.test(maxAge) && { maxAge: Number(maxAge) }),
  }
}

/** A challenge while it is read. */
interface Draft {
  readonly scheme: string
  params: Record<string, string>
  token68?: string
}

/**
 * `WWW-Authenticate = [ challenge ] *( OWS "," OWS [ challenge ] )` (RFC 9110 section 11.6.1, list of section 5.6.1).
 * The parameters of a challenge are separated by commas too: a name followed by `=` belongs to the challenge
 * before it, anything else begins a new one.
 */
function readField(reader: Reader, challenges: Challenge[]): void {
  let current: Draft | undefined
  for (let parts = 0; parts < MAX_PARTS; parts += 1) {
    reader.skip(LIST_GAP)
    if (reader.atEnd) return
    if (reader.isBeforeParameter()) {
      readParameter(reader, current)
    } else {
      current = readScheme(reader)
      if (current) challenges.push(current)
      if (current) readToken68OrParameter(reader, current)
    }
    if (!reader.isBeforeParameter()) reader.skipElement()
  }
}

/** More challenges and parameters than any server sends; a hostile one shall not have us make a million objects. */
const MAX_PARTS = 10_000

/** `auth-scheme = token` (RFC 9110 section 11.1), which ends with a space or with the list element. */
function readScheme(reader: Reader): Draft | undefined {
  const scheme = reader.take(TOKEN).toLowerCase()
  if (scheme === '' || !(reader.atElementEnd || reader.isAt(SPACE))) return undefined
  return { scheme, params: NO_PARAMS }
}

/** `[ 1*SP ( token68 / #auth-param ) ]` (RFC 9110 section 11.3); `a==` is token68, `a=b` and `a="b"` are parameters. */
function readToken68OrParameter(reader: Reader, challenge: Draft): void {
  reader.skip(SPACE)
  const start = reader.at
  const token68 = reader.take(TOKEN68)
  const padding = reader.take(EQUALS)
  reader.skip(SPACE)
  if (reader.atElementEnd) {
    if (token68 !== '') challenge.token68 = token68 + padding
  } else {
    reader.at = start
    if (reader.isBeforeParameter()) readParameter(reader, challenge)
  }
}

/** `auth-param = token BWS "=" BWS ( token / quoted-string )` (RFC 9110 section 11.2). */
function readParameter(reader: Reader, challenge: Draft | undefined): void {
  const name = reader.take(TOKEN).toLowerCase()
  reader.skip(SPACE)
  reader.at += 1 // the "=" that isBeforeParameter saw
  reader.skip(SPACE)
  const value = reader.isAtQuote ? reader.takeQuoted() : reader.take(UNQUOTED) || undefined
  reader.skip(SPACE)

  // Other text right behind a value means that we do not know where the value ends.
  const complete = reader.atElementEnd || reader.isBeforeParameter()
  if (!challenge || value === undefined || !complete) return
  if (challenge.params === NO_PARAMS) challenge.params = withoutPrototype()
  challenge.params[name] ??= value
  delete challenge.token68 // a challenge has one or the other: that was a parameter without a value, `realm=`
}

function withoutPrototype(): Record<string, string> {
  return Object.create(null) as Record<string, string>
}

/** Of all challenges that have none. */
const NO_PARAMS = Object.freeze(withoutPrototype())

/** Which of the 256 characters of a field a grammar allows: text is walked once, without backtracking. */
function oneOf(character: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => Number(character.test(String.fromCharCode(code))))
}

/** `token = 1*tchar` (RFC 9110 section 5.6.2). */
const TOKEN = oneOf(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/)

/** `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 9110 section 11.2), but for its end. */
const TOKEN68 = oneOf(/[-A-Za-z0-9._~+/]/)
const EQUALS = oneOf(/=/)

/** `OWS = BWS = *( SP / HTAB )` (RFC 9110 section 5.6.3); taken for `1*SP` behind a scheme as well. */
const SPACE = oneOf(/[ \t]/)

/** `OWS "," OWS` with empty elements between (RFC 9110 section 5.6.1.2). */
const LIST_GAP = oneOf(/[ \t,]/)

/** Wider than the `token` it should be: servers send paths, URLs and base64 without quotes. */
const UNQUOTED = oneOf(/[^\x00-\x20\x7f",;\\]/) // eslint-disable-line no-control-regex

/**
 * `quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE`,
 * `qdtext = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text` (RFC 9110 section 5.6.4): no other control characters.
 */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/ // eslint-disable-line no-control-regex

/** `quoted-pair = "\" ( HTAB / SP / VCHAR / obs-text )` (RFC 9110 section 5.6.4). */
const QUOTED_PAIR = /\\([^])/g

/** A place in the text of a field. It moves on, and goes back only once per scheme, from what was no token68. */
class Reader {
  at = 0
  constructor(readonly text: string) {}

  get atEnd(): boolean {
    return this.at >= this.text.length
  }

  /** Whether the element of the list ends here. */
  get atElementEnd(): boolean {
    return this.atEnd || this.text[this.at] === ','
  }

  get isAtQuote(): boolean {
    return this.text[this.at] === '"'
  }

  isAt(characters: Uint8Array): boolean {
    return this.#endOf(characters, this.at) > this.at
  }

  /** Looks ahead for `token BWS "="`. */
  isBeforeParameter(): boolean {
    const end = this.#endOf(TOKEN, this.at)
    return end > this.at && this.text[this.#endOf(SPACE, end)] === '='
  }

  skip(characters: Uint8Array): void {
    this.at = this.#endOf(characters, this.at)
  }

  take(characters: Uint8Array): string {
    const start = this.at
    this.skip(characters)
    return this.text.slice(start, this.at)
  }

  /** The content of a quoted-string; undefined, and past it all the same, when it does not end or holds control characters. */
  takeQuoted(): string | undefined {
    const start = this.at + 1
    let end = start
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1
    this.at = end + 1
    const content = this.text.slice(start, end)
    if (end >= this.text.length || CONTROL.test(content)) return undefined
    return content.includes('\\') ? content.replace(QUOTED_PAIR, '$1') : content
  }

  /** Past what is left of an element, up to a comma outside of quotes. */
  skipElement(): void {
    while (!this.atElementEnd) {
      if (this.isAtQuote) this.takeQuoted()
      else this.at += 1
    }
  }

  #endOf(characters: Uint8Array, start: number): number {
    let end = start
    while (end < this.text.length && characters[this.text.charCodeAt(end)]) end += 1
    return end
  }
}
