/** In place of `node:timers/promises`: clients pause for a second or more between polls, and tests for at most ten milliseconds. */
import type { setTimeout as wait } from 'node:timers/promises'

const actual = jest.requireActual<{ setTimeout: typeof wait }>('node:timers/promises')

/** Pauses since the start of the file, in milliseconds. */
export const pauses: number[] = []

export const setTimeout: typeof wait = (delay = 0, value, options) => {
  pauses.push(delay)
  return actual.setTimeout(Math.min(delay, 10), value, options)
}
