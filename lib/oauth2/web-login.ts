import { kindOf, ownProperties } from '../check-values'
import { IgwnAuthError } from '../errors'
import { decodeJwt } from '../formats/jwt'
import { tokenResponse } from '../stores/stored-token'
import type { StoredToken } from '../stores/token-store'
import type { OAuthClient } from './client'
import { isRefused, OAuthError } from './errors'
import type { IdTokenChecks, IdTokenClaims } from './id-token'
import {
  authorizationRequest,
  checkCallback,
  exchangeCode,
  rejectReserved,
  throwIfRefused,
  type PendingLogin,
} from './server/authorization-request'
import { authorizationServer } from './server/authorization-server'
import { listOf, scopesOf, type RequestedToken, type ScopeAndAudience } from '../tokens/requested-token'
import { parametersFor, refreshed, type OAuthParameters } from './server/token-request'

/** A started login. */
export interface LoginRedirect {
  /** Where to redirect the user's browser to. */
  readonly url: string
  /** Keep this in the session of the user until the callback. */
  readonly login: PendingLogin
}

/** Options of a login. */
export interface LoginOptions extends ScopeAndAudience {
  /** Where the server redirects the user to, exactly as registered. */
  readonly redirectUri: string
  /** Default: random. */
  readonly state?: string | undefined
  /** Default: random when the scope has `openid`. */
  readonly nonce?: string | undefined
  /** Proof Key for Code Exchange with S256 (RFC 7636). Default: true. */
  readonly pkce?: boolean | undefined
  /** `response_type`. Default: `code`. With `token` or `id_token` the response is in the fragment; use {@link WebLogin.handleFragment}. */
  readonly responseType?: string | undefined
  /** More parameters, such as `prompt` or `login_hint`. Parameters that have an option are errors. Default: none. */
  readonly params?: OAuthParameters | undefined
  /** Aborts the discovery of the server. Default: none. */
  readonly signal?: AbortSignal | undefined
}

/** Options of every request. */
export interface WebLoginRequestOptions {
  /** More parameters of the request by name; they replace those of the same name. Default: none. */
  readonly params?: OAuthParameters | undefined
  /** Aborts the request. Default: none. */
  readonly signal?: AbortSignal | undefined
}

/** The state of a token (RFC 7662 section 2.2). */
export interface Introspection {
  /** Whether the token is valid now. When false, there are no other members. */
  readonly active: boolean
  readonly [claim: string]: unknown
}

/** Claims about the user (OpenID Connect Core 1.0 section 5.1). */
export interface UserInfo {
  /** The user's id at the issuer. */
  readonly sub: string
  readonly [claim: string]: unknown
}

/** A token response, or the text of an access token. */
export type AccessTokenInput = string | Pick<StoredToken, 'access_token'>

/**
 * The steps of a login in a web application, and requests about its tokens. They reject with an {@link OAuthError} when the server
 * refuses or fails, and with the cancellation error of axios when the signal aborts.
 */
