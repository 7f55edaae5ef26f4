/** What is known of one failure. */
export interface Failure {
  readonly message: string
  /** Of the system, of OpenSSL or of Node.js; '' for none. */
  readonly code: string
  readonly syscall: unknown
}

/** A failure and what caused it: over HTTP/2, and with the fetch adapter, only the cause says what happened. */
export function failuresIn(failure: unknown): Failure[] {
  return causesOf(failure).map((one) => {
    const { message, code, syscall } = one as Record<string, unknown>
    return {
      message: typeof message === 'string' ? message : '',
      code: typeof code === 'string' ? code : '',
      syscall,
    }
  })
}

/** The code by which the other side hung up without a word; undefined where it did not. */
export function hungUp(failure: unknown): string | undefined {
  return failuresIn(failure).find(({ code }) => HUNG_UP.has(code))?.code
}

/** The last one is of undici. */
const HUNG_UP: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/** What we threw in the midst of a send, which axios and follow-redirects have wrapped in errors of theirs. */
export function causeIn<T extends Error>(
  error: unknown,
  kind: abstract new (...args: never[]) => T,
): T | undefined {
  return causesOf(error).find((one): one is T => one instanceof kind)
}

function causesOf(error: unknown): object[] {
  const found: object[] = []
  let next = error
  while (typeof next === 'object' && next !== null && found.length < MAX_CAUSES) {
    found.push(next)
    next = (next as { cause?: unknown }).cause
  }
  return found
}

const MAX_CAUSES = 4
