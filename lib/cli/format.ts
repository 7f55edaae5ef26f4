import { secondsNow } from '../clock'
import { printable } from '../secrets/sanitize'
import { duration } from '../formats/duration'

/** A number of bytes for people: `1.3 MB`. */
export function bytes(count: number): string {
  const power = count < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3))
  const unit = UNITS[power] ?? 'byte'
  return new Intl.NumberFormat('en', {
    style: 'unit',
    unit,
    unitDisplay: unit === 'byte' ? 'long' : 'short',
    maximumFractionDigits: power === 0 ? 0 : 1,
  }).format(count / 1000 ** power)
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte']

/** A number of seconds for people: `1 second`, `0.5 seconds`. */
export function seconds(count: number): string {
  return `${count} ${count === 1 ? 'second' : 'seconds'}`
}

/** A time in seconds since the epoch as a date, and relative to now: `2026-01-01T00:00:00Z, in 12 minutes`. */
export function moment(time: number): string {
  const date = new Date(time * 1000)
  const left = time - secondsNow()
  const relative = left > 0 ? `in ${duration(left)}` : `${duration(-left)} ago`
  // Dates end in the year 275760; a claim can be any number.
  return Number.isNaN(date.valueOf())
    ? relative
    : `${date.toISOString().replace(/\.\d+Z$/, 'Z')}, ${relative}`
}

/** When a credential expires, as the end of a sentence. */
export function expiry(timeLeft: number | undefined): string {
  if (timeLeft === undefined) return 'no expiry'
  return timeLeft > 0 ? `expires in ${duration(timeLeft)}` : `expired ${duration(-timeLeft)} ago`
}

/**
 * JSON for a terminal or a log: control characters and bidirectional marks are escaped, which changes no value.
 *
 * @param indent - spaces per level; 0 for one line
 */
export function json(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(/[^\n]/gu, (character) =>
    printable(character) === character ? character : escaped(character),
  )
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
  }).join('')
}

/** Text of several lines without characters that could move the cursor. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** Text of a server without JWTs: a server may repeat the token it refuses. A header in JSON starts with `eyJ` in base64url (RFC 7519). */
export function hideTokens(text: string): string {
  return text.replace(/\beyJ[\w-]*(?:\.[\w-]*)*/g, '[hidden]')
}
