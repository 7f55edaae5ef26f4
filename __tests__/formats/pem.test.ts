import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isCertificate, isEncrypted, isPrivateKey, parsePem } from '../../lib/formats/pem'
import { createAuthority } from '../support/pki'
import type { Issued } from '../support/pki'

let alice: Issued
let proxy: Issued

beforeAll(async () => {
  const authority = await createAuthority()
  alice = await authority.issueUser()
  proxy = await authority.issueProxy(alice)
})

const labels = (text: string) => parsePem(text).map(({ label }) => label)

describe('parsePem', () => {
  it('returns the blocks of a proxy file in order: certificate, key, chain', () => {
    const blocks = parsePem(proxy.bundle)
    expect(blocks.map(({ label }) => label)).toEqual(['CERTIFICATE', 'PRIVATE KEY', 'CERTIFICATE'])
    expect(blocks.map(({ text }) => text).join('')).toBe(proxy.bundle)
  })

  it('accepts a key before its certificates', () => {
    expect(labels(proxy.key + proxy.certificate + proxy.chain)).toEqual([
      'PRIVATE KEY',
      'CERTIFICATE',
      'CERTIFICATE',
    ])
  })

  it.each([
    ['carriage returns', (text: string) => text.replaceAll('\n', '\r\n')],
    ['carriage returns alone', (text: string) => text.replaceAll('\n', '\r')],
    ['white space round lines', (text: string) => text.replaceAll('\n', ' \t\n  ')],
    ['empty lines', (text: string) => text.replaceAll('\n', '\n\n')],
    [
      'text between the blocks',
      (text: string) => text.replaceAll('-----BEGIN', 'Bag Attributes: <none>\n-----BEGIN'),
    ],
    ['a byte order mark', (text: string) => '\ufeff' + text],
    ['no line end at the end', (text: string) => text.trimEnd()],
  ])('gives the same blocks with %s', (_, changed) => {
    expect(parsePem(changed(proxy.bundle))).toEqual(parsePem(proxy.bundle))
  })

  it('returns blocks that Node.js can parse', () => {
    const [certificate, key] = parsePem(proxy.bundle.replaceAll('\n', '\r\n'))
    const decoded = new X509Certificate(certificate!.text)
    expect(decoded.checkPrivateKey(createPrivateKey(key!.text))).toBe(true)
  })

  it.each(['', 'no PEM at all', '-----BEGIN CERTIFICATE-----\nMIIB', '-----END CERTIFICATE-----'])(
    'gives nothing for %j',
    (text) => {
      expect(parsePem(text)).toEqual([])
    },
  )

  it('ignores a block without an end, and reads the next', () => {
    expect(labels('-----BEGIN CERTIFICATE-----\nMIIB\n' + alice.key)).toEqual(['PRIVATE KEY'])
  })

  it('matches the labels of BEGIN and END', () => {
    expect(labels('-----BEGIN CERTIFICATE-----\nMIIB\n-----END PRIVATE KEY-----\n')).toEqual([])
  })

  it('reads a megabyte of BEGIN lines without an end in linear time', () => {
    expect(labels('-----BEGIN CERTIFICATE-----\n'.repeat(40_000))).toEqual([])
  })
})

describe('the kind of a block', () => {
  it.each([
    ['CERTIFICATE', true, false],
    ['X509 CERTIFICATE', true, false],
    ['TRUSTED CERTIFICATE', true, false],
    ['CERTIFICATE REQUEST', false, false],
    ['PRIVATE KEY', false, true],
    ['RSA PRIVATE KEY', false, true],
    ['EC PRIVATE KEY', false, true],
    ['ENCRYPTED PRIVATE KEY', false, true],
    ['PUBLIC KEY', false, false],
    ['EC PARAMETERS', false, false],
  ])('%s: certificate %s, private key %s', (label, certificate, key) => {
    expect(isCertificate({ label, text: '' })).toBe(certificate)
    expect(isPrivateKey({ label, text: '' })).toBe(key)
  })

  it.each(['pkcs8', 'traditional'] as const)(
    'recognizes an encrypted key in %s form, also with CRLF',
    (form) => {
      const [key] = parsePem(alice.encryptedKey('opensesame', form).replaceAll('\n', '\r\n'))
      expect(isEncrypted(key!)).toBe(true)
      expect(createPrivateKey({ key: key!.text, passphrase: 'opensesame' }).type).toBe('private')
    },
  )

  it('recognizes a key that is not encrypted', () => {
    expect(isEncrypted(parsePem(alice.key)[0]!)).toBe(false)
  })
})
