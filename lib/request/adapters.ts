import type { InternalAxiosRequestConfig } from 'axios'

type Adapter = InternalAxiosRequestConfig['adapter']

/** What sends a request: an adapter of axios, or `igwnFetch` where this package cannot make the TLS connection. */
export type AdapterKind = 'http' | 'fetch' | 'custom' | FetchLimit

/** Why `igwnFetch` cannot make the TLS connection: undici is missing, or the caller makes it. */
export type FetchLimit = 'fetch without undici' | 'fetch with a dispatcher'

/**
 * Which adapter sends a request: axios uses the first of a list that exists, and Node has no XMLHttpRequest. A function is a
 * custom adapter.
 */
export function adapterKind(adapter: Adapter): AdapterKind {
  if (typeof adapter === 'function') return 'custom'
  const first = Array.isArray(adapter) ? adapter[adapter[0] === 'xhr' ? 1 : 0] : adapter
  if (typeof first === 'function') return 'custom'
  if (first === 'fetch without undici' || first === 'fetch with a dispatcher') return first as FetchLimit
  return typeof first === 'string' && first.toLowerCase() === 'fetch' ? 'fetch' : 'http'
}

/** As axios decides it. */
export function isHttp2({ httpVersion }: { httpVersion?: unknown }): boolean {
  return Number(httpVersion) === 2
}

/** Whether an adapter follows no redirects and leaves them to the exchange. */
export function leavesRedirects(adapter: Adapter): boolean {
  return typeof adapter === 'function' && 'redirect' in adapter && adapter.redirect === 'manual'
}
