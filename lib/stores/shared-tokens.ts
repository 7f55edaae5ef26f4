import { IgwnAuthError } from '../errors'
import { publish } from '../events'
import { splitScopes } from '../formats/scopes'
import { redact } from '../secrets/redact'
import { tokenText, type Token, type TokenQuery } from '../tokens/token'
import { storedToken } from './stored-token'
import type { TokenStore } from './token-store'

/** A token and when it ends. */
export interface Held {
  readonly token: Token
  readonly text: string
  /** Seconds since the epoch; Infinity when nobody said. */
  readonly expiresAt: number
}

/** Tokens that processes share through a store. */
export interface SharedTokens {
  /**
   * The token that the store has, when it will do; else that of `ask`, which then goes into the store. That is done under the
   * lock of the store, and after another look, so that of many processes one asks.
   */
  get(
    query: TokenQuery,
    willDo: (held: Held) => boolean,
    ask: () => Promise<Held | undefined>,
  ): Promise<Held | undefined>
  /** Takes this token out of the store, and nothing else. */
  forget(query: TokenQuery, rejected: string): void
}

/**
 * A store between a source and its processes. When it cannot be used, as a file that others can read, `get` rejects with what it
 * says. When it only fails, as a server that is down, that is published as a warning and the source is asked as if there
 * were none; a token that was got is never lost over it. One that does not answer is not asked again for this token: each time
 * would take as long.
 *
 * @param keyOf - under which key the token for a query is
 * @param name - who shares, for the warnings
 */
export function sharedTokens(
  store: TokenStore,
  keyOf: (query: TokenQuery) => string,
  name: string,
): SharedTokens {
  /** What servers refused; the store may have it a moment longer. */
  const refused = new Set<string>()
  let forgetting: Promise<unknown> = Promise.resolve()

  return {
    async get(query, willDo, ask) {
      const key = keyOf(query)
      const found = await look(key, willDo)
      if (found === 'late') return ask()
      return (
        found ??
        alone(key, async () => {
          const meanwhile = await look(key, willDo)
          if (meanwhile === 'late') return ask()
          return meanwhile ?? put(key, await ask())
        })
      )
    },
    forget(query, rejected) {
      if (refused.size >= MAX_REFUSED) refused.clear()
      refused.add(rejected)
      const key = keyOf(query)
      forgetting = forgetting
        .then(() =>
          alone(key, async () => {
            if ((await store.get(key))?.access_token === rejected) await store.delete(key)
          }),
        )
        .catch(warn)
    },
  }

  async function look(key: string, willDo: (held: Held) => boolean): Promise<Held | 'late' | undefined> {
    try {
      const found = storedToken(await within(LOOKING, store.get(key)))
      if (found === 'broken') throw new Error('it gave something that is no token')
      if (!found || refused.has(found.access_token)) return undefined
      const token = tokenText(found.access_token, 'the token in the store')
      const held = { token, text: token, expiresAt: found.expires_at ?? Infinity }
      return willDo(held) ? held : undefined
    } catch (error) {
      if (isUnusable(error)) throw error
      warn(error)
      return error instanceof Late ? 'late' : undefined
    }
  }

  async function put(key: string, held: Held | undefined): Promise<Held | undefined> {
    if (!held) return undefined
    const end = Number.isFinite(held.expiresAt) ? { expires_at: held.expiresAt } : {}
    try {
      await within(PUTTING, store.set(key, { access_token: held.text, token_type: 'Bearer', ...end }))
    } catch (error) {
      warn(error)
    }
    return held
  }

  /** Works under the lock; without it when the store has none, or fails to give it. */
  async function alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (!store.lock) return work()
    let begun: Promise<T> | undefined
    try {
      return await store.lock(key, () => (begun = work()))
    } catch (error) {
      if (!begun) {
        if (isUnusable(error)) throw error
        warn(error)
        return await work()
      }
      // What the work threw is thrown again; if it threw nothing, the lock failed after it.
      const done = await begun
      warn(error)
      return done
    }
  }

  function warn(error: unknown): void {
    const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown }
    const said =
      typeof message === 'string' && message !== '' ? message : typeof code === 'string' ? code : ''
    publish({
      type: 'warning',
      source: name,
      message: `The token store failed: ${said === '' ? 'without a reason' : redact(said)}`,
    })
  }
}

/** Refused tokens expire and are never seen again. */
const MAX_REFUSED = 100

function isUnusable(error: unknown): boolean {
  return error instanceof IgwnAuthError && error.code === 'ERR_IGWN_STORE_UNUSABLE'
}

/** What a store does, unless that takes so long that it must be taken for dead: one that waits for its server does not say so. */
async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Late(`it did not answer within ${seconds} seconds`))
    }, seconds * 1000)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

class Late extends Error {}

const LOOKING = 5
/** Longer than a file store waits for a lock that was left behind. */
const PUTTING = 15

/** A key for each query: what is wanted, whatever the order of words; not for how long. */
export function keyFor(prefix: string, { audience, scope, issuer }: TokenQuery): string {
  const scopes = typeof scope === 'string' ? splitScopes(scope) : [...(scope ?? [])].flatMap(splitScopes)
  const words = [[audience ?? []].flat().sort(), scopes.sort(), [issuer ?? []].flat().sort()]
  return `${prefix} ${JSON.stringify(words)}`
}
