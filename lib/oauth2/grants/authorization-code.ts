import { seconds } from '../../check-values'
import { kindOf } from '../../tokens/token'
import { authorizationRequest, redeemed } from '../server/authorization-request'
import { authorizationServer } from '../server/authorization-server'
import { byPerson } from './interactive'
import { aFunction, anObject } from '../checks'
import { idTokenVerifier } from '../id-token'
import { loopbackListener } from './loopback-listener'
import type { OAuthClient } from '../client'
import { OAuthError } from '../errors'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { loginWant, type OAuthParameters } from '../server/token-request'

export interface AuthorizationCodeOptions extends FlowOptions {
  /** Shows a person the page to log in at: opens a browser, or prints the URL. */
  readonly open: (url: string) => void | Promise<void>
  /** The port on 127.0.0.1 that the browser comes back to. Default is any that is free (RFC 8252 section 7.3). */
  readonly port?: number | undefined
  /** The path that it comes back to, as registered. Default is `/callback`. */
  readonly path?: string | undefined
  /** Seconds a person has for it. Default is 300. */
  readonly timeout?: number | undefined
  /** More parameters of the login, as `prompt` or `login_hint`. (`params` are those of token requests.) Default is none. */
  readonly loginParams?: OAuthParameters | undefined
}

/**
 * Tokens for a person who logs in by their browser on this machine (RFC 6749 section 4.1, with PKCE of RFC 7636, as RFC 8252
 * has it for native apps): register `http://127.0.0.1/callback` as redirect URI; the port is any. They are asked when the
 * first token is wanted, and again when the login has ended; ask for the scope `offline_access`, or what the server has in
 * its place, for a refresh token.
 *
 * A server that does not take the redirect URI never sends the browser back: then, as when nobody logs in, `getToken`
 * rejects with `ERR_IGWN_OAUTH_TIMEOUT`. It rejects with `ERR_IGWN_OAUTH_REFUSED` when the person says no.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when client or options cannot be used
 */
export function authorizationCode(client: OAuthClient, options: AuthorizationCodeOptions): OAuthTokenSource {
  const checked = checkFlow(options, {
    open: aFunction,
    port: (value) =>
      Number.isInteger(value) && Number(value) >= 0 && Number(value) < 65_536
        ? undefined
        : `must be a port, not ${typeof value === 'number' ? value : kindOf(value)}`,
    path: (value) =>
      typeof value === 'string' && /^\/[^?#\s]*$/.test(value)
        ? undefined
        : `must be a path, as /callback, not ${typeof value === 'string' ? 'this text' : kindOf(value)}`,
    timeout: seconds,
    loginParams: anObject,
  })
  const { open, port = 0, path = '/callback', timeout = TIMEOUT, loginParams, params, signal } = checked
  const server = authorizationServer(client)
  const verifyIdToken = idTokenVerifier(server)

  return renewing(
    server,
    {
      name: 'authorizationCode',
      isInteractive: true,
      async obtain(want) {
        const listener = await loopbackListener(port, path)
        try {
          const { redirectUri } = listener
          const { url, login } = await authorizationRequest(server, {
            redirectUri,
            want: loginWant(want, checked),
            params: loginParams,
            signal,
          })
          const answer = await byPerson(
            () => open(url),
            (stop) => inTime(listener.answer(login.state, stop), timeout, stop),
            signal,
          )
          return await redeemed(server, verifyIdToken, answer, login, { want, params, signal })
        } finally {
          listener.close()
        }
      },
    },
    checked,
  )

  async function inTime<T>(answer: Promise<T>, after: number, stop: AbortSignal): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => {
          reject(
            new OAuthError(
              'ERR_IGWN_OAUTH_TIMEOUT',
              `Nobody came back from ${server.name} within ${after} s. Begin again; a page there that speaks of the redirect URI means that http://127.0.0.1${path} is not registered.`,
            ),
          )
        },
        Math.min(after * 1000, MAX_TIMER),
      )
      stop.addEventListener('abort', () => {
        clearTimeout(timer)
      })
    })
    return Promise.race([answer, late])
  }
}

/** Seconds. */
const TIMEOUT = 300
/** Milliseconds; a timer for more goes off at once. */
const MAX_TIMER = 2 ** 31 - 1
