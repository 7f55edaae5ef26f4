import type { AxiosInstance } from 'axios'
import {
  checkValues,
  flag,
  flagOrAxios,
  kindOf,
  ownProperties,
  rejectInherited,
  seconds,
  textOrList,
  type Check,
} from './check-values'
import { IgwnAuthError } from './errors'
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from './formats/digest-algorithms'
import { parseUrl } from './formats/url'
import type { IgwnAuthEventListener } from './events'
import type { AuthScheme } from './schemes/auth-scheme'
import { SciToken } from './tokens/scitoken'
import { StaticToken } from './tokens/static-token'
import type { Environment } from './environment'
import { tokenText, type Token, type TokenQuery, type TokenSource } from './tokens/token'
import type { TokenResult } from './tokens/token-response'

/** Options of an instance, and of one request under the config key `igwnAuth`; those of the request win, key by key. */
export interface IgwnAuthOptions {
  /**
   * The bearer token.
   * - absent: searched for; without one the request is sent without (igwn-auth-utils: `None`)
   * - `true`: searched for and required; without one the request is not sent
   * - `false`: none
   * - a string, `Uint8Array` or `SciToken`: this token
   * - a {@link TokenSource}, or a function that returns or resolves to a token: asked for each request. (axios copies plain
   *   objects in the config of a request: there, a source with state has to be a class or a closure.)
   *
   * Default is absent, or what `IGWN_AUTH_UTILS_FIND_SCITOKEN` says: `y`, `yes`, `true`, `1` for `true`; `n`, `no`,
   * `false`, `0` for `false`. `undefined` is an error.
   */
  readonly token?: Token | TokenSource | TokenFunction | boolean
  /** The required audience; any one of several matches. Default is that of the URL, see {@link targetAudience}. */
  readonly tokenAudience?: string | readonly string[] | undefined
  /** The required scopes, all of them: a list, or one string separated by spaces. Default is none. */
  readonly tokenScope?: string | readonly string[] | undefined
  /** The required issuer; any one of several matches. Default is any. */
  readonly tokenIssuer?: string | readonly string[] | undefined
  /** Seconds for which a token must not expire. Default is 60. */
  readonly tokenMinTimeLeft?: number | undefined
  /**
   * A scheme that changes each request when it is sent, instead of a token or Basic credentials: one that signs (OAuth 1), proves
   * possession of a key (DPoP), or sends a token elsewhere than in the header. Default is none. It excludes `token`; a request
   * that names one of the two uses that one. `undefined` is an error.
   */
  readonly scheme?: AuthScheme
  /** Do not send the token or scheme of the instance with this request. Default is false. */
  readonly withholdToken?: boolean | undefined
  /**
   * The X.509 credential, presented to servers that request a certificate, in addition to any token.
   * - absent: searched for; without one the request is sent without
   * - `true`: searched for and required; without one the request is not sent
   * - `false`: none
   * - the path of a file with certificate and key, such as a proxy, or the paths of both: used, and an error before
   *   anything is sent when it is unusable
   *
   * Default is absent, or what `IGWN_AUTH_UTILS_FIND_X509` says, with the values of `IGWN_AUTH_UTILS_FIND_SCITOKEN`.
   * `undefined` is an error.
   */
  readonly cert?: string | readonly [cert: string, key: string] | boolean
  /**
   * How long a searched credential must still be valid, in seconds: its proxies and the first certificate that is no proxy. CA
   * certificates in its file do not count. Default is 600.
   */
  readonly certMinTimeLeft?: number | undefined
  /** The passphrase of an encrypted key, or a function that returns it, called only when one is needed. Default is none. */
  readonly passphrase?: string | (() => string) | undefined
  /**
   * The netrc file with username and password for Basic authentication (RFC 7617), used where there is no token; `false` for
   * none. Default and `true` is `$NETRC`, else `~/.netrc`, else `~/_netrc`. Not used where `token` or `scheme` names an identity,
   * unless it is set in the same object. `undefined` is an error.
   */
  readonly netrc?: string | boolean
  /**
   * The service that the credentials are for: its audience is required for requests to its host and port, and a given token is
   * sent to no other. Default is the URL of each request.
   */
  readonly url?: string | undefined
  /** Attach nothing. Default is false. It excludes `failIfNoAuth`. */
  readonly forceNoAuth?: boolean | undefined
  /** Require a credential: without one, the request fails before it is sent. Default is false. */
  readonly failIfNoAuth?: boolean | undefined
  /** Fail on the first malformed token instead of skipping it (WLCG Bearer Token Discovery). Default is false. */
  readonly strict?: boolean | undefined
  /** Verify the signature of found tokens with the issuer's keys. Default is false. See {@link FindSciTokenOptions}. */
  readonly verify?: boolean | AxiosInstance | undefined
  /**
   * Verify that a GET or PUT transferred the right bytes. The server is asked for a digest of the object by HEAD (RFC 3230, RFC 9530),
   * and a transfer with another one is an error, for a stream at its end. Ranges are not verified; of an upload, only a string or bytes.
   * - `true`: by any digest; a server without one is an error
   * - an algorithm (`adler32`, `crc32`, `crc32c`, `md5`, `sha`, `sha-256`, `sha-512`): by that one; a server without it is an error
   * - `'offered'`: where the server has a digest
   *
   * Default is false. Errors have the code `ERR_IGWN_INTEGRITY`.
   */
  readonly integrity?: boolean | 'offered' | DigestAlgorithm | undefined
  /**
   * Send credentials over plain HTTP to hosts other than loopback. Default is false: found ones are skipped, and given ones are an
   * error. Set it only on a network that only you can read.
   */
  readonly allowInsecureHttp?: boolean | undefined
  /**
   * Origins (`https://host` or `https://host:port`) that are one service: a redirect from one of them to another keeps the
   * credentials and the certificate; the header not over plain HTTP. Default is none: each origin is a service of its own (WLCG
   * profile 1.3 section 2.1.1).
   */
  readonly trustedOrigins?: readonly string[] | undefined
  /**
   * Receives the events of the instance, see {@link IgwnAuthEventListener}. Default is none. The diagnostics channel
   * `axios-igwn-auth` has the events of all instances, and `NODE_DEBUG=igwn-auth` prints them.
   */
  readonly onEvent?: IgwnAuthEventListener | undefined
}

