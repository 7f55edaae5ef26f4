import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import tls from 'node:tls'
import type { ReasonCode } from '../errors'
import type { FileProblem } from '../files/read-file'
import { cipherOf, isCertificate, isEncrypted, isPrivateKey, parsePem } from '../formats/pem'
import type { PemBlock } from '../formats/pem'
import { shellWord } from '../secrets/sanitize'
import { distinguishedName, proxyChain } from './certificates'
import type { PemPair } from './x509-credential'

/** The PEM blocks of a file that matter for a credential. */
export interface PemFile {
  readonly certificates: readonly PemBlock[]
  readonly keys: readonly PemBlock[]
}

/** Why two files are no credential, and which of them is at fault. */
export interface CredentialProblem extends FileProblem {
  readonly about: 'cert' | 'key'
}

/** The passphrase of a private key, or a function that returns it. Secret. */
export type Passphrase = string | (() => string)

/** Sorts the blocks of a PEM text. */
export function readPemFile(text: string, path: string): PemFile | FileProblem {
  if (text.trim() === '') return { problem: 'empty', what: 'is empty' }
  const blocks = parsePem(text)
  const file = { certificates: blocks.filter(isCertificate), keys: blocks.filter(isPrivateKey) }
  if (file.certificates.length + file.keys.length > 0) return file
  const what = binaryFormat(text, path) ?? 'holds no certificate and no key in PEM form'
  return { problem: 'malformed', what }
}

/**
 * Names a file in one of the binary forms (DER: X.690; PKCS#12: RFC 7292 section 4), and the command that converts it. Bytes
 * that are not UTF-8 read as U+FFFD. After the tag and the length of the outer SEQUENCE: a version, or the long SEQUENCE of a
 * certificate, or the short one of an encryption algorithm.
 */
function binaryFormat(text: string, path: string): string | undefined {
  const inside = /^0[^]{1,4}?(\x02\x01[\0\x01\x03]|0\ufffd|0[\0-\x7f]\x06)/.exec(text)?.[1] // eslint-disable-line no-control-regex
  if (inside === undefined) return undefined
  const input = shellWord(path)
  const output = shellWord(path.replace(/\.(?:p12|pfx|der|cer|crt|key)$/i, '') + '.pem')
  if (inside.endsWith('\x03'))
    return `is a PKCS#12 file, not PEM; ${CONVERT}openssl pkcs12 -in ${input} -out ${output}`
  const command = inside === '0\ufffd' ? 'x509' : 'pkey'
  return `is a DER file, not PEM; ${CONVERT}openssl ${command} -inform DER -in ${input} -out ${output}`
}

const CONVERT = 'convert it: '

/** The command in the message of a file that can be converted; undefined for other messages. */
export function conversionIn(message: string): string | undefined {
  const [, command] = message.split(CONVERT)
  return command
}

/**
 * Makes the PEM of a credential from the contents of two files, or of one file passed twice. Checked are: every certificate
 * can be parsed, the key belongs to the first, the issuer of every proxy is there, and OpenSSL accepts all of it, so that
 * its refusal is known before a connection is opened. Dates are not checked.
 */
export function loadCredential(
  certFile: PemFile,
  keyFile: PemFile,
  passphrase: Passphrase | undefined,
  keyPath: string,
): PemPair | CredentialProblem {
  const certificates = parseCertificates(certFile.certificates)
  if ('problem' in certificates) return certificates
  const key = openKey(keyFile.keys[0], passphrase, keyPath)
  if ('problem' in key) return key
  const problem = keyMismatch(certificates, key.object) ?? brokenChain(certificates)
  if (problem) return problem
  const pem = { cert: certFile.certificates.map(({ text }) => text).join(''), key: key.text }
  return refusalByOpenSsl(pem) ?? pem
}

function parseCertificates(blocks: readonly PemBlock[]): X509Certificate[] | CredentialProblem {
  if (blocks.length === 0) return unusable('cert', 'malformed', 'holds no certificate')
  const parsed: X509Certificate[] = []
  for (const { text } of blocks) {
    try {
      parsed.push(new X509Certificate(text))
    } catch {
      const which = blocks.length > 1 ? ` (number ${parsed.length + 1} of ${blocks.length})` : ''
      return unusable('cert', 'malformed', `holds a certificate${which} that cannot be parsed`)
    }
  }
  return parsed
}

