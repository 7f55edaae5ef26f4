import { setTimeout as wait } from 'node:timers/promises'
import { secondsNow } from '../../clock'
import type { StoredToken } from '../../stores/token-store'
import { authorizationServer } from '../server/authorization-server'
import { byPerson } from './interactive'
import { aFunction, anObject } from '../checks'
import type { OAuthClient } from '../client'
import { isRefused, OAuthError } from '../errors'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { loginWant, parametersFor, requestToken, type OAuthParameters } from '../server/token-request'

/** What a person needs to know to log in on another device (RFC 8628 section 3.2). */
export interface DevicePrompt {
  /** The code to enter there. */
  readonly userCode: string
  /** The page to enter it at. */
  readonly verificationUri: string
  /** The same with the code in it, for a link or a QR code; absent where the server has none. */
  readonly verificationUriComplete?: string | undefined
  /** Seconds since the epoch at which the code ends. */
  readonly expiresAt: number
}

export interface DeviceCodeOptions extends FlowOptions {
  /** Tells the person. It is not waited for longer than for the login. */
  readonly prompt: (prompt: DevicePrompt) => void | Promise<void>
  /** More parameters of the login, as `acr_values`. (`params` are those of token requests.) Default is none. */
  readonly loginParams?: OAuthParameters | undefined
}

/**
 * Tokens for a person who logs in on another device (RFC 8628): for programs in a terminal, also far away. They are asked
 * when the first token is wanted, and again when the login has ended; ask for the scope `offline_access`, or what the server
 * has in its place, for a refresh token.
 *
 * Its `getToken` rejects with `ERR_IGWN_OAUTH_TIMEOUT` when nobody logs in in time, and with `ERR_IGWN_OAUTH_REFUSED`
 * (`access_denied`) when they say no.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when client or options cannot be used
 */
export function deviceCode(client: OAuthClient, options: DeviceCodeOptions): OAuthTokenSource {
  const { prompt, params, loginParams, signal } = checkFlow(options, {
    prompt: aFunction,
    loginParams: anObject,
  })
  const server = authorizationServer(client)

  return renewing(
    server,
    {
      name: 'deviceCode',
      isInteractive: true,
      async obtain(want) {
        const [audience] = want.audience
        const parameters = parametersFor(loginWant(want, options), server.client, loginParams)
        const device = await server.ask(
          { endpoint: 'device_authorization', audience, signal },
          async ({ oc, config }) => oc.initiateDeviceAuthorization(config, parameters),
        )
        const expiresAt = secondsNow() + device.expires_in
        const { verification_uri_complete: complete } = device
        const shown: DevicePrompt = {
          userCode: device.user_code,
          verificationUri: device.verification_uri,
          ...(complete !== undefined && { verificationUriComplete: complete }),
          expiresAt,
        }
        const ask = (stop: AbortSignal) =>
          requestToken(server, { audience, signal: stop }, ({ oc, config }) =>
            oc.genericGrantRequest(
              config,
              DEVICE_CODE,
              parametersFor({ scope: [], audience: want.audience }, server.client, {
                ...params,
                device_code: device.device_code,
              }),
            ),
          )
        return byPerson(
          () => prompt(shown),
          (stop) => polled(ask, device.interval ?? INTERVAL, expiresAt, stop),
          signal,
        )
      },
    },
    options,
  )
}

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/** Seconds between questions, where the server does not say (RFC 8628 section 3.2), and what a slower pace is slower by. */
const INTERVAL = 5
const SLOWER_BY = 5

/**
 * Asks until there is an answer (RFC 8628 sections 3.4 and 3.5). Not by openid-client, which gives up over one question that
 * was not answered, and sees only every five seconds that nobody wants it any more.
 */
async function polled(
  ask: (signal: AbortSignal) => Promise<StoredToken>,
  interval: number,
  expiresAt: number,
  signal: AbortSignal,
): Promise<StoredToken> {
  for (let pause = interval; ;) {
    await wait(Math.min(pause, Math.max(0, expiresAt - secondsNow())) * 1000, undefined, { signal })
    if (secondsNow() >= expiresAt) throw nobodyCame()
    try {
      return await ask(signal)
    } catch (error) {
      if (isRefused(error, 'expired_token')) throw nobodyCame()
      if (isRefused(error, 'slow_down')) pause += SLOWER_BY
      else if (isUnanswered(error)) pause *= 2
      else if (!isRefused(error, 'authorization_pending')) throw error
    }
  }
}

function isUnanswered(error: unknown): boolean {
  return (
    error instanceof OAuthError &&
    (error.code === 'ERR_IGWN_OAUTH_UNREACHABLE' || error.code === 'ERR_IGWN_OAUTH_TIMEOUT')
  )
}

function nobodyCame(): OAuthError {
  return new OAuthError('ERR_IGWN_OAUTH_TIMEOUT', 'Nobody logged in before the code ended. Begin again.')
}
