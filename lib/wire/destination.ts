import type { InternalAxiosRequestConfig } from 'axios'

/** Where the request goes, without its parameters; undefined for what is not http, as `data:`, a socket or no URL at all. */
export function destinationOf(request: InternalAxiosRequestConfig): URL | undefined {
  if (request.socketPath != null) return undefined
  try {
    const url = new URL(textOf(request))
    return url.protocol === 'https:' || url.protocol === 'http:' ? url : undefined
  } catch {
    return undefined
  }
}

/**
 * As the adapters put it together. (`getUri` of axios does so too, and takes ten times as long, for it merges the config
 * first; a test holds the two against each other.)
 */
function textOf({ url = '', baseURL, allowAbsoluteUrls }: InternalAxiosRequestConfig): string {
  if (!baseURL || (ABSOLUTE.test(url) && allowAbsoluteUrls !== false)) return url
  return url ? `${baseURL.replace(/\/+$/, '')}/${url.replace(/^\/+/, '')}` : baseURL
}

/** What axios takes for an absolute URL: with a scheme, or without but with an authority (RFC 3986 section 4.2). */
const ABSOLUTE = /^([a-z][a-z\d+\-.]*:)?\/\//i
