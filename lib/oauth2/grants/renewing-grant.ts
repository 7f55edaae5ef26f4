import {
  aFunction,
  anObject,
  checkValues,
  kindOf,
  nonEmptyText,
  seconds,
  textOrList,
  type Check,
} from '../../check-values'
import { secondsNow, since } from '../../clock'
import { IgwnAuthError } from '../../errors'
import { grantsScope, hasParentSegment, splitScopes } from '../../formats/scopes'
import { forgetter, withoutRefreshToken, type SharedStore } from '../../stores/shared-store'
import { storedToken } from '../../stores/stored-token'
import type { StepUp } from '../../formats/www-authenticate'
import type { HeldLock, StoredToken, TokenStore } from '../../stores/token-store'
import { tokenStore } from '../../tokens/reuse'
import type { TokenQuery, TokenSource } from '../../tokens/token'
import { deferredFinding } from '../../tokens/describe-token'
import { tokenCache } from '../../tokens/token-cache'
import { heldToken, type HeldToken } from '../../tokens/token-response'
import type { AuthorizationServer } from '../server/authorization-server'
import { isRefused, OAuthError } from '../errors'
import {
  requestedToken,
  scopesOf,
  type RequestedToken,
  type ScopeAndAudience,
} from '../../tokens/requested-token'
import { refreshed, type OAuthParameters } from '../server/token-request'

/** Options of every grant. */
export interface FlowOptions extends ScopeAndAudience {
  /** More parameters of the token request, by their names on the wire; they replace those of the same name. Default is none. */
  readonly params?: OAuthParameters | undefined
  /**
   * Scopes that are requested when a server names them in a 401 challenge: a list, where a scope includes those below its
   * path, or `true` for any. Such a token is used for the retry of that request only; it is not cached and not stored, and no
   * interactive login is started for it. Default is none: a challenge adds no scope.
   */
  readonly challengeScopes?: true | readonly string[] | undefined
  /** Seconds a held token must have left; with less, requests wait for a new one. Default is 60. */
  readonly minTimeLeft?: number | undefined
  /**
   * Seconds before that in which the held token is still returned while it is renewed in the background; never more than a
   * tenth of its lifetime. Default is 60.
   */
  readonly renewBefore?: number | undefined
  /**
   * A store that keeps tokens after this process and shares them with others. A renewal runs under its lock, so that of many
   * processes one asks the server, and a refresh token that can be used once is used once. A store that fails is an error:
   * without it such a token would be used twice. A token that was obtained is not lost. Default is none.
   */
  readonly store?: TokenStore | undefined
  /**
   * The key of these tokens in the store. Default is made of the grant, the issuer, the client, and what distinguishes one login
   * from another; if several people log in with one client, give each of them their own key.
   */
  readonly storeKey?: string | undefined
  /** Called with each new token and the previous one, after it is stored (Authlib: `update_token`). Default is none. */
  readonly onToken?:
    ((token: StoredToken, before: StoredToken | undefined) => void | Promise<void>) | undefined
  /** Aborts what this source is waiting for, a login included. Default is none. */
  readonly signal?: AbortSignal | undefined
}

/** A source of tokens from an authorization server, which renews them by itself. */
export interface OAuthTokenSource extends TokenSource {
  /**
   * The access token for a query; undefined when the query asks for another issuer, or when only an interactive login could
   * provide one and the query is that of a retry after a 401.
   *
   * It rejects with {@link IgwnAuthError} `ERR_IGWN_OAUTH_REFUSED`, `ERR_IGWN_OAUTH_UNREACHABLE`, `ERR_IGWN_OAUTH_TIMEOUT`,
   * `ERR_IGWN_OAUTH_RESPONSE`, and `ERR_IGWN_INVALID_OPTION` for a token that is not a Bearer token and needs its own scheme.
   */
  getToken(query: TokenQuery): string | undefined | Promise<string | undefined>
  /**
   * The token with all that came with it: `id_token`, `scope`, `refresh_token`. Secret. It rejects like `getToken`, and with
   * `ERR_IGWN_TOKEN_NOT_FOUND` when an interactive login is needed that the query does not allow.
   */
  getTokenResponse(query?: TokenQuery): Promise<StoredToken>
  invalidate(rejected: string): void
}

