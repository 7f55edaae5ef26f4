import { duration } from '../formats/duration'
import { checkValues, kindOf, seconds, type Check } from '../check-values'
import { secondsNow } from '../clock'
import { IgwnAuthError } from '../errors'
import { bestEffort } from '../stores/shared-store'
import { isTokenStore, type TokenStore } from '../stores/token-store'
import { deferredFinding, explainSource } from './describe-token'
import type { TokenQuery, TokenSource } from './token'
import { keyFor, tokenCache, type TokenCache } from './token-cache'
import { tokenOf, type HeldToken } from './token-response'
import { moment } from './validate-claims'

/** How long {@link reuse} keeps tokens, and where it shares them. */
export interface ReuseOptions {
  /** Seconds a held token must have left; with less, requests wait for a new one. Default is 60. */
  readonly minTimeLeft?: number | undefined
  /**
   * Seconds before that in which the held token is still returned while it is renewed in the background; never more than a
   * tenth of its lifetime. Default is 60.
   */
  readonly renewBefore?: number | undefined
  /** Seconds this host's clock may be ahead of the issuer's. Default is 0. */
  readonly clockTolerance?: number | undefined
  /**
   * A store that keeps tokens after this process and shares them with others: see `fileStore` and `keyvStore`. A token that
   * another process stored is used; a renewal runs under the lock of the store, so that of many processes one asks the source.
   * A store that fails is published as a warning; one that must not be used (`ERR_IGWN_STORE_UNUSABLE`) is an error. Default is
   * none.
   */
  readonly store?: TokenStore | undefined
  /**
   * The key of these tokens in the store: a text, to which audience, scopes and issuer of the query are added, or a function
   * that returns the whole key. Processes that share tokens use the same key; other sources and other users need another one.
   * Required with `store`. Default is none.
   */
  readonly storeKey?: string | ((query: TokenQuery) => string) | undefined
}

/**
 * Caches the tokens of a source until they are nearly expired, one for each query: for sources that cost a round trip.
 * Requests that arrive during a renewal wait for it. A failure is not remembered. When a server refuses a token, only that one
 * is dropped.
 *
 * A token that is not a JWT, or has no `exp`, is kept until it is refused. The source may also return a token response
 * (`access_token`, `expires_in`). The scopes of a 401 challenge (`challengeScope`) are passed to the source; a token obtained
 * for them is not put into the store.
 *
 * Its `getToken` rejects with `ERR_IGWN_TOKEN_EXPIRED` when the source returns an expired token.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 */
export function reuse(source: TokenSource, options: ReuseOptions = {}): TokenSource {
  return cachedSource('reuse', source, checkValues(options, REUSE_OPTIONS, 'options')).source
}

/** A source with its cache. */
export function cachedSource(
  name: string,
  source: TokenSource,
  options: ReuseOptions,
): { readonly source: TokenSource; readonly cache: TokenCache } {
  const { store, clockTolerance = 0 } = options
  const nameOfSource = `the source of ${name}`
  const cache = tokenCache({
    ...options,
    name,
    keyOf: keyOf(options),
    obtain: (query) => obtainFrom(source, query, clockTolerance),
    store: store && bestEffort(store, name),
  })
  return {
    cache,
    source: {
      getToken(query) {
        const held = cache.get(query)
        return held instanceof Promise ? held.then((one) => one?.token) : held.token
      },
      invalidate(rejected) {
        cache.invalidate(rejected)
        source.invalidate?.(rejected)
      },
      explain: (query) =>
        cache.explain(query, () => source.explain?.(query) ?? [deferredFinding(nameOfSource)]),
      async explainAsync(query) {
        const asked = await explainSource(source, query, nameOfSource)
        return cache.explain(query, () => asked)
      },
    },
  }
}

async function obtainFrom(
  source: TokenSource,
  query: TokenQuery,
  clockTolerance: number,
): Promise<HeldToken | undefined> {
  const result = await source.getToken(query)
  if (result === undefined) return undefined
  const held = tokenOf(result, 'the result of the token source')
  const past = secondsNow() - held.expiresAt - clockTolerance
  if (past < 0) return held
  throw new IgwnAuthError(
    'ERR_IGWN_TOKEN_EXPIRED',
    `The token source returned a token that expired ${duration(past)} ago (${moment(held.expiresAt)}). ` +
      "Renew it at its source, or set this host's clock.",
  )
}

function keyOf({ store, storeKey = '' }: ReuseOptions): (query: TokenQuery) => string {
  if (store && storeKey === '')
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options.store needs options.storeKey: a name for these tokens, or a function that returns one for each query.',
    )
  return typeof storeKey === 'function' ? storeKey : (query) => keyFor(storeKey, query)
}

export const tokenStore: Check = (value) =>
  isTokenStore(value)
    ? undefined
    : `must be a token store, such as fileStore() or keyvStore(), not ${kindOf(value)}`

export const REUSE_OPTIONS: Record<keyof ReuseOptions, Check> = {
  minTimeLeft: seconds,
  renewBefore: seconds,
  clockTolerance: seconds,
  store: tokenStore,
  storeKey: (value) =>
    typeof value === 'string' || typeof value === 'function'
      ? undefined
      : `must be a string or a function that returns one, not ${kindOf(value)}`,
}
