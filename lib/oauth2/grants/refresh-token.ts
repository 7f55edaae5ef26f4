import { createHash } from 'node:crypto'
import { authorizationServer } from '../server/authorization-server'
import { aText } from '../checks'
import type { OAuthClient } from '../client'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'

export interface RefreshTokenOptions extends FlowOptions {
  /**
   * The refresh token that a login gave. With a store it is the first one: what the server gives in its place is kept there,
   * and used from then on. Default is the one in the store, under `storeKey`.
   */
  readonly refreshToken?: string | undefined
}

/**
 * Tokens by a refresh token (RFC 6749 section 6) that was got elsewhere.
 *
 * Its `getToken` rejects with `ERR_IGWN_OAUTH_REFUSED` (`invalid_grant`) once the server has revoked it, and with
 * `ERR_IGWN_TOKEN_NOT_FOUND` where none is given and none in the store.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when client or options cannot be used
 */
export function refreshToken(client: OAuthClient, options: RefreshTokenOptions): OAuthTokenSource {
  const { refreshToken: first } = checkFlow(options, { refreshToken: aText })
  return renewing(
    authorizationServer(client),
    {
      name: 'refreshToken',
      // Of another refresh token the store has other tokens: perhaps another person's.
      identity: first === undefined ? [] : [fingerprint(first)],
      refreshToken: first,
    },
    options,
  )
}

/** Tells one secret from another, and not what it is. */
export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 16)
}
