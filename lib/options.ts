import type { AxiosInstance } from 'axios'
import { checkValues, flag, flagOrAxios, seconds, textOrList, type Check } from './check-values'
import { IgwnAuthError } from './errors'
import { parseUrl } from './formats/url'
import type { IgwnAuthEventListener } from './events'
import { requirementsOf, type TokenRequirements } from './tokens/validate-claims'
import type { AuthScheme } from './schemes/auth-scheme'
import { SciToken } from './tokens/scitoken'
import { StaticToken } from './tokens/static-token'
import { variable, type Environment } from './environment'
import { targetAudience } from './tokens/target-audience'
import { kindOf, tokenText, type Token, type TokenQuery, type TokenSource } from './tokens/token'

/** Options of an instance, and of one request under the config key `igwnAuth`; those of the request win, key by key. */
export interface IgwnAuthOptions {
  /**
   * The bearer token.
   * - absent: searched for; without one the request goes on without (igwn-auth-utils: `None`)
   * - `true`: searched for; without one the request is not sent
   * - `false`: never
   * - a string, `Uint8Array` or `SciToken`: used as it is
   * - a {@link TokenSource}, or a function that returns or resolves to a token: asked for each request with what is wanted.
   *   (axios copies plain objects in the config of a request: a source with a state of its own belongs in a class or a
   *   closure there, or is given to the instance.)
   *
   * Default is absent, or what `IGWN_AUTH_UTILS_FIND_SCITOKEN` says: `y`, `yes`, `true`, `1` for `true`; `n`, `no`,
   * `false`, `0` for `false`.
   */
  readonly token?: Token | TokenSource | TokenFunction | boolean | undefined
  /** The audience the token must be for, or several of which one will do. Default is that of the URL, see {@link targetAudience}. */
  readonly tokenAudience?: string | readonly string[] | undefined
  /** The scopes the token must give, all of them: a list, or a string with spaces between. Default is none. */
  readonly tokenScope?: string | readonly string[] | undefined
  /** The issuer the token must be of, or several of which one will do. Default is any. */
  readonly tokenIssuer?: string | readonly string[] | undefined
  /** Seconds of life a token must have left to be used. Default is 60. */
  readonly tokenMinTimeLeft?: number | undefined
  /**
   * A scheme that sees each request as it leaves, in the place of token and login: one that signs (OAuth 1), proves
   * possession of a key (DPoP), or puts a token elsewhere than into the header. Default is none. Not together with `token`;
   * a request that names one of the two has that one.
   */
  readonly scheme?: AuthScheme | undefined
  /** Keep token and scheme of the instance off this request. Default is false. */
  readonly withholdToken?: boolean | undefined
  /**
   * The X.509 credential, presented to servers that ask for one, besides any token.
   * - absent: searched for; without one the request goes on without
   * - `true`: searched for; without one the request is not sent
   * - `false`: none
   * - the path of a file with certificate and key, as proxies are, or the paths of both: used, and an error before
   *   anything is sent when it cannot be
   *
   * Default is absent, or what `IGWN_AUTH_UTILS_FIND_X509` says, in the words of `IGWN_AUTH_UTILS_FIND_SCITOKEN`.
   */
  readonly cert?: string | readonly [cert: string, key: string] | boolean | undefined
  /** Seconds that every certificate of a searched credential must still be good. Default is 600. */
  readonly certMinTimeLeft?: number | undefined
  /** The passphrase of an encrypted key, or a function that gives it, called only when one is needed. Default is none. */
  readonly passphrase?: string | (() => string) | undefined
  /**
   * The netrc file with logins for Basic authentication (RFC 7617), used where there is no token; `false` for none. Default
   * and `true` is `$NETRC`, else `~/.netrc`, else `~/_netrc`.
   */
  readonly netrc?: string | boolean | undefined
  /**
   * The service this instance is for: its audience is wanted for requests to that host and port, and a token that is given
   * goes nowhere else. A request to another goes by its own URL. Default is the URL of each request.
   */
  readonly url?: string | undefined
  /** Attach nothing. Default is false. Not together with `failIfNoAuth`. */
  readonly forceNoAuth?: boolean | undefined
  /** Send nothing without a credential: with none found, the request fails before it leaves. Default is false. */
  readonly failIfNoAuth?: boolean | undefined
  /** Stop at the first broken candidate in place of passing it over (WLCG Bearer Token Discovery). Default is false. */
  readonly strict?: boolean | undefined
  /** Check the signature of discovered tokens with the issuer's published keys. Default is false. See {@link FindOptions}. */
  readonly verify?: boolean | AxiosInstance | undefined
  /**
   * Let credentials cross a clear-text connection to a host that is not this machine. Default is false: without it,
   * discovered ones are left out and given ones are an error. Only for networks where nobody listens.
   */
  readonly allowInsecureHttp?: boolean | undefined
  /**
   * Origins (`https://host` or `https://host:port`) that are one service: a redirect from one of them to another takes the
   * credentials along, the certificate too; the header not in clear. Default is none: each origin has its own (WLCG profile
   * 1.3 section 2.1.1).
   */
  readonly trustedOrigins?: readonly string[] | undefined
  /**
   * Hears what happens to the credentials of each request, see {@link IgwnAuthEventListener}. Default is nobody; whoever subscribes to
   * the diagnostics channel `axios-igwn-auth` hears all instances, and `NODE_DEBUG=igwn-auth` prints them.
   */
  readonly onEvent?: IgwnAuthEventListener | undefined
}

