import { ownProperties } from '../check-values'
import { secondsNow } from '../clock'
import { publish } from '../events'
import { splitScopes } from '../formats/scopes'
import type { SharedStore } from '../stores/shared-store'
import { describeCachingSource } from './describe-token'
import type { Finding } from '../explain/finding'
import type { StoredToken } from '../stores/token-store'
import type { TokenQuery } from './token'
import { heldToken, type HeldToken } from './token-response'
import { MIN_TIME_LEFT } from './validate-claims'

export interface TokenCacheOptions {
  /** The name of the source, for events and `explain`. */
  readonly name: string
  /** Seconds a held token must have left. */
  readonly minTimeLeft?: number | undefined
  /** Seconds before that in which a held token is returned while it is renewed; never more than a tenth of its lifetime. */
  readonly renewBefore?: number | undefined
  /** Seconds this host's clock may be ahead of the issuer's. */
  readonly clockTolerance?: number | undefined
  /** Queries with the same key share a token, here and in the store. */
  readonly keyOf: (query: TokenQuery) => string
  /** Obtains a token. `previous` is the last one, expired or refused as it may be. */
  readonly obtain: (query: TokenQuery, previous: StoredToken | undefined) => Promise<HeldToken | undefined>
  /** Where tokens are shared with other processes. */
  readonly store?: SharedStore | undefined
  /** Called after a new token is stored. */
  readonly onToken?:
    ((token: StoredToken, previous: StoredToken | undefined) => void | Promise<void>) | undefined
}

export interface TokenCache {
  /** A held token, without a promise; else one from the store or the source. */
  get(query: TokenQuery): HeldToken | Promise<HeldToken | undefined>
  /** Holds a token that was given. */
  hold(query: TokenQuery, token: HeldToken): void
  /** The held token, however long it has left, unless it was refused. */
  peek(query: TokenQuery): HeldToken | undefined
  /** Whether the held token has enough time left to be returned without a renewal. */
  isFresh(query: TokenQuery): boolean
  /** Seconds until the held token is due for renewal: 0 without one, Infinity without an expiry. */
  renewalIn(query: TokenQuery): number
  /** Drops this token, here and in the store. */
  invalidate(rejected: string): void
  /** What is held, for `explain`; `ofSource` are the findings of the source that would be asked next. */
  explain(query: TokenQuery, ofSource: () => readonly Finding[]): readonly Finding[]
}

/**
 * The token cache of `reuse`, `autoRenew`, `externallyManagedJwt` and the OAuth 2 grants.
 *
 * Requests with the same key wait for one renewal. Failures are not remembered. Only a token that was refused is dropped. A
 * renewal looks into the store first, and again under the store's lock, so that of many processes one asks the source. A token
 * obtained for the scopes of a challenge is held in memory and not stored.
 */
