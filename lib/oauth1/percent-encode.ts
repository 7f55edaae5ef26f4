/**
 * Encodes text as OAuth 1 wants it: every octet of its UTF-8 but letters, digits, `-`, `.`, `_` and `~`. A space is `%20`.
 *
 * @see RFC 5849 section 3.6
 */
export function percentEncode(text: string): string {
  return encodeOctets(octetsOf(text))
}

/**
 * What stands encoded in a form or a query (`+` or `%20`, any case, too much or too little), encoded anew as OAuth 1 wants
 * it. By octets and never as text: what a server decodes may be in any character set.
 */
export function reencode(octets: string): string {
  // Most is written as OAuth 1 would write it.
  if (!NOT_UNRESERVED.test(octets)) return octets
  const decoded = octets
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return encodeOctets(decoded)
}

/** The octets of text as it goes on the wire, one character each. */
export function octetsOf(content: string | Uint8Array): string {
  if (typeof content !== 'string') return Buffer.from(content).toString('latin1')
  return NOT_ASCII.test(content) ? Buffer.from(content, 'utf8').toString('latin1') : content
}

/** Octets with those encoded that are no ASCII, which no form has. */
export function asciiOf(octets: string): string {
  return octets.replace(/[\x80-\xff]/g, encodeOctet)
}

function encodeOctets(octets: string): string {
  return octets.replace(/[^A-Za-z0-9\-._~]/g, encodeOctet)
}

function encodeOctet(octet: string): string {
  return ENCODED[octet.charCodeAt(0)] ?? octet
}

/** `%XX`, in upper case; worked out once, for a base string has hundreds. */
const ENCODED = Array.from(
  { length: 256 },
  (_, octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`,
)

const NOT_UNRESERVED = /[^A-Za-z0-9\-._~]/
const NOT_ASCII = /[^\0-\x7f]/
