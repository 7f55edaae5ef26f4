import { IgwnAuthError } from './errors'
import { sanitize } from './secrets/sanitize'
import { kindOf } from './tokens/token'

/** Checks one value: undefined when it fits; else what it must be, as the end of a sentence. */
export type Check = (value: unknown) => string | undefined

/**
 * Checks the values of an object by their names. Returns them without the undefined ones.
 *
 * @param owner - what the object is, for the message: "options", "query"
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for a name that there is not, and for a value that does not fit
 */
export function checkValues(
  values: unknown,
  checks: Readonly<Record<string, Check>>,
  owner: string,
): Record<string, unknown> {
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw wrong(owner, `must be an object, not ${kindOf(values)}`)
  const checked: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (!check)
      throw wrong(owner, `has no option "${sanitize(name)}"; there are ${Object.keys(checks).join(', ')}`)
    const problem = check(value)
    if (problem) throw wrong(`${owner}.${name}`, problem)
    checked[name] = value
  }
  return checked
}

function wrong(what: string, problem: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `${what} ${problem}.`)
}

export const flag: Check = (value) =>
  typeof value === 'boolean' ? undefined : `must be true or false, not ${kindOf(value)}`

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

/** An axios instance is a function that has its verbs. */
export const flagOrAxios: Check = (value) =>
  typeof value === 'boolean' || (typeof value === 'function' && 'get' in value)
    ? undefined
    : `must be a boolean or an axios instance, not ${kindOf(value)}`
