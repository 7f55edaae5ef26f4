import type { AxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import { usesProxy } from './network-proxy'

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
