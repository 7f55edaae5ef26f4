import type { AxiosRequestConfig } from 'axios'
import { getProxyForUrl } from 'proxy-from-env'
import { secretsOfBasic } from '../secrets/sent-secrets'

type ProxyOption = AxiosRequestConfig['proxy']

/** Variables that name a proxy. Usually none is set, and nothing else has to be looked at. */
const PROXY_VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY']

/** Whether a request goes through a network proxy, as axios decides it: its option, else the environment. */
export function usesProxy(url: URL, proxy: ProxyOption): boolean {
  if (proxy === false || proxy) return Boolean(proxy)
  return proxyInEnvironment(url) !== ''
}

/** The URL of the proxy that the environment names for a URL; empty for none. */
function proxyInEnvironment(url: URL): string {
  return PROXY_VARIABLES.some((name) => process.env[name]) ? getProxyForUrl(url) : ''
}

/** What must not show of the proxy of a request: its password, and the header field with it. Any server and proxy may repeat them. */
export function proxySecrets(url: URL, proxy: ProxyOption): readonly string[] {
  if (proxy) return proxy.auth ? secretsOfBasic(proxy.auth.username, proxy.auth.password) : NONE
  // Not parsed as a URL: an invalid one is repeated in an error.
  const [, userinfo] = /^[^/]*\/\/(.*)@/s.exec(proxyInEnvironment(url)) ?? []
  if (userinfo === undefined) return NONE
  const colon = userinfo.indexOf(':')
  const [username, password] = [userinfo.slice(0, Math.max(colon, 0)), userinfo.slice(colon + 1)]
  return [password, ...secretsOfBasic(decoded(username), decoded(password))]
}

const NONE: readonly string[] = []

export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * Whether a response to an https request came from a network proxy that made no tunnel. axios returns its response to CONNECT as
 * that of the server; but it came in plain text, and is not authenticated.
 *
 * @param result - a response, or the error of one or of a redirect
 */
export function isFromNetworkProxy(result: unknown, url: URL, proxy: ProxyOption): boolean {
  if (url.protocol !== 'https:' || !usesProxy(url, proxy)) return false
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
