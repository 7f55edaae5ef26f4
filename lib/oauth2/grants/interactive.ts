import { CanceledError } from 'axios'

/**
 * Shows a login to the user and waits for it, until it is finished, showing it fails, or the signal aborts. The login is then stopped.
 *
 * @param show - opens the login; not waited for
 */
export async function untilLoggedIn<T>(
  show: () => void | Promise<void>,
  logIn: (stop: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal?.aborted) throw new CanceledError()
  const finished = new AbortController()
  const stop = signal ? AbortSignal.any([signal, finished.signal]) : finished.signal
  const showing = async (): Promise<never> => {
    await show()
    return new Promise<never>(() => undefined)
  }
  try {
    return await Promise.race([logIn(stop), showing()])
  } catch (error) {
    throw signal?.aborted ? new CanceledError() : error
  } finally {
    finished.abort()
  }
}