/** One way to obtain tokens from a server. */
export interface Grant {
  /** The name of its function: for events, and in the store. */
  readonly name: string
  /** What distinguishes one login by this grant from another, besides server and client. Not secret: it may be part of a file name. */
  readonly identity?: readonly string[] | undefined
  /** Obtains a token without a refresh token; absent when there is no other way than by one. */
  readonly obtain?: ((request: RequestedToken, stepUp?: StepUp) => Promise<StoredToken>) | undefined
  /** The refresh token to start with. */
  readonly refreshToken?: string | undefined
  /** The token may be for another use than requests, with type `N_A` (RFC 8693 section 2.2.1). */
  readonly mayBeForElsewhere?: boolean | undefined
  /** `obtain` needs the user: it is called only when the login is over, not whenever a refresh is refused. */
  readonly isInteractive?: boolean | undefined
  /** A server that requires another login (RFC 9470) gets one. */
  readonly stepUp?: boolean | undefined
}

/**
 * Caches the tokens of a grant, one for each audience and set of scopes, and renews them: by refresh token if there is one,
 * which serves all of them and is stored under its own key, else by the grant.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 */
export function renewing(server: AuthorizationServer, grant: Grant, options: FlowOptions): OAuthTokenSource {
  const { params, signal, store, onToken } = options
  const { client } = server
  const sessionKey = options.storeKey ?? nameOf(server, grant, options)
  // One at a time: a refresh token may be usable only once.
  const lock = store?.lock?.bind(store)
  const locked: SharedStore['locked'] = lock
    ? (_, work) =>
        lock(sessionKey, (one) => {
          held = one
          return work()
        })
    : inTurn()
  /** The lock of the work that runs now. */
  let held: unknown
  const shared: SharedStore = { read, write, locked, forget: forgetter(store, locked, grant.name) }
  const cache = tokenCache({
    ...options,
    name: grant.name,
    keyOf: (query) => keyOf(requestOf(query)),
    obtain: (query) => obtainFor(requestOf(query), query),
    store: shared,
    onToken: async (token, previous) => onToken?.(token, previous ?? replaced),
  })
  /** Tokens for the scopes of a challenge that are being obtained. */
  const challenged = new Map<string, Promise<HeldToken | undefined>>()
  /** The login: the last response with a refresh token. */
  let session: StoredToken | undefined
  /** The login before that. */
  let replaced: StoredToken | undefined
  /** Refresh tokens that were replaced, in case the store failed to keep the new one. */
  const spent = new Set<string | undefined>()
  /** When a server last got another login. */
  let steppedUpAt: number | undefined
  let denial: { readonly error: unknown; readonly at: number } | undefined

  return {
    getToken(query) {
      if (isForAnotherIssuer(query)) return undefined
      const held = find(query)
      return held instanceof Promise ? held.then((one) => one && textOf(one.response)) : textOf(held.response)
    },
    async getTokenResponse(query = {}) {
      const held = await find(query)
      if (held) return held.response
      throw new IgwnAuthError(
        'ERR_IGWN_TOKEN_NOT_FOUND',
        `${grant.name} needs a new login at ${server.name}, and the retry after a 401 does not start one. Send the request again.`,
      )
    },
    invalidate(rejected) {
      cache.invalidate(rejected)
    },
    explain: (query) => cache.explain(query, () => [deferredFinding(`${grant.name} at ${server.name}`)]),
  }

  function isForAnotherIssuer({ issuer = [] }: TokenQuery): boolean {
    const wanted = [issuer].flat()
    const own = client.issuer ?? client.metadata?.issuer
    return own !== undefined && wanted.length > 0 && !wanted.includes(own)
  }

  function textOf({ access_token: text, token_type: type = 'Bearer' }: StoredToken): string {
    if (type === 'Bearer' || (type === 'N_A' && grant.mayBeForElsewhere)) return text
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `The token of ${server.name} has the type ${type} and would be refused as a Bearer token. ${type === 'DPoP' ? 'Give the source to dpop(), and the result as scheme.' : 'Use it for its own purpose.'}`,
    )
  }

  function find(query: TokenQuery): HeldToken | Promise<HeldToken | undefined> {
    const extra = allowedScopes(query, options)
    if (extra.length === 0) return cache.get(query)
    const request = requestOf(query)
    const wider = { ...request, scope: [...new Set([...request.scope, ...extra])] }
    return wider.scope.length > request.scope.length ? obtainOnce(wider, query) : cache.get(query)
  }

  /** For the retry of a 401 only: the token is not cached. */
  function obtainOnce(request: RequestedToken, query: TokenQuery): Promise<HeldToken | undefined> {
    const key = keyOf(request)
    const pending =
      challenged.get(key) ??
      locked(key, async () => {
        try {
          return await obtainFor(request, query)
        } catch (error) {
          // The login does not include these scopes: the 401 remains.
          if (isRefused(error, 'invalid_scope')) return undefined
          throw error
        }
      }).finally(() => challenged.delete(key))
    challenged.set(key, pending)
    return pending
  }

  function requestOf(query: TokenQuery): RequestedToken {
    return requestedToken(query, options, client)
  }

  function keyOf({ audience, scope }: RequestedToken): string {
    return `${sessionKey} ${JSON.stringify([audience, [...scope].sort()])}`
  }

  async function read(key: string): Promise<StoredToken | undefined> {
    const token = storedToken(await store?.get(key))
    if (token !== 'malformed') return token
    throw new IgwnAuthError(
      'ERR_IGWN_STORE_UNUSABLE',
      `The store has something that is not a token under ${key}. Delete it, or set another storeKey.`,
    )
  }

  async function write(key: string, token: StoredToken): Promise<void> {
    await keepLogin(token)
    // The refresh token is stored once, under the key of the login.
    await store?.set(key, withoutRefreshToken(token))
  }

  async function obtainFor(
    request: RequestedToken,
    { challengeScope = [], stepUp, isRetry = challengeScope.length > 0 }: TokenQuery,
  ): Promise<HeldToken | undefined> {
    const stored = await read(sessionKey)
    const login = stored && !spent.has(stored.refresh_token) ? stored : session
    const mayLogIn = !isRetry || !grant.isInteractive
    const response =
      (stepUp && (await otherLogin(request, stepUp))) ?? (await refreshOrObtain(request, login, mayLogIn))
    if (!response) return undefined
    const token = response
    if (token.refresh_token !== login?.refresh_token) spent.add(login?.refresh_token)
    replaced = login
    session = token.refresh_token === undefined ? undefined : token
    // A rotated refresh token must not be lost; of a challenge, the access token is not stored.
    if (challengeScope.length > 0)
      await keepLogin({ ...token, access_token: login?.access_token ?? NO_TOKEN })
    return heldToken(token)
  }

  async function refreshOrObtain(
    request: RequestedToken,
    login: StoredToken | undefined,
    mayLogIn: boolean,
  ): Promise<StoredToken | undefined> {
    const { obtain } = grant
    let refusal: unknown
    for (const refreshToken of new Set([login?.refresh_token, grant.refreshToken])) {
      if (refreshToken === undefined) continue
      // This process may have been paused, and another one may have used the refresh token.
      await (held as Partial<HeldLock> | null | undefined)?.assertHeld?.()
      try {
        return await refreshed(server, refreshToken, beyondLogin(request), { others: params, signal })
      } catch (error) {
        refusal = error
        // A grant that does not need the user can obtain scopes that the login lacks.
        const isTooNarrow =
          obtain && !grant.isInteractive && isRefused(error, 'invalid_scope', 'invalid_target')
        if (!isTooNarrow && !endsLogin(error)) throw error
      }
    }
    if (!obtain) throw refusal === undefined ? noRefreshToken() : asRefusal(refusal)
    return mayLogIn ? logIn(() => obtain(request)) : undefined
  }

  /** For a server that requires another login; once a minute, so that a server cannot ask the user again and again. */
  async function otherLogin(request: RequestedToken, stepUp: StepUp): Promise<StoredToken | undefined> {
    const { obtain } = grant
    if (!obtain || !grant.stepUp || since(steppedUpAt) < DENIED_FOR) return undefined
    steppedUpAt = secondsNow()
    return logIn(() => obtain(request, stepUp))
  }

  /** A login that the user denied is not started again by the next request. */
  async function logIn(obtain: () => Promise<StoredToken>): Promise<StoredToken> {
    if (grant.isInteractive && denial && since(denial.at) < DENIED_FOR) throw denial.error
    try {
      return await obtain()
    } catch (error) {
      if (isRefused(error, 'access_denied')) denial = { error, at: secondsNow() }
      throw error
    }
  }

  function noRefreshToken(): IgwnAuthError {
    return new IgwnAuthError(
      'ERR_IGWN_TOKEN_NOT_FOUND',
      `There is no refresh token for ${server.name}: none was given, and the store has none under ${sessionKey}. Log in first.`,
    )
  }

  /** Servers refuse with and without a body that says why. */
  function asRefusal(error: unknown): unknown {
    if (isRefused(error)) return error
    const { status } = error as OAuthError
    return new OAuthError(
      'ERR_IGWN_OAUTH_REFUSED',
      `${server.name} refused the refresh token (status ${status}) without an error code. Log in again.`,
      { status },
    )
  }

  /** Scopes are named only if more are required than at every login: without, a refresh has those of the login. */
  function beyondLogin(request: RequestedToken): RequestedToken {
    const usual = scopesOf(options.scope)
    return request.scope.some((scope) => !usual.includes(scope)) ? request : { ...request, scope: [] }
  }

  async function keepLogin(token: StoredToken): Promise<void> {
    if (token.refresh_token !== undefined) await store?.set(sessionKey, token)
    // The stored refresh token no longer works.
    else if (spent.size > 0) await store?.delete(sessionKey)
    spent.clear()
  }
}

