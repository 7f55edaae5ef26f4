/**
 * Scopes of SciTokens and WLCG tokens: `authorization[:path]`, several separated by spaces.
 *
 * @see SciTokens Claims and Scopes, WLCG Common JWT Profiles 1.3 section 2.2.1
 */
export interface Scope {
  /** What is allowed: `read`, `storage.read`, `gracedb.read`. Compared whole and with case. */
  readonly authorization: string
  /** Where: an absolute path, normalized; undefined if the scope has none. */
  readonly path: string | undefined
}

/** The scopes in a string. Only a space separates them (RFC 6749 section 3.3). */
export function splitScopes(text: string): string[] {
  return text.split(' ').filter((scope) => scope !== '')
}

export function parseScope(text: string): Scope {
  const colon = text.indexOf(':')
  if (colon < 0) return { authorization: text, path: undefined }
  return { authorization: text.slice(0, colon), path: normalizePath(text.slice(colon + 1)) }
}

/**
 * Whether the path of a scope has a `..` segment, however often it is percent-encoded. A token with one is rejected, as in
 * scitokens (Python 1.9.6) and scitokens-cpp.
 */
export function hasParentSegment(scope: string): boolean {
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

/** Each round reads the whole path again; nothing legitimate is encoded more often. */
const MAX_ENCODINGS = 8

/**
 * The wanted scopes that the granted ones do not include. Takes time in proportion to the length of both.
 *
 * A path includes itself and what is below it, by whole segments: `/foo/bar` includes `/foo/bar/qux`, not `/foo/bargain`.
 * A path with a slash at its end is a folder and does not include a file of that name. A scope without a path means the
 * root, except WLCG's `storage.*`, which must have a path (WLCG profile section 2.2.1) and grants nothing without.
 * `storage.modify` includes `storage.create`, and `storage.stage` includes `storage.read` (same section).
 */
export function missingScopes(granted: readonly string[], wanted: readonly string[]): string[] {
  if (wanted.length === 0) return []
  const trees = new Map<string, PathTree>()
  for (const text of granted) {
    const { authorization, path } = parseScope(text)
    if (path === undefined ? authorization.startsWith('storage.') : !path.startsWith('/')) continue
    for (const name of [authorization, INCLUDES.get(authorization)]) {
      if (name === undefined) continue
      const tree = trees.get(name) ?? newTree()
      trees.set(name, tree)
      addPath(tree, path ?? '/')
    }
  }
  return wanted.filter((text) => {
    const { authorization, path = '/' } = parseScope(text)
    const tree = trees.get(authorization)
    return !tree || !path.startsWith('/') || !includesPath(tree, path)
  })
}

/** Whether the granted scopes include one scope. */
export function grantsScope(granted: readonly string[], wanted: string): boolean {
  return missingScopes(granted, [wanted]).length === 0
}

/** WLCG profile section 2.2.1 calls each of these a superset of the other. */
const INCLUDES: ReadonlyMap<string, string> = new Map([
  ['storage.modify', 'storage.create'],
  ['storage.stage', 'storage.read'],
])

/** Paths by their segments, so that a path is compared with all of them in one pass. */
interface PathTree {
  readonly children: Map<string, PathTree>
  /** The path to here was added without a slash at its end. */
  isPath: boolean
  /** With one. */
  isFolder: boolean
}

function newTree(): PathTree {
  return { children: new Map(), isPath: false, isFolder: false }
}

function addPath(tree: PathTree, path: string): void {
  let node = tree
  for (const segment of segmentsOf(path)) {
    const child = node.children.get(segment) ?? newTree()
    node.children.set(segment, child)
    node = child
  }
  if (path.endsWith('/')) node.isFolder = true
  else node.isPath = true
}

function includesPath(tree: PathTree, path: string): boolean {
  let node: PathTree | undefined = tree
  for (const segment of segmentsOf(path)) {
    if (node.isPath || node.isFolder) return true
    node = node.children.get(segment)
    if (!node) return false
  }
  return node.isPath || (node.isFolder && path.endsWith('/'))
}

/** Of a normalized path: it has no empty segments. */
function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '')
}

/**
 * RFC 3986 section 6.2.2: percent-encoded unreserved characters are decoded, the others kept with upper-case digits
 * (an encoded slash is not a separator), empty and `.` segments removed, `..` resolved. A slash at the end stays.
 */
function normalizePath(path: string): string {
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
  const isFolder = segments.length > 0 && /\/\.{0,2}$/.test(decoded)
  return `/${segments.join('/')}${isFolder ? '/' : ''}`
}

function decodeOctet(encoded: string): string {
  return String.fromCharCode(parseInt(encoded.slice(1), 16))
}
