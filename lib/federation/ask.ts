import type { HeaderFields } from './pelican-headers'

/** A request to a discovery host or a director. */
export interface Question {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** How often it is sent while it times out. Default is 1. */
  readonly attempts?: number
}

/** A response of any status. Redirects are not followed. */
export interface Reply {
  readonly status: number
  readonly headers: HeaderFields
  readonly body: string
}

/** Sends a request without a credential. Rejects when there is no response. */
export type Ask = (question: Question) => Promise<Reply>