/** The scopes of a challenge that the options allow, at most 20: a server chooses them. */
export function allowedScopes(
  { challengeScope = [] }: TokenQuery,
  { challengeScopes = [] }: Pick<FlowOptions, 'challengeScopes'>,
): readonly string[] {
  if (challengeScopes !== true && challengeScopes.length === 0) return []
  return challengeScope
    .flatMap(splitScopes)
    .slice(0, 20)
    .filter(
      (scope) =>
        SCOPE.test(scope) &&
        !hasParentSegment(scope) &&
        (challengeScopes === true || grantsScope(challengeScopes, scope)),
    )
}

/** `scope-token` of RFC 6749 section 3.3, of a length that scopes have. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/

/**
 * Whether the response to a refresh means that the login is over. Servers disagree on how they say it: `invalid_grant` (RFC
 * 6749), `invalid_token` (INDIGO IAM), another code of their own, or an empty body. Codes that blame the client or the request
 * do not end it.
 */
function endsLogin(error: unknown): boolean {
  if (!(error instanceof OAuthError) || !REFUSALS.has(error.code)) return false
  if (error.status === undefined || ![400, 401, 403].includes(error.status)) return false
  return error.error === undefined || !LOGIN_REMAINS.has(error.error)
}

const REFUSALS: ReadonlySet<string> = new Set(['ERR_IGWN_OAUTH_REFUSED', 'ERR_IGWN_OAUTH_RESPONSE'])

