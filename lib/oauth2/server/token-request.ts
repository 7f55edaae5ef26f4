import { splitScopes } from '../../formats/scopes'
import { SciToken } from '../../tokens/scitoken'
import { secondsNow } from '../../clock'
import type { StoredToken } from '../../stores/token-store'
import type { TokenQuery } from '../../tokens/token'
import type { About, AuthorizationServer, Tools } from './authorization-server'
import type { OAuthClient } from '../client'

/** More parameters of a request, by their names on the wire; a list for one that is there several times. */
export type OAuthParameters = Readonly<Record<string, string | readonly string[] | undefined>>

/** What a token is asked for. */
export interface Want {
  readonly scope: readonly string[]
  readonly audience: readonly string[]
}

/** What of a want is always the same, and what goes by the query. */
export interface ScopeAndAudience {
  /** Scopes that every token is asked for, a list or a string with spaces between; those of the query join them. Default is none. */
  readonly scope?: string | readonly string[] | undefined
  /**
   * The audience that tokens are asked for, or several, of which that of the request is taken, else the first. Default is the
   * audience of each request: a token for each service. See `audienceParameter` of the client.
   */
  readonly audience?: string | readonly string[] | undefined
}

/**
 * What to ask for, so that a query is satisfied: its scopes beside those of the options, and one audience, the first of the
 * query's that the options allow.
 */
export function wantFor(
  { scope, audience }: TokenQuery,
  options: ScopeAndAudience,
  { audienceParameter = 'resource' }: OAuthClient,
): Want {
  const allowed = listOf(options.audience)
  const asked = listOf(audience)
  const target = allowed.length === 0 ? asked[0] : (asked.find((one) => allowed.includes(one)) ?? allowed[0])
  return {
    scope: [...new Set([...scopesOf(options.scope), ...scopesOf(scope)])],
    audience: audienceParameter === false || target === undefined ? [] : [target],
  }
}

/** What a login asks for that shall serve more than one want: all audiences that the options name. */
export function loginWant(want: Want, { audience }: ScopeAndAudience): Want {
  return want.audience.length === 0 || audience === undefined ? want : { ...want, audience: listOf(audience) }
}

export function scopesOf(scope: string | readonly string[] | undefined): string[] {
  return listOf(scope).flatMap(splitScopes)
}

export function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

/** A want as parameters of a request, and others beside it. */
export function parametersFor(
  { scope, audience }: Want,
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

/** The answer of openid-client to a token request. */
interface TokenAnswer {
  readonly access_token: string
  readonly token_type: string
  readonly expires_in?: number | undefined
}

/** Asks the token endpoint, and gives its answer as it is kept: with the time at which the token ends. */
export async function requestToken(
  server: AuthorizationServer,
  about: Omit<About, 'endpoint'>,
  call: (tools: Tools) => Promise<TokenAnswer>,
): Promise<StoredToken> {
  // Before the way there and back: better a little too early than too late.
  const askedAt = secondsNow()
  const {
    expires_in: life,
    token_type: type,
    ...answer
  } = await server.ask({ ...about, endpoint: 'token' }, call)
  const end = life === undefined ? SciToken.read(answer.access_token)?.expiresAt : Math.floor(askedAt + life)
  return {
    ...answer,
    token_type: NAMES[type] ?? type,
    ...(end !== undefined && { expires_at: end }),
  }
}

/** openid-client lowers what has no case; servers may not know. */
const NAMES: Readonly<Record<string, string>> = { bearer: 'Bearer', dpop: 'DPoP', n_a: 'N_A' }

/**
 * Renews by a refresh token (RFC 6749 section 6). Where the server gives no other one, this one stays good.
 *
 * @param scope - of the new token; none for what the login gave
 */
export async function refreshed(
  server: AuthorizationServer,
  refreshToken: string,
  want: Want,
  {
    others,
    signal,
  }: { readonly others?: OAuthParameters | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<StoredToken> {
  const [audience] = want.audience
  const token = await requestToken(server, { audience, signal }, ({ oc, config }) =>
    oc.refreshTokenGrant(config, refreshToken, parametersFor(want, server.client, others)),
  )
  return { refresh_token: refreshToken, ...token }
}
