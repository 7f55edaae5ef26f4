import { keyvStore, type KeyvLike } from './keyv-store'
import { redisCommands, type RedisLike } from './redis-client'
import { redisLock, type RedisLockOptions } from './redis-lock'
import type { TokenStore } from './token-store'

/**
 * A token store in Redis or Valkey with a lock, so that processes on several hosts share one login and each refresh token is used
 * once. An access token expires there with its `expires_at`; a login does not. A restart of Redis of up to ten seconds is waited for.
 *
 * Redis must not lose what it has confirmed: set `appendfsync always`, and no `maxmemory-policy` that evicts keys without expiry.
 * Its methods reject with {@link IgwnAuthError} `ERR_IGWN_STORE_UNREACHABLE` when Redis does not respond for ten seconds, and
 * `ERR_IGWN_STORE_UNUSABLE` when it refuses a command, or a value is not a token.
 *
 * @param client - a connected client of ioredis or node-redis
 * @param options - those of {@link redisLock}; the prefix is that of all keys. Default is none
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for another client, or an invalid option
 */
export function redisStore(client: RedisLike, options: RedisLockOptions = {}): TokenStore {
  const send = redisCommands(client, 'redisStore')
  // The store adds the prefix to the key of the lock, too.
  const { prefix, ...lockOptions } = options
  const lock = redisLock(client, lockOptions)
  const values: KeyvLike = {
    async get(key) {
      const text = await send('GET', key)
      if (typeof text !== 'string') return undefined
      try {
        return JSON.parse(text) as unknown
      } catch {
        return 'not JSON'
      }
    },
    set: (key, value, ttl) =>
      send('SET', key, JSON.stringify(value), ...(ttl === undefined ? [] : ['PX', String(ttl)])),
    delete: (key) => send('DEL', key),
  }
  return keyvStore(values, { prefix, lock })
}
