import { checkValues, kindOf, milliseconds, ownProperties, seconds, type Check } from '../check-values'
import { pause, secondsNow } from '../clock'
import { IgwnAuthError } from '../errors'
import { publish } from '../events'
import type { Finding } from '../explain/finding'
import { MILLISECONDS } from '../stores/stored-token'
import { deferredFinding } from './describe-token'
import { tokenAuthorizationHeader, type Token, type TokenQuery, type TokenSource } from './token'
import { tokenCache, type TokenCache } from './token-cache'
import { COMMAND_OPTIONS, tokenCommand, type TokenCommandOptions } from './token-command'
import { tokenOf, type HeldToken, type TokenResponse } from './token-response'
import { MIN_TIME_LEFT, moment } from './validate-claims'

/** A token and its expiry; Bitfount's `JWT`. */
export interface Jwt {
  /** The token. */
  readonly jwt: Token
  /** When the token expires: a `Date`, or seconds since the epoch as in `exp`. */
  readonly expires: Date | number
}

/**
 * What `getToken` may return: token and expiry, as an object or a pair; a token response with `expires_in`; or a JWT alone,
 * whose `exp` is its expiry.
 */
export type JwtResult = Jwt | readonly [jwt: Token, expires: Date | number] | TokenResponse | Token

/** Options of {@link externallyManagedJwt} for both kinds of provider. */
export interface JwtOptions {
  /** The first token; only together with `expires`. Default is none: the provider is asked for it. */
  readonly jwt?: Token | undefined
  /** When the first token expires: a `Date`, or seconds since the epoch; only together with `jwt`. Default is none. */
  readonly expires?: Date | number | undefined
  /** Seconds a token must have left; with less it counts as expired. Default is 60, as in Bitfount. */
  readonly minTimeLeft?: number | undefined
  /**
   * Milliseconds to wait before each further try when the provider returned an expired token. Default is `[1000, 2000]`: three
   * tries, as in Bitfount.
   */
  readonly retryDelays?: readonly number[] | undefined
}

/** Where the tokens come from: a function, or a command. */
export type ExternallyManagedJwtOptions = JwtOptions &
  (
    | (JwtProvider & {
        /** Not together with `getToken`. */
        readonly command?: undefined
      })
    | (TokenCommandOptions & {
        /** Not together with `command`. */
        readonly getToken?: undefined
      })
  )

/** A function that provides the tokens of {@link externallyManagedJwt}. */
export interface JwtProvider {
  /** Returns the next token. An error that it throws is thrown to the caller, without another try. */
  readonly getToken: () => JwtResult | Promise<JwtResult>
}

/** A token source whose tokens another program manages, with the names of Bitfount's handler. */
export interface ExternallyManagedJwt extends TokenSource {
  getToken(query?: TokenQuery): string | Promise<string>
  invalidate(rejected: string): void
  explain(query: TokenQuery): readonly Finding[]
  /** Whether there is a token that has not expired. */
  readonly authenticated: boolean
  /** Gets a token unless there is one. */
  authenticate(): Promise<void>
  /** The token; gets one first if there is none. */
  getValidToken(): Promise<string>
  /**
   * The header for a request that is not made by axios.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_EXPIRED` without a token, or when it has expired: call `authenticate` first
   */
  readonly requestHeaders: {
    /** `Bearer` and the token. A secret. */
    readonly authorization: string
  }
}

/**
 * A source for a token that another program manages: an application that embeds this one, a portal, a command. The token is
 * used until it has less than a minute left; then the provider is asked for the next one, once for all requests that wait. A
 * provider that returns an expired token, as one that is just renewing it does, is asked again after one and two seconds. There
 * is one token for all queries, and the provider is not given the query.
 *
 * A first token without its expiry, or an expiry without a token, is ignored and published as a warning, as in Bitfount.
 *
 * `getToken`, `getValidToken` and `authenticate` reject with the provider's error; with {@link IgwnAuthError}
 * `ERR_IGWN_TOKEN_EXPIRED` when the last try returned an expired token too; and with `ERR_IGWN_TOKEN_MALFORMED` when it
 * returned no token, or one without an expiry. A failure is not remembered.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option, and `ERR_IGWN_TOKEN_MALFORMED` when the first
 *   token is not one
 * @see Bitfount: ExternallyManagedJWT, GenericExternallyManagedJWTHandler
 */
export function externallyManagedJwt(options: ExternallyManagedJwtOptions): ExternallyManagedJwt {
  return new ManagedJwt(checkValues(options, OPTIONS, 'options') as unknown as ExternallyManagedJwtOptions)
}

/** A class, so that axios does not copy it member by member when it merges configs. */
class ManagedJwt implements ExternallyManagedJwt {
  readonly #minTimeLeft: number
  readonly #provider: Provider
  readonly #cache: TokenCache

