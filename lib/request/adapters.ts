import type { InternalAxiosRequestConfig } from 'axios'

type Adapter = InternalAxiosRequestConfig['adapter']

/**
 * Which adapter sends a request: axios uses the first of a list that exists, and Node has no XMLHttpRequest. A function is a
 * custom adapter.
 */
export function adapterKind(adapter: Adapter): 'http' | 'fetch' | 'custom' {
  if (typeof adapter === 'function') return 'custom'
  const first = Array.isArray(adapter) ? adapter.find((one) => one !== 'xhr') : adapter
  if (typeof first === 'function') return 'custom'
  return typeof first === 'string' && first.toLowerCase() === 'fetch' ? 'fetch' : 'http'
}

/** As axios decides it. */
export function isHttp2({ httpVersion }: { httpVersion?: unknown }): boolean {
  return Number(httpVersion) === 2
}