export interface WebLogin {
  /** Starts a login: the URL to redirect to, and what to keep in the session (RFC 6749 section 4.1.1). */
  authorizationUrl(options: LoginOptions): Promise<LoginRedirect>
  /**
   * Finishes a login: exchanges the code of the callback for a token (RFC 6749 section 4.1.3). An id_token is verified; an invalid one
   * is an error when the scope `openid` was requested, else it is removed.
   *
   * Rejects with `ERR_IGWN_OAUTH_STATE` for a callback of another login, `ERR_IGWN_OAUTH_REFUSED` when the server or the user
   * refused, and `ERR_IGWN_OAUTH_ID_TOKEN` for an invalid id_token.
   *
   * @param callback - the URL to which the server redirected the user, or the parameters of its form post
   */
  handleCallback(
    callback: string | URL | URLSearchParams,
    login: PendingLogin,
    options?: WebLoginRequestOptions & Pick<ScopeAndAudience, 'audience'>,
  ): Promise<StoredToken>
  /**
   * The token in the fragment of the callback URL (RFC 6749 section 4.2.2); `access_token` is empty when only an id_token was
   * requested. An id_token is verified. Rejects like `handleCallback`.
   *
   * @deprecated OAuth 2.1 has no implicit grant, because URLs are logged and shared. Use `handleCallback`.
   */
  handleFragment(
    url: string | URL,
    login: PendingLogin,
    options?: Pick<WebLoginRequestOptions, 'signal'>,
  ): Promise<StoredToken>
  /** Requests a token with a refresh token, which stays valid unless the result has another one (RFC 6749 section 6). */
  refresh(
    token: string | StoredToken,
    options?: WebLoginRequestOptions & ScopeAndAudience,
  ): Promise<StoredToken>
  /** Revokes a token (RFC 7009); of a token response, the refresh token and the access token. */
  revoke(token: string | StoredToken, options?: WebLoginRequestOptions & TokenHint): Promise<void>
  /** Requests the state of a token: `active`, and its claims (RFC 7662). */
  introspect(token: AccessTokenInput, options?: WebLoginRequestOptions & TokenHint): Promise<Introspection>
  /**
   * Requests claims about the user (OpenID Connect Core 1.0 section 5.3).
   *
   * @param options - `subject`: the expected `sub`. Default: that of the id_token of the token response; not checked for the text of
   *   a token
   */
  userInfo(
    token: AccessTokenInput,
    options?: Pick<WebLoginRequestOptions, 'signal'> & { readonly subject?: string | undefined },
  ): Promise<UserInfo>
  /**
   * Verifies signature and claims of an id_token and returns the claims; see {@link IdTokenChecks}. Rejects with
   * `ERR_IGWN_OAUTH_ID_TOKEN`.
   */
  verifyIdToken(idToken: string, checks?: IdTokenChecks): Promise<IdTokenClaims>
  /** The URL that logs the user out of the server (OpenID Connect RP-Initiated Logout 1.0). */
  endSessionUrl(options?: EndSessionOptions): Promise<string>
}

/** The type of a token given as text. */
export interface TokenHint {
  /** `token_type_hint`. Default: none. */
  readonly hint?: 'access_token' | 'refresh_token' | undefined
}

/** Options of a logout. */
export interface EndSessionOptions extends WebLoginRequestOptions {
  /** `id_token_hint`: the id_token of the login. Default: none. */
  readonly idToken?: string | undefined
  /** Where the server redirects the user to, as registered. Default: chosen by the server. */
  readonly postLogoutRedirectUri?: string | undefined
  /** Returned in that redirect. Default: none. */
  readonly state?: string | undefined
}

/**
 * OAuth 2 and OpenID Connect for web applications, which log in their users and keep the tokens themselves. Programs use a token
 * source such as {@link authorizationCode} instead.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client
 */
