import { ownProperties } from '../../check-values'
import { IgwnAuthError } from '../../errors'
import { insecureTransport, isInsecure, readableOnTheWay } from '../../request/insecure-transport'
import type { StoredToken } from '../../stores/token-store'
import type { ServerMetadata } from '../client'
import { OAuthError } from '../errors'
import type { AuthorizationServer } from './authorization-server'
import { refusalError } from './failures'
import { SentSecrets } from '../../secrets/sent-secrets'
import type { RequestedToken } from '../../tokens/requested-token'
import { parametersFor, requestToken, type OAuthParameters } from './token-request'

/** What must be kept of a login until its callback, in the session of that user. Plain JSON; secret. */
export interface PendingLogin {
  /** Must be the same in the callback (RFC 6749 section 10.12). */
  readonly state: string
  /** Where the server redirects the user to. */
  readonly redirectUri: string
  /** PKCE code verifier (RFC 7636). Absent without PKCE. */
  readonly codeVerifier?: string | undefined
  /** OpenID Connect nonce. Absent without the scope `openid`, unless set explicitly. */
  readonly nonce?: string | undefined
}

export interface AuthorizationRequest {
  readonly redirectUri: string
  readonly requested: RequestedToken
  readonly responseType?: string | undefined
  /** Default: random. */
  readonly state?: string | undefined
  /** Default: random when the scope has `openid`. */
  readonly nonce?: string | undefined
  /** Default: true. */
  readonly pkce?: boolean | undefined
  readonly params?: OAuthParameters | undefined
  readonly signal?: AbortSignal | undefined
}

/** Parameters that have an option of their own, or that the callback is checked against. */
const RESERVED = [
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'nonce',
  'redirect_uri',
  'response_type',
  'scope',
  'state',
]

/**
 * A login would fail, or be unprotected, with another value of these parameters.
 *
 * @param reserved - more of them, for one kind of login
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION`
 */
export function rejectReserved(
  params: OAuthParameters | undefined,
  owner: string,
  reserved: readonly string[] = [],
): void {
  const all = [...RESERVED, ...reserved]
  const name = Object.keys(params ?? {}).find((one) => all.includes(one) && params?.[one] !== undefined)
  if (name !== undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `${owner} must not contain ${name}, which is set by this package. Use the option for it.`,
    )
}

/** Starts a login (RFC 6749 section 4.1.1): the URL to open, and what to keep until the callback. */
export async function authorizationRequest(
  server: AuthorizationServer,
  options: AuthorizationRequest,
): Promise<{ url: string; login: PendingLogin }> {
  const own = ownProperties(options)
  const { redirectUri, requested, responseType = 'code', pkce = true, params, signal } = own
  return server.request({ audience: requested.audience[0], signal }, async ({ oc, config }) => {
    const login: PendingLogin = {
      state: own.state ?? oc.randomState(),
      redirectUri,
      ...(pkce && responseType.includes('code') && { codeVerifier: oc.randomPKCECodeVerifier() }),
      ...(own.nonce !== undefined || requested.scope.includes('openid')
        ? { nonce: own.nonce ?? oc.randomNonce() }
        : {}),
    }
    const { codeVerifier, nonce, state } = login
    const parameters = parametersFor(requested, server.client, {
      response_type: responseType,
      redirect_uri: redirectUri,
      state,
      nonce,
      ...(codeVerifier !== undefined && {
        code_challenge: await oc.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      }),
      ...params,
    })
    // It throws for other schemes than http and https.
    const url = oc.buildAuthorizationUrl(config, parameters)
    if (!server.client.allowInsecureHttp && isInsecure(url, false))
      throw insecureTransport(readableOnTheWay(url, 'how a user logs in'))
    return { url: url.href, login }
  })
}

/**
 * Finishes a login: exchanges the code of the callback for a token (RFC 6749 section 4.1.3).
 *
 * Rejects with `ERR_IGWN_OAUTH_STATE` for a callback of another login, `ERR_IGWN_OAUTH_REFUSED` when the server or the user refused,
 * and `ERR_IGWN_OAUTH_ID_TOKEN` for an invalid id_token.
 */
export async function exchangeCode(
  server: AuthorizationServer,
  callback: URLSearchParams,
  login: PendingLogin,
  {
    requested,
    params,
    signal,
  }: {
    readonly requested: RequestedToken
    readonly params?: OAuthParameters | undefined
    readonly signal?: AbortSignal | undefined
  },
): Promise<StoredToken> {
  const metadata = await server.metadata(signal)
  checkCallback(login, callback, metadata, server.name)
  throwIfRefused(server, callback)
  const code = callback.get('code')
  if (!code)
    throw new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `The callback of ${server.name} has no code. Start again; check response_type and response_mode.`,
    )

  const url = new URL(login.redirectUri)
  for (const [name, value] of Object.entries({ code, state: login.state, iss: metadata.issuer }))
    if (value !== undefined) url.searchParams.set(name, value)
  const { nonce, codeVerifier, state: expectedState } = login
  const audience = requested.audience[0]
  // openid-client derives it from the callback URL, without the query, which may differ from the registered one.
  const amendBody = (body: URLSearchParams) => {
    body.set('redirect_uri', login.redirectUri)
  }
  const isRequested = nonce !== undefined
  return requestToken(
    server,
    { audience, signal, amendBody },
    ({ oc, config }) =>
      oc.authorizationCodeGrant(
        config,
        url,
        { expectedState, ...(codeVerifier !== undefined && { pkceCodeVerifier: codeVerifier }) },
        parametersFor({ scope: [], audience: requested.audience }, server.client, params),
      ),
    { isRequested, isRequired: isRequested, checks: { nonce, code } },
  )
}

/** Compares a callback with the pending login: state (RFC 6749 section 10.12) and issuer (RFC 9207). */
export function checkCallback(
  { state }: PendingLogin,
  callback: URLSearchParams,
  { issuer, authorization_response_iss_parameter_supported: sendsIssuer }: ServerMetadata,
  name: string,
): void {
  const states = callback.getAll('state')
  const iss = callback.get('iss')
  const problem =
    states.length === 0
      ? 'it has no state'
      : states.length > 1 || states[0] !== state
        ? 'state mismatch'
        : iss !== null && issuer !== undefined && iss !== issuer
          ? 'issuer mismatch'
          : iss === null && sendsIssuer === true
            ? 'it has no iss'
            : undefined
  if (problem === undefined) return
  throw new OAuthError(
    'ERR_IGWN_OAUTH_STATE',
    `This callback does not belong to a login at ${name} started by this client (${problem}). Do not accept it: it may be forged. Start again.`,
  )
}

/** The error response in a callback (RFC 6749 section 4.1.2.1). */
export function throwIfRefused({ name }: AuthorizationServer, callback: URLSearchParams): void {
  const error = callback.get('error')
  if (error === null) return
  const secrets = new SentSecrets()
  secrets.addOf(callback, undefined)
  throw refusalError(
    {
      error,
      errorDescription: callback.get('error_description') ?? undefined,
      errorUri: callback.get('error_uri') ?? undefined,
    },
    { issuer: name, authentication: 'none' },
    secrets.redact,
  )
}
