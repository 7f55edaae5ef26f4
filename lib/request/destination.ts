import type { InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import { isPelicanUrl } from '../formats/url'

type Target = Pick<InternalAxiosRequestConfig, 'url' | 'baseURL' | 'allowAbsoluteUrls' | 'socketPath'>

/** Finds the target of requests of one instance. */
export type FindDestination = (request: Target) => URL | undefined

/**
 * A URL with the origin of the request, with or without its path; undefined for anything that is not http(s), such as `data:`
 * or a UNIX socket. The last origin is remembered, as parsing a URL costs more than the rest: the same object is returned, and
 * must not be changed.
 */
export function destinationFinder(): FindDestination {
  let origin = ''
  let parsed: URL | undefined
  let base: string | undefined

  return (request) => {
    if (request.socketPath != null) return undefined
    const { baseURL } = request
    if (parsed && baseURL !== undefined && baseURL === base && isPath(request.url)) return parsed
    const text = fullUrl(request)
    const plain = PLAIN_ORIGIN.exec(text)?.[0]
    if (plain === undefined) return isPelicanUrl(text) ? undefined : httpUrl(text)
    const url = plain === origin && parsed ? parsed : httpUrl(text)
    origin = plain
    parsed = url
    base = isPath(request.url) ? baseURL : undefined
    return url
  }
}

/** The URL of a request with its path; undefined as for {@link destinationFinder}. */
export function urlOf(request: Target): URL | undefined {
  return request.socketPath != null ? undefined : httpUrl(fullUrl(request))
}

/** The URL of what is sent with its path. The URL of a context may be without it. */
export function requestUrl({ request, url }: { readonly request: Target; readonly url: URL }): URL {
  return urlOf(request) ?? url
}

/** Whether a URL is a path of its base: it begins with one slash. */
function isPath(url: string | undefined): boolean {
  return url === undefined || (url.startsWith('/') && !url.startsWith('//'))
}

/** Scheme and authority without anything that parsers read in different ways (RFC 3986 section 3.2). */
const PLAIN_ORIGIN = /^https?:\/\/[a-z0-9.-]+(?::\d+)?(?=[/?#]|$)/

function httpUrl(text: string): URL | undefined {
  try {
    const url = new URL(text)
    return url.protocol === 'https:' || url.protocol === 'http:' ? url : undefined
  } catch {
    return undefined
  }
}

/** As the adapters of axios combine `baseURL` and `url`. Its `getUri` does the same and takes ten times as long. */
function fullUrl({ url = '', baseURL, allowAbsoluteUrls }: Target): string {
  if (!baseURL || (ABSOLUTE.test(url) && allowAbsoluteUrls !== false)) return url
  return url ? `${baseURL.replace(/(?<!\/)\/+$/, '')}/${url.replace(/^\/+/, '')}` : baseURL
}

/** What axios treats as absolute: with a scheme, or with an authority only (RFC 3986 section 4.2). */
const ABSOLUTE = /^(?:[a-z][a-z\d+\-.]*:)?\/\//i

/** The URL of an object in a federation, which is sent to one of its servers; undefined for other requests. */
export function objectUrlOf(request: Target): string | undefined {
  const text = request.socketPath == null ? fullUrl(request) : ''
  return isPelicanUrl(text) ? text : undefined
}

/** The URL is not repeated: it may hold a password. */
export function notHttpUrl(): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    'The URL is not an absolute http or https URL. Give one, such as https://host.example.org/path.',
  )
}
