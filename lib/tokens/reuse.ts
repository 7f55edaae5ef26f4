import { checkValues, seconds, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import { publish } from '../events'
import { deferredFinding, describeCachingSource } from './describe-token'
import { splitScopes } from '../formats/scopes'
import { duration, MIN_TIME_LEFT, moment } from './validate-claims'
import { SciToken } from './scitoken'
import { keyFor, sharedTokens, type Held, type SharedTokens } from '../stores/shared-tokens'
import type { TokenStore } from '../stores/token-store'
import { kindOf, secondsNow, tokenText, type Token, type TokenQuery, type TokenSource } from './token'

/** How long {@link reuse} keeps tokens, and with whom it shares them. */
export interface ReuseOptions {
  /** Seconds a held token must have left; with less it is waited for a new one. Default is 60. */
  readonly minTimeLeft?: number | undefined
  /**
   * Seconds before that in which the held token still serves while one renewal runs behind it. Default is 60, so that
   * requests wait for a renewal only when it takes longer than a minute or fails.
   */
  readonly renewBefore?: number | undefined
  /** Seconds this machine's clock may be ahead of the issuer's. Default is 0. */
  readonly clockTolerance?: number | undefined
  /**
   * Where tokens outlive this process and are shared with others: see `fileStore` and `keyvStore`. A token that another process
   * put there is taken up; a renewal runs under the lock of the store, so that of many processes one asks the source. A store
   * that fails is published as a warning and loses nothing; one that must not be used (`ERR_IGWN_STORE_UNUSABLE`) is an error.
   * Default is none.
   */
  readonly store?: TokenStore | undefined
  /**
   * Under which key tokens are in the store: a text, to which is added what is wanted (audience, scopes, issuer), or a
   * function that gives the whole key. Who shares tokens has the same; who has another source or another user's tokens, a
   * different one. Needed with `store`. Default is none.
   */
  readonly storeKey?: string | ((query: TokenQuery) => string) | undefined
}

/**
 * Keeps the tokens of a source until they are nearly expired, one for each query: for sources that cost a round trip. Whoever
 * comes while a token is fetched waits for that one. A failure is not remembered. When a token is refused, it alone is
 * forgotten: a refusal of an older one, which has been renewed since, changes nothing.
 *
 * A token that is no JWT, or says no `exp`, is kept until it is refused.
 * Its `getToken` rejects with `ERR_IGWN_TOKEN_EXPIRED` when the source gives a token that has expired already.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used
 */
export function reuse(source: TokenSource, options: ReuseOptions = {}): TokenSource {
  checkValues(options, REUSE_OPTIONS, 'options')
  const { minTimeLeft = MIN_TIME_LEFT, renewBefore = 60, clockTolerance = 0 } = options
  const shared = sharedBy(options)
  const slots = new Map<string, Slot>()
  // Requests to one server ask with one and the same query.
  let known = new WeakMap<TokenQuery, Slot>()

  return {
    getToken(query) {
      const slot = slotOf(query)
      slot.held ??= heldForMore(slot)
      const left = slot.held ? timeLeft(slot.held) : -1
      const enough = enoughFor(query)
      if (!slot.held || left < enough) return slot.pending ?? fetchInto(slot, query, enough)
      // Behind the back of whoever asks: when it fails, the next one who asks tries again.
      if (left < enough + renewBefore && !slot.pending)
        fetchInto(slot, query, enough + renewBefore).catch(() => undefined)
      return slot.held.token
    },
    invalidate(rejected) {
      for (const slot of slots.values())
        if (slot.held?.text === rejected) {
          delete slot.held
          shared?.forget(slot.query, rejected)
        }
      source.invalidate?.(rejected)
    },
    explain(query) {
      const slot = slotOf(query)
      const held = slot.held ?? heldForMore(slot)
      const isEnough = held !== undefined && timeLeft(held) >= enoughFor(query)
      const asks = () => source.explain?.(query) ?? [deferredFinding('the source of reuse')]
      return describeCachingSource({ name: 'reuse', held, isEnough, asks }, query)
    },
  }

  /** Seconds that a held token must have left for this. */
  function enoughFor(query: TokenQuery): number {
    return Math.max(minTimeLeft, query.minTimeLeft ?? 0)
  }

  function timeLeft({ expiresAt }: Held): number {
    return expiresAt + clockTolerance - secondsNow()
  }

  function slotOf(query: TokenQuery): Slot {
    const before = known.get(query)
    if (before) return before
    const key = JSON.stringify([query.audience, query.scope, query.issuer, query.minTimeLeft])
    const slot = slots.get(key) ?? { query }
    if (slots.size >= MAX_SLOTS) {
      slots.clear()
      known = new WeakMap()
    }
    slots.set(key, slot)
    known.set(query, slot)
    return slot
  }

  /** A token held for the same server with all these scopes and more, as a challenge may have asked for. */
  function heldForMore(wanting: Slot): Held | undefined {
    for (const slot of slots.values()) if (slot.held && includes(slot.query, wanting.query)) return slot.held
    return undefined
  }

  /** A token from the source; or from the store, when one there has so many seconds left. */
  function fetchInto(slot: Slot, query: TokenQuery, least: number): Promise<Token | undefined> {
    const ask = () => fetchFrom(query)
    const pending = (shared ? shared.get(query, (held) => timeLeft(held) >= least, ask) : ask())
      .then((held) => {
        if (held) slot.held = held
        return held?.token
      })
      .finally(() => {
        if (slot.pending === pending) delete slot.pending
      })
    slot.pending = pending
    return pending
  }

  async function fetchFrom(query: TokenQuery): Promise<Held | undefined> {
    const token = await source.getToken(query)
    if (token === undefined) return undefined
    const text = tokenText(token, 'what the token source gave')
    const expiresAt = (token instanceof SciToken ? token : SciToken.read(text))?.expiresAt ?? Infinity
    const past = secondsNow() - expiresAt - clockTolerance
    if (past >= 0)
      throw new IgwnAuthError(
        'ERR_IGWN_TOKEN_EXPIRED',
        `The token source gave a token that expired ${duration(past)} ago (${moment(expiresAt)}). ` +
          "Have it renewed, or set this machine's clock.",
      )
    publish({ type: 'renewed', source: 'reuse', ...(Number.isFinite(expiresAt) && { expiresAt }) })
    return { token, text, expiresAt }
  }
}

/** What is shared through the store of the options; undefined without. */
function sharedBy({ store, storeKey = '' }: ReuseOptions): SharedTokens | undefined {
  if (!store) return undefined
  if (storeKey === '')
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options.store needs options.storeKey: a name for these tokens, or a function that gives one for each query.',
    )
  const keyOf = typeof storeKey === 'function' ? storeKey : (query: TokenQuery) => keyFor(storeKey, query)
  return sharedTokens(store, keyOf, 'reuse')
}

