import type { AxiosResponse } from 'axios'
import type { Credentials } from './context'
import { isPromise } from '../tokens/token'
import { throwIfAborted } from './abort'
import { Errand, send, type Attempt } from './transmit'

/** Interceptors of our own, in the shape of axios', that nobody else's stand between. */
export interface Interceptors {
  /** Before a send. Gives a promise only where there is something to wait for. */
  readonly request: (errand: Errand) => void | Promise<void>
  /** After it, for a response and for an error. */
  readonly fulfilled: (response: AxiosResponse, errand: Errand) => AxiosResponse | Promise<AxiosResponse>
  readonly rejected: (error: unknown, errand: Errand) => AxiosResponse | Promise<AxiosResponse>
}

/**
 * Sends a request through interceptors, as axios does. Not by an axios of our own: that would merge and transform a config
 * in which there is nothing to merge, which costs a tenth of a request over loopback.
 */
export function go(
  { request, fulfilled, rejected }: Interceptors,
  attempt: Attempt,
  credentials?: Credentials,
): Promise<AxiosResponse> {
  const errand = new Errand(attempt, credentials)
  const leave = () => {
    // The http adapter of axios sends what was aborted before; axios itself looks in the same place.
    throwIfAborted(attempt.request)
    return send(errand)
  }
  const ready = request(errand)
  return (isPromise(ready) ? ready.then(leave) : leave()).then(
    (response) => fulfilled(response, errand),
    (error: unknown) => rejected(error, errand),
  )
}
