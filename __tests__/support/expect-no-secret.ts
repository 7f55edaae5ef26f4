import { inspect } from 'node:util'

/**
 * Searches a value for secrets, at every depth and in every printed form (trap 14): plain, as Base64, and as in a URL.
 */
export function expectNoSecret(thing: unknown, secrets: readonly string[]) {
  const shown = [
    inspect(thing, { depth: null, maxArrayLength: null, maxStringLength: null, getters: false }),
    attempt(() => String(thing)),
    attempt(() => JSON.stringify({ thing })),
  ]
  if (typeof thing === 'object' && thing !== null) {
    const { stack, message, toJSON, cause } = thing as Partial<Error> & { toJSON?: () => unknown }
    shown.push(String(stack), String(message), inspect(cause, { depth: null }))
    if (typeof toJSON === 'function') shown.push(inspect(toJSON.call(thing), { depth: null }))
  }
  for (const secret of secrets)
    for (const text of shown)
      for (const form of [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)])
        if (text.includes(form))
          throw new Error(
            `the secret shows: …${text.slice(Math.max(0, text.indexOf(form) - 200), text.indexOf(form))}`,
          )
}

/** A cycle has no JSON, and an object without prototype has no string. */
function attempt(show: () => string): string {
  try {
    return show()
  } catch (error) {
    return `cannot be shown: ${(error as Error).message}`
  }
}
