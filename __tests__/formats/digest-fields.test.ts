import { parseDigests, reprDigest, wantDigest } from '../../lib/formats/digest-fields'

const parse = (digest?: string, repr?: string) =>
  parseDigests((name) => ({ Digest: digest, 'Repr-Digest': repr })[name])

it.each([
  ['a checksum in hexadecimal digits', 'adler32=194203E5', undefined, ['adler32 194203e5']],
  ['a checksum without its leading zeros', 'adler32=3e5', undefined, ['adler32 000003e5']],
  ['a crc32c in Base64, as some XRootD send it', 'crc32c=4waSgw==', undefined, ['crc32c e3069283']],
  ['md5 in Base64', 'md5=1B2M2Y8AsgTpgAmY7PhCfg==', undefined, ['md5 d41d8cd98f00b204e9800998ecf8427e']],
  [
    'md5 in hexadecimal digits',
    'MD5=d41d8cd98f00b204e9800998ecf8427e',
    undefined,
    ['md5 d41d8cd98f00b204e9800998ecf8427e'],
  ],
  ['Repr-Digest', undefined, 'adler=:GUID5Q==:, unknown=:AA==:', ['adler32 194203e5']],
  [
    'several, the fastest first, each once',
    'md5=1B2M2Y8AsgTpgAmY7PhCfg==, adler32=1',
    'adler=:GUID5Q==:',
    ['adler32 00000001', 'md5 d41d8cd98f00b204e9800998ecf8427e'],
  ],
  ['nothing', undefined, undefined, []],
  ['other algorithms', 'unixsum=30637, cksum=1', undefined, []],
])('reads %s', (_, digest, repr, expected) => {
  const { digests, skipped } = parse(digest, repr)
  expect(digests.map(({ algorithm, value }) => `${algorithm} ${value}`)).toEqual(expected)
  expect(skipped).toEqual([])
})

it.each([
  ['md5=GUID5Q==', 'md5 has 4 bytes instead of 16'],
  ['crc32c=d41d8cd98f00b204e9800998ecf8427e', 'crc32c has 16 bytes instead of 4'],
  ['md5=', 'md5 is neither hexadecimal nor Base64'],
  ['sha-256=!', 'sha-256 is neither hexadecimal nor Base64'],
])('does not use %s', (digest, reason) => {
  expect(parse(digest)).toEqual({ digests: [], skipped: [reason] })
})

it('asks by both RFCs, and names the digest of an upload', () => {
  expect(wantDigest(['adler32', 'md5'])).toEqual({
    'Want-Digest': 'adler32,md5',
    'Want-Repr-Digest': 'adler=9, md5=8',
  })
  expect(reprDigest({ algorithm: 'adler32', value: '194203e5' })).toEqual({
    'Repr-Digest': 'adler=:GUID5Q==:',
  })
})