export function webLogin(client: OAuthClient): WebLogin {
  const server = authorizationServer(client)

  return {
    verifyIdToken: server.idTokens.verify,
    async authorizationUrl(options) {
      const { scope, audience, ...others } = ownProperties(options)
      requireText(others.redirectUri, 'redirectUri')
      rejectReserved(others.params, 'params')
      return authorizationRequest(server, { ...others, requested: requestedBy({ scope, audience }) })
    },
    async handleCallback(callback, login, { params, signal, audience } = {}) {
      checkLogin(login)
      const requested = requestedBy({ audience })
      return exchangeCode(server, parametersIn(callback, login), login, { requested, params, signal })
    },
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    async handleFragment(url, login, { signal } = {}) {
      checkLogin(login)
      const callback = new URLSearchParams(urlOf(url, login).hash.slice(1))
      checkCallback(
        login,
        callback,
        { ...(await server.metadata(signal)), authorization_response_iss_parameter_supported: false },
        server.name,
      )
      throwIfRefused(server, callback)
      return tokenIn(callback, login, signal)
    },
    async refresh(token, { params, signal, ...options } = {}) {
      const text = typeof token === 'string' ? token : token.refresh_token
      requireText(text, 'the refresh token')
      return refreshed(server, text, requestedBy(options), { others: params, signal })
    },
    async revoke(token, { params, signal, hint } = {}) {
      const revoke = (text: string, type: string | undefined) =>
        server.request({ endpoint: 'revocation', signal }, ({ oc, config }) =>
          oc.tokenRevocation(config, text, parametersOf({ ...params, token_type_hint: type })),
        )
      if (typeof token === 'string') return revoke(token, hint)
      const { refresh_token: refreshToken, access_token: accessToken } = token
      if (refreshToken === undefined) return revoke(accessToken, 'access_token')
      await revoke(refreshToken, 'refresh_token')
      // Most servers revoke both together; some cannot revoke access tokens at all.
      await revoke(accessToken, 'access_token').catch((error: unknown) => {
        if (!isRefused(error, 'unsupported_token_type')) throw error
      })
    },
    introspect: (token, { params, signal, hint } = {}) =>
      server.request({ endpoint: 'introspection', signal }, ({ oc, config }) =>
        oc.tokenIntrospection(config, textOf(token), parametersOf({ ...params, token_type_hint: hint })),
      ),
    async userInfo(token, { signal, subject } = {}) {
      const text = textOf(token)
      const isBound = typeof token !== 'string' && (token as StoredToken).token_type === 'DPoP'
      return server.request({ signal, ...(isBound && { boundToken: text }) }, ({ oc, config }) =>
        // eslint-disable-next-line @typescript-eslint/no-deprecated
        oc.fetchUserInfo(config, text, subject ?? subjectOf(token) ?? oc.skipSubjectCheck),
      )
    },
    endSessionUrl: ({ idToken, postLogoutRedirectUri, state, params, signal } = {}) =>
      server.request({ signal }, ({ oc, config }) => {
        const parameters = parametersOf({
          id_token_hint: idToken,
          post_logout_redirect_uri: postLogoutRedirectUri,
          state,
          ...params,
        })
        return Promise.resolve(oc.buildEndSessionUrl(config, parameters).href)
      }),
  }

  function parametersOf(params: OAuthParameters): URLSearchParams {
    return parametersFor({ scope: [], audience: [] }, client, params)
  }

  /** The implicit grant sends the token in the callback itself. */
  async function tokenIn(
    callback: URLSearchParams,
    { nonce }: PendingLogin,
    signal: AbortSignal | undefined,
  ): Promise<StoredToken> {
    const { access_token: token, ...others } = Object.fromEntries(callback)
    delete others.state
    const { id_token: idToken, token_type: type } = others
    if (token === undefined && idToken === undefined)
      throw new OAuthError(
        'ERR_IGWN_OAUTH_RESPONSE',
        `The callback of ${server.name} has no token in its fragment. Check response_type.`,
      )
    if (idToken !== undefined) await server.idTokens.verify(idToken, { nonce, accessToken: token, signal })
    const isBearer = /^bearer$/i.test(type ?? '')
    return tokenResponse({ ...others, access_token: token ?? '', token_type: isBearer ? 'Bearer' : type })
  }
}

function requestedBy({ scope, audience }: ScopeAndAudience): RequestedToken {
  return { scope: scopesOf(scope), audience: listOf(audience) }
}

function textOf(token: AccessTokenInput): string {
  const text = typeof token === 'string' ? token : token.access_token
  requireText(text, 'the token')
  return text
}

/** Of an id_token that was verified when it was received. */
function subjectOf(token: AccessTokenInput): string | undefined {
  const { id_token: idToken } = typeof token === 'string' ? {} : (token as StoredToken)
  const sub = idToken === undefined ? undefined : decodeJwt(idToken)?.claims.sub
  return typeof sub === 'string' ? sub : undefined
}

function requireText(value: unknown, name: string): asserts value is string {
  if (typeof value === 'string' && value !== '') return
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    `${name} must be a non-empty string, not ${value === '' ? 'an empty one' : kindOf(value)}.`,
  )
}

/** It comes from a session, which may have expired. */
function checkLogin(login: unknown): void {
  const { state, redirectUri } = (login ?? {}) as Partial<PendingLogin>
  if (typeof state === 'string' && state !== '' && typeof redirectUri === 'string') return
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    'login must be the one that authorizationUrl() returned, from the session of this user. Without it a forged callback cannot be detected.',
  )
}

function parametersIn(callback: string | URL | URLSearchParams, login: PendingLogin): URLSearchParams {
  return callback instanceof URLSearchParams ? callback : urlOf(callback, login).searchParams
}

/** `request.url` of a Node.js server has no host. */
function urlOf(url: string | URL, { redirectUri }: PendingLogin): URL {
  if (url instanceof URL) return url
  if (typeof (url as unknown) === 'string' && URL.canParse(url, redirectUri)) return new URL(url, redirectUri)
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    'The callback must be the URL to which the server redirected the user, or its parameters.',
  )
}
