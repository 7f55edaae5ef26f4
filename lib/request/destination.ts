import type { InternalAxiosRequestConfig } from 'axios'

/**
 * Where the request goes: a URL of that origin, with or without its path. Undefined for what is not http, as `data:`, a
 * socket or no URL at all. One origin gives the same object each time, which nobody may change.
 */
export function destinationOf(request: InternalAxiosRequestConfig): URL | undefined {
  if (request.socketPath != null) return undefined
  const text = textOf(request)
  const plain = PLAIN_ORIGIN.exec(text)?.[0]
  return (plain !== undefined && known.get(plain)) || parsed(text, plain)
}

/** The same with its path and all; undefined as there. */
export function urlOf(request: InternalAxiosRequestConfig): URL | undefined {
  return request.socketPath != null ? undefined : httpUrl(textOf(request))
}

/** Parsing one takes longer than the rest of what is done here, and most requests go where others went. */
const known = new Map<string, URL>()

function parsed(text: string, plain: string | undefined): URL | undefined {
  const url = httpUrl(text)
  if (!url || plain === undefined) return url
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(plain, url)
  return url
}

/** More servers than a program talks to. */
const MAX_KNOWN = 1000

/** Scheme and authority with nothing in them that a parser would read in its own way (RFC 3986 section 3.2). */
const PLAIN_ORIGIN = /^https?:\/\/[a-z0-9.-]+(?::\d+)?(?=[/?#]|$)/

function httpUrl(text: string): URL | undefined {
  try {
    const url = new URL(text)
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
  return url ? `${baseURL.replace(/(?<!\/)\/+$/, '')}/${url.replace(/^\/+/, '')}` : baseURL
}

/** What axios takes for an absolute URL: with a scheme, or without but with an authority (RFC 3986 section 4.2). */
const ABSOLUTE = /^(?:[a-z][a-z\d+\-.]*:)?\/\//i
