import { CanceledError, type InternalAxiosRequestConfig } from 'axios'

type Request = InternalAxiosRequestConfig

/**
 * Waits for a value unless the request is aborted first. axios checks the signal only before and during a send.
 *
 * @param caller - of the error: the URL of a later request may have a token of its redirector
 */
export function abortable<T>(value: Promise<T>, request: Request, caller = request): Promise<T> {
  const { signal, cancelToken } = request
  if (!signal && !cancelToken) return value

  let stop: (reason: unknown) => void = () => undefined
  const stopped = new Promise<never>((_, reject) => {
    stop = reject
  })
  const onAbort = () => {
    stop(new CanceledError(undefined, caller))
  }
  signal?.addEventListener?.('abort', onAbort)
  cancelToken?.subscribe(stop)
  if (signal?.aborted) onAbort()
  return Promise.race([value, stopped]).finally(() => {
    signal?.removeEventListener?.('abort', onAbort)
    cancelToken?.unsubscribe(stop)
  })
}

/** Called before each send: the http adapter sends a request that is aborted already. */
export function throwIfAborted(request: Request, caller = request): void {
  request.cancelToken?.throwIfRequested()
  if (request.signal?.aborted) throw new CanceledError(undefined, caller)
}
