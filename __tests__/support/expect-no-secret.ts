import { inspect } from 'node:util'

/**
 * Searches a value for secrets, at every depth and in every printed form (trap 14): plain, as Base64, and as in a URL.
 */
export function expectNoSecret(thing: unknown, secrets: readonly string[]) {
  const shown = new Set([
    inspect(thing, { depth: null, maxArrayLength: null, maxStringLength: null, getters: false }),
    attempt(() => String(thing)),
    attempt(() => JSON.stringify({ thing })),
  ])
  if (typeof thing === 'object' && thing !== null) {
    const { stack, message, toJSON, cause } = thing as Partial<Error> & { toJSON?: () => unknown }
    for (const text of [String(stack), String(message), inspect(cause, { depth: null })]) shown.add(text)
    if (typeof toJSON === 'function') shown.add(inspect(toJSON.call(thing), { depth: null }))
  }
  for (const secret of secrets)
    for (const text of shown)
      for (const form of formsOf(secret))
        if (text.includes(form))
          throw new Error(
            `the secret shows: …${text.slice(Math.max(0, text.indexOf(form) - 200), text.indexOf(form))}`,
          )
}

const known = new Map<string, ReadonlySet<string>>()

/** A secret as it is, as Base64, and as in a URL. */
function formsOf(secret: string): ReadonlySet<string> {
  let forms = known.get(secret)
  if (!forms) {
    forms = new Set([secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)])
    known.set(secret, forms)
  }
  return forms
}

/** A cycle has no JSON, and an object without prototype has no string. */
function attempt(show: () => string): string {
  try {
    return show()
  } catch (error) {
    return `cannot be shown: ${(error as Error).message}`
  }
}
