import { kindOf } from '../check-values'
import { IgwnAuthError } from '../errors'
import { parseUrl } from '../formats/url'

/**
 * The audiences of the server of a URL: `scheme://host`, and `scheme://host:port` if the port is not the default. IPv6
 * addresses keep their brackets.
 *
 * @param options - `includeAny`: also `ANY`, for servers that accept such tokens. Default is false. (A token for audience
 *   `ANY` is valid for every query without it.)
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` if the text is not an absolute URL with a host
 * @see WLCG profile 1.3 section 2.1.1; igwn_auth_utils.target_audience, which never includes the port
 */
export function targetAudience(
  url: string | URL,
  { includeAny = false }: { includeAny?: boolean } = {},
): string[] {
  const { protocol, hostname, port } = parse(url)
  // URL lower-cases the hosts of http and https only.
  const origin = `${protocol}//${hostname.toLowerCase()}`
  return [origin, ...(port === '' ? [] : [`${origin}:${port}`]), ...(includeAny ? ['ANY'] : [])]
}

/**
 * How a token may name an audience: as it is, and for `scheme://host[:port]` also as `host` or `host:port`, as XRootD and
 * dCache do.
 */
export function audienceForms(audience: string): readonly string[] {
  const [, host, port] = ORIGIN.exec(audience) ?? []
  if (host === undefined) return [audience]
  return port === undefined ? [audience, host] : [audience, host, `${host}:${port}`]
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(\[[^\]/]+\]|[^/:?#@[\]]+)(?::(\d+))?$/i

function parse(url: unknown): URL {
  if (url instanceof URL) return withHost(url)
  if (typeof url !== 'string')
    throw new IgwnAuthError('ERR_IGWN_INVALID_URL', `The URL must be a string or a URL, not ${kindOf(url)}.`)
  const absolute = parseUrl(withScheme(url))
  if (!absolute) throw notAbsolute()
  return withHost(absolute)
}

/** A bare host means https, as in igwn-auth-utils. A path has no host: the empty text. */
export function withScheme(url: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url
  if (url.startsWith('//')) return `https:${url}`
  return /^[./\\?#]/.test(url) ? '' : `https://${url}`
}

function withHost(url: URL): URL {
  if (url.hostname === '') throw notAbsolute()
  return url
}

/** Without the text: it may contain a password. */
function notAbsolute(): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    'The URL has no host to take an audience from; give an absolute one, as https://host.example.org/path.',
  )
}
