import type { AxiosRequestConfig } from 'axios'
import { getProxyForUrl } from 'proxy-from-env'
import { IgwnAuthError } from '../errors'

/**
 * Whether others can read what is sent to a URL: over `http:`, except to a loopback address without a network proxy between.
 */
export function isInsecure(url: URL, proxy: AxiosRequestConfig['proxy']): boolean {
  if (url.protocol === 'https:') return false
  return !isLoopback(url.hostname) || usesProxy(url, proxy)
}

/** `localhost`, 127.0.0.0/8 and ::1. `URL` normalizes every spelling of an address. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || /^127(?:\.\d{1,3}){3}$/.test(hostname) || hostname === '[::1]'
}

/** Variables that name a proxy. Usually none is set, and nothing else has to be looked at. */
const PROXY_VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY']

/** As axios decides it: its option, else the environment. */
export function usesProxy(url: URL, proxy: AxiosRequestConfig['proxy']): boolean {
  if (proxy === false || proxy) return Boolean(proxy)
  return PROXY_VARIABLES.some((name) => process.env[name]) && getProxyForUrl(url) !== ''
}

/** Says for a message what others could read. */
export function readableOnTheWay({ host }: URL, what: string): string {
  return `${host} is reached over plain HTTP, where others can read ${what}`
}

/** The error for a credential that was given or required and would go over plain HTTP. */
export function insecureTransport(message: string, result = 'Nothing was sent'): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_INSECURE_TRANSPORT',
    `${message}. ${result}. Use https, or set allowInsecureHttp on a network that only you can read.`,
  )
}
