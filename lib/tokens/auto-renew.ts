import { setMaxListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { checkValues, seconds, type Check } from '../check-values'
import { publish } from '../events'
import { deferredFinding } from './describe-token'
import { MIN_TIME_LEFT } from './validate-claims'
import { redact } from '../secrets/redact'
import { SciToken } from './scitoken'
import { tokenText, type Token, type TokenQuery, type TokenSource } from './token'
import { REUSE_OPTIONS, reuse, type ReuseOptions } from './reuse'

/** What {@link autoRenew} can be told besides. */
export interface AutoRenewOptions extends ReuseOptions {
  /** Seconds until the next try when a renewal failed. Default is 10. */
  readonly retryDelay?: number | undefined
}

/** A token source that renews by itself. */
export interface AutoRenewingSource extends TokenSource {
  /** Renews no more by itself; the source goes on as `reuse` does. */
  stop(): void
}

/**
 * Like {@link reuse}, and renews each token when its time comes, also when nobody asks: for requests that shall never wait,
 * and for a token file that other programs read. It begins for what is wanted with the first `getToken` for that, and ends
 * with `stop()`. It does not keep a program running. Of more than a hundred wants only the first hundred are renewed so, for what
 * is wanted may go by what servers ask for; the others are kept as by `reuse`.
 *
 * A renewal that fails is published as a warning, and tried again every ten seconds; as long as the token is good it serves.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used
 * @see httokensh of htgettoken
 */
export function autoRenew(source: TokenSource, options: AutoRenewOptions = {}): AutoRenewingSource {
  checkValues(options, OPTIONS, 'options')
  const { retryDelay = 10, ...rest } = options
  const { minTimeLeft = MIN_TIME_LEFT, renewBefore = 60 } = rest
  const kept = reuse(warning(source), rest)
  const stopped = new AbortController()
  // One for each want, and those are counted.
  setMaxListeners(0, stopped.signal)
  const tended = new Set<string>()
  const known = new WeakSet<TokenQuery>()

  return {
    getToken(query) {
      if (!known.has(query)) tend(query)
      return kept.getToken(query)
    },
    invalidate: (rejected) => kept.invalidate?.(rejected),
    explain: (query) => kept.explain?.(query) ?? [],
    stop() {
      stopped.abort()
    },
  }

  /** Begins to renew for a query, once. */
  function tend(query: TokenQuery): void {
    known.add(query)
    const key = JSON.stringify([query.audience, query.scope, query.issuer, query.minTimeLeft])
    if (tended.has(key) || tended.size >= MAX_TENDED || stopped.signal.aborted) return
    tended.add(key)
    // Ends by `stop` alone, which `wait` tells by an error.
    renewing(query).catch(() => undefined)
  }

  async function renewing(query: TokenQuery): Promise<never> {
    const margin = Math.max(minTimeLeft, query.minTimeLeft ?? 0) + renewBefore
    for (;;) {
      const left = await timeLeft(query)
      const pause = Math.min(Math.max(left - margin, retryDelay), LONGEST_WAIT)
      await wait(pause * 1000, undefined, { ref: false, signal: stopped.signal })
    }
  }

  /** Has `reuse` renew, where it is time; what the token then has left is seen the next time. */
  async function timeLeft(query: TokenQuery): Promise<number> {
    try {
      const token = await kept.getToken(query)
      return token === undefined ? 0 : lifeOf(token)
    } catch {
      return 0
    }
  }
}

/** More wants than a program has of its own. */
const MAX_TENDED = 100

/** Longer waits are more than a timer can. */
const LONGEST_WAIT = 24 * 3600

function lifeOf(token: Token): number {
  const read = token instanceof SciToken ? token : SciToken.read(tokenText(token))
  return read?.timeLeft() ?? Infinity
}

/** A source whose failures are published: nobody hears of those behind the back. */
function warning(source: TokenSource): TokenSource {
  return {
    async getToken(query) {
      try {
        return await source.getToken(query)
      } catch (error) {
        const said = error instanceof Error ? redact(error.message) : 'without an error'
        publish({ type: 'warning', source: 'keepFresh', message: `A renewal failed: ${said}` })
        throw error
      }
    },
    invalidate: (rejected) => source.invalidate?.(rejected),
    explain: (query) => source.explain?.(query) ?? [deferredFinding('the source of keepFresh')],
  }
}

const OPTIONS: Record<keyof AutoRenewOptions, Check> = { ...REUSE_OPTIONS, retryDelay: seconds }
