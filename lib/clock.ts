/** The one place where this package asks the time: seconds since the epoch, as in `exp` and `nbf`. */
export function secondsNow(): number {
  return Date.now() / 1000
}

/** Seconds from a time, also of one that is ahead: what a clock kept that was then set back is not kept for longer. */
export function since(time = -Infinity): number {
  return Math.abs(secondsNow() - time)
}
