import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { secondsNow, since } from '../clock'

/** What the header of a JWT says about the key that signed it. */
export interface KeyRequirements {
  /** `kid`; undefined if the header names no key. */
  readonly kid: string | undefined
  readonly alg: string
  /** None of the held keys made the signature: they are fetched again, as for an unknown `kid`. */
  readonly isOutdated?: boolean
}

/** The keys of a publisher that may have made a signature: without `kid`, all of the right type. */
export interface KeySet {
  readonly keys: readonly KeyObject[]
  /** They were fetched for this call, not before. */
  readonly isFresh: boolean
}

export type PublishedKeys = (publisher: string, key: KeyRequirements) => Promise<KeySet>

/** Seconds. */
export const RENEW_AFTER = 6 * 3600
const USE_AT_MOST = 48 * 3600
/** An unknown `kid`, or a signature of an unknown key, fetches the keys again, but no more often than this. */
const COOL_DOWN = 60

/**
 * The keys in a JWK set (RFC 7517 section 5). Each may be tried for each token, so their number is limited.
 *
 * @throws Error if the response from this URL is not one, or has too many keys
 */
export function keysIn(set: unknown, url: string): readonly JsonWebKey[] {
  const { keys } = set as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error(`${url} is not a JWK set`)
  if (keys.length > MAX_KEYS) throw new Error(`${url} has more than ${MAX_KEYS} keys`)
  return keys.filter((key): key is JsonWebKey => typeof key === 'object' && key !== null)
}

/** Issuers publish a few. 6500, which fit in 1 MiB, took six seconds of processor time for each token. */
const MAX_KEYS = 100

/**
 * Caches keys as WLCG profile 1.3 section 4.3.1 says: fetched again after six hours, used for two days while the publisher
 * is unreachable.
 *
 * @param fetchKeys - fetches those of a publisher
 */
export function publishedKeys(
  fetchKeys: (publisher: string) => Promise<readonly JsonWebKey[]>,
): PublishedKeys {
  const cached = new Map<string, { keys: readonly JsonWebKey[]; at: number }>()
  const pending = new Map<string, Promise<void>>()

  return async (publisher, key) => {
    const age = () => since(cached.get(publisher)?.at)
    const found = () => (cached.get(publisher)?.keys ?? []).filter((one) => isSuitable(one, key))
    const isCurrent = age() < RENEW_AFTER && found().length > 0 && !key.isOutdated
    let isFresh = false
    if (!isCurrent && age() >= COOL_DOWN)
      try {
        await renewed(publisher)
        isFresh = true
      } catch (error) {
        if (age() >= USE_AT_MOST || found().length === 0) throw error
      }
    return { keys: keyObjects(found()), isFresh }
  }

  async function renewed(publisher: string): Promise<void> {
    const running = pending.get(publisher) ?? renew(publisher)
    pending.set(publisher, running)
    try {
      await running
    } finally {
      if (pending.get(publisher) === running) pending.delete(publisher)
    }
  }

  async function renew(publisher: string): Promise<void> {
    const keys = await fetchKeys(publisher)
    if (cached.size >= MAX_PUBLISHERS) cached.clear()
    cached.set(publisher, { keys, at: secondsNow() })
  }
}

/** Tokens name their issuer, so it must be bounded. */
const MAX_PUBLISHERS = 100

/** RFC 7518 section 3.1: the type of key of each algorithm, and its curve. */
const KEY_TYPES: Readonly<Record<string, { kty: string; crv?: string }>> = {
  RS: { kty: 'RSA' },
  PS: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
}

function isSuitable(jwk: JsonWebKey, { kid, alg }: KeyRequirements): boolean {
  const type = KEY_TYPES[alg] ?? KEY_TYPES[alg.slice(0, 2)]
  return (
    (kid === undefined || jwk.kid === kid) &&
    (jwk.use === undefined || jwk.use === 'sig') &&
    (!Array.isArray(jwk.key_ops) || jwk.key_ops.includes('verify')) &&
    (jwk.alg === undefined || jwk.alg === alg) &&
    jwk.kty === type?.kty &&
    (type?.crv === undefined || jwk.crv === type.crv)
  )
}

function keyObjects(keys: readonly JsonWebKey[]): KeyObject[] {
  return keys.flatMap((key) => {
    try {
      return createPublicKey({ key, format: 'jwk' })
    } catch {
      return []
    }
  })
}
