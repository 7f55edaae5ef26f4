import { objectIn } from './json'

export interface DecodedJwt {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * Decodes the header and the claims of a JWT (RFC 7519) in compact form; undefined if the text is not one. The signature is
 * not checked.
 */
export function decodeJwt(text: string): DecodedJwt | undefined {
  if (typeof (text as unknown) !== 'string') return undefined
  const [, encodedHeader = '', encodedClaims = ''] = COMPACT.exec(text) ?? []
  const header = objectIn(textOf(encodedHeader))
  const claims = header && objectIn(textOf(encodedClaims))
  return header && claims && { header, claims }
}

/** Three parts in base64url, the last of which may be empty (RFC 7515 section 7.1). */
const COMPACT = /^([\w-]+)\.([\w-]+)\.[\w-]*$/

function textOf(base64url: string): string {
  return Buffer.from(base64url, 'base64url').toString()
}

/**
 * Whether the signature of a JWT in compact form is incomplete, for example because its file is being written. False for an
 * unknown algorithm.
 */
export function isTruncated(text: string, { alg }: Readonly<Record<string, unknown>>): boolean {
  const least = typeof alg === 'string' ? SIGNATURE_BYTES.get(alg) : undefined
  return least !== undefined && Math.floor((text.length - text.lastIndexOf('.') - 1) * 0.75) < least
}

/** Lengths of signatures; of RSA the least, with keys of 2048 bits (RFC 7518 sections 3.2 to 3.5, RFC 8037 section 3.1). */
const SIGNATURE_BYTES: ReadonlyMap<string, number> = new Map([
  ['RS256', 256],
  ['RS384', 256],
  ['RS512', 256],
  ['PS256', 256],
  ['PS384', 256],
  ['PS512', 256],
  ['ES256', 64],
  ['ES384', 96],
  ['ES512', 132],
  ['EdDSA', 64],
])
