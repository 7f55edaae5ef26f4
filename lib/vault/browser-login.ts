import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { secondsNow } from '../clock'
import { OAuthError } from '../oauth2/errors'
import { pollingInterval, untilLoggedIn, webUrl } from '../oauth2/grants/interactive'
import { printable } from '../secrets/sanitize'
import type { InteractiveVaultOptions } from './options'
import type { VaultAuth, VaultServer } from './server'
import type { Settings } from './settings'

interface Interaction {
  readonly onPrompt: NonNullable<InteractiveVaultOptions['onPrompt']>
  readonly loginTimeout: number
}

/**
 * A login in a browser (OpenID Connect), which Vault starts and ends; this asks Vault whether it is done.
 *
 * It rejects with {@link OAuthError}: `ERR_IGWN_OAUTH_REFUSED` with `access_denied` as `error` if the user refused,
 * `ERR_IGWN_OAUTH_TIMEOUT`, and those of the server.
 */
export async function browserLogin(
  server: VaultServer,
  { alias, oidcPath, role, options: { signal } }: Settings,
  { onPrompt, loginTimeout }: Interaction,
): Promise<VaultAuth> {
  const expiresAt = secondsNow() + loginTimeout / 1000
  const client_nonce = randomBytes(32).toString('base64url')
  const redirect_uri = `${alias}/v1/${oidcPath}/callback`
  const { data } = await server.request({
    path: `${oidcPath}/auth_url`,
    body: { role, client_nonce, redirect_uri },
  })
  const { auth_url: page, user_code: userCode, poll_interval: interval, ...others } = data
  if (typeof page !== 'string' || page === '')
    throw new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `${server.url} names no page for the login: the role ${role} does not allow the redirect to ${redirect_uri}. Set options.vaultalias to the name under which the server is registered.`,
    )
  const { href: url } = webUrl(page, `auth_url of ${server.url}`)
  const code = typeof userCode === 'string' ? { userCode: printable(userCode).slice(0, MAX_USER_CODE) } : {}
  // Servers from before version 1.15 of the plugin have no state, and hold the request until the login is done.
  const isHeld = others.state === undefined
  const request = {
    path: `${oidcPath}/${isHeld ? 'device_wait' : 'poll'}`,
    body: { ...others, client_nonce, ...(isHeld && { role }) },
  }
  return untilLoggedIn(() => onPrompt({ url, ...code, expiresAt }), poll, signal)

  async function poll(stop: AbortSignal): Promise<VaultAuth> {
    let every = Math.min(pollingInterval(interval), MAX_INTERVAL)
    let pause = isHeld ? 0 : every
    for (;;) {
      const left = Math.max(0, expiresAt - secondsNow())
      await wait(Math.min(pause, left) * 1000, undefined, { signal: stop })
      if (secondsNow() >= expiresAt) throw notInTime(loginTimeout)
      try {
        const { auth } = await server.request({
          ...request,
          ...(isHeld && { timeout: Math.ceil(left * 1000) }),
        })
        if (auth) return auth
        throw new OAuthError(
          'ERR_IGWN_OAUTH_RESPONSE',
          `${server.url} ended the login without a Vault token.`,
        )
      } catch (error) {
        if (isSlowDown(error)) every = Math.min(every * 2, MAX_INTERVAL)
        else if (!isPending(error)) throw asRefusal(error)
        pause = every
      }
    }
  }
}

/** Seconds. */
const MAX_INTERVAL = 60

/** Characters; codes are typed by hand. */
const MAX_USER_CODE = 100

function isSlowDown(error: unknown): boolean {
  return saidBy(error) === 'slow_down'
}

/** Also a failure of the network: the user may still be at the login. */
function isPending(error: unknown): boolean {
  return (
    saidBy(error) === 'authorization_pending' ||
    (error instanceof OAuthError && error.retryAfter !== undefined)
  )
}

function saidBy(error: unknown): string {
  return (error instanceof OAuthError && error.status === 400 && error.errorDescription) || ''
}

function asRefusal(error: unknown): unknown {
  if (!/access_denied/.test(saidBy(error))) return error
  return new OAuthError('ERR_IGWN_OAUTH_REFUSED', 'The user denied the login.', {
    error: 'access_denied',
    status: 400,
  })
}

/** In a browser that shows a page of Vault, a refusal stays in the browser. */
function notInTime(loginTimeout: number): OAuthError {
  return new OAuthError(
    'ERR_IGWN_OAUTH_TIMEOUT',
    `The user did not log in within ${loginTimeout / 1000} seconds, or refused in the browser. Start again.`,
  )
}
