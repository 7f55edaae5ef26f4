import { authorizationServer } from '../server/authorization-server'
import type { OAuthClient } from '../client'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { parametersFor, requestToken } from '../server/token-request'

/**
 * Tokens for the client itself (RFC 6749 section 4.4): a program that acts for nobody but itself.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when client or options cannot be used
 */
export function clientCredentials(client: OAuthClient, options: FlowOptions = {}): OAuthTokenSource {
  const { params, signal } = checkFlow(options, {})
  const server = authorizationServer(client)

  return renewing(
    server,
    {
      name: 'clientCredentials',
      obtain: (want) =>
        requestToken(server, { audience: want.audience[0], signal }, ({ oc, config }) =>
          oc.clientCredentialsGrant(config, parametersFor(want, server.client, params)),
        ),
    },
    options,
  )
}
