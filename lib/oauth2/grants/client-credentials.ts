import { authorizationServer } from '../server/authorization-server'
import type { OAuthClient } from '../client'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { parametersFor, requestToken } from '../server/token-request'

/**
 * Tokens for the client itself (RFC 6749 section 4.4), for a program that does not act for a user.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client or option
 */
export function clientCredentials(client: OAuthClient, options: FlowOptions = {}): OAuthTokenSource {
  const checked = checkFlow(options, {})
  const { params, signal } = checked
  const server = authorizationServer(client)

  return renewing(
    server,
    {
      name: 'clientCredentials',
      obtain: (requested) =>
        requestToken(server, { audience: requested.audience[0], signal }, ({ oc, config }) =>
          oc.clientCredentialsGrant(config, parametersFor(requested, server.client, params)),
        ),
    },
    checked,
  )
}
