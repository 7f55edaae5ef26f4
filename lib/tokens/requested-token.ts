import { ownProperties } from '../check-values'
import { splitScopes } from '../formats/scopes'
import type { TokenQuery } from './token'

/** Scope and audience of a token request. */
export interface RequestedToken {
  readonly scope: readonly string[]
  readonly audience: readonly string[]
}

/** Scope and audience of the tokens of a source, combined with those of each query. */
export interface ScopeAndAudience {
  /** Scopes of every token, a list or a string separated by spaces; those of the query are added. Default: none. */
  readonly scope?: string | readonly string[] | undefined
  /**
   * Audience of every token, or several, of which the one that matches the request is used, else the first. Default: the audience of
   * each request, which gives a token for each service. See `audienceParameter` of the client.
   */
  readonly audience?: string | readonly string[] | undefined
}

/** The option of an OAuth client that names the parameter of the audience. */
interface AudienceParameter {
  readonly audienceParameter?: 'resource' | 'audience' | false | undefined
}

/** The token to request for a query: its scopes and those of the options, and one audience of the query that the options allow. */
export function requestedToken(
  query: TokenQuery,
  options: ScopeAndAudience,
  { audienceParameter = 'resource' }: AudienceParameter,
): RequestedToken {
  const { scope, audience } = ownProperties(query)
  const allowed = listOf(options.audience)
  const queried = listOf(audience)
  const target =
    allowed.length === 0
      ? audienceParameter === 'resource'
        ? withPort(queried)
        : queried[0]
      : (queried.find((one) => allowed.includes(one)) ?? allowed[0])
  return {
    scope: [...new Set([...scopesOf(options.scope), ...scopesOf(scope)])],
    audience: audienceParameter === false || target === undefined ? [] : [target],
  }
}

/**
 * The first audience, with the port if the query also has it in that form. A query has `https://host` and `https://host:port` for a
 * URL with a port; a `resource` is the address of the server (RFC 8707 section 2).
 */
function withPort([first, ...others]: readonly string[]): string | undefined {
  return first === undefined
    ? undefined
    : (others.find((one) => one.startsWith(`${first}:`) && /^\d+$/.test(one.slice(first.length + 1))) ??
        first)
}

export function scopesOf(scope: string | readonly string[] | undefined): string[] {
  return listOf(scope).flatMap(splitScopes)
}

export function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}
