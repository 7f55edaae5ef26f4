/** An algorithm of a digest (RFC 3230, RFC 9530). */
export type DigestAlgorithm = 'crc32' | 'adler32' | 'crc32c' | 'sha-256' | 'sha-512' | 'sha' | 'md5'

/** The algorithms that bodies are verified with, the fastest first. */
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = [
  'crc32',
  'adler32',
  'crc32c',
  'sha-256',
  'sha-512',
  'sha',
  'md5',
]

/** Bytes of a digest. */
export const DIGEST_LENGTHS: Readonly<Record<DigestAlgorithm, number>> = {
  crc32: 4,
  adler32: 4,
  crc32c: 4,
  md5: 16,
  sha: 20,
  'sha-256': 32,
  'sha-512': 64,
}
