import decode from 'jsonwebtoken/decode.js'

export interface DecodedJwt {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * Reads the header and the claims of a JWT (RFC 7519) in compact form; undefined when the text is none.
 * Checks no signature: that is for the server, or for `verify`.
 */
export function decodeJwt(text: string): DecodedJwt | undefined {
  if (typeof (text as unknown) !== 'string') return undefined // jws takes a Buffer too, and then keeps it
  try {
    const jwt = decode(text, { complete: true, json: true })
    if (!isRecord(jwt?.payload) || !isRecord(jwt.header)) return undefined
    return { header: jwt.header, claims: jwt.payload }
  } catch {
    return undefined // jws throws on claims that are no JSON
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
