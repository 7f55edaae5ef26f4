import type { AxiosRequestConfig } from 'axios'
import { getProxyForUrl } from 'proxy-from-env'

/**
 * Whether what came back for an https URL was said by a network proxy that made no tunnel. axios hands its answer to CONNECT on
 * as the server's; but it came in clear, and nobody has vouched for it.
 *
 * @param result - a response, or the error of one or of a redirect
 */
export function isOfNetworkProxy(result: unknown, url: URL, proxy: AxiosRequestConfig['proxy']): boolean {
  if (url.protocol !== 'https:' || proxy === false || !(proxy || getProxyForUrl(url))) return false
  const { request } = (result ?? {}) as { request?: Sent | null }
  const sent = request?._currentRequest ?? request
  const socket = sent?.res?.socket ?? sent?.socket
  // What the server says comes by TLS.
  return socket != null && socket.encrypted !== true
}

/** A request of Node's, or one of follow-redirects that has the last of Node's in it. */
interface Sent {
  readonly _currentRequest?: Sent
  readonly res?: { readonly socket?: Socket | null }
  readonly socket?: Socket | null
}

interface Socket {
  readonly encrypted?: boolean
}
