import { withLineFeeds } from './line-ends'

/** One block of PEM text: a certificate, a key, or something else between BEGIN and END (RFC 7468). */
export interface PemBlock {
  /** The label of its boundaries: `CERTIFICATE`, `PRIVATE KEY`, ... */
  readonly label: string
  /** The block alone, from BEGIN to END, with line feeds and without white space around its lines. */
  readonly text: string
}

/**
 * The blocks of a PEM text, in order. Lenient, as RFC 7468 section 2 asks of parsers: any line ends, any text before, between
 * and after blocks. A block without an end is ignored.
 */
export function parsePem(text: string): PemBlock[] {
  return Array.from(text.matchAll(BLOCK), ([, label = '', body = '']) => ({
    label,
    text: block(label, body),
  }))
}

/**
 * Boundaries with the same label, and the text between them (RFC 7468 section 3). The text stops at the next boundary of any
 * label, so that many beginnings without an end take linear time.
 */
const BLOCK = /-----BEGIN ([^-\r\n]+)-----((?:(?!-----(?:BEGIN|END) )[^])*)-----END \1-----/g

function block(label: string, body: string): string {
  const kept: string[] = []
  let before = ''
  for (const line of withLineFeeds(body).split('\n')) {
    const trimmed = line.trim()
    // The headers of a traditional encrypted key (RFC 1421 section 4.6) end with an empty line; no other one has a meaning.
    if (trimmed !== '' || before.includes(':')) kept.push(trimmed)
    before = trimmed
  }
  const text = kept.length > 0 ? `${kept.join('\n')}\n` : ''
  return `-----BEGIN ${label}-----\n${text}-----END ${label}-----\n`
}

/** Whether the block is a certificate, under any of the labels that OpenSSL writes. */
export function isCertificate({ label }: PemBlock): boolean {
  return /^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label)
}

/** Whether the block is a private key: PKCS#8 or traditional, encrypted or not. */
export function isPrivateKey({ label }: PemBlock): boolean {
  return /^(?:.+ )?PRIVATE KEY$/.test(label)
}

/** Whether a key is encrypted: PKCS#8 (RFC 7468 section 11) or traditional (RFC 1421 section 4.6.1.1). */
export function isEncrypted({ label, text }: PemBlock): boolean {
  return label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type:.*ENCRYPTED/m.test(text)
}

/** The cipher of an encrypted key, as OpenSSL names it; for PKCS#8 only the retired ones are known. */
export function cipherOf({ text }: PemBlock): string | undefined {
  const traditional = /^DEK-Info: *([\w-]{1,20}),/m.exec(text)?.[1]
  if (traditional !== undefined) return traditional
  const head = Buffer.from(text.split('\n').slice(1, 4).join(''), 'base64').toString('hex')
  return RETIRED.find(([oid]) => head.includes(oid))?.[1]
}

/** Object identifiers as DER: RFC 8018 appendix C, RFC 7292 appendix C, and single DES (1.3.14.3.2.7). */
const RETIRED = [
  ['06092a864886f70d010501', 'PBE-MD2-DES'],
  ['06092a864886f70d010503', 'PBE-MD5-DES'],
  ['06092a864886f70d010504', 'PBE-MD2-RC2-64'],
  ['06092a864886f70d010506', 'PBE-MD5-RC2-64'],
  ['06092a864886f70d01050a', 'PBE-SHA1-DES'],
  ['06092a864886f70d01050b', 'PBE-SHA1-RC2-64'],
  ['060a2a864886f70d010c0101', 'PBE-SHA1-RC4-128'],
  ['060a2a864886f70d010c0102', 'PBE-SHA1-RC4-40'],
  ['060a2a864886f70d010c0105', 'PBE-SHA1-RC2-128'],
  ['060a2a864886f70d010c0106', 'PBE-SHA1-RC2-40'],
  ['06052b0e030207', 'DES-CBC'],
  ['06082a864886f70d0302', 'RC2-CBC'],
] as const
