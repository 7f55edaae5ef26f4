import { setTimeout as wait } from 'node:timers/promises'
import { aFunction, anObject, flag } from '../../check-values'
import { secondsNow } from '../../clock'
import { printable } from '../../secrets/sanitize'
import type { StoredToken } from '../../stores/token-store'
import type { OAuthClient } from '../client'
import { isRefused, OAuthError } from '../errors'
import { rejectReserved } from '../server/authorization-request'
import { authorizationServer } from '../server/authorization-server'
import {
  parametersFor,
  requestedLogin,
  requestToken,
  withLoginScopes,
  type OAuthParameters,
} from '../server/token-request'
import { stepUpParameters, pollingInterval, untilLoggedIn, webUrl } from './interactive'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'

/**
 * What the user needs to log in on another device (RFC 8628 section 3.2). Control characters are removed, and the URLs are http(s)
 * URLs, so that they can be printed and opened.
 */
export interface DevicePrompt {
  /** The code to enter there. */
  readonly userCode: string
  /** The page on which to enter it. */
  readonly verificationUri: string
  /** The same page with the code, for a link or a QR code; absent when the server sends none. */
  readonly verificationUriComplete?: string | undefined
  /** Seconds since the epoch at which the code expires. */
  readonly expiresAt: number
}

export interface DeviceCodeOptions extends FlowOptions {
  /** Shows the code and the URL to the user. */
  readonly prompt: (prompt: DevicePrompt) => void | Promise<void>
  /**
   * More parameters of the login, such as `acr_values`; `params` are those of token requests. Parameters that this package sets are
   * errors. Default: none.
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
 * Tokens for a user who logs in on another device (RFC 8628), for example for a program in a remote terminal. The user logs in when
 * the first token is needed, and again when the login has expired. Request the scope `offline_access`, or what the server uses
 * instead, for a refresh token.
 *
 * Its `getToken` rejects with `ERR_IGWN_OAUTH_TIMEOUT` when the user does not log in before the code expires, and with
 * `ERR_IGWN_OAUTH_REFUSED` (`access_denied`) when the user denies the request. For the next 60 seconds it then rejects with the same
 * error without another login.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client or option
 */
export function deviceCode(client: OAuthClient, options: DeviceCodeOptions): OAuthTokenSource {
  const given = checkFlow(options, { prompt: aFunction, loginParams: anObject, stepUp: flag })
  const { prompt, params, loginParams, signal } = given
  rejectReserved(loginParams, 'options.loginParams')
  const server = authorizationServer(client)
  const checked = withLoginScopes(given, server.client)

  return renewing(
    server,
    {
      name: 'deviceCode',
      isInteractive: true,
      stepUp: given.stepUp,
      async obtain(requested, stepUp) {
        const [audience] = requested.audience
        const parameters = parametersFor(requestedLogin(requested, checked), server.client, {
          ...loginParams,
          ...stepUpParameters(stepUp),
        })
        const device = await server.request(
          { endpoint: 'device_authorization', audience, signal },
          async ({ oc, config }) => oc.initiateDeviceAuthorization(config, parameters),
        )
        const expiresAt = secondsNow() + device.expires_in
        const poll = (stop: AbortSignal) =>
          requestToken(
            server,
            { audience, signal: stop },
            ({ oc, config }) =>
              oc.genericGrantRequest(
                config,
                DEVICE_CODE,
                parametersFor({ scope: [], audience: requested.audience }, server.client, {
                  ...params,
                  device_code: device.device_code,
                }),
              ),
            requested.scope.includes('openid') ? { isRequested: true } : undefined,
          )
        return untilLoggedIn(
          () => prompt(promptFor(device, expiresAt)),
          (stop) => pollUntilDone(poll, pollingInterval(device.interval), expiresAt, stop),
          signal,
        )
      },
    },
    checked,
  )

  function promptFor(
    {
      user_code: userCode,
      verification_uri: uri,
      verification_uri_complete: complete,
    }: {
      readonly user_code: string
      readonly verification_uri: string
      readonly verification_uri_complete?: string
    },
    expiresAt: number,
  ): DevicePrompt {
    return {
      userCode: printable(userCode).slice(0, MAX_USER_CODE),
      verificationUri: webUrl(uri, `verification_uri of ${server.name}`).href,
      ...(complete !== undefined && {
        verificationUriComplete: webUrl(complete, `verification_uri_complete of ${server.name}`).href,
      }),
      expiresAt,
    }
  }
}

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/** Characters; codes are typed by hand. */
const MAX_USER_CODE = 100

/** Seconds that each `slow_down` adds (RFC 8628 section 3.5). */
const SLOWER_BY = 5
/** Seconds. Only the server can make the interval longer. */
const MAX_INTERVAL = 60

/** Seconds; the server chooses interval and lifetime, and a timer of more than 2^31 milliseconds fires at once. */
const MAX_WAIT = 86_400

/**
 * Polls for the token (RFC 8628 sections 3.4 and 3.5). Not done by openid-client, which gives up after one failed request and checks
 * the signal only every five seconds. After a temporary failure the interval doubles, and is at least the `Retry-After`.
 */
async function pollUntilDone(
  poll: (signal: AbortSignal) => Promise<StoredToken>,
  interval: number,
  expiresAt: number,
  signal: AbortSignal,
): Promise<StoredToken> {
  let every = interval
  let pause = interval
  let lastFailure: OAuthError | undefined
  for (;;) {
    const left = Math.max(0, expiresAt - secondsNow())
    await wait(Math.min(pause, left, MAX_WAIT) * 1000, undefined, { signal })
    if (secondsNow() >= expiresAt) throw expired(lastFailure)
    try {
      return await poll(signal)
    } catch (error) {
      if (isRefused(error, 'expired_token')) throw expired(undefined)
      lastFailure = undefined
      if (isRefused(error, 'slow_down')) every += SLOWER_BY
      else if (error instanceof OAuthError && error.retryAfter !== undefined) {
        every = Math.max(every, Math.min(every * 2, MAX_INTERVAL))
        lastFailure = error
      } else if (!isRefused(error, 'authorization_pending')) throw error
      pause = Math.max(every, (lastFailure?.retryAfter ?? 0) / 1000)
    }
  }
}

function expired(lastFailure: OAuthError | undefined): OAuthError {
  return new OAuthError(
    'ERR_IGWN_OAUTH_TIMEOUT',
    `The user did not log in before the code expired. ${lastFailure ? `The last request for the token failed: ${lastFailure.message}` : 'Start again.'}`,
  )
}
