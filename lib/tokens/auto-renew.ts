import { checkValues, milliseconds, type Check } from '../check-values'
import { publish } from '../events'
import { redact } from '../secrets/redact'
import { deferredFinding } from './describe-token'
import { cachedSource, REUSE_OPTIONS, type ReuseOptions } from './reuse'
import type { TokenQuery, TokenSource } from './token'
import { keyFor } from './token-cache'

/** Options of {@link autoRenew}. */
export interface AutoRenewOptions extends ReuseOptions {
  /** Milliseconds until the next try after a failed renewal. Default is 10000. */
  readonly retryDelay?: number | undefined
}

/** A token source that renews its tokens by itself. */
export interface AutoRenewingSource extends TokenSource {
  /** Stops the automatic renewal; from then on the source works like `reuse`. */
  stop(): void
}

/**
 * Like {@link reuse}, and renews each token before it expires, also while there are no requests: for requests that must not
 * wait, and for a token file that other programs read. The renewal of a query starts with its first `getToken` and ends with
 * `stop()`. It does not keep the process running. At most 100 queries are renewed; further ones are cached as by `reuse`.
 *
 * A renewal that fails is published as a warning and tried again after `retryDelay`; the old token is returned until it has
 * less than `minTimeLeft` left. The scopes of a 401 challenge are not renewed.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 * @see httokensh of htgettoken
 */
export function autoRenew(source: TokenSource, options: AutoRenewOptions = {}): AutoRenewingSource {
  const checked: AutoRenewOptions = checkValues(options, OPTIONS, 'options')
  const { retryDelay = 10_000 } = checked
  const { source: cached, cache } = cachedSource(NAME, warning(source), checked)
  const renewing = new Set<string>()
  const known = new WeakSet<TokenQuery>()
  const timers = new Set<NodeJS.Timeout>()
  let isStopped = false

  return {
    ...cached,
    getToken(query) {
      const token = cached.getToken(query)
      if (!known.has(query)) start(query)
      return token
    },
    stop() {
      isStopped = true
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }

  function start(query: TokenQuery): void {
    known.add(query)
    const key = `${keyFor('', query)} ${query.minTimeLeft}`
    if (isStopped || renewing.has(key) || renewing.size >= MAX_RENEWING) return
    renewing.add(key)
    void renew({ ...query, challengeScope: undefined })
  }

  /** Lets the cache renew what is due, then waits for the next time. */
  async function renew(query: TokenQuery): Promise<void> {
    try {
      await cached.getToken(query)
    } catch {
      // Published by `warning`.
    }
    if (isStopped) return
    const delay = Math.min(Math.max(cache.renewalIn(query) * 1000 + 1, retryDelay), LONGEST_DELAY)
    const timer = setTimeout(() => {
      timers.delete(timer)
      void renew(query)
    }, delay)
    timer.unref()
    timers.add(timer)
  }
}

const NAME = 'autoRenew'

const MAX_RENEWING = 100

/** Milliseconds; a day, since a timer cannot wait much longer. */
const LONGEST_DELAY = 24 * 3600 * 1000

/** Publishes the failures of a source: those of a renewal in the background have no caller. */
function warning(source: TokenSource): TokenSource {
  return {
    async getToken(query) {
      try {
        return await source.getToken(query)
      } catch (error) {
        const reason = error instanceof Error ? redact(error.message) : 'no reason given'
        publish({ type: 'warning', source: NAME, message: `A renewal failed: ${reason}` })
        throw error
      }
    },
    invalidate: (rejected) => source.invalidate?.(rejected),
    explain: (query) => source.explain?.(query) ?? [deferredFinding(`the source of ${NAME}`)],
  }
}

const OPTIONS: Record<keyof AutoRenewOptions, Check> = { ...REUSE_OPTIONS, retryDelay: milliseconds }
