import { IgwnAuthError } from '../errors'
import { decodeJwt } from '../formats/jwt'
import type { StoredToken } from '../stores/token-store'
import { kindOf, secondsNow } from '../tokens/token'
import {
  assertAnswerTo,
  authorizationRequest,
  redeemed,
  throwIfRefused,
  type PendingLogin,
} from './server/authorization-request'
import { authorizationServer } from './server/authorization-server'
import { idTokenVerifier, type IdTokenChecks, type IdTokenClaims } from './id-token'
import type { OAuthClient } from './client'
import { isRefused, OAuthError } from './errors'
import {
  listOf,
  parametersFor,
  refreshed,
  scopesOf,
  type OAuthParameters,
  type Want,
  type ScopeAndAudience,
} from './server/token-request'

/** A login that has begun. */
export interface LoginRedirect {
  /** Where to send the browser of the person. */
  readonly url: string
  /** What to keep in their session until they come back. */
  readonly login: PendingLogin
}

/** How a login begins. */
export interface LoginOptions extends ScopeAndAudience {
  /** Where the person comes back to, exactly as registered. */
  readonly redirectUri: string
  /** Default is a random one. */
  readonly state?: string | undefined
  /** Default is a random one where the scope has `openid`. */
  readonly nonce?: string | undefined
  /** Proof Key for Code Exchange, with S256 (RFC 7636). Default is true. */
  readonly pkce?: boolean | undefined
  /**
   * `response_type`. Default is `code`. With `token` and `id_token` the answer is in the fragment: see
   * {@link WebLogin.handleFragment}.
   */
  readonly responseType?: string | undefined
  /** More parameters, as `prompt` or `login_hint`; they take the place of those of that name. Default is none. */
  readonly params?: OAuthParameters | undefined
  /** Ends what is waited for. Default is nothing. */
  readonly signal?: AbortSignal | undefined
}

/** What every step can be told. */
export interface WebLoginRequestOptions {
  /** More parameters of the request, by their names on the wire. Default is none. */
  readonly params?: OAuthParameters | undefined
  /** Ends what is waited for. Default is nothing. */
  readonly signal?: AbortSignal | undefined
}

/** What a server says of a token (RFC 7662 section 2.2). */
export interface Introspection {
  /** Whether it is good now. All else is there only if so. */
  readonly active: boolean
  readonly [claim: string]: unknown
}

/** What a server knows of a person (OpenID Connect Core 1.0 section 5.1). */
export interface UserInfo {
  /** Who it is, at that issuer. */
  readonly sub: string
  readonly [claim: string]: unknown
}

/** A token with all that came with it, or the text of one. */
export type AccessTokenInput = string | Pick<StoredToken, 'access_token'>

/**
 * The steps of a login in a web application, one by one, and what can be done with its tokens. Where a token cannot be had
 * they reject with an {@link OAuthError}; where the signal says so, as axios does for a request that is canceled.
 */
