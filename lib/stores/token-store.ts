/**
 * A token as a store keeps it: the response of a token endpoint (RFC 6749 section 5.1) with `expires_at` instead of
 * `expires_in`. All of it is secret. Members not named here are kept too.
 */
export interface StoredToken {
  /** The access token. */
  readonly access_token: string
  /** Expiry of the access token in seconds since the epoch; absent when unknown. */
  readonly expires_at?: number | undefined
  /** How it is sent, such as `Bearer` or `DPoP` (RFC 6749 section 7.1); absent when unknown. */
  readonly token_type?: string | undefined
  /** Obtains the next access token (RFC 6749 section 6); absent when there is none. */
  readonly refresh_token?: string | undefined
  /** The scopes of the access token, separated by spaces; absent when they are those that were requested. */
  readonly scope?: string | undefined
  /** Who logged in (OpenID Connect Core section 2); absent without a login. */
  readonly id_token?: string | undefined
  readonly [member: string]: unknown
}

/**
 * Keeps tokens after a process ends and shares them among processes. A store does not judge: it returns what was put, expired
 * or not. It may delete expired tokens that have no `refresh_token`.
 */
export interface TokenStore {
  /** The token under a key; undefined when there is none. */
  get(key: string): Promise<StoredToken | undefined>
  /** Stores a token under a key and replaces the one before it. A failure must leave that one unchanged. */
  set(key: string, token: StoredToken): Promise<void>
  /** Deletes the token under a key, if there is one. */
  delete(key: string): Promise<void>
  /**
   * Runs work while no other process, and nothing else in this process, holds the lock of that key. The others wait, then call
   * `get` again. Without it two processes may renew at once, and with rotated refresh tokens one of them fails.
   *
   * A lock that can end while its holder is paused passes a {@link HeldLock} to the work, which asks it before it sends something
   * that may be sent once. When that rejects, the lock may run the work again. Other arguments are ignored.
   */
  lock?<T>(key: string, work: (held?: unknown) => Promise<T>): Promise<T>
}

/** A lock while its work runs. */
export interface HeldLock {
  /** Rejects when this process has lost the lock. */
  assertHeld(): Promise<void>
}

/** Whether a value has the required methods of a {@link TokenStore}. */
export function isTokenStore(value: unknown): value is TokenStore {
  const store = value as Partial<TokenStore> | null | undefined
  return [store?.get, store?.set, store?.delete].every((method) => typeof method === 'function')
}
