/** Waits for a server as long as is allowed. */
export interface Patience {
  /** Ends what is under way: when the whole command ends, or when the server has been silent for too long. */
  readonly signal: AbortSignal
  /** Waits for one thing of the server; what we do ourselves in between does not count. */
  readonly during: <T>(promise: Promise<T>) => Promise<T>
  /** Why it was ended; undefined when it was not. */
  readonly reason: () => unknown
}

/**
 * @param silence - milliseconds that the server may say nothing
 * @param whole - ends the whole command
 * @param late - why it is ended when the server says nothing
 */
export function patience(silence: number, whole: AbortSignal, late: () => Error): Patience {
  const own = new AbortController()
  const signal = AbortSignal.any([whole, own.signal])
  return {
    signal,
    reason: () => signal.reason as unknown,
    async during(promise) {
      // setTimeout takes what is longer for nothing at all.
      const timer = setTimeout(() => own.abort(late()), Math.min(silence, 2 ** 31 - 1))
      try {
        return await promise
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
