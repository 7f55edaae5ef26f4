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
  const { forms, end } = formsOf(secrets)
  for (const text of shown)
    if (end.test(text))
      for (const form of forms)
        if (text.includes(form))
          throw new Error(
            `the secret shows: …${text.slice(Math.max(0, text.indexOf(form) - 200), text.indexOf(form))}`,
          )
}

interface Forms {
  /** Each secret as it is, as Base64, and as in a URL. */
  readonly forms: readonly string[]
  /** Finds the last characters of any of them: one search for all is several times as fast. */
  readonly end: RegExp
}

const known = new Map<string, Forms>()

function formsOf(secrets: readonly string[]): Forms {
  const key = secrets.join('\0')
  let found = known.get(key)
  if (!found) {
    const forms = secrets.flatMap((secret) => [
      secret,
      Buffer.from(secret).toString('base64'),
      encodeURIComponent(secret),
    ])
    const ends = forms.map((form) => form.slice(-8).replace(/[^\w]/g, '\\$&'))
    found = { forms, end: new RegExp([...new Set(ends)].join('|')) }
    known.set(key, found)
  }
  return found
}

/** A cycle has no JSON, and an object without prototype has no string. */
function attempt(show: () => string): string {
  try {
    return show()
  } catch (error) {
    return `cannot be shown: ${(error as Error).message}`
  }
}
