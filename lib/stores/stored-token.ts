import type { StoredToken } from './token-store'

/** What a store gave as a token; undefined for nothing, and `'broken'` for what is none. */
export function storedToken(value: unknown): StoredToken | 'broken' | undefined {
  if (value === undefined || value === null) return undefined
  const { access_token: token, expires_at: end } = value as { access_token?: unknown; expires_at?: unknown }
  const fits = typeof token === 'string' && (end === undefined || typeof end === 'number')
  return fits ? (value as StoredToken) : 'broken'
}
