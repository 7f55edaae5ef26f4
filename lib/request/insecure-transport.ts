import type { AxiosRequestConfig } from 'axios'
import { getProxyForUrl } from 'proxy-from-env'
import { IgwnAuthError } from '../errors'

/**
 * Whether what is sent to a URL could be read on the way: over `http:`, unless it stays on this machine. A proxy is on
 * the way also when the host is not.
 */
export function isClearText(url: URL, proxy: AxiosRequestConfig['proxy']): boolean {
  if (url.protocol === 'https:') return false
  return !isLoopback(url.hostname) || goesThroughProxy(url, proxy)
}

/** `localhost`, 127.0.0.0/8 and ::1. URL has brought every spelling of an address into this one. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || /^127(?:\.\d{1,3}){3}$/.test(hostname) || hostname === '[::1]'
}

/** What names a proxy for `http:`; mostly none of them is set, and there is no more to ask. */
const VARIABLES = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY']

/** As axios itself decides it: its option, else what the environment says. */
function goesThroughProxy(url: URL, proxy: AxiosRequestConfig['proxy']): boolean {
  if (proxy === false || proxy) return Boolean(proxy)
  return VARIABLES.some((name) => process.env[name]) && getProxyForUrl(url) !== ''
}

/** What is wrong with a connection in clear, for the messages of reasons and errors. */
export function readableOnTheWay({ host }: URL, what: string): string {
  return `${host} is reached over clear-text http, where everybody on the way can read ${what}`
}

/** The error for what was given or demanded and would go in clear. */
export function clearText(message: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_INSECURE_TRANSPORT',
    `${message}. Use https; or set allowInsecureHttp where nobody listens. Nothing was sent.`,
  )
}
