import type { AxiosResponse } from 'axios'
import { IgwnAuthError, type Reason } from '../errors'
import { challengesOf } from '../explain/refusal'
import { bearerChallenge, type BearerChallenge } from '../formats/www-authenticate'

/**
 * What the server asks for in a 401 with a Bearer challenge (RFC 6750 section 3); undefined for any other response.
 *
 * @param shown - what the server was shown, see {@link challengesOf}
 */
export function challengeOf(
  response: AxiosResponse,
  shown: readonly string[] = [],
): BearerChallenge | undefined {
  return response.status === 401 ? bearerChallenge(challengesOf(response, shown)) : undefined
}

/** The reasons in an error of ours; of any other, what it says itself. */
export function reasonsOf(error: unknown): readonly Reason[] {
  if (error instanceof IgwnAuthError && error.reasons.length > 0) return error.reasons
  const message = error instanceof Error ? error.message : 'it failed without an error'
  return [{ code: 'failed', source: 'token', message: `Finding another credential failed: ${message}` }]
}