/** Gives a token for what is wanted; undefined when there is none. */
export type TokenFunction = (query: TokenQuery) => Token | undefined | Promise<Token | undefined>

/** Where the token of a request comes from, with the forms of the option told apart. */
export type TokenChoice =
  | { readonly kind: 'never' }
  | { readonly kind: 'discover'; readonly required: boolean }
  | { readonly kind: 'given'; readonly text: string }
  | { readonly kind: 'source'; readonly source: TokenSource }

/** Checks options, name by name. Returns them without their undefined keys. */
export function checkOptions(options: IgwnAuthOptions, owner: string): IgwnAuthOptions {
  return checkValues(options, CHECKS, owner)
}

/**
 * An option of ours that stands in a config itself, as it does in Python, would be lost there.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for one that is no option of axios too
 */
export function checkPlace(config: object, call: string): void {
  const name = Object.keys(CHECKS).find((one) => one !== 'url' && Object.hasOwn(config, one))
  if (name !== undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `${name} stands in the config itself, where nothing reads it: write ${call}({ igwnAuth: { ${name}: ... } }).`,
    )
}

/** The same options with their secrets where printing does not reach, and a token checked once; what is of a wrong type waits for its error. */
export function sealed(options: IgwnAuthOptions): IgwnAuthOptions {
  if (typeof options !== 'object' || (options as unknown) === null) return options
  const { token, passphrase } = options
  return {
    ...options,
    ...(isText(token) && { token: new StaticToken(token, 'the token option') }),
    ...(typeof passphrase === 'string' && { passphrase: () => passphrase }),
  }
}

function isText(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array
}

/** Options of the request over those of the instance. */
export function mergeOptions(instance: IgwnAuthOptions, request: IgwnAuthOptions): IgwnAuthOptions {
  const merged: { -readonly [Name in keyof IgwnAuthOptions]: IgwnAuthOptions[Name] } = {
    ...instance,
    ...request,
  }
  // What a request names takes the place of what the instance has, in whichever of the two options that is.
  if (request.token !== undefined && request.scheme === undefined) delete merged.scheme
  if (request.scheme !== undefined && request.token === undefined) delete merged.token
  if (merged.scheme !== undefined && merged.token !== undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'scheme and token contradict each other: a scheme takes the place of the token. Set one of them.',
    )
  if (merged.forceNoAuth && merged.failIfNoAuth)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'forceNoAuth and failIfNoAuth contradict each other: one sends no credential, the other sends nothing without one. Set one of them.',
    )
  return merged
}