/** The key, decrypted. The passphrase is not kept. */
function openKey(
  block: PemBlock | undefined,
  passphrase: Passphrase | undefined,
  path: string,
): { object: KeyObject; text: string } | CredentialProblem {
  if (!block) return unusable('key', 'malformed', 'holds no private key')
  const encrypted = isEncrypted(block)
  const phrase = encrypted ? passphraseText(passphrase) : ''
  if (typeof phrase !== 'string') return phrase
  if (encrypted && phrase === '')
    return unusable(
      'key',
      'passphrase',
      'holds an encrypted private key, and the passphrase option is not set',
    )
  try {
    const object = createPrivateKey({ key: block.text, ...(encrypted && { passphrase: phrase }) })
    const text = encrypted ? (object.export({ type: 'pkcs8', format: 'pem' }) as string) : block.text
    return { object, text }
  } catch (error) {
    const code = codeOf(error)
    if (!encrypted) return unusable('key', 'malformed', `holds a private key that cannot be parsed (${code})`)
    if (code === 'ERR_OSSL_EVP_UNSUPPORTED') return unusable('key', 'unsupported', retiredCipher(block, path))
    // A wrong passphrase shows as a bad decrypt; once in 256 times the padding looks right, and the rest does not parse.
    return unusable(
      'key',
      'passphrase',
      `holds an encrypted private key that the passphrase does not decrypt (${code})`,
    )
  }
}

/** OpenSSL 3 keeps single DES, RC2, RC4 and others in its legacy provider, which Node.js does not load. */
function retiredCipher(block: PemBlock, path: string): string {
  return (
    `holds a private key encrypted with ${cipherOf(block) ?? 'a cipher'}, which OpenSSL 3 no longer supports; ` +
    `${CONVERT}openssl pkey -provider legacy -provider default -in ${shellWord(path)} -aes256 -out ${shellWord(`${path}.new`)}`
  )
}

function passphraseText(passphrase: Passphrase | undefined): string | CredentialProblem {
  try {
    return (typeof passphrase === 'function' ? passphrase() : passphrase) ?? ''
  } catch (error) {
    // Its message may repeat the passphrase.
    return unusable('key', 'passphrase', `is encrypted and the passphrase function failed (${codeOf(error)})`)
  }
}

/** TLS presents the first certificate of a file, so the key must belong to that one. */
function keyMismatch(
  certificates: readonly X509Certificate[],
  key: KeyObject,
): CredentialProblem | undefined {
  const [first] = certificates
  if (!first || first.checkPrivateKey(key)) return undefined
  const owner = certificates.findIndex((one) => one.checkPrivateKey(key))
  const other = certificates[owner]
  const hint = other
    ? `; it belongs to certificate ${owner + 1}, ${distinguishedName(other.subject)}, which must come first`
    : ''
  return unusable(
    'key',
    'key-mismatch',
    `holds a private key that does not belong to the certificate ${distinguishedName(first.subject)}${hint}`,
  )
}

/** Servers know CAs, not users: the issuers of a proxy must be sent with it (RFC 3820 section 3.1). */
function brokenChain(certificates: readonly X509Certificate[]): CredentialProblem | undefined {
  const chain = proxyChain(certificates)
  if (!('proxy' in chain)) return undefined
  const proxy = distinguishedName(chain.proxy.subject)
  return unusable(
    'cert',
    'broken-chain',
    `lacks the certificate that signed the proxy ${proxy}; it must follow in the same file`,
  )
}

/** Such as keys too short for the security level of OpenSSL: 512 bits, as Globus once made them. */
function refusalByOpenSsl(pem: PemPair): CredentialProblem | undefined {
  try {
    tls.createSecureContext({ ...pem })
    return undefined
  } catch (error) {
    const { reason } = error as { reason?: string }
    return unusable('cert', 'malformed', `is refused by OpenSSL (${reason ?? codeOf(error)}); make a new one`)
  }
}

function unusable(about: 'cert' | 'key', problem: ReasonCode, what: string): CredentialProblem {
  return { about, problem, what }
}

/** Only the code: messages may repeat what the call was given. */
function codeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown }
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown error'
}
