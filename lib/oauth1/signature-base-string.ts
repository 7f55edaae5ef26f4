/** A request parameter with name and value encoded as in RFC 5849 section 3.6. */
export type EncodedParameter = readonly [name: string, value: string]

/**
 * The signature base string of a request: method, URL without query, and sorted parameters.
 *
 * @param parameters - of query, form body and protocol together; a name may appear several times
 * @see RFC 5849 section 3.4.1
 */
export function signatureBaseString(
  method: string,
  url: URL,
  parameters: readonly EncodedParameter[],
): string {
  return [method.toUpperCase(), baseStringUri(url), normalized(parameters)].map(percentEncode).join('&')
}

/** `URL` lowercases the host and drops a default port (RFC 5849 section 3.4.1.2). */
function baseStringUri({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`
}

/** Sorted by name, then by value, before they are joined: as joined text `a1=` sorts before `a=` (RFC 5849 section 3.4.1.3.2). */
function normalized(parameters: readonly EncodedParameter[]): string {
  return [...parameters]
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** Encoded text is ASCII, so the order of characters is the order of bytes. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

/**
 * The parameters of a query or a form body, in their order.
 *
 * @see RFC 5849 section 3.4.1.3.1; HTML 4.01 section 17.13.4
 */
export function parametersOf(form: string | Uint8Array): EncodedParameter[] {
  return octetsOf(form)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const end = pair.indexOf('=')
      return end < 0 ? [reencode(pair), ''] : [reencode(pair.slice(0, end)), reencode(pair.slice(end + 1))]
    })
}

/**
 * Encodes every octet of UTF-8 text except letters, digits, `-`, `.`, `_` and `~`. A space becomes `%20`.
 *
 * @see RFC 5849 section 3.6
 */
export function percentEncode(text: string): string {
  return encodeOctets(octetsOf(text))
}

/**
 * Encodes a name or value of a form or query anew, however it was encoded (`+` or `%20`, lower-case hex, reserved characters
 * left as they are). Works on octets because the server may use any character set.
 */
export function reencode(octets: string): string {
  if (!NOT_UNRESERVED.test(octets)) return octets
  const decoded = octets
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return encodeOctets(decoded)
}

/** The octets of UTF-8 text or bytes, one character each. */
export function octetsOf(content: string | Uint8Array): string {
  if (typeof content !== 'string') return Buffer.from(content).toString('latin1')
  return NOT_ASCII.test(content) ? Buffer.from(content, 'utf8').toString('latin1') : content
}

/** Octets with those beyond ASCII percent-encoded, which a form must not contain. */
export function asciiOf(octets: string): string {
  return octets.replace(/[\x80-\xff]/g, encodeOctet)
}

function encodeOctets(octets: string): string {
  return octets.replace(/[^A-Za-z0-9\-._~]/g, encodeOctet)
}

function encodeOctet(octet: string): string {
  return ENCODED[octet.charCodeAt(0)] ?? octet
}

/** `%XX` in upper case. Precomputed: a base string has hundreds. */
const ENCODED = Array.from(
  { length: 256 },
  (_, octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`,
)

const NOT_UNRESERVED = /[^A-Za-z0-9\-._~]/
const NOT_ASCII = /[^\0-\x7f]/
