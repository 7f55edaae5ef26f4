import { IgwnAuthError } from '../errors'
import { publish } from '../events'
import { redact } from '../secrets/redact'
import { storedToken } from './stored-token'
import type { StoredToken, TokenStore } from './token-store'

/** A store as the token cache uses it. What its methods reject with stops a renewal. */
export interface SharedStore {
  /** The stored token; `'unavailable'` when the store does not answer, so that it is not used for this renewal. */
  read(key: string): Promise<StoredToken | 'unavailable' | undefined>
  write(key: string, token: StoredToken): Promise<void>
  locked<T>(key: string, work: () => Promise<T>): Promise<T>
  /** Deletes this token in the background, unless the store has another one by then. */
  forget(key: string, rejected: string): void
}

/**
 * A store whose failures do not stop a renewal: they are published as warnings, and the source is asked as if there were no
 * store. A store that must not be used, such as a file that others can read (`ERR_IGWN_STORE_UNUSABLE`), is an error, except
 * after the token was obtained.
 *
 * @param name - the source, for the warnings
 */
export function bestEffort(store: TokenStore, name: string): SharedStore {
  const warn = (error: unknown) => {
    warnOfStore(error, name)
  }
  return {
    async read(key) {
      try {
        const found = storedToken(await within(READ_TIMEOUT, store.get(key)))
        if (found === 'malformed') throw new Error('it returned something that is not a token')
        return found
      } catch (error) {
        if (isUnusable(error)) throw error
        warn(error)
        return error instanceof StoreTimeout ? 'unavailable' : undefined
      }
    },
    async write(key, token) {
      try {
        await within(WRITE_TIMEOUT, store.set(key, withoutRefreshToken(token)))
      } catch (error) {
        warn(error)
      }
    },
    async locked<T>(key: string, work: () => Promise<T>): Promise<T> {
      if (!store.lock) return work()
      let started: Promise<T> | undefined
      try {
        return await store.lock(key, () => (started = work()))
      } catch (error) {
        if (!started && isUnusable(error)) throw error
        // Either the lock failed before the work, or the work did, or the lock failed after it.
        const done = await (started ?? work())
        warn(error)
        return done
      }
    },
    forget: forgetter(store, (key, work) => (store.lock ? store.lock(key, work) : work()), name),
  }
}

/** The access token alone, which does not let a reader of its entry log in. */
export function withoutRefreshToken({ refresh_token: _, ...token }: StoredToken): StoredToken {
  return token
}

/** Deletes refused tokens one after the other; failures are published as warnings. */
export function forgetter(
  store: TokenStore | undefined,
  locked: (key: string, work: () => Promise<void>) => Promise<void>,
  name: string,
): SharedStore['forget'] {
  let last: Promise<unknown> = Promise.resolve()
  return (key, rejected) => {
    if (!store) return
    const remove = async () => {
      if ((await within(READ_TIMEOUT, store.get(key)))?.access_token === rejected)
        await within(WRITE_TIMEOUT, store.delete(key))
    }
    last = last
      .then(() => locked(key, remove))
      .catch((error: unknown) => {
        warnOfStore(error, name)
      })
  }
}

function warnOfStore(error: unknown, name: string): void {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown }
  const text = [message, code].find((one) => typeof one === 'string' && one !== '') ?? 'no reason given'
  publish({ type: 'warning', source: name, message: `The token store failed: ${redact(text as string)}` })
}

function isUnusable(error: unknown): boolean {
  return error instanceof IgwnAuthError && error.code === 'ERR_IGWN_STORE_UNUSABLE'
}

/** Rejects when a store does not answer in time: a client that waits for its server may not reject by itself. */
async function within<T>(timeout: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreTimeout(`no response within ${timeout / 1000} seconds`))
    }, timeout)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

class StoreTimeout extends Error {}

/** Milliseconds. */
const READ_TIMEOUT = 5000
/** Milliseconds. Longer than a file store waits for a stale lock. */
const WRITE_TIMEOUT = 15_000
