import type { StoredToken, TokenStore } from '../../lib/oauth2'

/** A token store that ends with the test. */
export function storeInMemory(entries: readonly [key: string, token: StoredToken][] = []): TokenStore {
  const tokens = new Map(entries)
  return {
    get: (key) => Promise.resolve(tokens.get(key)),
    set(key, token) {
      tokens.set(key, token)
      return Promise.resolve()
    },
    delete(key) {
      tokens.delete(key)
      return Promise.resolve()
    },
  }
}
