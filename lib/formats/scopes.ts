/**
 * Scopes of SciTokens and WLCG tokens: `authorization[:path]`, several separated by spaces.
 *
 * @see SciTokens Claims and Scopes, WLCG Common JWT Profiles 1.3 section 2.2.1
 */
export interface Scope {
  /** What may be done: `read`, `storage.read`, `gracedb.read`. Compared whole and with case. */
  readonly authorization: string
  /** Where: an absolute path, normalised; undefined when the scope names none. */
  readonly path: string | undefined
}

/** The scopes in a string; only a space separates, as in RFC 6749 section 3.3. */
export function splitScopes(text: string): string[] {
  return text.split(' ').filter((scope) => scope !== '')
}

export function parseScope(text: string): Scope {
  const colon = text.indexOf(':')
  if (colon < 0) return { authorization: text, path: undefined }
  return { authorization: text.slice(0, colon), path: normalisePath(text.slice(colon + 1)) }
}

/**
 * Whether a path tries to climb: a `..` segment, however often it was percent-encoded. A token that carries one is
 * refused whole, as scitokens (Python 1.9.6) and scitokens-cpp do.
 */
export function climbs(scope: string): boolean {
  let text = scope.slice(scope.indexOf(':') + 1)
  for (let round = 0; round < MAX_ENCODINGS; round++) {
    if (text.includes('..') && text.split('/').includes('..')) return true
    if (!text.includes('%')) return false
    const decoded = text.replace(/%[0-9a-f]{2}/gi, decodeOctet)
    if (decoded === text) return false
    text = decoded
  }
  return true
}

/** Nobody encodes a path as often as this who has nothing to hide; and each round reads all of it again. */
const MAX_ENCODINGS = 8

/**
 * Whether one of the scopes a token has gives the wanted one.
 *
 * A path covers itself and what lies below it, by whole segments: `/foo/bar` covers `/foo/bar/qux`, not `/foo/bargain`.
 * A path with a slash at its end is a folder and does not cover a file of that name. A scope without a path stands for
 * the root, but for WLCG's `storage.*`, which must have one (WLCG profile section 2.2.1) and gives nothing without.
 * `storage.modify` includes `storage.create`, and `storage.stage` includes `storage.read` (there too).
 */
export function givesScope(granted: readonly string[], wanted: string): boolean {
  const want = parseScope(wanted)
  if (want.path !== undefined && !want.path.startsWith('/')) return false
  return granted.some((text) => {
    const scope = parseScope(text)
    if (!includesAuthorization(scope.authorization, want.authorization)) return false
    if (scope.path === undefined && scope.authorization.startsWith('storage.')) return false
    return covers(scope.path ?? '/', want.path ?? '/')
  })
}

/** WLCG profile section 2.2.1 calls each of these a superset of the other. */
const INCLUDES: ReadonlyMap<string, string> = new Map([
  ['storage.modify', 'storage.create'],
  ['storage.stage', 'storage.read'],
])

function includesAuthorization(granted: string, wanted: string): boolean {
  return granted === wanted || INCLUDES.get(granted) === wanted
}

function covers(granted: string, wanted: string): boolean {
  if (!granted.startsWith('/')) return false
  if (granted === wanted) return true
  return wanted.startsWith(granted.endsWith('/') ? granted : `${granted}/`)
}

/**
 * RFC 3986 section 6.2.2: percent-encoded unreserved characters are decoded, the others kept with upper-case digits
 * (an encoded slash is no separator), empty and `.` segments dropped, `..` resolved. A slash at the end stays.
 */
function normalisePath(path: string): string {
  if (!path.startsWith('/')) return path
  const decoded = path.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = decodeOctet(encoded)
    return /[A-Za-z0-9\-._~]/.test(character) ? character : encoded.toUpperCase()
  })
  const segments: string[] = []
  for (const segment of decoded.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const folder = segments.length > 0 && /\/\.{0,2}$/.test(decoded)
  return `/${segments.join('/')}${folder ? '/' : ''}`
}

function decodeOctet(encoded: string): string {
  return String.fromCharCode(parseInt(encoded.slice(1), 16))
}
