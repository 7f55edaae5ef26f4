import type { AxiosError } from 'axios'
import type { Reason } from '../errors'
import type { Explanation } from './explanation'

/** Why a server refused a request, or why no connection was made. */
export interface Refusal {
  /**
   * One sentence: what the server requires, what was sent, and what that lacks. "the server requires gracedb.write; the token from
   * /run/user/1000/bt_u1000 has gracedb.read and expires in 12 minutes"
   */
  readonly summary: string
  /** Why no other credential was sent, one reason for each candidate. */
  readonly reasons: readonly Reason[]
  /** Everything that was looked at, as {@link explain} returns it. It is not printed with the error. */
  readonly explanation: Explanation
}

declare module 'axios' {
  interface AxiosError {
    /** Why the server refused the request; undefined for other errors. */
    igwnAuth?: Refusal
  }
}

/**
 * An error of axios from an instance with IGWN auth. `axios.isAxiosError(error)` narrows to it too; this type is for casts and
 * for your own functions.
 */
export type IgwnAxiosError<T = unknown> = AxiosError<T> & {
  /** Why the server refused the request; undefined for other errors. */
  igwnAuth?: Refusal
}