/** RFC 6749 section 5.2, RFC 8707 section 2, RFC 9449 sections 5 and 8, and transient errors of RFC 6749 section 4.1.2.1. */
const LOGIN_REMAINS: ReadonlySet<string> = new Set([
  'invalid_client',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'server_error',
  'slow_down',
  'temporarily_unavailable',
])

/** Seconds. */
export const DENIED_FOR = 60

/** In the store, where a login has a refresh token and no access token of its own. */
const NO_TOKEN = 'none'

/** Runs work one after the other. */
function inTurn(): SharedStore['locked'] {
  let last: Promise<unknown> = Promise.resolve()
  return (_, work) => {
    const done = last.then(work, work)
    last = done
    return done
  }
}

/**
 * The name of a login in a store: the same in every process that runs the same program. White space in a word is encoded, so
 * that a user named "alice read" does not share a key with alice and the scope `read`.
 */
function nameOf({ name, client }: AuthorizationServer, grant: Grant, { scope }: FlowOptions): string {
  const words = [grant.name, name, client.clientId ?? '', ...(grant.identity ?? []), ...scopesOf(scope)]
  return words.map((word) => word.replace(/[\s%]/g, encodeURIComponent)).join(' ')
}

/** The checks of the options of every grant; each grant adds its own. */
export const FLOW_OPTIONS: Readonly<Record<keyof FlowOptions, Check>> = {
  scope: textOrList,
  audience: textOrList,
  params: anObject,
  challengeScopes: (value) =>
    value === true || (Array.isArray(value) && textOrList(value) === undefined)
      ? undefined
      : `must be true or a list of strings, not ${kindOf(value)}`,
  minTimeLeft: seconds,
  renewBefore: seconds,
  store: tokenStore,
  storeKey: nonEmptyText,
  onToken: aFunction,
  signal: (value) =>
    value instanceof AbortSignal ? undefined : `must be an AbortSignal, not ${kindOf(value)}`,
}

/**
 * Checks the options of a grant, name by name.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION`
 */
export function checkFlow<Options extends FlowOptions>(
  options: Options,
  own: Readonly<Record<Exclude<keyof Options, keyof FlowOptions>, Check>>,
): Options {
  return checkValues(options, { ...FLOW_OPTIONS, ...own }, 'options') as unknown as Options
}
