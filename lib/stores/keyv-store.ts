import { IgwnAuthError } from '../errors'
import { secondsNow } from '../clock'
import { kindOf } from '../check-values'
import { storedToken } from './stored-token'
import type { StoredToken, TokenStore } from './token-store'

/** What Keyv, cache-manager and others of their kind have in common; their methods may be synchronous or not. */
export interface KeyvLike {
  /** What is kept under a key, or a promise of it; undefined or null for nothing. */
  get(key: string): unknown
  /**
   * Keeps a value under a key; `false`, or a promise of it, says that it was not kept.
   *
   * @param ttl - milliseconds after which the value may be forgotten; undefined for never
   */
  set(key: string, value: unknown, ttl?: number): unknown
  /** Forgets what is kept under a key. What it gives is not looked at. */
  delete(key: string): unknown
}

/** How {@link keyvStore} uses a store. */
export interface KeyvStoreOptions {
  /** Put before each key, for a store that others use too. Default is none. */
  readonly prefix?: string | undefined
  /**
   * Runs work while nobody else holds the lock of that key, as `lock` of {@link TokenStore} does. Default is none, for stores
   * of this kind have none: then processes that need a token in the same instant may each get one.
   */
  readonly lock?: NonNullable<TokenStore['lock']> | undefined
}

/**
 * A store that others keep: Keyv, and with it Redis, Valkey, Memcached, SQL; cache-manager; or anything with `get`, `set` and
 * `delete`. Tokens are plain objects there, to be forgotten when they end. One with a refresh token stays, for it is good for
 * more than its access token.
 *
 * Its methods reject with what the store throws, and with {@link IgwnAuthError} `ERR_IGWN_STORE_UNUSABLE` when it holds
 * something else than a token under a key, or says that it did not keep one.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when a method is missing
 */
export function keyvStore(store: KeyvLike, { prefix = '', lock }: KeyvStoreOptions = {}): TokenStore {
  for (const method of ['get', 'set', 'delete'] as const)
    if (typeof (store as Partial<KeyvLike> | null | undefined)?.[method] !== 'function')
      throw new IgwnAuthError(
        'ERR_IGWN_INVALID_OPTION',
        `keyvStore needs a store with get, set and delete, as new Keyv(); ${method} is missing in ${kindOf(store)}.`,
      )

  return {
    async get(key) {
      const token = storedToken(await store.get(prefix + key))
      if (token === 'malformed')
        throw new IgwnAuthError(
          'ERR_IGWN_STORE_UNUSABLE',
          'The store holds something else than a token under the key of one. Give keyvStore a prefix that nobody else uses.',
        )
      return token
    },
    async set(key, token) {
      // Some stores keep the very object, and some cannot keep undefined.
      const plain = JSON.parse(JSON.stringify(token)) as StoredToken
      if ((await store.set(prefix + key, plain, lifeOf(token))) === false)
        throw new IgwnAuthError(
          'ERR_IGWN_STORE_UNUSABLE',
          'The store says that it did not keep the token. Listen to its error events for the reason.',
        )
    },
    async delete(key) {
      await store.delete(prefix + key)
    },
    ...(lock && { lock: (key, work) => lock(prefix + key, work) }),
  }
}

/** Milliseconds until nothing of a token is of use; undefined for never. Not 0, which is never to Keyv. */
function lifeOf({ expires_at: end, refresh_token: renewable }: StoredToken): number | undefined {
  if (end === undefined || renewable !== undefined) return undefined
  return Math.max(1, Math.ceil((end - secondsNow()) * 1000))
}