/** Returns a token, or a token response, for a query; undefined when there is none. */
export type TokenFunction = (query: TokenQuery) => TokenResult | undefined | Promise<TokenResult | undefined>

/** Where the token of a request comes from. */
export type TokenChoice =
  | { readonly kind: 'never' }
  | { readonly kind: 'discover'; readonly required: boolean }
  | { readonly kind: 'given'; readonly text: string }
  | { readonly kind: 'source'; readonly source: TokenSource }

/** Options after checking and merging: secrets wrapped, no prototype, so that only own properties count. */
export interface ResolvedOptions extends IgwnAuthOptions {
  /** False when the options object that names the token or the scheme does not also set `netrc` (no other identity). */
  readonly netrcFallback?: boolean
}

/**
 * Checks options and hides their secrets.
 *
 * @param owner - name of the object, for messages: `options`, `igwnAuth`
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an unknown name, a value of a wrong type, and for `token`,
 *   `cert`, `scheme` or `netrc` set to `undefined`: a missing session field must not select another identity
 */
export function resolveOptions(options: IgwnAuthOptions, owner: string): ResolvedOptions {
  const own = hideOptions(options, owner)
  if (typeof own === 'object' && (own as unknown) !== null)
    for (const name of NEVER_UNDEFINED)
      if (Object.hasOwn(own, name) && own[name] === undefined)
        throw invalid(`${owner}.${name} is undefined. Leave it out to search, or set false.`)
  const resolved: Writable<ResolvedOptions> = checkValues(own, CHECKS, owner)
  const { token, scheme, netrc } = resolved
  const namesIdentity = (token !== undefined && typeof token !== 'boolean') || scheme !== undefined
  if (token !== undefined || scheme !== undefined)
    resolved.netrcFallback = !namesIdentity || netrc !== undefined
  return resolved
}

