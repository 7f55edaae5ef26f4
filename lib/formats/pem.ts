import { withLineFeeds } from './line-ends'

/** One block of PEM text: a certificate, a key, or something else between BEGIN and END (RFC 7468). */
export interface PemBlock {
  /** What it says it is: `CERTIFICATE`, `PRIVATE KEY`, ... */
  readonly label: string
  /** The block alone, from BEGIN to END, with line feeds and no white space round its lines. */
  readonly text: string
}

/**
 * The blocks of a PEM text, in order. Lenient, as RFC 7468 section 2 asks of parsers: any kind of line end, any text
 * before, between and after blocks; a block that does not end is none.
 */
export function parsePem(text: string): PemBlock[] {
  return Array.from(text.matchAll(BLOCK), ([, label = '', body = '']) => ({
    label,
    text: block(label, body),
  }))
}

/**
 * preeb, text, posteb with the same label (RFC 7468 section 3). The text stops at the next boundary whatever that is, so
 * that a text of many beginnings without an end is read through once, not once for each.
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

/** Whether it is a certificate, under any of the labels OpenSSL has for one. */
export function isCertificate({ label }: PemBlock): boolean {
  return /^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label)
}

/** Whether it is a private key in any form: PKCS#8 or traditional, encrypted or not. */
export function isPrivateKey({ label }: PemBlock): boolean {
  return /^(?:.+ )?PRIVATE KEY$/.test(label)
}

/** Whether a key is under a passphrase: PKCS#8 (RFC 7468 section 11) or traditional (RFC 1421 section 4.6.1.1). */
export function isEncrypted({ label, text }: PemBlock): boolean {
  return label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type:.*ENCRYPTED/m.test(text)
}
