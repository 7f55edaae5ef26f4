import { setTimeout as wait } from 'node:timers/promises'
import { checkValues, seconds, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import { publish } from '../events'
import { deferredFinding, describeCachingSource } from './describe-token'
import type { Finding } from '../explain/finding'
import { MIN_TIME_LEFT, moment } from './validate-claims'
import { SciToken } from './scitoken'
import {
  kindOf,
  secondsNow,
  tokenAuthorizationHeader,
  tokenText,
  type Token,
  type TokenQuery,
  type TokenSource,
} from './token'
import { COMMAND_OPTIONS, tokenCommand, type TokenCommandOptions } from './token-command'

/** A token and when it ends: a `Date`, or seconds since the epoch as in `exp`. Bitfount's `JWT`. */
export interface Jwt {
  /** The token. */
  readonly jwt: Token
  /** When it ends: a `Date`, or seconds since the epoch. */
  readonly expires: Date | number
}

/** What a hook may give: token and end, as an object or a pair; or a JWT alone, whose `exp` says its end. */
export type JwtResult = Jwt | readonly [jwt: Token, expires: Date | number] | Token

/** What {@link externallyManagedJwt} can be told wherever its tokens come from. */
export interface JwtOptions {
  /** The first token; only together with `expires`. Default is none: the hook is asked for it. */
  readonly jwt?: Token | undefined
  /** When the first token ends: a `Date`, or seconds since the epoch; only together with `jwt`. Default is none. */
  readonly expires?: Date | number | undefined
  /** Seconds a token must have left; with less it counts as expired. Default is 60, as in Bitfount. */
  readonly minTimeLeft?: number | undefined
  /**
   * Seconds to wait before the hook is asked again when it gave a token that has expired already; as many tries more as there
   * are. Default is `[1, 2]`: three tries, as in Bitfount.
   */
  readonly retryDelays?: readonly number[] | undefined
}

/** Where the tokens come from: a hook of yours, or a command. */
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

/** Tokens that {@link externallyManagedJwt} gets from a hook. */
export interface JwtProvider {
  /** Gives the next token. What it throws is thrown; there is no other try then. */
  readonly getToken: () => JwtResult | Promise<JwtResult>
}

/** A token source whose tokens somebody else manages, with the names of Bitfount's handler. */
export interface ExternallyManagedJwt extends TokenSource {
  getToken(query?: TokenQuery): string | Promise<string>
  invalidate(rejected: string): void
  explain(query: TokenQuery): readonly Finding[]
  /** Whether there is a token that has not expired. */
  readonly authenticated: boolean
  /** Gets a token unless there is one. */
  authenticate(): Promise<void>
  /** The token, got first when there is none. */
  getValidToken(): Promise<string>
  /**
   * The header for a request that is made in another way than by axios.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_EXPIRED` when there is no token or it has expired: `authenticate` first
   */
  readonly requestHeaders: {
    /** `Bearer` and the token. A secret. */
    readonly authorization: string
  }
}

/**
 * A token that somebody else manages: an application that embeds this one, a portal, a command. It serves until it has less
 * than a minute left; then the hook is asked for the next, once, however many requests wait for it. A hook that gives an
 * expired token, as one does that renews it at that moment, is asked again after one and after two seconds. There is one
 * token, for whatever is wanted; the hook is told nothing of it.
 *
 * A first token without its end, or an end without a token, is dropped and published as a warning, as in Bitfount.
 *
 * `getToken`, `getValidToken` and `authenticate` reject with what the hook throws; with {@link IgwnAuthError}
 * `ERR_IGWN_TOKEN_EXPIRED` when the last try gave an expired token too; and with `ERR_IGWN_TOKEN_MALFORMED` when it gave no
 * token, or one whose end is not known. No failure is remembered.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used, and `ERR_IGWN_TOKEN_MALFORMED` when the first
 *   token is none
 * @see Bitfount: ExternallyManagedJWT, GenericExternallyManagedJWTHandler
 */
export function externallyManagedJwt(options: ExternallyManagedJwtOptions): ExternallyManagedJwt {
  checkValues(options, OPTIONS, 'options')
  return new ManagedJwt(options)
}

/** Of a class, so that axios does not take it apart where it copies the config of a request. */
class ManagedJwt implements ExternallyManagedJwt {
  readonly #minTimeLeft: number
  readonly #waits: readonly number[]
  readonly #hook: Hook
  #held: Held | undefined
  #pending: Promise<string> | undefined

  constructor(options: ExternallyManagedJwtOptions) {
    const { minTimeLeft = MIN_TIME_LEFT, retryDelays = [1, 2] } = options
    this.#minTimeLeft = minTimeLeft
    this.#waits = retryDelays
    this.#hook = hookOf(options)
    this.#held = firstOf(options)
  }

  getToken(query: TokenQuery = {}): string | Promise<string> {
    const enough = this.#enoughFor(query)
    if (this.#held && hasLeft(this.#held, enough)) return this.#held.text
    return (this.#pending ??= this.#ask(enough).finally(() => {
      this.#pending = undefined
    }))
  }

  invalidate(rejected: string): void {
    if (this.#held?.text === rejected) this.#held = undefined
  }

  explain(query: TokenQuery): readonly Finding[] {
    const held = this.#held
    const isEnough = held !== undefined && hasLeft(held, this.#enoughFor(query))
    return describeCachingSource({ name: NAME, held, isEnough, asks: () => this.#hook.explain(query) }, query)
  }

  /** Seconds that the token must have left for this. */
  #enoughFor({ minTimeLeft = 0 }: TokenQuery): number {
    return Math.max(this.#minTimeLeft, minTimeLeft)
  }

  get authenticated(): boolean {
    return this.#held !== undefined && hasLeft(this.#held, this.#minTimeLeft)
  }

  async authenticate(): Promise<void> {
    await this.getToken()
  }

  async getValidToken(): Promise<string> {
    return this.getToken()
  }

  get requestHeaders(): { readonly authorization: string } {
    const held = this.#held
    if (held && this.authenticated) return { authorization: tokenAuthorizationHeader(held.text) }
    const what = held
      ? `The token has less than ${this.#minTimeLeft} seconds left: it ends at ${moment(held.expiresAt)}`
      : 'There is no token yet'
    throw new IgwnAuthError('ERR_IGWN_TOKEN_EXPIRED', `${what}. Call authenticate() and wait for it first.`)
  }

  async #ask(enough: number): Promise<string> {
    for (const pause of [...this.#waits, undefined]) {
      const given = givenBy(await this.#hook.getToken())
      this.#held = given
      if (hasLeft(given, enough)) {
        publish({ type: 'renewed', source: NAME, expiresAt: given.expiresAt })
        return given.text
      }
      if (pause !== undefined) await wait(pause * 1000)
    }
    const tries = this.#waits.length + 1
    const end = this.#held ? moment(this.#held.expiresAt) : 'no time'
    const word = this.#held && hasLeft(this.#held, 0) ? 'ends' : 'expired'
    throw new IgwnAuthError(
      'ERR_IGWN_TOKEN_EXPIRED',
      `${NAME} got no usable token in ${tries} ${tries === 1 ? 'try' : 'tries'}: the last one ${word} at ${end}, and ` +
        `${enough} seconds are wanted. Have whoever manages it renew it, or set this machine's clock.`,
    )
  }
}

const NAME = 'externallyManagedJwt'

/** A token that is held; a secret. */
interface Held {
  readonly text: string
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

function hasLeft({ expiresAt }: Held, enough: number): boolean {
  return expiresAt - secondsNow() >= enough
}

/** Whoever has the next token. */
interface Hook {
  getToken(): unknown
  explain(query: TokenQuery): readonly Finding[]
}

function hookOf({ getToken, ...options }: ExternallyManagedJwtOptions): Hook {
  const { command, outFile, timeout, env } = options as Partial<TokenCommandOptions>
  if (getToken && command)
    throw new IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'options has getToken and command; give one of them.')
  if (getToken) return { getToken, explain: () => [deferredFinding(`the hook of ${NAME}`)] }
  if (!command)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options has neither getToken nor command: where would the next token come from?',
    )
  const source = tokenCommand({ command, outFile, timeout, env })
  return {
    getToken: () => source.getToken({}),
    explain: (query) => source.explain?.(query) ?? [deferredFinding(`the hook of ${NAME}`)],
  }
}

/** The token to begin with. One without the other is of no use: nobody would know when to ask for the next. */
function firstOf({ jwt, expires }: JwtOptions): Held | undefined {
  if (jwt !== undefined && expires !== undefined)
    return {
      text: tokenText(jwt, 'options.jwt'),
      expiresAt: endOf(expires, 'options.expires', 'ERR_IGWN_INVALID_OPTION'),
    }
  if (jwt !== undefined)
    warn('jwt was given without expires and is not used; the hook is asked for the first token')
  if (expires !== undefined) warn('expires was given without jwt and means nothing')
  return undefined
}

function warn(message: string): void {
  publish({ type: 'warning', source: NAME, message })
}

function givenBy(given: unknown): Held {
  const [jwt, expires] = partsOf(given)
  const text = tokenText(jwt as Token, 'what getToken gave')
  if (expires !== undefined)
    return { text, expiresAt: endOf(expires, 'the end that getToken gave', 'ERR_IGWN_TOKEN_MALFORMED') }
  const said = (jwt instanceof SciToken ? jwt : SciToken.read(text))?.expiresAt
  if (said !== undefined) return { text, expiresAt: said }
  throw new IgwnAuthError(
    'ERR_IGWN_TOKEN_MALFORMED',
    'getToken gave a token that does not say when it ends (no exp). Return [token, expires].',
  )
}

function partsOf(given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given
  const isToken =
    typeof given !== 'object' || given === null || given instanceof Uint8Array || given instanceof SciToken
  if (isToken) return [given]
  const { jwt, expires } = given as { jwt?: unknown; expires?: unknown }
  return [jwt, expires]
}

/** Seconds since the epoch of an end that somebody gave. */
function endOf(
  expires: unknown,
  what: string,
  code: 'ERR_IGWN_INVALID_OPTION' | 'ERR_IGWN_TOKEN_MALFORMED',
): number {
  const end = expires instanceof Date ? expires.getTime() / 1000 : expires
  if (typeof end === 'number' && Number.isFinite(end) && end < MILLISECONDS) return end
  const found =
    typeof end !== 'number'
      ? `not ${kindOf(expires)}`
      : Number.isFinite(end)
        ? `not milliseconds (${end})`
        : `not ${expires instanceof Date ? 'an invalid Date' : end}`
  throw new IgwnAuthError(code, `${what} must be a Date or seconds since the epoch, ${found}.`)
}

/** In seconds it is the year 5138; in milliseconds it was 1973. */
const MILLISECONDS = 1e11

const OPTIONS: Record<keyof JwtOptions | 'getToken' | keyof TokenCommandOptions, Check> = {
  jwt: () => undefined,
  expires: () => undefined,
  getToken: (value) => (typeof value === 'function' ? undefined : `must be a function, not ${kindOf(value)}`),
  minTimeLeft: seconds,
  retryDelays: (value) =>
    Array.isArray(value) && value.every((one) => seconds(one) === undefined)
      ? undefined
      : 'must be a list of seconds, each 0 or more',
  ...COMMAND_OPTIONS,
}