/**
 * A copy of options in which `token` and `passphrase` are wrapped, so that `inspect` and JSON cannot show them. Each option is read
 * once. Values of a wrong type stay, for the check.
 */
export function hideOptions(options: IgwnAuthOptions, owner = 'igwnAuth'): IgwnAuthOptions {
  if (typeof options !== 'object' || (options as unknown) === null || Array.isArray(options)) return options
  rejectInherited(options, CHECKS, owner)
  const own = ownProperties(options)
  const { token, passphrase } = own
  return {
    ...own,
    ...(isText(token) && { token: new StaticToken(token, 'the token option') }),
    ...(typeof passphrase === 'string' && { passphrase: () => passphrase }),
  }
}

const NEVER_UNDEFINED = ['token', 'cert', 'scheme', 'netrc'] as const

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

function isText(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array
}

/** Options of the request over those of the instance, key by key. */
export function mergeOptions(instance: ResolvedOptions, request: ResolvedOptions): ResolvedOptions {
  const merged: Writable<ResolvedOptions> = Object.assign(ownProperties(instance), request)
  // A request that names a token or a scheme replaces whichever of the two the instance has.
  if (request.token !== undefined && request.scheme === undefined) delete merged.scheme
  if (request.scheme !== undefined && request.token === undefined) delete merged.token
  if (merged.scheme !== undefined && merged.token !== undefined)
    throw invalid('scheme and token exclude each other: a scheme replaces the token. Set one of them.')
  if (merged.forceNoAuth && merged.failIfNoAuth)
    throw invalid(
      'forceNoAuth and failIfNoAuth exclude each other: one sends no credential, the other requires one. Set one of them.',
    )
  return merged
}

/**
 * Rejects options of ours at the top level of an axios config, where axios ignores them: also in snake_case, as in
 * igwn_auth_utils. `url` is also an option of axios.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION`
 */
export function checkConfigKeys(config: object): void {
  for (const key in config) {
    const name = MISPLACED.get(key)
    if (name !== undefined && Object.hasOwn(config, key))
      throw invalid(`${key} has no effect at the top level of a config. Write { igwnAuth: ${name} }.`)
  }
}

function invalid(message: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_INVALID_OPTION', message)
}

/** Credentials of this host are neither searched for nor sent: for services that act for their users with per-user tokens. */
export const noHostCredentials: Readonly<Record<'token' | 'cert' | 'netrc', false>> = Object.freeze({
  token: false,
  cert: false,
  netrc: false,
})

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
      : `must be a scheme, such as the result of oauth1(), not ${kindOf(value)}`,
  withholdToken: flag,
  url: (value) =>
    typeof value === 'string' && isHttpUrl(value)
      ? userinfoProblem(value)
      : `must be an absolute URL, such as https://host.example.org, not ${typeof value === 'string' ? 'this text' : kindOf(value)}`,
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
      : `must be a string or a function that returns one, not ${kindOf(value)}`,
  netrc: (value) =>
    typeof value === 'boolean' || isPath(value)
      ? undefined
      : `must be a path or a boolean, not ${value === '' ? 'an empty string' : kindOf(value)}`,
  forceNoAuth: flag,
  failIfNoAuth: flag,
  strict: flag,
  verify: flagOrAxios,
  integrity: (value) =>
    typeof value === 'boolean' || value === 'offered' || DIGEST_ALGORITHMS.some((one) => one === value)
      ? undefined
      : `must be a boolean, 'offered', or one of ${DIGEST_ALGORITHMS.join(', ')}`,
  allowInsecureHttp: flag,
  trustedOrigins: (value) =>
    Array.isArray(value) && value.every(isOrigin)
      ? undefined
      : 'must be a list of origins, each as https://host or https://host:port',
  onEvent: (value) => (typeof value === 'function' ? undefined : `must be a function, not ${kindOf(value)}`),
}

