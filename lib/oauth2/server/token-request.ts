import { secondsNow } from '../../clock'
import { tokenResponse } from '../../stores/stored-token'
import type { StoredToken } from '../../stores/token-store'
import { listOf, scopesOf, type RequestedToken, type ScopeAndAudience } from '../../tokens/requested-token'
import type { OAuthClient } from '../client'
import { OAuthError } from '../errors'
import { loginScopes } from '../presets'
import type { IdTokenChecks } from '../id-token'
import type { AuthorizationServer, ServerRequest, Tools } from './authorization-server'

/** More parameters of a request by name; a list repeats the parameter. */
export type OAuthParameters = Readonly<Record<string, string | readonly string[] | undefined>>

/** A login requests all audiences of the options, so that later requests do not need another login. */
export function requestedLogin(requested: RequestedToken, { audience }: ScopeAndAudience): RequestedToken {
  return requested.audience.length === 0 || audience === undefined
    ? requested
    : { ...requested, audience: listOf(audience) }
}

/** With the scopes that the preset of the client adds to each login. */
export function withLoginScopes<Options extends ScopeAndAudience>(
  options: Options,
  client: OAuthClient,
): Options {
  const added = loginScopes(client)
  if (added.length === 0) return options
  return { ...options, scope: [...new Set([...added, ...scopesOf(options.scope)])] }
}

/** Scope and audience as parameters, and other parameters, which replace those of the same name. */
export function parametersFor(
  { scope, audience }: RequestedToken,
  { audienceParameter = 'resource' }: OAuthClient,
  others: OAuthParameters = {},
): URLSearchParams {
  const parameters = new URLSearchParams()
  if (scope.length > 0) parameters.set('scope', scope.join(' '))
  if (audienceParameter !== false) for (const one of audience) parameters.append(audienceParameter, one)
  for (const [name, value] of Object.entries(others)) {
    parameters.delete(name)
    for (const one of listOf(value)) parameters.append(name, one)
  }
  return parameters
}

/** The part of openid-client's token response that is used here. */
interface TokenEndpointResponse {
  readonly access_token: string
  readonly token_type: string
}

/**
 * Calls the token endpoint and returns its response with `expires_at`.
 *
 * @param idToken - how an id_token is verified. Default: only its claims. An invalid one is an error when the scope `openid` was
 *   requested, else it is removed and the access token is not lost over it
 */
export async function requestToken(
  server: AuthorizationServer,
  request: Omit<ServerRequest, 'endpoint'>,
  call: (tools: Tools) => Promise<TokenEndpointResponse>,
  idToken?: {
    readonly isRequested: boolean
    /** A response without one is an error, too. */
    readonly isRequired?: boolean
    readonly checks?: IdTokenChecks
  },
): Promise<StoredToken> {
  // Before the request: a token that counts as expired early is better than one that counts as valid too long.
  const requestedAt = secondsNow()
  const { response, received } = await server.request({ ...request, endpoint: 'token' }, async (tools) => ({
    response: await call(tools),
    received: tools.lastResponse()?.json?.id_token,
  }))
  const idTokenText = await acceptedIdToken(received, response.access_token)
  const token_type = TOKEN_TYPES[response.token_type] ?? response.token_type
  return tokenResponse({ ...response, token_type, id_token: idTokenText }, requestedAt)

  async function acceptedIdToken(text: unknown, accessToken: string): Promise<string | undefined> {
    const checks = { ...idToken?.checks, accessToken, signal: request.signal }
    if (typeof text !== 'string') {
      if (!idToken?.isRequired) return undefined
      throw new OAuthError(
        'ERR_IGWN_OAUTH_ID_TOKEN',
        `The response of ${server.name} has no id_token, though the scope openid was requested. Do not accept the login.`,
      )
    }
    if (!idToken) return (await server.idTokens.hasValidClaims(text, checks)) ? text : undefined
    try {
      await server.idTokens.verifyDirect(text, checks)
      return text
    } catch (error) {
      if (!idToken.isRequested) return undefined
      // Not temporary, even if the keys cannot be fetched: a second request with the same code would fail.
      if (!(error instanceof OAuthError) || error.retryAfter === undefined) throw error
      const { code, message, status, reasons } = error
      throw new OAuthError(code, message, { status, reasons })
    }
  }
}

/** openid-client returns them in lower case; some servers compare the case. */
const TOKEN_TYPES: Readonly<Record<string, string>> = { bearer: 'Bearer', dpop: 'DPoP', n_a: 'N_A' }

/**
 * Requests a token with a refresh token (RFC 6749 section 6). It stays valid unless the response has another one.
 *
 * @param requested - without scope for the scopes of the login
 */
export async function refreshed(
  server: AuthorizationServer,
  refreshToken: string,
  requested: RequestedToken,
  {
    others,
    signal,
  }: { readonly others?: OAuthParameters | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<StoredToken> {
  const [audience] = requested.audience
  const token = await requestToken(server, { audience, signal }, ({ oc, config }) =>
    oc.refreshTokenGrant(config, refreshToken, parametersFor(requested, server.client, others)),
  )
  return { refresh_token: refreshToken, ...token }
}
