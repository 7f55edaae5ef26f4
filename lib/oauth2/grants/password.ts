import { authorizationServer } from '../server/authorization-server'
import type { OAuthClient } from '../client'
import { aText, textOrFunction } from '../checks'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { parametersFor, requestToken } from '../server/token-request'

/** Who logs in. */
export interface PasswordOptions extends FlowOptions {
  /** As the server knows them. */
  readonly username: string
  /** The password, or a function that gives it, called for each login. */
  readonly password: string | (() => string | Promise<string>)
}

/**
 * Tokens for a person whose password the program knows (RFC 6749 section 4.3).
 *
 * @deprecated OAuth 2.1 has no such grant: a program that sees a password can do all that its owner can. It is here for
 *   servers that know nothing else; use {@link deviceCode} or {@link authorizationCode} where they do.
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when client or options cannot be used
 */
export function password(client: OAuthClient, options: PasswordOptions): OAuthTokenSource {
  const {
    username,
    password: secret,
    params,
    signal,
  } = checkFlow(options, {
    username: aText,
    password: textOrFunction,
  })
  const server = authorizationServer(client)

  return renewing(
    server,
    {
      name: 'password',
      identity: [username],
      async obtain(want) {
        const login = { username, password: typeof secret === 'function' ? await secret() : secret }
        return requestToken(server, { audience: want.audience[0], signal }, ({ oc, config }) =>
          oc.genericGrantRequest(
            config,
            'password',
            parametersFor(want, server.client, { ...params, ...login }),
          ),
        )
      },
    },
    options,
  )
}
