import { createHash } from 'node:crypto'
import { authorizationServer } from '../server/authorization-server'
import { nonEmptyText } from '../../check-values'
import type { OAuthClient } from '../client'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'

export interface RefreshTokenOptions extends FlowOptions {
  /**
   * The refresh token of a login. With a store it is used once: the token that replaces it is kept there and used from then on.
   * Default: the one in the store, under `storeKey`.
   */
  readonly refreshToken?: string | undefined
}

/**
 * Tokens with a refresh token (RFC 6749 section 6) from an earlier login.
 *
 * Its `getToken` rejects with `ERR_IGWN_OAUTH_REFUSED` when the server has revoked the refresh token, and with
 * `ERR_IGWN_TOKEN_NOT_FOUND` when there is none, neither as an option nor in the store.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client or option
 */
export function refreshToken(client: OAuthClient, options: RefreshTokenOptions): OAuthTokenSource {
  const checked = checkFlow(options, { refreshToken: nonEmptyText })
  const { refreshToken: first } = checked
  return renewing(
    authorizationServer(client),
    {
      name: 'refreshToken',
      // The tokens of another refresh token may be those of another user.
      identity: first === undefined ? [] : [fingerprint(first)],
      refreshToken: first,
    },
    checked,
  )
}

/** A hash that distinguishes secrets without revealing them. */
export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 16)
}
