import type { Check } from '../check-values'
import { kindOf } from '../tokens/token'

/** A name that a caller gave, for a message; what is longer than names are may be a secret in the wrong place. */
export function shortName(text: string): string {
  return /^[\w.-]{1,16}$/.test(text) ? text : '[not shown: too long for a name]'
}

export const aText: Check = (value) =>
  typeof value === 'string' && value !== ''
    ? undefined
    : `must be a string, not ${value === '' ? 'an empty one' : kindOf(value)}`

export const textOrFunction: Check = (value) => (typeof value === 'function' ? undefined : aText(value))

export const aFunction: Check = (value) =>
  typeof value === 'function' ? undefined : `must be a function, not ${kindOf(value)}`

export const anObject: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? undefined
    : `must be an object, not ${kindOf(value)}`

/** One of a list of values. */
export function oneOf(...values: readonly unknown[]): Check {
  return (value) =>
    values.includes(value)
      ? undefined
      : `must be one of ${values.join(', ')}, not ${typeof value === 'string' ? 'this text' : kindOf(value)}`
}
