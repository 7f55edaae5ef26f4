import type { AxiosRequestConfig } from 'axios'
import { getProxyForUrl } from 'proxy-from-env'

/**
 * Whether a response to an https request came from a network proxy that made no tunnel. axios returns its response to CONNECT as
 * that of the server; but it came in plain text, and is not authenticated.
 *
 * @param result - a response, or the error of one or of a redirect
 */
export function isFromNetworkProxy(result: unknown, url: URL, proxy: AxiosRequestConfig['proxy']): boolean {
  if (url.protocol !== 'https:' || proxy === false || !(proxy || getProxyForUrl(url))) return false
  const { request } = (result ?? {}) as { request?: Sent | null }
  const sent = request?._currentRequest ?? request
  const socket = sent?.res?.socket ?? sent?.socket
  return socket != null && socket.encrypted !== true
}

/** A request of Node, or one of follow-redirects with the last request of Node in it. */
interface Sent {
  readonly _currentRequest?: Sent
  readonly res?: { readonly socket?: Socket | null }
  readonly socket?: Socket | null
}

interface Socket {
  readonly encrypted?: boolean
}
