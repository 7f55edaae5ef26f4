import { IgwnAuthError, type Reason } from '../../errors'
import type { IgwnAxiosError } from '../../explain/refusal'
import { MAX_BYTES } from './axios-transport'
import { OAuthError } from '../errors'
import type { SentSecrets } from './redact-response'

/**
 * Says why there is no answer. The error of axios, which holds the request, is not passed on; one of ours is.
 *
 * @param after - milliseconds after which we did not wait any longer
 */
export function sendingFailed(
  error: unknown,
  { origin }: URL,
  secrets: SentSecrets,
  after: number | undefined,
): IgwnAuthError {
  if (error instanceof IgwnAuthError) return error
  const { code, message = '', igwnAuth } = (error ?? {}) as Partial<IgwnAxiosError>
  if (after !== undefined || code === 'ECONNABORTED' || code === 'ETIMEDOUT')
    return new OAuthError(
      'ERR_IGWN_OAUTH_TIMEOUT',
      `${origin} did not answer ${after === undefined ? 'in time' : `within ${after / 1000} s`}. Try again, or give http an instance with a longer timeout.`,
    )
  if (message.includes('maxContentLength'))
    return new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `${origin} answers with more than ${MAX_BYTES / 1024} KiB, which is no answer of an authorization server. Check the URL.`,
    )
  const reasons: readonly Reason[] = igwnAuth?.reasons ?? []
  const why = [
    secrets.clean(message.trim() || 'it failed without an error'),
    ...reasons.map((reason) => reason.message),
  ]
  return new OAuthError(
    'ERR_IGWN_OAUTH_UNREACHABLE',
    `${origin} cannot be reached: ${why.join('. ')}. Check the URL, the network, and who vouches for the server.`,
    { reasons },
  )
}
