import { randomUUID } from 'node:crypto'
import { checkValues, nonEmptyText, timeoutMilliseconds } from '../check-values'
import { pause } from '../clock'
import { IgwnAuthError } from '../errors'
import { redisCommands, type RedisLike, type SendCommand } from './redis-client'
import type { HeldLock, TokenStore } from './token-store'

/** Options of {@link redisLock}. */
export interface RedisLockOptions {
  /** A prefix of the key of each lock. Default is none. */
  readonly prefix?: string | undefined
  /**
   * Milliseconds after which the lock of a process that is gone, or paused, ends; a process that works renews its lock three times
   * in that time. It has to be longer than a restart of Redis. Default is 30000.
   */
  readonly lifetime?: number | undefined
}

/**
 * A lock in Redis or Valkey, for `lock` of {@link keyvStore} or a {@link TokenStore} of your own: a key with an owner that expires
 * (`SET … NX PX`), is renewed while the work runs, and is deleted by its owner alone.
 *
 * A process that was paused for longer than the lifetime has lost its lock. Grants ask just before they send a refresh token; one
 * that has lost its lock does not send, waits for the lock again, and starts over with what is stored then. What remains is a pause
 * between that question and the arrival of the request.
 *
 * The lock rejects with {@link IgwnAuthError} `ERR_IGWN_STORE_UNREACHABLE` when Redis does not respond for ten seconds.
 *
 * @param client - a connected client of ioredis or node-redis
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for another client, or an invalid option
 */
export function redisLock(
  client: RedisLike,
  options: RedisLockOptions = {},
): NonNullable<TokenStore['lock']> {
  const { prefix = '', lifetime = LIFETIME } = checkValues(
    options,
    { prefix: nonEmptyText, lifetime: timeoutMilliseconds },
    'options',
  ) as RedisLockOptions
  const send = redisCommands(client, 'redisLock')

  return async (key, work) => {
    for (;;) {
      const lock = await acquire(send, `${prefix}${key}:lock`, lifetime)
      try {
        return await work(lock)
      } catch (error) {
        // Nothing was sent: the work starts over, and reads what the other process stored.
        if (!(error instanceof LostLock && error.lock === lock)) throw error
      } finally {
        await lock.release()
      }
    }
  }
}

/** Milliseconds. */
const LIFETIME = 30_000

/** Stops the work before it sends anything. */
class LostLock extends IgwnAuthError {
  readonly lock: HeldLock

  constructor(lock: HeldLock) {
    super(
      'ERR_IGWN_STORE_UNUSABLE',
      'The lock of the login was lost while this process was paused, so nothing was sent. Send the request again.',
    )
    this.lock = lock
  }
}

interface Acquired extends HeldLock {
  release(): Promise<void>
}

/** Waits for a lock, and renews it until it is released. */
async function acquire(send: SendCommand, name: string, lifetime: number): Promise<Acquired> {
  const owner = randomUUID()
  const life = String(lifetime)
  // At random, so that not all waiters ask at once.
  while ((await send('EVAL', TAKE, '1', name, owner, life)) !== 1) await pause(25 + Math.random() * 50)
  const renew = async () => (await send('EVAL', RENEW, '1', name, owner, life)) === 1
  const heartbeat = setInterval(() => void renew().catch(() => undefined), lifetime / 3)
  heartbeat.unref()
  const lock: Acquired = {
    async assertHeld() {
      if (!(await renew())) throw new LostLock(lock)
    },
    async release() {
      clearInterval(heartbeat)
      // What the work obtained must not be lost: the lock ends by itself.
      await send('EVAL', RELEASE, '1', name, owner).catch(() => undefined)
    },
  }
  return lock
}

/** As `SET NX PX`, but with the same result when it is sent again because the response to the first was lost. */
const TAKE = `local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

/** A lock that ended is not taken again: another process may have had it meanwhile. */
const RENEW = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`

const RELEASE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`
