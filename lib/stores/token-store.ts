/**
 * What a store keeps of a token: the answer of a token endpoint (RFC 6749 section 5.1), with the time at which it ends in
 * the place of the seconds it lives. All of it is secret. Members not named here are kept too.
 */
export interface StoredToken {
  /** The access token. */
  readonly access_token: string
  /** Seconds since the epoch at which the access token ends; absent when nobody said. */
  readonly expires_at?: number | undefined
  /** How it is sent, as `Bearer` or `DPoP` (RFC 6749 section 7.1); absent when nobody said. */
  readonly token_type?: string | undefined
  /** What gets the next access token (RFC 6749 section 6); absent when there is none. */
  readonly refresh_token?: string | undefined
  /** What the access token allows, separated by spaces; absent when it is what was asked for. */
  readonly scope?: string | undefined
  /** Who logged in (OpenID Connect Core section 2); absent where nobody did. */
  readonly id_token?: string | undefined
  readonly [member: string]: unknown
}

/**
 * Where tokens outlive a process and are shared among several. A store does not judge: it gives back what was put, also when
 * that has expired.
 */
export interface TokenStore {
  /** What is kept under a key; undefined when there is nothing. */
  get(key: string): Promise<StoredToken | undefined>
  /** Keeps a token under a key, in the place of what was there. A failure must leave what was there. */
  set(key: string, token: StoredToken): Promise<void>
  /** Forgets what is kept under a key; nothing happens where there is nothing. */
  delete(key: string): Promise<void>
  /**
   * Runs some work while nobody else, in this process or another, holds the lock of that key. Whoever comes second waits, then
   * looks again with `get` before it does what has been done. A store without it cannot keep processes apart: two may renew
   * at once, and with rotated refresh tokens one of them fails.
   */
  lock?<T>(key: string, work: () => Promise<T>): Promise<T>
}
