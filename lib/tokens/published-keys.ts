import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { secondsNow, since } from '../clock'

/** The key of that name that somebody publishes; undefined where there is none. */
export type PublishedKeys = (publisher: string, kid: string | undefined) => Promise<KeyObject | undefined>

/** Seconds. */
export const RENEW_AFTER = 6 * 3600
const USE_AT_MOST = 48 * 3600
/** A token with an unknown key makes us ask again, but no more often than this. */
const COOL_DOWN = 60

/**
 * The keys in a JWK set (RFC 7517 section 5).
 *
 * @throws what says that there is none at this URL
 */
export function keysIn(set: unknown, url: string): readonly JsonWebKey[] {
  const { keys } = set as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error(`${url} is no JWK set`)
  return keys.filter(isRecord)
}

/**
 * Keeps the keys of publishers as WLCG profile 1.3 section 4.3.1 says: renewed after six hours, used for two
 * days when the publisher cannot be reached.
 *
 * @param fetchKeys - fetches those of a publisher
 */
export function publishedKeys(
  fetchKeys: (publisher: string) => Promise<readonly JsonWebKey[]>,
): PublishedKeys {
  const held = new Map<string, { keys: readonly JsonWebKey[]; at: number }>()
  const pending = new Map<string, Promise<void>>()

  return async (publisher, kid) => {
    const age = () => since(held.get(publisher)?.at)
    const found = () => keyOf(held.get(publisher)?.keys ?? [], kid)
    if (age() < RENEW_AFTER && (found() || age() < COOL_DOWN)) return found()
    try {
      await renewed(publisher)
    } catch (error) {
      if (age() >= USE_AT_MOST || !found()) throw error
    }
    return found()
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
    held.set(publisher, { keys: await fetchKeys(publisher), at: secondsNow() })
  }
}

function isRecord(value: unknown): value is JsonWebKey {
  return typeof value === 'object' && value !== null
}

/** The key with that id; without one, the only key there is. */
function keyOf(keys: readonly JsonWebKey[], kid: string | undefined): KeyObject | undefined {
  const jwk =
    kid === undefined ? (keys.length === 1 ? keys[0] : undefined) : keys.find((one) => one.kid === kid)
  try {
    return jwk && createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}
