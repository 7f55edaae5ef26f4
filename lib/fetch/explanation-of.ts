import type { Refusal } from '../explain/refusal'

/** Registered, because the package has a copy for `import` and one for `require`. */
const REFUSAL = Symbol.for('axios-igwn-auth refusal')

export function explain<T extends object>(result: T, refusal: Refusal): T {
  return Object.isExtensible(result)
    ? Object.defineProperty(result, REFUSAL, { value: refusal, configurable: true })
    : result
}

/**
 * Why a server refused a request: the summary, the reasons and everything that was looked at. `fetch` does not reject when the
 * status is 401 or 403, so it is kept with the response. Copies of the response (`response.clone()`) do not have it.
 *
 * @param result - a response of `igwnFetch`, or the error that it rejected with when the TLS handshake failed
 * @returns undefined for any other response or error
 */
export function explanationOf(result: unknown): Refusal | undefined {
  return typeof result === 'object' && result !== null
    ? (result as { [REFUSAL]?: Refusal })[REFUSAL]
    : undefined
}
