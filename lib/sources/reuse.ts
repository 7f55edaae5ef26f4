import { IgwnAuthError } from '../errors'
import { splitScopes } from '../formats/scopes'
import { duration, MIN_TIME_LEFT } from '../judge-token'
import { SciToken } from '../scitoken'
import { secondsNow, tokenText, type Token, type TokenQuery, type TokenSource } from '../token'

export interface ReuseOptions {
  /** Seconds a held token must have left; with less it is waited for a new one. Default is 60. */
  readonly minTimeLeft?: number | undefined
  /**
   * Seconds before that in which the held token still serves while one renewal runs behind it. Default is 60, so that
   * requests wait for a renewal only when it takes longer than a minute or fails.
   */
  readonly renewAhead?: number | undefined
  /** Seconds this machine's clock may be ahead of the issuer's. Default is 0. */
  readonly clockTolerance?: number | undefined
}

/**
 * Keeps the tokens of a source until they are nearly expired, one for each query: for sources that cost a round trip. Whoever
 * comes while a token is fetched waits for that one. A failure is not remembered. When a token is refused, it alone is
 * forgotten: a refusal of an older one, which has been renewed since, changes nothing.
 *
 * A token that is no JWT, or says no `exp`, is kept until it is refused.
 * Its `getToken` rejects with `ERR_IGWN_TOKEN_EXPIRED` when the source gives a token that has expired already.
 */
export function reuse(source: TokenSource, options: ReuseOptions = {}): TokenSource {
  const { minTimeLeft = MIN_TIME_LEFT, renewAhead = 60, clockTolerance = 0 } = options
  const slots = new Map<string, Slot>()
  // Requests to one server ask with one and the same query.
  let known = new WeakMap<TokenQuery, Slot>()

  return {
    getToken(query) {
      const slot = slotOf(query)
      slot.held ??= heldForMore(slot)
      const left = slot.held ? slot.held.expiresAt + clockTolerance - secondsNow() : -1
      const enough = Math.max(minTimeLeft, query.minTimeLeft ?? 0)
      if (!slot.held || left < enough) return slot.pending ?? fetchInto(slot, query)
      // Behind the back of whoever asks: when it fails, the next one who asks tries again.
      if (left < enough + renewAhead && !slot.pending) fetchInto(slot, query).catch(() => undefined)
      return slot.held.token
    },
    invalidate(rejected) {
      for (const slot of slots.values()) if (slot.held?.text === rejected) delete slot.held
      source.invalidate?.(rejected)
    },
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

  function fetchInto(slot: Slot, query: TokenQuery): Promise<Token | undefined> {
    const pending = fetchFrom(query)
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
        `The token source gave a token that expired ${duration(past)} ago (${new Date(expiresAt * 1000).toISOString()}). ` +
          "Have it renewed, or set this machine's clock.",
      )
    return { token, text, expiresAt }
  }
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

interface Held {
  readonly token: Token
  readonly text: string
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/** More servers than a program talks to. */
const MAX_SLOTS = 1000
