import { duration } from '../tokens/validate-claims'
import { secondsNow } from '../clock'

/** A time, in seconds since the epoch, as a date and from now: `2026-01-01T00:00:00Z, in 12 minutes`. */
export function moment(seconds: number): string {
  const date = new Date(seconds * 1000)
  const left = seconds - secondsNow()
  const away = left > 0 ? `in ${duration(left)}` : `${duration(-left)} ago`
  // A claim may be any number; there are no dates for the largest.
  return Number.isNaN(date.valueOf()) ? away : `${date.toISOString().replace(/\.\d+Z$/, 'Z')}, ${away}`
}

/** What lasts, in seconds, as the end of a sentence. */
export function life(timeLeft: number | undefined): string {
  if (timeLeft === undefined) return 'does not say when it ends'
  return timeLeft > 0 ? `${duration(timeLeft)} left` : `expired ${duration(-timeLeft)} ago`
}