  constructor(options: ExternallyManagedJwtOptions) {
    const { minTimeLeft = MIN_TIME_LEFT, retryDelays = [1000, 2000] } = options
    this.#minTimeLeft = minTimeLeft
    this.#provider = providerOf(options)
    this.#cache = tokenCache({
      name: NAME,
      minTimeLeft,
      renewBefore: 0,
      keyOf: () => '',
      obtain: ({ minTimeLeft: wanted = 0 }) => this.#obtain(Math.max(minTimeLeft, wanted), retryDelays),
    })
    const first = firstOf(options)
    if (first) this.#cache.hold({}, first)
  }

  getToken(query: TokenQuery = {}): string | Promise<string> {
    const held = this.#cache.get(query)
    return held instanceof Promise ? held.then((one) => (one as HeldToken).text) : held.text
  }

  invalidate(rejected: string): void {
    this.#cache.invalidate(rejected)
  }

  explain(query: TokenQuery): readonly Finding[] {
    return this.#cache.explain(query, () => this.#provider.explain(query))
  }

  get authenticated(): boolean {
    return this.#cache.isFresh({})
  }

  async authenticate(): Promise<void> {
    await this.getToken()
  }

  async getValidToken(): Promise<string> {
    return this.getToken()
  }

  get requestHeaders(): { readonly authorization: string } {
    const held = this.#cache.peek({})
    if (held && this.authenticated) return { authorization: tokenAuthorizationHeader(held.text) }
    const problem = held
      ? `The token has less than ${this.#minTimeLeft} seconds left: it expires at ${moment(held.expiresAt)}`
      : 'There is no token yet'
    throw new IgwnAuthError(
      'ERR_IGWN_TOKEN_EXPIRED',
      `${problem}. Call authenticate() and wait for it first.`,
    )
  }

  async #obtain(enough: number, retryDelays: readonly number[]): Promise<HeldToken> {
    let held = providedBy(await this.#provider.getToken())
    for (const delay of retryDelays) {
      if (timeLeft(held) >= enough) return held
      await pause(delay)
      held = providedBy(await this.#provider.getToken())
    }
    if (timeLeft(held) >= enough) return held
    const tries = retryDelays.length + 1
    const verb = timeLeft(held) >= 0 ? 'expires' : 'expired'
    throw new IgwnAuthError(
      'ERR_IGWN_TOKEN_EXPIRED',
      `${NAME} got no usable token in ${tries} ${tries === 1 ? 'try' : 'tries'}: the last one ${verb} at ` +
        `${moment(held.expiresAt)}, and ${enough} seconds are required. Renew it where it is managed, or set this host's clock.`,
    )
  }
}

const NAME = 'externallyManagedJwt'

function timeLeft({ expiresAt }: HeldToken): number {
  return expiresAt - secondsNow()
}

interface Provider {
  getToken(): unknown
  explain(query: TokenQuery): readonly Finding[]
}

function providerOf(options: ExternallyManagedJwtOptions): Provider {
  const { getToken } = options
  const { command, outFile, timeout, env } = options as Partial<TokenCommandOptions>
  if (getToken && command)
    throw new IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'options has getToken and command. Give one of them.')
  if (getToken) return { getToken, explain: () => [deferredFinding(`getToken of ${NAME}`)] }
  if (!command)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options has neither getToken nor command. Give one of them.',
    )
  const source = tokenCommand({ command, outFile, timeout, env })
  return { getToken: () => source.getToken({}), explain: (query) => source.explain?.(query) ?? [] }
}

/** The first token, which is of no use without its expiry. */
function firstOf({ jwt, expires }: JwtOptions): HeldToken | undefined {
  if (jwt !== undefined && expires !== undefined)
    return {
      ...tokenOf(jwt, 'options.jwt'),
      expiresAt: expiryOf(expires, 'options.expires', 'ERR_IGWN_INVALID_OPTION'),
    }
  if (jwt !== undefined)
    warn('jwt was given without expires and is not used. The provider is asked for the first token.')
  if (expires !== undefined) warn('expires was given without jwt and is not used.')
  return undefined
}

function warn(message: string): void {
  publish({ type: 'warning', source: NAME, message })
}

function providedBy(result: unknown): HeldToken {
  const [jwt, expires] = partsOf(result)
  const held = tokenOf(jwt as Token, 'the result of getToken')
  if (expires !== undefined)
    return {
      ...held,
      expiresAt: expiryOf(expires, 'the expiry that getToken returned', 'ERR_IGWN_TOKEN_MALFORMED'),
    }
  if (held.expiresAt < Infinity) return held
  throw new IgwnAuthError(
    'ERR_IGWN_TOKEN_MALFORMED',
    'getToken returned a token without an expiry (no exp claim). Return [token, expires].',
  )
}

function partsOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) return result
  if (typeof result !== 'object' || result === null || !Object.hasOwn(result, 'jwt')) return [result]
  const { jwt, expires } = ownProperties(result as { jwt?: unknown; expires?: unknown })
  return [jwt, expires]
}

/** Seconds since the epoch of an expiry that a caller gave. */
function expiryOf(
  expires: unknown,
  what: string,
  code: 'ERR_IGWN_INVALID_OPTION' | 'ERR_IGWN_TOKEN_MALFORMED',
): number {
  const expiry = expires instanceof Date ? expires.getTime() / 1000 : expires
  if (typeof expiry === 'number' && Number.isFinite(expiry) && expiry < MILLISECONDS) return expiry
  const actual =
    typeof expiry !== 'number'
      ? `not ${kindOf(expires)}`
      : Number.isFinite(expiry)
        ? `not milliseconds (${expiry})`
        : `not ${expires instanceof Date ? 'an invalid Date' : expiry}`
  throw new IgwnAuthError(code, `${what} must be a Date or seconds since the epoch, ${actual}.`)
}

const OPTIONS: Record<keyof JwtOptions | 'getToken' | keyof TokenCommandOptions, Check> = {
  jwt: () => undefined,
  expires: () => undefined,
  getToken: (value) => (typeof value === 'function' ? undefined : `must be a function, not ${kindOf(value)}`),
  minTimeLeft: seconds,
  retryDelays: (value) =>
    Array.isArray(value) && value.every((one) => milliseconds(one) === undefined)
      ? undefined
      : 'must be a list of milliseconds, each 0 or more',
  ...COMMAND_OPTIONS,
}
