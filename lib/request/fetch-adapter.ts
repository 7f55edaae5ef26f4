import type { AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import type { AuthScheme, RequestChanges } from '../schemes/auth-scheme'
import { discard } from './resend'

type Adapter = InternalAxiosRequestConfig['adapter']

/** Whether it is the fetch adapter: axios takes the first of a list that there is, and Node has no XMLHttpRequest. */
export function isFetch(adapter: Adapter): boolean {
  const first = Array.isArray(adapter) ? adapter.find((one) => one !== 'xhr') : adapter
  return typeof first === 'string' && first.toLowerCase() === 'fetch'
}

/**
 * Has the fetch adapter follow no redirect with what a scheme put on a request. It asks nobody where it goes, and takes all along
 * but `Authorization`: a body with a token in it, a field of the scheme's own.
 *
 * @returns whether it would have followed
 */
export function holdRedirects(
  outgoing: InternalAxiosRequestConfig,
  adapter: Adapter,
  sent: RequestChanges,
): boolean {
  const options = outgoing.fetchOptions as { redirect?: unknown } | undefined
  if (!isFetch(adapter) || !goesAlong(sent)) return false
  if (outgoing.maxRedirects === 0 || options?.redirect !== undefined) return false
  outgoing.fetchOptions = { ...options, redirect: 'manual' }
  return true
}

function goesAlong({ headers = {}, body }: RequestChanges): boolean {
  return body !== undefined || Object.keys(headers).some((name) => !HARMLESS.has(name.toLowerCase()))
}

/** What `fetch` leaves behind where the origin changes, and what is no secret. */
const HARMLESS = new Set(['authorization', 'cache-control'])

/** @throws {@link IgwnAuthError} `ERR_IGWN_UNSUPPORTED` for a redirect that was held */
export function assertNoRedirect(response: AxiosResponse, { name }: AuthScheme, from: URL): void {
  if (!REDIRECTS.has(response.status)) return
  discard(response)
  throw new IgwnAuthError(
    'ERR_IGWN_UNSUPPORTED',
    `${from.host} redirects the request (status ${response.status}), and the fetch adapter would take along what ${name} put ` +
      'on it. It was not followed. Use the http adapter, or the URL that it leads to.',
  )
}

/** Those that `fetch` follows. */
const REDIRECTS = new Set([301, 302, 303, 307, 308])
