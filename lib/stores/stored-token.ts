import { secondsNow } from '../clock'
import { decodeJwt } from '../formats/jwt'
import type { StoredToken } from './token-store'

/**
 * Makes a {@link StoredToken} from a token response (RFC 6749 section 5.1). `expires_at` is computed from `expires_in` or
 * from the `exp` claim, whichever is earlier, else read from the server's own `expires_at`. Values that cannot be read are removed, so that what is
 * stored can always be read again.
 *
 * @param requestedAt - seconds since the epoch at which the request was sent: a little early is safer than late
 */
export function tokenResponse(
  {
    expires_in,
    expires_at,
    ...response
  }: Readonly<Record<string, unknown>> & { readonly access_token: string },
  requestedAt = secondsNow(),
): StoredToken {
  const lifetime = numberIn(expires_in)
  const isLifetime = lifetime !== undefined && lifetime >= 0 && lifetime < LONGEST_LIFETIME
  const ends = [
    isLifetime ? Math.floor(requestedAt + lifetime) : undefined,
    expiryIn(decodeJwt(response.access_token)?.claims.exp),
  ].filter((end) => end !== undefined)
  const expiry = ends.length > 0 ? Math.min(...ends) : expiryIn(expires_at)
  const texts = Object.entries(response).filter(([name, value]) => !TEXTS.has(name) || isText(value))
  return {
    ...(Object.fromEntries(texts) as typeof response),
    ...(expiry !== undefined && { expires_at: expiry }),
  }
}

/** Members that have to be text. */
const TEXTS: ReadonlySet<string> = new Set(['token_type', 'refresh_token', 'scope', 'id_token'])

/**
 * Reads a value from a store: undefined for nothing, `'malformed'` for a value that is not a token. A token whose
 * `expires_at` cannot be read counts as expired.
 */
export function storedToken(value: unknown): StoredToken | 'malformed' | undefined {
  if (value === undefined || value === null) return undefined
  const { access_token: token, expires_at: expiry, ...rest } = value as Record<string, unknown>
  if (!isText(token) || UNSENDABLE.test(token)) return 'malformed'
  if (expiry === undefined || expiry === null) return { ...rest, access_token: token }
  return { ...rest, access_token: token, expires_at: expiryIn(expiry) ?? 0 }
}

/** Seconds since the epoch, from seconds, milliseconds, digits, a date text or a `Date`; undefined for anything else. */
function expiryIn(value: unknown): number | undefined {
  const number = numberIn(value instanceof Date ? value.getTime() : value)
  if (number !== undefined) return number < MILLISECONDS ? number : number / 1000
  const date = isText(value) ? Date.parse(value) : NaN
  return Number.isNaN(date) ? undefined : date / 1000
}

function numberIn(value: unknown): number | undefined {
  const number = isText(value) ? Number(value.trim() || NaN) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** Not VSCHAR of RFC 6749 appendix A.12, or a space, which cannot be part of a header's token. */
const UNSENDABLE = /[^\x21-\x7e]/

/** As seconds this is the year 5138, as milliseconds 1973. */
export const MILLISECONDS = 1e11

/** Seconds; about 300 years. A longer lifetime is as good as none. */
const LONGEST_LIFETIME = 1e10
