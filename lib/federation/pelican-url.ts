import { IgwnAuthError } from '../errors'
import { parseUrl } from '../formats/url'
import { sanitize } from '../secrets/sanitize'

/** The parts of a URL of an object in a Pelican federation. */
export interface PelicanUrl {
  /** The discovery host, with its port unless it is 443: `osg-htc.org`. */
  readonly federation: string
  /** The path of the object, percent-encoded: `/igwn/frames/f.gwf`. */
  readonly path: string
  /** Read from an origin instead of a cache (`?directread`). */
  readonly directRead: boolean
  /** Parameters for the director: `skipstat`, `prefercached`; the empty text for none. */
  readonly directorQuery: string
  /** The name of the token to use, as in `igwn+osdf:///…`; undefined for none. */
  readonly tokenName: string | undefined
}

/** The federation of `osdf:` and `stash:` URLs. */
const OSDF = 'osg-htc.org'

/**
 * Parses `pelican://host/path`, `osdf:///path` and `stash:///path` (a host of these is the first segment of the path), as Pelican
 * does. Parameters: `directread`, `skipstat` and `prefercached`.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` for a URL of another kind, without a path, with userinfo, or with other parameters
 */
export function parsePelicanUrl(url: string | URL): PelicanUrl {
  const [, name, scheme = '', host = '', rest = ''] = PARTS.exec(String(url)) ?? []
  const kind = scheme.toLowerCase()
  if (kind === '') throw invalid('It must be pelican://FEDERATION/PATH, osdf:///PATH or stash:///PATH')
  if (host.includes('@')) throw invalid('It must not have userinfo')
  const isPelican = kind === 'pelican'
  if (isPelican && host === '') throw invalid('It has no federation: pelican://FEDERATION/PATH')
  const federation = parseUrl(`https://${isPelican ? host : OSDF}`)
  const target = parseUrl(`https://${OSDF}${isPelican || host === '' ? '' : `/${host}`}${rest || '/'}`)
  if (!federation || !target || !/^(?:[/?]|$)/.test(rest)) throw invalid('Its host or its path is invalid')
  return {
    federation: federation.host,
    path: target.pathname.replace(/^\/+/, '/'),
    ...optionsOf(target.searchParams),
    tokenName: name,
  }
}

/** Whether a text is a URL of an object in a federation. The scheme `name+osdf` names a token. */
const PARTS = /^(?:([\w.+-]+)\+)?(pelican|osdf|stash):(?:\/\/([^/?#]*))?([^#]*)/i

function optionsOf(parameters: URLSearchParams): Pick<PelicanUrl, 'directRead' | 'directorQuery'> {
  const asked: string[] = []
  let directRead = false
  for (const name of parameters.keys()) {
    if (name === 'directread') directRead = true
    else if (FOR_DIRECTOR.includes(name)) asked.push(name)
    else
      throw invalid(
        `The parameter ${sanitize(name)} is not supported; use directread, ${FOR_DIRECTOR.join(' or ')}`,
      )
  }
  return { directRead, directorQuery: asked.length > 0 ? `?${asked.join('&')}` : '' }
}

const FOR_DIRECTOR = ['skipstat', 'prefercached']

/** The URL is not repeated: it may hold a token. */
function invalid(problem: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    `The URL does not name an object of a federation. ${problem}.`,
  )
}
