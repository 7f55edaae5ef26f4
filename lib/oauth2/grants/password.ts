import { authorizationServer } from '../server/authorization-server'
import type { OAuthClient } from '../client'
import { nonEmptyText, textOrFunction } from '../../check-values'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { parametersFor, requestToken } from '../server/token-request'

/** Options of {@link password}. */
export interface PasswordOptions extends FlowOptions {
  /** The username. */
  readonly username: string
  /** The password, or a function that returns it, called for each login. */
  readonly password: string | (() => string | Promise<string>)
}

/**
 * Tokens for a user whose password the program knows (RFC 6749 section 4.3).
 *
 * @deprecated OAuth 2.1 has no such grant, because the program can do everything with the password that the user can. Use
 *   {@link deviceCode} or {@link authorizationCode} if the server supports one of them.
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client or option
 */
export function password(client: OAuthClient, options: PasswordOptions): OAuthTokenSource {
  const checked = checkFlow(options, { username: nonEmptyText, password: textOrFunction })
  const { username, password: secret, params, signal } = checked
  const server = authorizationServer(client)

  return renewing(
    server,
    {
      name: 'password',
      identity: [username],
      async obtain(requested) {
        const credentials = { username, password: typeof secret === 'function' ? await secret() : secret }
        const parameters = parametersFor(requested, server.client, { ...params, ...credentials })
        return requestToken(
          server,
          { audience: requested.audience[0], signal },
          ({ oc, config }) => oc.genericGrantRequest(config, 'password', parameters),
          requested.scope.includes('openid') ? { isRequested: true } : undefined,
        )
      },
    },
    checked,
  )
}
