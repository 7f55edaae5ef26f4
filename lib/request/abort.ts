import { CanceledError, type InternalAxiosRequestConfig } from 'axios'
import { isPromise } from '../tokens/token'

/** Waits for a value unless the request is aborted first. axios itself looks at the signal only before and while it sends. */
export function abortable<T>(value: T | Promise<T>, request: InternalAxiosRequestConfig): T | Promise<T> {
  const { signal, cancelToken } = request
  if (!isPromise(value) || (!signal && !cancelToken)) return value

  let stop: (reason: unknown) => void = () => undefined
  const stopped = new Promise<never>((_, reject) => {
    stop = reject
  })
  const onAbort = () => {
    stop(new CanceledError(undefined, request))
  }
  signal?.addEventListener?.('abort', onAbort)
  cancelToken?.subscribe(stop)
  if (signal?.aborted) onAbort()
  return Promise.race([value, stopped]).finally(() => {
    signal?.removeEventListener?.('abort', onAbort)
    cancelToken?.unsubscribe(stop)
  })
}

/** Stops a request that was aborted while something synchronous ran: the http adapter of axios would send it all the same. */
export function throwIfAborted(request: InternalAxiosRequestConfig): void {
  request.cancelToken?.throwIfRequested()
  if (request.signal?.aborted) throw new CanceledError(undefined, request)
}
