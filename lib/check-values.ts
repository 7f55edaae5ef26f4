import { IgwnAuthError } from './errors'
import { sanitize } from './secrets/sanitize'

/** Checks one value. Returns undefined for a valid one, else the rest of a sentence that starts with its name. */
export type Check = (value: unknown) => string | undefined

/**
 * Checks an object of options, name by name. Returns a copy of its own properties without the undefined ones. The copy has no
 * prototype, and lists in it are copies too: neither a polluted `Object.prototype` nor a later change affects it.
 *
 * @param owner - the name of the object in the message: "options", "query"
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an unknown or inherited name, or an invalid value
 */
export function checkValues(
  values: unknown,
  checks: Readonly<Record<string, Check>>,
  owner: string,
): Record<string, unknown> {
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw wrong(owner, `must be an object, not ${kindOf(values)}`)
  rejectInherited(values, checks, owner)
  const checked = Object.create(null) as Record<string, unknown>
  for (const [name, given] of Object.entries(values)) {
    if (given === undefined) continue
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (!check)
      throw wrong(owner, `has no option "${sanitize(name)}"; there are ${Object.keys(checks).join(', ')}`)
    const value: unknown = Array.isArray(given) ? given.slice() : given
    const problem = check(value)
    if (problem) throw wrong(`${owner}.${name}`, problem)
    checked[name] = value
  }
  return checked
}

/**
 * Only own properties count. An option that a class defines would be ignored, and a request would be sent with another identity.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION`
 */
export function rejectInherited(
  values: object,
  names: Readonly<Record<string, unknown>>,
  owner: string,
): void {
  const prototype: unknown = Object.getPrototypeOf(values)
  if (prototype === null || prototype === Object.prototype) return
  if (Object.prototype.toString.call(values) !== '[object Object]')
    throw wrong(owner, 'must be a plain object')
  for (const name of Object.keys(names))
    if (name in values && !Object.hasOwn(values, name) && !(name in Object.prototype))
      throw wrong(
        `${owner}.${name}`,
        'is inherited, and only own properties are options. Copy it into a plain object',
      )
}

/** A copy of the own properties of an object, without a prototype: a polluted `Object.prototype` has no effect on it. */
export function ownProperties<Values extends object>(values: Values): Values {
  return Object.assign<object, Values>(Object.create(null) as object, values)
}

function wrong(what: string, problem: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `${what} ${problem}${problem.endsWith('?') ? '' : '.'}`)
}

export const flag: Check = (value) =>
  typeof value === 'boolean' ? undefined : `must be true or false, not ${kindOf(value)}`

export const text: Check = (value) =>
  typeof value === 'string' ? undefined : `must be a string, not ${kindOf(value)}`

export const nonEmptyText: Check = (value) => text(value) ?? (value === '' ? 'must not be empty' : undefined)

export const textOrFunction: Check = (value) =>
  typeof value === 'function' ? undefined : nonEmptyText(value)

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
      : `must be one of ${values.join(', ')}, not ${typeof value === 'string' ? 'this string' : kindOf(value)}`
}

export const axiosInstance: Check = (value) =>
  typeof value === 'function' && 'defaults' in value
    ? undefined
    : `must be an axios instance, not ${kindOf(value)}`

export const textOrList: Check = (value) => {
  const fits = (one: unknown) => typeof one === 'string' && one !== ''
  if (fits(value) || (Array.isArray(value) && value.every(fits))) return undefined
  const found =
    value === '' ? 'an empty string' : Array.isArray(value) ? 'a list with something else' : kindOf(value)
  return `must be a string or a list of strings, none empty, not ${found}`
}

export const seconds: Check = (value) =>
  typeof value === 'number' && value >= 0
    ? undefined
    : `must be a number of seconds, 0 or more, not ${typeof value === 'number' ? value : kindOf(value)}`

/** Milliseconds of a delay or back-off: 0 or more. */
export const milliseconds: Check = (value) =>
  typeof value === 'number' && value >= 0
    ? undefined
    : `must be a number of milliseconds, 0 or more, not ${typeof value === 'number' ? value : kindOf(value)}`

/**
 * Milliseconds of a timeout; 0 is none, as in axios. A few hundred or less is rejected: no server or program answers so fast,
 * and the caller most likely meant seconds.
 */
export const timeoutMilliseconds: Check = (value) => {
  const problem = milliseconds(value)
  if (problem !== undefined || value === 0 || (value as number) >= SHORTEST_TIMEOUT) return problem
  return `is in milliseconds; ${value as number} is too short. Did you mean ${(value as number) * 1000}?`
}

/** Milliseconds. */
const SHORTEST_TIMEOUT = 500

/** An axios instance is a function that has the HTTP methods. */
export const flagOrAxios: Check = (value) =>
  typeof value === 'boolean' || (typeof value === 'function' && 'get' in value)
    ? undefined
    : `must be a boolean or an axios instance, not ${kindOf(value)}`

/** A short name given by the caller, for a message. Anything longer may be a secret in the wrong place and is not shown. */
export function shortName(name: string): string {
  return /^[\w.-]{1,16}$/.test(name) ? name : '[not shown: too long for a name]'
}

/** The kind of a value, for a message; never the value itself. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  const kind = typeof value
  return kind === 'undefined' ? kind : `${kind === 'object' ? 'an' : 'a'} ${kind}`
}
