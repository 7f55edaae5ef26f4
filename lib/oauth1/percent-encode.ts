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
  const decoded = octets
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return encodeOctets(decoded)
}

/** The octets of text as it goes on the wire, one character each. */
export function octetsOf(content: string | Uint8Array): string {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : Buffer.from(content)
  return bytes.toString('latin1')
}

function encodeOctets(octets: string): string {
  return octets.replace(/[^A-Za-z0-9\-._~]/g, encodeOctet)
}

/** `%XX`, in upper case. */
export function encodeOctet(octet: string): string {
  return `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