export interface WebLogin {
  /**
   * Begins a login: where to send the person's browser, and what to keep in their session until they come back (RFC 6749
   * section 4.1.1).
   */
  authorizationUrl(options: LoginOptions): Promise<LoginRedirect>
  /**
   * Ends a login: the token for the code that the person came back with (RFC 6749 section 4.1.3). An id_token in it is
   * verified.
   *
   * It rejects with `ERR_IGWN_OAUTH_STATE` when this is no answer to that login, `ERR_IGWN_OAUTH_REFUSED` when the server or
   * the person said no, and `ERR_IGWN_OAUTH_ID_TOKEN`.
   *
   * @param answer - the URL they came back to, or the parameters of a form that they came with
   */
  handleCallback(
    answer: string | URL | URLSearchParams,
    login: PendingLogin,
    options?: WebLoginRequestOptions & Pick<ScopeAndAudience, 'audience'>,
  ): Promise<StoredToken>
  /**
   * The token in the fragment that a person came back with (RFC 6749 section 4.2.2); an empty one where only an id_token was
   * asked for. An id_token is verified.
   *
   * @deprecated OAuth 2.1 has no implicit grant: a token in a URL is seen by too many. Use `callback`.
   */
  handleFragment(
    url: string | URL,
    login: PendingLogin,
    options?: Pick<WebLoginRequestOptions, 'signal'>,
  ): Promise<StoredToken>
  /** A new token by a refresh token, which stays good where no other one comes (RFC 6749 section 6). */
  refresh(
    token: string | StoredToken,
    options?: WebLoginRequestOptions & ScopeAndAudience,
  ): Promise<StoredToken>
  /** Has the server forget a token, and what was got by it (RFC 7009). A text is tried as what `hint` says. */
  revoke(token: string | StoredToken, options?: WebLoginRequestOptions & TokenHint): Promise<void>
  /** What the server says of a token: `active`, and if so its claims (RFC 7662). */
  introspect(token: AccessTokenInput, options?: WebLoginRequestOptions & TokenHint): Promise<Introspection>
  /**
   * What the server knows of the person (OpenID Connect Core 1.0 section 5.3).
   *
   * @param options - `subject`: `sub` of their id_token, which must be the same. Default is that in the id_token which came
   *   with the token; of the text of a token alone nothing is compared.
   */
  userInfo(
    token: AccessTokenInput,
    options?: Pick<WebLoginRequestOptions, 'signal'> & { readonly subject?: string | undefined },
  ): Promise<UserInfo>
  /** The claims of an id_token, once its signature and they are checked; see {@link IdTokenChecks}. */
  verifyIdToken(idToken: string, checks?: IdTokenChecks): Promise<IdTokenClaims>
  /** Where to send a browser to log out of the server too (OpenID Connect RP-Initiated Logout 1.0). */
  endSessionUrl(options?: EndSessionOptions): Promise<string>
}

/** What kind of token a text is, for servers that keep them apart. */
export interface TokenHint {
  /** `token_type_hint`. Default is none. */
  readonly hint?: 'access_token' | 'refresh_token' | undefined
}

/** Whose login ends, and where they go then. */
export interface EndSessionOptions extends WebLoginRequestOptions {
  /** `id_token_hint`: of the login that ends. Default is none. */
  readonly idToken?: string | undefined
  /** Where the browser goes after it, as registered. Default is that the server decides. */
  readonly postLogoutRedirectUri?: string | undefined
  /** Comes back with them. Default is none. */
  readonly state?: string | undefined
}

/**
 * The steps of OAuth 2 and OpenID Connect for web applications, which log in people of their own and keep their tokens
 * themselves. (For programs there are sources, which do all of it: {@link authorizationCode} and its like.)
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when the client cannot be used
 */
