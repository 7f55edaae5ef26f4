import { IgwnAuthError } from '../errors'
import { parseUrl } from '../formats/url'
import { kindOf } from './token'

/**
 * The audiences a token may name to be meant for the server of a URL: `scheme://host`, and when the port is not the
 * scheme's own also `scheme://host:port`. IPv6 addresses keep their brackets.
 *
 * @param options - `includeAny`: also `ANY`, for servers that take such tokens. Default is false. (A token for audience
 *   `ANY` satisfies every query without it.)
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` when the text is no absolute URL with a host
 * @see WLCG profile 1.3 section 2.1.1; igwn_auth_utils.target_audience, which leaves the port out always
 */
export function targetAudience(
  url: string | URL,
  { includeAny = false }: { includeAny?: boolean } = {},
): string[] {
  const { protocol, hostname, port } = parse(url)
  // URL lowers the letters of hosts in http and https only.
  const origin = `${protocol}//${hostname.toLowerCase()}`
  return [origin, ...(port === '' ? [] : [`${origin}:${port}`]), ...(includeAny ? ['ANY'] : [])]
}

function parse(url: unknown): URL {
  if (url instanceof URL) return withHost(url)
  if (typeof url !== 'string')
    throw new IgwnAuthError('ERR_IGWN_INVALID_URL', `The URL must be a string or a URL, not ${kindOf(url)}.`)
  const absolute = parseUrl(withScheme(url))
  if (!absolute) throw notAbsolute()
  return withHost(absolute)
}

/** igwn-auth-utils takes a bare host for https; so do its users. What begins as a path has none: the empty text. */
export function withScheme(url: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url
  if (url.startsWith('//')) return `https:${url}`
  return /^[./\\?#]/.test(url) ? '' : `https://${url}`
}

function withHost(url: URL): URL {
  if (url.hostname === '') throw notAbsolute()
  return url
}

/** Without the text: it may hold a password. */
function notAbsolute(): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    'The URL has no host to take an audience from; give an absolute one, as https://host.example.org/path.',
  )
}
