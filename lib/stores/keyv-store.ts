import { kindOf, ownProperties } from '../check-values'
import { secondsNow } from '../clock'
import { IgwnAuthError } from '../errors'
import { storedToken } from './stored-token'
import type { StoredToken, TokenStore } from './token-store'

/** The methods that Keyv, cache-manager and similar stores have in common; they may be synchronous. */
export interface KeyvLike {
  /** The value under a key, or a promise of it; undefined or null for none. */
  get(key: string): unknown
  /**
   * Stores a value under a key; `false`, or a promise of it, means that it was not stored.
   *
   * @param ttl - milliseconds after which the value may be deleted; undefined for never
   */
  set(key: string, value: unknown, ttl?: number): unknown
  /** Deletes the value under a key. The result is ignored. */
  delete(key: string): unknown
}

/** Options of {@link keyvStore}. */
export interface KeyvStoreOptions {
  /** A prefix of every key, for a store that is also used otherwise. Default is none. */
  readonly prefix?: string | undefined
  /**
   * Runs work under the lock of a key, like `lock` of {@link TokenStore}. Default is none, since these stores have no locks: then
   * processes that need a token at the same moment may each get one.
   */
  readonly lock?: NonNullable<TokenStore['lock']> | undefined
}

/**
 * A token store on top of another store: Keyv, and with it Redis, Valkey, Memcached and SQL; cache-manager; or anything with
 * `get`, `set` and `delete`. Tokens are stored as plain objects that may be deleted when they expire; one with a refresh token
 * never expires there.
 *
 * Its methods reject with the error of the store, and with {@link IgwnAuthError} `ERR_IGWN_STORE_UNUSABLE` when a value is not a
 * token, or was not stored.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when a method is missing
 */
export function keyvStore(store: KeyvLike, options: KeyvStoreOptions = {}): TokenStore {
  const { prefix = '', lock } = ownProperties(options)
  for (const method of ['get', 'set', 'delete'] as const)
    if (typeof (store as Partial<KeyvLike> | null | undefined)?.[method] !== 'function')
      throw new IgwnAuthError(
        'ERR_IGWN_INVALID_OPTION',
        `keyvStore needs a store with get, set and delete, such as new Keyv(); ${kindOf(store)} has no ${method}.`,
      )

  return {
    async get(key) {
      const token = storedToken(await store.get(prefix + key))
      if (token === 'malformed')
        throw new IgwnAuthError(
          'ERR_IGWN_STORE_UNUSABLE',
          'The store has a value under this key that is not a token. Set a prefix that nothing else uses.',
        )
      return token
    },
    async set(key, token) {
      // Some stores keep a reference to the object, and some cannot store undefined.
      const plain = JSON.parse(JSON.stringify(token)) as StoredToken
      if ((await store.set(prefix + key, plain, timeToLive(token))) === false)
        throw new IgwnAuthError(
          'ERR_IGWN_STORE_UNUSABLE',
          'The store did not keep the token. Its error events have the reason.',
        )
    },
    async delete(key) {
      await store.delete(prefix + key)
    },
    ...(lock && { lock: (key, work) => lock(prefix + key, work) }),
  }
}

/** Milliseconds until a token may be deleted; undefined for never. Not 0, which means never to Keyv. */
function timeToLive({ expires_at: end, refresh_token: renewable }: StoredToken): number | undefined {
  if (end === undefined || renewable !== undefined) return undefined
  return Math.max(1, Math.ceil((end - secondsNow()) * 1000))
}
