import type { InternalAxiosRequestConfig } from 'axios'

type Adapter = InternalAxiosRequestConfig['adapter']

/** What sends a request: an adapter of axios, or `igwnFetch` where this package cannot make the TLS connection. */
export type AdapterKind = 'http' | 'fetch' | 'custom' | FetchLimit

/** Why `igwnFetch` cannot make the TLS connection: undici is missing, or the caller makes it. */
export type FetchLimit = 'fetch without undici' | 'fetch with a dispatcher'

/** Which adapter sends a request: axios uses the first of a list that exists. A function is a custom adapter. */
export function adapterKind(adapter: Adapter): AdapterKind {
  const first: unknown = Array.isArray(adapter) ? adapter.find(exists) : adapter
  if (typeof first === 'function') return 'custom'
  if (first === 'fetch without undici' || first === 'fetch with a dispatcher') return first
  return typeof first === 'string' && first.toLowerCase() === 'fetch' ? 'fetch' : 'http'
}

/** Node has no XMLHttpRequest, and axios skips `null` and `false`. */
function exists(adapter: unknown): boolean {
  return typeof adapter === 'string' ? adapter.toLowerCase() !== 'xhr' : Boolean(adapter)
}

/** As axios decides it. */
export function isHttp2({ httpVersion }: { httpVersion?: unknown }): boolean {
  return Number(httpVersion) === 2
}

/** Whether an adapter follows no redirects and leaves them to the exchange. */
export function leavesRedirects(adapter: Adapter): boolean {
  return typeof adapter === 'function' && (adapter as { redirect?: unknown }).redirect === 'manual'
}