export function tokenCache(options: TokenCacheOptions): TokenCache {
  const own = ownProperties(options)
  const { name, keyOf, obtain, store, onToken } = own
  const { minTimeLeft = MIN_TIME_LEFT, renewBefore = 60, clockTolerance = 0 } = own
  const entries = new Map<string, Entry>()
  // Requests to one server pass the same query object.
  let known = new WeakMap<TokenQuery, Entry>()
  /** A store, and another process, may still have these. */
  const refused = new Set<string>()

  return {
    get,
    hold: (query, token) => hold(entryOf(query), token),
    peek,
    isFresh,
    renewalIn,
    invalidate,
    explain,
  }

  function get(query: TokenQuery): HeldToken | Promise<HeldToken | undefined> {
    const entry = entryOf(query)
    const enough = enoughFor(query)
    const held = heldIn(entry)
    if (!held || timeLeft(held) < enough) return entry.pending ?? renew(entry, query, enough)
    const due = enough + aheadOf(entry)
    // If this fails, the next request tries again.
    if (timeLeft(held) < due && !entry.pending) renew(entry, query, due).catch(() => undefined)
    return held
  }

  function peek(query: TokenQuery): HeldToken | undefined {
    return heldIn(entryOf(query))
  }

  function isFresh(query: TokenQuery): boolean {
    const held = peek(query)
    return held !== undefined && timeLeft(held) >= enoughFor(query)
  }

  function renewalIn(query: TokenQuery): number {
    const entry = entryOf(query)
    const held = heldIn(entry)
    return held ? Math.max(0, timeLeft(held) - enoughFor(query) - aheadOf(entry)) : 0
  }

  function invalidate(rejected: string): void {
    if (refused.size >= MAX_REFUSED) for (const oldest of [...refused].slice(0, 1)) refused.delete(oldest)
    refused.add(rejected)
    for (const entry of entries.values())
      if (entry.held?.text === rejected) {
        entry.isRefused = true
        store?.forget(entry.key, rejected)
      }
  }

  function explain(query: TokenQuery, ofSource: () => readonly Finding[]): readonly Finding[] {
    return describeCachingSource({ name, held: peek(query), isEnough: isFresh(query), asks: ofSource }, query)
  }

  function enoughFor({ minTimeLeft: wanted = 0 }: TokenQuery): number {
    return Math.max(minTimeLeft, wanted)
  }

  function timeLeft({ expiresAt }: HeldToken): number {
    return expiresAt + clockTolerance - secondsNow()
  }

  function aheadOf({ lifetime }: Entry): number {
    return Math.min(renewBefore, lifetime / 10)
  }

  function entryOf(query: TokenQuery): Entry {
    const before = known.get(query)
    if (before) return before
    const key = keyOf(query)
    let entry = entries.get(key)
    if (!entry) {
      prune()
      entry = { key, lifetime: Infinity }
      entries.set(key, entry)
    }
    known.set(query, entry)
    return entry
  }

  /** Removes expired tokens, and the oldest entries of too many. */
  function prune(): void {
    const before = entries.size
    const idle = [...entries.values()].filter(({ pending }) => !pending)
    const isExpired = (held: HeldToken | undefined) => !held || timeLeft(held) <= 0
    for (const entry of idle) if (isExpired(heldIn(entry))) entries.delete(entry.key)
    for (const { key } of idle) if (entries.size >= MAX_ENTRIES) entries.delete(key)
    if (entries.size < before) known = new WeakMap()
  }

  function hold(entry: Entry, token: HeldToken): HeldToken {
    entry.held = token
    entry.isRefused = false
    entry.lifetime = timeLeft(token)
    return token
  }

  function renew(entry: Entry, query: TokenQuery, least: number): Promise<HeldToken | undefined> {
    const pending = fromStoreOrSource(entry, query, least).finally(() => {
      if (entry.pending === pending) delete entry.pending
    })
    return (entry.pending = pending)
  }

  async function fromStoreOrSource(
    entry: Entry,
    query: TokenQuery,
    least: number,
  ): Promise<HeldToken | undefined> {
    if (!store) return fromSource(entry, query)
    const found = await fromStore(store, entry, least)
    if (found === 'unavailable') return fromSource(entry, query)
    return (
      found ??
      store.locked(entry.key, async () => {
        const meanwhile = await fromStore(store, entry, least)
        if (meanwhile === 'unavailable') return fromSource(entry, query)
        return meanwhile ?? fromSource(entry, query, store)
      })
    )
  }

  async function fromStore(
    from: SharedStore,
    entry: Entry,
    least: number,
  ): Promise<HeldToken | 'unavailable' | undefined> {
    const token = await from.read(entry.key)
    if (token === 'unavailable') return token
    const held = token && heldToken(token)
    return held && !refused.has(held.text) && timeLeft(held) >= least ? hold(entry, held) : undefined
  }

  async function fromSource(
    entry: Entry,
    query: TokenQuery,
    to?: SharedStore,
  ): Promise<HeldToken | undefined> {
    const previous = entry.held?.response
    const token = await obtain(query, previous)
    if (!token) return undefined
    // If the source returns a refused token again, it is valid again.
    refused.delete(token.text)
    hold(entry, token)
    if (!query.challengeScope?.length) await to?.write(entry.key, token.response)
    const { expiresAt } = token
    publish({ type: 'renewed', source: name, ...(Number.isFinite(expiresAt) && { expiresAt }) })
    await onToken?.(token.response, previous)
    return token
  }
}

interface Entry {
  readonly key: string
  held?: HeldToken
  isRefused?: boolean
  /** Seconds the held token had left when it came. */
  lifetime: number
  pending?: Promise<HeldToken | undefined>
}

function heldIn({ held, isRefused }: Entry): HeldToken | undefined {
  return isRefused ? undefined : held
}

/** A key for a query: what is required, whatever the order; not for how long, and not what a challenge named. */
export function keyFor(prefix: string, query: TokenQuery): string {
  const { audience, scope, issuer } = ownProperties(query)
  const scopes = [scope ?? []].flat().flatMap(splitScopes)
  return `${prefix} ${JSON.stringify([[audience ?? []].flat().sort(), scopes.sort(), [issuer ?? []].flat().sort()])}`
}

/** More than a program has servers. */
const MAX_ENTRIES = 1000
/** Refused tokens expire. One that is dropped from this list is at worst refused once more. */
const MAX_REFUSED = 100
