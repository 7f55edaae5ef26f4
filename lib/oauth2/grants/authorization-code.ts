import { aFunction, anObject, flag, kindOf, oneOf, timeoutMilliseconds } from '../../check-values'
import type { OAuthClient } from '../client'
import { OAuthError } from '../errors'
import { authorizationRequest, exchangeCode, rejectReserved } from '../server/authorization-request'
import { authorizationServer } from '../server/authorization-server'
import { requestedLogin, withLoginScopes, type OAuthParameters } from '../server/token-request'
import { stepUpParameters, untilLoggedIn } from './interactive'
import { loopbackListener, type LoopbackHost } from './loopback-listener'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'

export interface AuthorizationCodeOptions extends FlowOptions {
  /** Opens the login page: starts a browser or prints the URL. */
  readonly open: (url: string) => void | Promise<void>
  /**
   * The host in the redirect URI. Set `localhost` for servers that accept no address. Default: `127.0.0.1` (RFC 8252 section 8.3: the
   * name may resolve to something else).
   */
  readonly host?: LoopbackHost | undefined
  /** The port in the redirect URI. Default: any free port (RFC 8252 section 7.3). */
  readonly port?: number | undefined
  /** The path in the redirect URI, as registered. Default: `/callback`. */
  readonly path?: string | undefined
  /** Milliseconds the user has for the login; 0 for no limit. Default: 300000. */
  readonly timeout?: number | undefined
  /**
   * More parameters of the login, such as `prompt` or `login_hint`; `params` are those of token requests. Parameters that this
   * package sets, such as `redirect_uri`, are errors. Default: none.
   */
  readonly loginParams?: OAuthParameters | undefined
  /**
   * Whether the user logs in again when a server requires it: after a 401 with `insufficient_user_authentication` (RFC 9470), with
   * the `acr_values` and `max_age` that the server names. The request is then sent again. At most once a minute. Default: false, and
   * the 401 is the response.
   */
  readonly stepUp?: boolean | undefined
}

/**
 * Tokens for a user who logs in with a browser on this host (RFC 6749 section 4.1 with PKCE, RFC 7636; RFC 8252 for native apps).
 * Register `http://127.0.0.1/callback` as redirect URI; the port may vary. The user logs in when the first token is needed, and again
 * when the login has expired. Request the scope `offline_access`, or what the server uses instead, for a refresh token.
 *
 * Its `getToken` rejects with `ERR_IGWN_OAUTH_TIMEOUT` when the user does not log in, also because the server does not accept the
 * redirect URI; and with `ERR_IGWN_OAUTH_REFUSED` when the user denies the request. For the next 60 seconds it then rejects with the
 * same error without another login.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client or option
 */
export function authorizationCode(client: OAuthClient, options: AuthorizationCodeOptions): OAuthTokenSource {
  const given = checkFlow(options, {
    open: aFunction,
    host: oneOf('127.0.0.1', 'localhost'),
    port: (value) =>
      Number.isInteger(value) && Number(value) >= 0 && Number(value) < 65_536
        ? undefined
        : `must be a port, not ${typeof value === 'number' ? value : kindOf(value)}`,
    path: (value) =>
      typeof value === 'string' && /^\/[^?#\s]*$/.test(value)
        ? undefined
        : `must be a path such as /callback, not ${typeof value === 'string' ? 'this string' : kindOf(value)}`,
    timeout: timeoutMilliseconds,
    loginParams: anObject,
    stepUp: flag,
  })
  const { open, host = '127.0.0.1', port = 0, path = '/callback', timeout = TIMEOUT } = given
  const { loginParams, params, signal } = given
  rejectReserved(loginParams, 'options.loginParams', ['response_mode'])
  const server = authorizationServer(client, `http://${host}${port === 0 ? '' : `:${port}`}${path}`)
  const checked = withLoginScopes(given, server.client)

  return renewing(
    server,
    {
      name: 'authorizationCode',
      isInteractive: true,
      stepUp: checked.stepUp,
      async obtain(requested, stepUp) {
        const listener = await loopbackListener(host, port, path)
        try {
          const { redirectUri } = listener
          await server.registration?.confirm(signal)
          const { url, login } = await authorizationRequest(server, {
            redirectUri,
            requested: requestedLogin(requested, checked),
            params: { ...loginParams, ...stepUpParameters(stepUp) },
            signal,
          })
          const callback = await untilLoggedIn(
            () => open(url),
            (stop) => inTime(listener.callback(login.state, stop), stop),
            signal,
          )
          return await exchangeCode(server, callback, login, { requested, params, signal })
        } finally {
          listener.close()
        }
      },
    },
    checked,
  )

  async function inTime<T>(callback: Promise<T>, stop: AbortSignal): Promise<T> {
    if (timeout === 0) return callback
    const late = new Promise<never>((_, reject) => {
      const timer = setTimeout(
        () => {
          reject(
            new OAuthError(
              'ERR_IGWN_OAUTH_TIMEOUT',
              `The user did not log in at ${server.name} within ${timeout} ms. Try again. If the page of the server shows an error about the redirect URI, register http://${host}${path} there.`,
            ),
          )
        },
        Math.min(timeout, MAX_TIMER),
      )
      stop.addEventListener('abort', () => {
        clearTimeout(timer)
      })
    })
    return Promise.race([callback, late])
  }
}

/** Milliseconds. */
const TIMEOUT = 300_000
/** Milliseconds; a longer timer fires at once. */
const MAX_TIMER = 2 ** 31 - 1