export const REUSE_OPTIONS: Record<keyof ReuseOptions, Check> = {
  minTimeLeft: seconds,
  renewBefore: seconds,
  clockTolerance: seconds,
  store: (value) =>
    (['get', 'set', 'delete'] as const).every(
      (method) => typeof (value as Partial<TokenStore> | null)?.[method] === 'function',
    )
      ? undefined
      : 'must be a token store, as of fileStore or keyvStore',
  storeKey: (value) =>
    typeof value === 'string' || typeof value === 'function'
      ? undefined
      : `must be a string or a function that gives one, not ${kindOf(value)}`,
}

interface Slot {
  readonly query: TokenQuery
  held?: Held | undefined
  pending?: Promise<Token | undefined>
}

/** Whether what satisfies one query satisfies the other: the same but for scopes, and of those all. */
function includes(query: TokenQuery, other: TokenQuery): boolean {
  const same = (['audience', 'issuer', 'minTimeLeft'] as const).every(
    (name) => JSON.stringify(query[name]) === JSON.stringify(other[name]),
  )
  const scopes = scopesOf(query)
  return same && scopesOf(other).every((scope) => scopes.includes(scope))
}

function scopesOf({ scope = [] }: TokenQuery): readonly string[] {
  return typeof scope === 'string' ? splitScopes(scope) : scope
}

/** More servers than a program talks to. */
const MAX_SLOTS = 1000
