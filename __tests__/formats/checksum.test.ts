import { checksum } from '../../lib/formats/checksum'
import { DIGEST_ALGORITHMS, DIGEST_LENGTHS } from '../../lib/formats/digest-algorithms'

const digestOf = (algorithm: (typeof DIGEST_ALGORITHMS)[number], ...parts: Buffer[]) => {
  const sum = checksum(algorithm)
  for (const part of parts) sum.update(part)
  return sum.digest()
}

it.each([
  ['adler32', 'Wikipedia', '11e60398'],
  ['adler32', '', '00000001'],
  ['crc32', '123456789', 'cbf43926'],
  ['crc32c', '123456789', 'e3069283'],
  ['crc32c', '', '00000000'],
  ['md5', '', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['sha', 'abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  ['sha-256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
] as const)('%s of %j is %s', (algorithm, text, expected) => {
  expect(digestOf(algorithm, Buffer.from(text))).toBe(expected)
})

it('RFC 3720 appendix B.4: crc32c of 32 zeros and of 32 ones', () => {
  expect(digestOf('crc32c', Buffer.alloc(32))).toBe('8a9136aa')
  expect(digestOf('crc32c', Buffer.alloc(32, 0xff))).toBe('62a8ab43')
})

it('adler32 does not overflow: a megabyte of 0xff', () => {
  expect(digestOf('adler32', Buffer.alloc(1_000_000, 0xff))).toBe(
    // As zlib.adler32 of Python gives it.
    '3843e1be',
  )
})

it.each(DIGEST_ALGORITHMS)('%s is the same for any division into parts', (algorithm) => {
  const bytes = Buffer.from(Array.from({ length: 10_007 }, (_, at) => (at * at) >>> 3))
  const whole = digestOf(algorithm, bytes)
  expect(whole).toHaveLength(DIGEST_LENGTHS[algorithm] * 2)
  for (const at of [1, 7, 8, 4000, 10_006])
    expect(digestOf(algorithm, bytes.subarray(0, at), bytes.subarray(at))).toBe(whole)
  const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  expect(digestOf(algorithm, ...single)).toBe(whole)
})
