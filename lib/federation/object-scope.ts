import type { PelicanHeaders } from './pelican-headers'

type ScopeHints = Pick<PelicanHeaders, 'basePaths' | 'namespace'>

/**
 * The scopes of which a token needs one for a request to an object: the one of the WLCG profile (section 2.2.1), and the one of
 * SciTokens. `storage.modify` includes `storage.create`.
 */
export function scopesFor(path: string, method: string, hints: ScopeHints): readonly string[] {
  const relative = relativePath(path, hints)
  return (AUTHORIZATIONS[method] ?? WRITE).map((authorization) => `${authorization}:${relative}`)
}

const READ = ['storage.read', 'read']
const WRITE = ['storage.create', 'write']
const AUTHORIZATIONS: Readonly<Record<string, readonly string[]>> = {
  GET: READ,
  HEAD: READ,
  OPTIONS: READ,
  PROPFIND: READ,
  DELETE: ['storage.modify', 'write'],
}

/**
 * The path that scopes of an object have: below the base path of the issuer, else below the namespace. Whole segments count: an
 * object in `/igwn2` is not below `/igwn`.
 */
export function relativePath(path: string, { basePaths, namespace }: ScopeHints): string {
  const bases = basePaths.length > 0 ? basePaths : [namespace ?? '/']
  for (const base of bases) {
    const folder = base.replace(/\/$/, '')
    if (path === folder) return '/'
    if (path.startsWith(`${folder}/`)) return path.slice(folder.length)
  }
  return path
}

/**
 * The scope to request for an object: its folder, cut to the number of segments that the issuer allows, so that the token also
 * fits the files beside it.
 */
export function scopeToRequest(scope: string, maxScopeDepth: number | undefined): string {
  const colon = scope.indexOf(':')
  const segments = scope
    .slice(colon + 1)
    .split('/')
    .slice(1, -1)
  return `${scope.slice(0, colon)}:/${segments.slice(0, maxScopeDepth).join('/')}`
}
