import type { AxiosResponse } from 'axios'
import type { Credentials } from '../schemes/credentials'
import type { Attacher } from './attach'
import type { RequestContext } from './context'
import { emit, emitChallenged } from './request-events'
import { discard } from './resend'
import { isRetryConsidered, retryAfter401 } from './retry-after-401'

/**
 * The credentials with which a refused request is sent again. Its response is then released, as it is when the caller aborts
 * meanwhile. Undefined when the refusal stands.
 *
 * @param abortable - waits for a promise, unless the caller aborts the request
 */
export async function replacementFor(
  context: RequestContext,
  credentials: Credentials,
  response: Pick<AxiosResponse, 'status' | 'headers' | 'request' | 'data'>,
  attach: Attacher['attach'],
  abortable: <T>(value: Promise<T>) => Promise<T>,
): Promise<Credentials | undefined> {
  if (isRetryConsidered(context, response)) emitChallenged(context, response)
  let retry
  try {
    retry = await abortable(retryAfter401(context, credentials, response, attach))
  } catch (error) {
    discard(response)
    throw error
  }
  if (retry?.credentials) {
    emit(context, { type: 'retrying' })
    discard(response)
  } else context.notRetried = retry?.reasons
  return retry?.credentials
}
