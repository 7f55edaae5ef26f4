/** What is known of one failure. */
export interface Failure {
  readonly message: string
  /** Of the system, of OpenSSL or of Node.js; '' for none. */
  readonly code: string
  readonly syscall: unknown
}

/** A failure and what caused it: over HTTP/2, and with the fetch adapter, only the cause says what happened. */
export function failuresIn(failure: unknown): Failure[] {
  const found: Failure[] = []
  let next = failure
  while (typeof next === 'object' && next !== null && found.length < MAX_CAUSES) {
    const { message, code, syscall, cause } = next as Record<string, unknown>
    found.push({
      message: typeof message === 'string' ? message : '',
      code: typeof code === 'string' ? code : '',
      syscall,
    })
    next = cause
  }
  return found
}

const MAX_CAUSES = 4
