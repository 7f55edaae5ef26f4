/** Waits for a value unless the signal of the request is aborted first; then rejects with its reason, as `fetch` does. */
export async function abortable<T>(value: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return value
  let onAbort: () => void = () => undefined
  const stopped = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(signal.reason)
    }
  })
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([value, stopped])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
