import { CanceledError } from 'axios'
import { sanitize } from '../../secrets/sanitize'
import type { StepUp } from '../../formats/www-authenticate'
import { OAuthError } from '../errors'
import type { OAuthParameters } from '../server/token-request'

/** The parameters of a login that a server requires (RFC 9470 section 4). */
export function stepUpParameters({ acrValues, maxAge }: StepUp = {}): OAuthParameters {
  return {
    ...(acrValues !== undefined && { acr_values: acrValues }),
    ...(maxAge !== undefined && { max_age: String(maxAge) }),
  }
}

/**
 * Shows a login to the user and waits for it, until it is finished, showing it fails, or the signal aborts. The login is then stopped.
 *
 * @param show - opens the login; not waited for
 */
export async function untilLoggedIn<T>(
  show: () => void | Promise<void>,
  logIn: (stop: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal?.aborted) throw new CanceledError()
  const finished = new AbortController()
  const stop = signal ? AbortSignal.any([signal, finished.signal]) : finished.signal
  const showing = async (): Promise<never> => {
    await show()
    return new Promise<never>(() => undefined)
  }
  try {
    return await Promise.race([logIn(stop), showing()])
  } catch (error) {
    throw signal?.aborted ? new CanceledError() : error
  } finally {
    finished.abort()
  }
}

/**
 * Seconds between two requests that ask whether a login is done, as the server names them: 5 if it does not (RFC 8628 section 3.2), and
 * at least 1, so that no server makes this client send them without a pause.
 */
export function pollingInterval(named: unknown): number {
  const interval = Number(named)
  return interval > 0 ? Math.max(interval, 1) : 5
}

/**
 * A URL of the server that a user is asked to open. Other schemes than http and https, such as `javascript:` and `file:`, are
 * rejected; control characters are percent-encoded.
 */
export function webUrl(url: string, what: string): URL {
  if (url.length > MAX_URL)
    throw new OAuthError('ERR_IGWN_OAUTH_RESPONSE', `The ${what} has more than ${MAX_URL} characters.`)
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol === 'https:' || parsed?.protocol === 'http:') return parsed
  throw new OAuthError(
    'ERR_IGWN_OAUTH_RESPONSE',
    `The ${what} is not an http(s) URL${parsed ? `, its scheme is ${sanitize(parsed.protocol)}` : ''}. Do not open it.`,
  )
}

/** Characters; browsers and programs that open URLs accept that many. */
const MAX_URL = 8192
