import { parseUrl } from '../formats/url'

/** A server that has an object. */
export interface ObjectServer {
  /** The URL of the object there; never with a token in `authz`. */
  readonly url: string
  /** The rank that the director gives it; lower is better. */
  readonly priority: number
}

/** What the header fields of a director, or of a standalone origin, say about an object. */
export interface PelicanHeaders {
  /** The servers of `Link`, in the order in which to try them; without `Link`, the one of `Location`. */
  readonly servers: readonly ObjectServer[]
  /** The namespace of the object: the longest registered path above it. */
  readonly namespace: string | undefined
  /** Whether reading needs a token. */
  readonly requiresToken: boolean
  /** The server for listings (PROPFIND). */
  readonly collectionsUrl: string | undefined
  /** The issuers of tokens: those of `X-Pelican-Token-Generation`, else those of `X-Pelican-Authorization`. */
  readonly issuers: readonly string[]
  /** The paths that scopes are relative to; empty where that is unknown. */
  readonly basePaths: readonly string[]
  /** The number of path segments that a scope may have; undefined for any. */
  readonly maxScopeDepth: number | undefined
  /** The host of the Vault server that issues tokens; undefined where none does. */
  readonly vaultServer: string | undefined
}

/** Header fields by name in any case; a field that was sent more than once may be a list. */
export type HeaderFields = Readonly<Record<string, unknown>>

/**
 * Parses the header fields that a Pelican director sends: `Link` (RFC 6249), `Location`, `X-Pelican-Namespace`,
 * `X-Pelican-Authorization` and `X-Pelican-Token-Generation`. What is malformed is left out.
 */
export function parsePelicanHeaders(fields: HeaderFields): PelicanHeaders {
  const field = (name: string) => fieldOf(fields, name)
  const namespace = pairsOf(field('x-pelican-namespace'))
  const generation = pairsOf(field('x-pelican-token-generation'))
  const authorization = pairsOf(field('x-pelican-authorization'))
  const generationIssuers = issuersOf(generation)
  const depth = Number(generation('max-scope-depth')[0])
  const linked = linkedServers(field('link'))
  const location = serverOf(field('location'), 0)
  return {
    servers: linked.length > 0 ? linked : location ? [location] : [],
    namespace: pathIn(namespace('namespace')[0]),
    requiresToken: namespace('require-token')[0]?.toLowerCase() === 'true',
    collectionsUrl: httpUrl(namespace('collections-url')[0])?.href,
    issuers: generationIssuers.length > 0 ? generationIssuers : issuersOf(authorization),
    basePaths: generation('base-path').flatMap((path) => pathIn(path) ?? []),
    maxScopeDepth: Number.isInteger(depth) && depth > 0 ? depth : undefined,
    vaultServer: generation('vault-server')[0],
  }
}

/** The value of a field, by its name in lower case; the empty text where it is missing. */
export function fieldOf(fields: HeaderFields, wanted: string): string {
  const values = Object.entries(fields)
    .filter(([name, value]) => name.toLowerCase() === wanted && value != null && typeof value !== 'function')
    .flatMap(([, value]) => value)
  return values.join(', ')
}

/** Values by name of `name=value, name=value`; names repeat, values are not quoted and may have `=`. */
function pairsOf(text: string): (name: string) => string[] {
  const pairs = text.split(',').map((part) => {
    const equals = part.indexOf('=')
    return equals < 0 ? [] : [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim()]
  })
  return (wanted) => pairs.flatMap(([name, value = '']) => (name === wanted && value !== '' ? [value] : []))
}

function issuersOf(pairs: (name: string) => string[]): string[] {
  return [...new Set(pairs('issuer').filter((issuer) => parseUrl(issuer)?.protocol === 'https:'))]
}

function pathIn(text: string | undefined): string | undefined {
  return text?.startsWith('/') ? text : undefined
}

/** Servers in `Link: <url>; rel="duplicate"; pri=1; depth=3, <…>`, best first. */
function linkedServers(text: string): ObjectServer[] {
  const servers: ObjectServer[] = []
  for (const [, target, parameters = ''] of text.matchAll(LINK)) {
    if (!/;\s*rel="?duplicate"?\s*(?:;|$)/i.test(parameters)) continue
    const server = serverOf(target, Number(/;\s*pri=(\d+)/i.exec(parameters)?.[1] ?? servers.length + 1))
    if (server && !servers.some(({ url }) => url === server.url)) servers.push(server)
  }
  return servers.sort((a, b) => a.priority - b.priority).slice(0, MAX_SERVERS)
}

/** A URL may have commas; parameters of a link have none here. */
const LINK = /<([^<>]*)>([^<>,]*)/g

/** A director names six. */
const MAX_SERVERS = 20

/** Without `authz`: a director that is shown a token repeats it there. */
function serverOf(text: string | undefined, priority: number): ObjectServer | undefined {
  const url = httpUrl(text)
  if (!url) return undefined
  url.username = url.password = url.hash = ''
  // Only where there is something to remove: it writes the other parameters anew.
  if (url.searchParams.has('authz')) url.searchParams.delete('authz')
  return { url: url.href, priority }
}

function httpUrl(text: string | undefined): URL | undefined {
  const url = text === undefined ? undefined : parseUrl(text)
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url : undefined
}
