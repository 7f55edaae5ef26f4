/** Algorithms of digests (RFC 3230, RFC 9530) that bodies are verified with; the fastest first. */
export const DIGEST_ALGORITHMS = ['crc32', 'adler32', 'crc32c', 'sha-256', 'sha-512', 'sha', 'md5'] as const

/** An algorithm of a digest. */
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number]

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
