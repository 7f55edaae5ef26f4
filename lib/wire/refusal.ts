import { AxiosHeaders, type AxiosError, type AxiosResponse } from 'axios'
import { IgwnAuthError, type Reason } from '../errors'
import { bearerChallenge, parseChallenges, type BearerChallenge } from '../formats/www-authenticate'

/** What is known of a refusal by the server. */
export interface Refusal {
  /** Why no other credential was sent, one by one. */
  readonly reasons: readonly Reason[]
}

/**
 * An error of axios that passed through IGWN auth. (Not declared on axios' own class: its types for CommonJS do not let
 * themselves be added to.)
 */
export type IgwnAxiosError<T = unknown> = AxiosError<T> & {
  /** What IGWN auth knows of this refusal; undefined for other errors. */
  igwnAuth?: Refusal
}

/** What the server asks for in a 401 with a Bearer challenge (RFC 6750 section 3); undefined for any other response. */
export function challengeOf({ status, headers }: AxiosResponse): BearerChallenge | undefined {
  if (status !== 401) return undefined
  // Adapters of others give plain objects, with names in any case.
  const field = AxiosHeaders.from(headers as AxiosHeaders).get('WWW-Authenticate')
  return bearerChallenge(parseChallenges(field as string | string[] | undefined))
}

/** Joins to the error of a refusal why it was not answered. */
export function explainRefusal(error: unknown, reasons: readonly Reason[]): void {
  if (typeof error === 'object' && error !== null) (error as Partial<IgwnAxiosError>).igwnAuth = { reasons }
}

/** The reasons in an error of ours; of any other, what it says itself. */
export function reasonsOf(error: unknown): readonly Reason[] {
  if (error instanceof IgwnAuthError && error.reasons.length > 0) return error.reasons
  const message = error instanceof Error ? error.message : 'it failed without an error'
  return [{ code: 'failed', source: 'token', message: `Finding another credential failed: ${message}` }]
}
