/**
 * Looks into every error of this package that is made while the tests run, in whatever test: none may hold a token, a key, or
 * one of the passwords and passphrases that the tests use. Loaded before all else.
 */
import { inspect } from 'node:util'

type Errors = typeof import('../../lib/errors')

jest.mock('../../lib/errors', (): Errors => {
  const actual = jest.requireActual<Errors>('../../lib/errors')
  class IgwnAuthError extends actual.IgwnAuthError {
    constructor(...parameters: ConstructorParameters<Errors['IgwnAuthError']>) {
      super(...parameters)
      look(this)
    }
  }
  return { ...actual, IgwnAuthError }
})

/** A JWT with its signature, the first line of a key, and the words that are secret in all tests. */
const SECRET =
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{16,}|PRIVATE KEY-----\s+[\w+/]{16}|hunter2|open ?sesame|correct horse|over the rainbow|sosecret|s3cr3t|canary-(?:client|token|verifier)/

let leaks: string[] = []

/** Of a cause that is an error of another package, only the message is checked: axios errors contain the caller's URL and body. */
function look(error: InstanceType<Errors['IgwnAuthError']>): void {
  const { message, cause, ...own } = Object.fromEntries(
    Object.getOwnPropertyNames(error).map((name) => [name, error[name as keyof Error]]),
  ) as { message?: string; cause?: Error }
  const shown = `${message}\n${cause?.message}\n${inspect(own, { depth: null, showHidden: true })}`
  const found = SECRET.exec(shown)
  if (found) leaks.push(`…${shown.slice(Math.max(0, found.index - 200), found.index + found[0].length)}`)
}

/** What was found until now, and is then forgotten. */
export function takeLeaks(): string[] {
  const taken = leaks
  leaks = []
  return taken
}

afterEach(() => {
  expect(takeLeaks()).toEqual([])
})
