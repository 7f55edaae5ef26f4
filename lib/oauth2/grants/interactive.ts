import { CanceledError } from 'axios'

/**
 * Waits for a person: until they have done what the work waits for, what shows them the way fails, or nobody wants it any more.
 * Then the work is told to end.
 *
 * @param show - shows them the way; that it takes long delays nothing
 */
export async function byPerson<T>(
  show: () => void | Promise<void>,
  work: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal?.aborted) throw new CanceledError()
  const over = new AbortController()
  const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal
  const showing = async (): Promise<never> => {
    await show()
    return new Promise<never>(() => undefined)
  }
  try {
    return await Promise.race([work(stop), showing()])
  } catch (error) {
    throw signal?.aborted ? new CanceledError() : error
  } finally {
    over.abort()
  }
}