const CHECKS: Record<keyof IgwnAuthOptions, Check> = {
  token: (value) =>
    typeof value === 'boolean' ||
    typeof value === 'string' ||
    typeof value === 'function' ||
    value instanceof Uint8Array ||
    value instanceof SciToken ||
    isTokenSource(value)
      ? undefined
      : `must be a token, a token source, a function or a boolean, not ${kindOf(value)}; leave it out to search for a token`,
  tokenAudience: textOrList,
  tokenScope: textOrList,
  tokenIssuer: textOrList,
  tokenMinTimeLeft: seconds,
  scheme: (value) =>
    typeof (value as AuthScheme | null)?.authorize === 'function'
      ? undefined
      : `must be a scheme, as oauth1() makes one, not ${kindOf(value)}`,
  withholdToken: flag,
  url: (value) =>
    typeof value === 'string' && isHttpUrl(value)
      ? loginIn(value)
      : `must be an absolute URL, as https://host.example.org, not ${typeof value === 'string' ? 'this text' : kindOf(value)}`,
  cert: (value) =>
    typeof value === 'boolean' ||
    isPath(value) ||
    (Array.isArray(value) && value.length === 2 && value.every(isPath))
      ? undefined
      : `must be a path, [certificate, key] or a boolean, not ${value === '' ? 'an empty string' : kindOf(value)}; leave it out to search for one`,
  certMinTimeLeft: seconds,
  passphrase: (value) =>
    typeof value === 'string' || typeof value === 'function'
      ? undefined
      : `must be a string or a function that gives one, not ${kindOf(value)}`,
  netrc: (value) =>
    typeof value === 'boolean' || isPath(value)
      ? undefined
      : `must be a path or a boolean, not ${value === '' ? 'an empty string' : kindOf(value)}`,
  forceNoAuth: flag,
  failIfNoAuth: flag,
  strict: flag,
  verify: flagOrAxios,
  allowInsecureHttp: flag,
  trustedOrigins: (value) =>
    Array.isArray(value) && value.every(isOrigin)
      ? undefined
      : 'must be a list of origins, each as https://host or https://host:port',
  onEvent: (value) => (typeof value === 'function' ? undefined : `must be a function, not ${kindOf(value)}`),
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isOrigin(value: unknown): boolean {
  return typeof value === 'string' && parseUrl(value)?.origin === value
}

/** A login would be printed with the options; axios has `auth` for it, and we have netrc. */
function loginIn(url: string): string | undefined {
  const { username, password } = new URL(url)
  return username || password ? 'must not hold a login; use auth of axios, or netrc' : undefined
}

/** "localhost:8080" is a URL too, of a scheme "localhost:" and without a host. */
function isHttpUrl(text: string): boolean {
  return /^https?:/i.test(text) && parseUrl(text) !== undefined
}

function isTokenSource(value: unknown): value is TokenSource {
  return typeof (value as TokenSource | null)?.getToken === 'function'
}

/** The environment switches of igwn-auth-utils. */
const FIND_SCITOKEN = 'IGWN_AUTH_UTILS_FIND_SCITOKEN'
const FIND_X509 = 'IGWN_AUTH_UTILS_FIND_X509'

/** Where the token of a request comes from: its option, else the environment, else a search. */
export function tokenChoice(token: IgwnAuthOptions['token'], { env }: Environment): TokenChoice {
  const choice = token ?? environmentSwitch(env, FIND_SCITOKEN)
  if (choice === undefined || choice === true) return { kind: 'discover', required: choice === true }
  if (choice === false) return { kind: 'never' }
  if (choice instanceof StaticToken) return { kind: 'given', text: choice.getToken() }
  if (typeof choice === 'function') return { kind: 'source', source: { getToken: choice } }
  if (isTokenSource(choice)) return { kind: 'source', source: choice }
  return { kind: 'given', text: tokenText(choice, 'the token option') }
}

/** Which X.509 credential a request has: that of its option, else what the environment says. */
export function certChoice(cert: IgwnAuthOptions['cert'], { env }: Environment): IgwnAuthOptions['cert'] {
  return cert ?? environmentSwitch(env, FIND_X509)
}

/**
 * The value of a switch: true to require, false to disable, undefined when it is unset or empty. In any case of letters.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_ENVIRONMENT` for anything else. (igwn-auth-utils takes "on" for no.)
 */
export function environmentSwitch(env: Environment['env'], name: string): boolean | undefined {
  const value = variable(env, name)
  if (value === undefined) return undefined
  const meaning = meaningOf(value)
  if (meaning !== undefined) return meaning
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_ENVIRONMENT',
    `${name} is set to a value that means nothing. Use one of ${YES.join(', ')} to require, one of ${NO.join(', ')} to disable, or unset it.`,
  )
}

/** What a value of a switch says; undefined for one that means nothing, which may be a token in the wrong variable. */
export function meaningOf(value: string): boolean | undefined {
  const word = value.toLowerCase()
  return YES.includes(word) ? true : NO.includes(word) ? false : undefined
}

const YES = ['y', 'yes', 'true', '1']
const NO = ['n', 'no', 'false', '0']

/** What the token of a request to this URL is wanted for. */
export function queryFor(url: URL, options: IgwnAuthOptions): TokenRequirements {
  return requirementsOf({
    audience: options.tokenAudience ?? targetAudience(serviceOf(url, options.url)),
    scope: options.tokenScope,
    issuer: options.tokenIssuer,
    minTimeLeft: options.tokenMinTimeLeft,
  })
}

/** The URL whose host the credential is for: that of the service, for requests to its host and port only. */
function serviceOf(url: URL, service: string | undefined): URL {
  const declared = service === undefined ? undefined : new URL(service)
  return declared?.host === url.host ? declared : url
}
