/** The one place where this package asks the time: seconds since the epoch, as in `exp` and `nbf`. */
export function secondsNow(): number {
  return Date.now() / 1000
}
