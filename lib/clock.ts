/** The one place where this package asks the time: seconds since the epoch, as in `exp` and `nbf`. */
export function secondsNow(): number {
  return Date.now() / 1000
}

/** Seconds from a time, also of one that is ahead: what a clock kept that was then set back is not kept for longer. */
export function since(time = -Infinity): number {
  return Math.abs(secondsNow() - time)
}

/** Waits, in milliseconds. A longer time than a timer can wait is cut to it. */
export function pause(delay: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.min(delay, LONGEST_DELAY))
  })
}

/** Milliseconds: timers have 32 bits, and one for more fires at once. */
export const LONGEST_DELAY = 2 ** 31 - 1

/** A signal that aborts after so many milliseconds; 0 is no limit, as in axios. */
export function deadlineIn(milliseconds: number): AbortSignal {
  return milliseconds === 0
    ? new AbortController().signal
    : AbortSignal.timeout(Math.min(Math.ceil(milliseconds), LONGEST_DELAY))
}
