/**
 * Checks every error of this package that any test creates: none may contain a token, a key, or a password or passphrase of the
 * tests. It is loaded first.
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

/** Returns the secrets found so far, and clears the list. */
export function takeLeaks(): string[] {
  const taken = leaks
  leaks = []
  return taken
}

afterEach(() => {
  expect(takeLeaks()).toEqual([])
})