export function webLogin(client: OAuthClient): WebLogin {
  const server = authorizationServer(client)
  const verifyIdToken = idTokenVerifier(server)

  return {
    verifyIdToken,
    async authorizationUrl({ scope, audience, ...options }) {
      demandText(options.redirectUri, 'redirectUri')
      return authorizationRequest(server, { ...options, want: wantOf({ scope, audience }) })
    },
    async handleCallback(answer, login, { params, signal, audience } = {}) {
      checkLogin(login)
      const want = wantOf({ audience })
      return redeemed(server, verifyIdToken, parametersIn(answer, login), login, { want, params, signal })
    },
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    async handleFragment(url, login, { signal } = {}) {
      checkLogin(login)
      const answer = new URLSearchParams(urlOf(url, login).hash.slice(1))
      assertAnswerTo(
        login,
        answer,
        { ...(await server.metadata(signal)), authorization_response_iss_parameter_supported: false },
        server.name,
      )
      throwIfRefused(server, answer)
      return tokenIn(answer, login, signal)
    },
    async refresh(token, { params, signal, ...options } = {}) {
      const text = typeof token === 'string' ? token : token.refresh_token
      demandText(text, 'the refresh token')
      return refreshed(server, text, wantOf(options), { others: params, signal })
    },
    async revoke(token, { params, signal, hint } = {}) {
      const revoke = (text: string, type: string | undefined) =>
        server.ask({ endpoint: 'revocation', signal }, ({ oc, config }) =>
          oc.tokenRevocation(
            config,
            text,
            parametersFor(NOTHING, client, { ...params, token_type_hint: type }),
          ),
        )
      if (typeof token === 'string') return revoke(token, hint)
      const { refresh_token: lasting, access_token: text } = token
      if (lasting === undefined) return revoke(text, 'access_token')
      await revoke(lasting, 'refresh_token')
      // Most servers have forgotten it with the other; some cannot, and it ends by itself.
      await revoke(text, 'access_token').catch((error: unknown) => {
        if (!isRefused(error, 'unsupported_token_type')) throw error
      })
    },
    introspect: (token, { params, signal, hint } = {}) =>
      server.ask({ endpoint: 'introspection', signal }, ({ oc, config }) =>
        oc.tokenIntrospection(
          config,
          textOf(token),
          parametersFor(NOTHING, client, { ...params, token_type_hint: hint }),
        ),
      ),
    async userInfo(token, { signal, subject } = {}) {
      const text = textOf(token)
      const isBound = typeof token !== 'string' && (token as StoredToken).token_type === 'DPoP'
      return server.ask({ signal, ...(isBound && { boundToken: text }) }, ({ oc, config }) =>
        // eslint-disable-next-line @typescript-eslint/no-deprecated
        oc.fetchUserInfo(config, text, subject ?? subjectOf(token) ?? oc.skipSubjectCheck),
      )
    },
    endSessionUrl: ({ idToken, postLogoutRedirectUri, state, params, signal } = {}) =>
      server.ask({ signal }, ({ oc, config }) => {
        const parameters = parametersFor(NOTHING, client, {
          id_token_hint: idToken,
          post_logout_redirect_uri: postLogoutRedirectUri,
          state,
          ...params,
        })
        return Promise.resolve(oc.buildEndSessionUrl(config, parameters).href)
      }),
  }

  /** The implicit grant gives a token in the parameters of the answer itself. */
  async function tokenIn(
    answer: URLSearchParams,
    { nonce }: PendingLogin,
    signal: AbortSignal | undefined,
  ): Promise<StoredToken> {
    const { access_token: token, expires_in: life, ...others } = Object.fromEntries(answer)
    delete others.state
    const { id_token: idToken } = others
    if (token === undefined && idToken === undefined)
      throw new OAuthError(
        'ERR_IGWN_OAUTH_RESPONSE',
        `${server.name} sent the person back without a token in the fragment. Check response_type.`,
      )
    if (idToken !== undefined) await verifyIdToken(idToken, { nonce, accessToken: token, signal })
    const seconds = Number(life)
    return {
      ...others,
      access_token: token ?? '',
      token_type: /^bearer$/i.test(others.token_type ?? '') ? 'Bearer' : others.token_type,
      ...(life !== undefined &&
        Number.isFinite(seconds) && { expires_at: Math.floor(secondsNow() + seconds) }),
    }
  }
}

const NOTHING: Want = { scope: [], audience: [] }

/** A want of the caller's own, all of it. */
function wantOf({ scope, audience }: ScopeAndAudience): Want {
  return { scope: scopesOf(scope), audience: listOf(audience) }
}

function textOf(token: AccessTokenInput): string {
  const text = typeof token === 'string' ? token : token.access_token
  demandText(text, 'the token')
  return text
}

/** What came with an access token was verified when it came. */
function subjectOf(token: AccessTokenInput): string | undefined {
  const { id_token: idToken } = typeof token === 'string' ? {} : (token as StoredToken)
  const sub = idToken === undefined ? undefined : decodeJwt(idToken)?.claims.sub
  return typeof sub === 'string' ? sub : undefined
}

function demandText(value: unknown, name: string): asserts value is string {
  if (typeof value === 'string' && value !== '') return
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    `${name} must be a string, not ${value === '' ? 'an empty one' : kindOf(value)}.`,
  )
}

/** It comes out of a session, which may have ended. */
function checkLogin(login: unknown): void {
  const { state, redirectUri } = (login ?? {}) as Partial<PendingLogin>
  if (typeof state === 'string' && state !== '' && typeof redirectUri === 'string') return
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    'The login must be what authorizationUrl gave, as it was kept in the session of that person; without, an answer cannot be told from a forged one.',
  )
}

function parametersIn(answer: string | URL | URLSearchParams, login: PendingLogin): URLSearchParams {
  return answer instanceof URLSearchParams ? answer : urlOf(answer, login).searchParams
}

/** Servers know the URL of a request from its path on. */
function urlOf(url: string | URL, { redirectUri }: PendingLogin): URL {
  if (url instanceof URL) return url
  if (typeof (url as unknown) === 'string' && URL.canParse(url, redirectUri)) return new URL(url, redirectUri)
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    'The answer must be the URL that the person came back to, or its parameters.',
  )
}
