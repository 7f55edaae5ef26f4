import { DIGEST_ALGORITHMS, DIGEST_LENGTHS, type DigestAlgorithm } from './digest-algorithms'

/** A digest that a server names for a whole object. */
export interface Digest {
  readonly algorithm: DigestAlgorithm
  /** In lower-case hexadecimal digits. */
  readonly value: string
}

/** The digests in header fields, and those that are not used. */
export interface Digests {
  /** The fastest to verify first. */
  readonly digests: readonly Digest[]
  /** Why the others are not used, as the end of a sentence: `md5 has 4 bytes instead of 16`. */
  readonly skipped: readonly string[]
}

/** The fields that ask for a digest: by RFC 3230, and by RFC 9530. Names with capitals, because XRootD before 5.7 compares by case. */
export function wantDigest(
  algorithms: readonly DigestAlgorithm[] = DIGEST_ALGORITHMS,
): Record<string, string> {
  return {
    'Want-Digest': algorithms.join(','),
    'Want-Repr-Digest': algorithms
      .map((name, index) => `${NEW_NAMES[name] ?? name}=${Math.max(9 - index, 1)}`)
      .join(', '),
  }
}

/** The field that names the digest of a body that is sent (RFC 9530 section 3). */
export function reprDigest({ algorithm, value }: Digest): Record<string, string> {
  return {
    'Repr-Digest': `${NEW_NAMES[algorithm] ?? algorithm}=:${Buffer.from(value, 'hex').toString('base64')}:`,
  }
}

/** Names that RFC 9530 gives to others than RFC 3230. */
const NEW_NAMES: Partial<Record<DigestAlgorithm, string>> = { adler32: 'adler' }
const OLD_NAMES: Readonly<Record<string, DigestAlgorithm>> = {
  adler: 'adler32',
  sha256: 'sha-256',
  sha512: 'sha-512',
  sha1: 'sha',
}

/**
 * Parses `Digest` (RFC 3230) and `Repr-Digest` (RFC 9530). Values are hexadecimal or Base64, whichever their length fits; XRootD
 * leaves out leading zeros of a checksum, and names one algorithm for the value of another.
 *
 * @param field - the value of a field by its name; undefined where it is missing
 */
export function parseDigests(field: (name: string) => string | undefined): Digests {
  const digests: Digest[] = []
  const skipped: string[] = []
  for (const part of [...partsOf(field('Digest')), ...partsOf(field('Repr-Digest'))]) {
    const equals = part.indexOf('=')
    const name = part.slice(0, equals).trim().toLowerCase()
    const algorithm = OLD_NAMES[name] ?? DIGEST_ALGORITHMS.find((one) => one === name)
    if (equals < 0 || !algorithm) continue
    const value = hexOf(part.slice(equals + 1).trim(), algorithm)
    if (typeof value === 'number')
      skipped.push(`${algorithm} has ${value} bytes instead of ${DIGEST_LENGTHS[algorithm]}`)
    else if (value === undefined) skipped.push(`${algorithm} is neither hexadecimal nor Base64`)
    else if (!digests.some((one) => one.algorithm === algorithm)) digests.push({ algorithm, value })
  }
  digests.sort((a, b) => DIGEST_ALGORITHMS.indexOf(a.algorithm) - DIGEST_ALGORITHMS.indexOf(b.algorithm))
  return { digests, skipped }
}

function partsOf(text = ''): string[] {
  return text.split(',').filter((part) => part.trim() !== '')
}

/** The value in hexadecimal digits; the number of its bytes where that does not fit the algorithm; undefined for anything else. */
function hexOf(text: string, algorithm: DigestAlgorithm): string | number | undefined {
  const length = DIGEST_LENGTHS[algorithm]
  const isBinary = text.startsWith(':') && text.endsWith(':') && text.length > 1
  const bare = isBinary ? text.slice(1, -1) : text
  const isSum = length === 4
  // Eight characters that end in == are four bytes in Base64.
  if (!isBinary && /^[0-9a-f]+$/i.test(bare) && (isSum ? bare.length <= 8 : bare.length === length * 2))
    return bare.toLowerCase().padStart(length * 2, '0')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(bare)) return undefined
  const bytes = /^[0-9a-f]+$/i.test(bare) && isSum ? Buffer.from(bare, 'hex') : Buffer.from(bare, 'base64')
  return bytes.length === length ? bytes.toString('hex') : bytes.length
}
