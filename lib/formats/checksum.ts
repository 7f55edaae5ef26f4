import { createHash } from 'node:crypto'
import os from 'node:os'
import { crc32 } from 'node:zlib'
import type { DigestAlgorithm } from './digest-algorithms'

/** The digest of bytes that come in parts. */
export interface Checksum {
  update(bytes: Uint8Array): void
  /** In lower-case hexadecimal digits. */
  digest(): string
}

/** Starts a digest. */
export function checksum(algorithm: DigestAlgorithm): Checksum {
  switch (algorithm) {
    case 'crc32':
      return sum32(0, (value, bytes) => crc32(bytes, value))
    case 'adler32':
      return sum32(1, adler32)
    case 'crc32c':
      return sum32(0, crc32c)
    default: {
      const hash = createHash(NAMES[algorithm])
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') }
    }
  }
}

const NAMES = { md5: 'md5', sha: 'sha1', 'sha-256': 'sha256', 'sha-512': 'sha512' } as const

function sum32(initial: number, add: (value: number, bytes: Uint8Array) => number): Checksum {
  let value = initial
  return {
    update(bytes) {
      value = add(value, bytes)
    },
    digest: () => value.toString(16).padStart(8, '0'),
  }
}

/**
 * RFC 1950 section 8.2. Node.js has none. Four bytes at a time, in two sums of two 16-bit halves each, take a quarter of the time of
 * one byte at a time.
 */
function adler32(value: number, bytes: Uint8Array): number {
  return inWords(value, bytes, WORDS, adlerOfBytes, adlerOfWords)
}

/** Gives most bytes as aligned 32-bit words, in a multiple of `count`, and those before and after them one by one. */
function inWords(
  value: number,
  bytes: Uint8Array,
  count: number,
  addBytes: (value: number, bytes: Uint8Array, from: number, end: number) => number,
  addWords: (value: number, words: Int32Array) => number,
): number {
  const start = -bytes.byteOffset & 3
  const length = Math.floor((bytes.length - start) / (count * 4)) * count
  if (length < 1 || !isLittleEndian) return addBytes(value, bytes, 0, bytes.length)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + start, length)
  const sum = addWords(addBytes(value, bytes, 0, start), words)
  return addBytes(sum, bytes, start + length * 4, bytes.length)
}

const isLittleEndian = os.endianness() === 'LE'

function adlerOfBytes(value: number, bytes: Uint8Array, from: number, end: number): number {
  let a = value & 0xffff
  let b = value >>> 16
  for (let i = from; i < end;) {
    // The sums must be reduced before they leave 32 bits.
    for (const last = Math.min(i + 3800, end); i < last; i++) b += a += bytes[i] as number
    a %= 65521
    b %= 65521
  }
  return ((b << 16) | a) >>> 0
}

/** More than 22 words could leave the 16 bits of a sum of sums: 255 · 22 · 23 / 2 = 64,515. A multiple of the five of a pass. */
const WORDS = 20
/** More could leave 32 bits. */
const WORDS_BETWEEN_REDUCTIONS = 16 * WORDS

function adlerOfWords(value: number, words: Int32Array): number {
  let a = value & 0xffff
  let b = value >>> 16
  for (let i = 0; i < words.length;) {
    const last = Math.min(i + WORDS_BETWEEN_REDUCTIONS, words.length)
    while (i < last) {
      // Sums of the bytes 0 and 2 of the words, and of the bytes 1 and 3; and the sums of these after each word.
      let even = 0
      let odd = 0
      let evens = 0
      let odds = 0
      let word: number
      // Five words in a pass take three quarters of the time of one.
      for (const end = i + WORDS; i < end; i += 5) {
        word = words[i] as number
        even = (even + (word & 0xff00ff)) | 0
        evens = (evens + even) | 0
        odd = (odd + ((word >>> 8) & 0xff00ff)) | 0
        odds = (odds + odd) | 0
        word = words[i + 1] as number
        even = (even + (word & 0xff00ff)) | 0
        evens = (evens + even) | 0
        odd = (odd + ((word >>> 8) & 0xff00ff)) | 0
        odds = (odds + odd) | 0
        word = words[i + 2] as number
        even = (even + (word & 0xff00ff)) | 0
        evens = (evens + even) | 0
        odd = (odd + ((word >>> 8) & 0xff00ff)) | 0
        odds = (odds + odd) | 0
        word = words[i + 3] as number
        even = (even + (word & 0xff00ff)) | 0
        evens = (evens + even) | 0
        odd = (odd + ((word >>> 8) & 0xff00ff)) | 0
        odds = (odds + odd) | 0
        word = words[i + 4] as number
        even = (even + (word & 0xff00ff)) | 0
        evens = (evens + even) | 0
        odd = (odd + ((word >>> 8) & 0xff00ff)) | 0
        odds = (odds + odd) | 0
      }
      const sum1 = odd & 0xffff
      const sum2 = even >>> 16
      const sum3 = odd >>> 16
      const sums = (evens & 0xffff) + (evens >>> 16) + (odds & 0xffff) + (odds >>> 16)
      // The byte p of a word with k words to come counts 4 · (k + 1) − p times.
      b += WORDS * 4 * a + 4 * sums - sum1 - 2 * sum2 - 3 * sum3
      a += (even & 0xffff) + sum1 + sum2 + sum3
    }
    a %= 65521
    b %= 65521
  }
  return ((b << 16) | a) >>> 0
}

/** CRC-32C (RFC 9260 appendix A), two words at a time. Node.js has none. */
function crc32c(value: number, bytes: Uint8Array): number {
  return ~inWords(~value, bytes, 2, crc32cOfBytes, crc32cOfWords) >>> 0
}

function crc32cOfBytes(value: number, bytes: Uint8Array, from: number, end: number): number {
  let crc = value
  for (let i = from; i < end; i++) crc = (CRC32C[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  return crc
}

function crc32cOfWords(value: number, words: Int32Array): number {
  const table = CRC32C
  let crc = value
  for (let i = 0; i < words.length; i += 2) {
    const low = crc ^ (words[i] as number)
    const high = words[i + 1] as number
    crc =
      (table[1792 + (low & 0xff)] as number) ^
      (table[1536 + ((low >>> 8) & 0xff)] as number) ^
      (table[1280 + ((low >>> 16) & 0xff)] as number) ^
      (table[1024 + (low >>> 24)] as number) ^
      (table[768 + (high & 0xff)] as number) ^
      (table[512 + ((high >>> 8) & 0xff)] as number) ^
      (table[256 + ((high >>> 16) & 0xff)] as number) ^
      (table[high >>> 24] as number)
  }
  return crc
}

/** The reversed polynomial of CRC-32C, and tables for a byte that is followed by none to seven others. */
const CRC32C = Int32Array.from({ length: 2048 })
for (let n = 0; n < 2048; n++) {
  let crc = n < 256 ? n : (CRC32C[n - 256] as number)
  if (n >= 256) crc = (CRC32C[crc & 0xff] as number) ^ (crc >>> 8)
  else for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  CRC32C[n] = crc
}