/** What to write instead of a misplaced key. igwn_auth_utils writes `noauth` as one word. */
const MISPLACED: ReadonlyMap<string, string> = new Map(
  Object.keys(CHECKS)
    .filter((name) => name !== 'url')
    .flatMap((name) => {
      const snakeCase = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      const value = `{ ${name}: ... }`
      return [name, snakeCase, snakeCase.replace('no_auth', 'noauth')].map((key) => [key, value] as const)
    })
    .concat([['igwn_auth', '...']]),
)

function isPath(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isOrigin(value: unknown): boolean {
  return typeof value === 'string' && parseUrl(value)?.origin === value
}

/** Userinfo would be printed with the options. */
function userinfoProblem(url: string): string | undefined {
  const { username, password } = new URL(url)
  return username || password ? 'must not have userinfo; use auth of axios, or netrc' : undefined
}

/** "localhost:8080" is also a URL, with the scheme "localhost:" and without a host. */
function isHttpUrl(text: string): boolean {
  return /^https?:/i.test(text) && parseUrl(text) !== undefined
}

export function isTokenSource(value: unknown): value is TokenSource {
  return typeof (value as TokenSource | null)?.getToken === 'function'
}

export const FIND_SCITOKEN = 'IGWN_AUTH_UTILS_FIND_SCITOKEN'
export const FIND_X509 = 'IGWN_AUTH_UTILS_FIND_X509'
/** The environment switches of igwn_auth_utils. */
export const ENVIRONMENT_SWITCHES: readonly string[] = [FIND_SCITOKEN, FIND_X509]

/** Where the token of a request comes from: its option, else the environment switch, else a search. */
export function tokenChoice(token: IgwnAuthOptions['token'], env: Environment['env']): TokenChoice {
  const choice = token ?? environmentSwitch(env, FIND_SCITOKEN)
  if (choice === undefined) return SEARCH
  if (choice === true) return REQUIRE
  if (choice === false) return NEVER
  if (choice instanceof StaticToken) return { kind: 'given', text: choice.getToken() }
  if (typeof choice === 'function') return { kind: 'source', source: { getToken: choice } }
  if (isTokenSource(choice)) return { kind: 'source', source: choice }
  return { kind: 'given', text: tokenText(choice, 'the token option') }
}

const SEARCH: TokenChoice = { kind: 'discover', required: false }
const REQUIRE: TokenChoice = { kind: 'discover', required: true }
const NEVER: TokenChoice = { kind: 'never' }

/** Which X.509 credential a request uses: its option, else what the environment switch says. */
export function certChoice(cert: IgwnAuthOptions['cert'], env: Environment['env']): IgwnAuthOptions['cert'] {
  return cert ?? environmentSwitch(env, FIND_X509)
}

/**
 * The value of an environment switch, in any case: true to require, false to disable, undefined when unset or empty.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_ENVIRONMENT` for any other value (igwn_auth_utils treats it as false)
 */
function environmentSwitch(env: Environment['env'], name: string): boolean | undefined {
  const value = env[name]
  if (!value) return undefined
  const meaning = switchMeaning(value)
  if (meaning !== undefined) return meaning
  // Only a short plain word is repeated: a token may have been put into the wrong variable.
  const shown = /^[A-Za-z]{1,12}$/.test(value) ? ` "${value}"` : ''
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_ENVIRONMENT',
    `${name} has the invalid value${shown}. Use one of ${YES.join(', ')} to require, one of ${NO.join(', ')} to disable, or unset it.`,
  )
}

/** What a value of a switch means; undefined for an invalid one. */
export function switchMeaning(value: string): boolean | undefined {
  const word = value.toLowerCase()
  return YES.includes(word) ? true : NO.includes(word) ? false : undefined
}

const YES = ['y', 'yes', 'true', '1']
const NO = ['n', 'no', 'false', '0']
