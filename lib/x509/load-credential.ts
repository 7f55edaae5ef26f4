import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import tls from 'node:tls'
import type { ReasonCode } from '../errors'
import { isCertificate, isEncrypted, isPrivateKey, parsePem } from '../formats/pem'
import type { PemBlock } from '../formats/pem'
import type { FileProblem } from '../files/read-file'
import type { CertificateLife, PemPair } from './x509-credential'

/** What a file of certificates or keys holds. */
export interface PemFile {
  readonly certificates: readonly PemBlock[]
  readonly keys: readonly PemBlock[]
}

/** A credential with everything in it that does not change with time. */
export interface Understood {
  readonly certificates: readonly CertificateLife[]
  readonly pem: PemPair
}

/** Why two files are no credential, and which of them is to blame. */
export interface CredentialProblem extends FileProblem {
  readonly about: 'cert' | 'key'
}

/** The text of a private key's passphrase, or a function that gives it when a key needs it. */
export type Passphrase = string | (() => string)

/** Sorts the blocks of a PEM text. */
export function readPemFile(text: string): PemFile | FileProblem {
  if (text.trim() === '') return { problem: 'empty', what: 'is empty' }
  const blocks = parsePem(text)
  const file = { certificates: blocks.filter(isCertificate), keys: blocks.filter(isPrivateKey) }
  if (file.certificates.length + file.keys.length > 0) return file
  return { problem: 'malformed', what: 'holds no certificate and no key in PEM form' }
}

/**
 * Makes a credential of what two files hold, or of what one file holds twice: certificates that can be parsed, the key of
 * the first, every issuer of a proxy. Then OpenSSL is asked, so that what it objects to is known before a connection.
 * Dates are not judged here.
 */
export function loadCredential(
  certFile: PemFile,
  keyFile: PemFile,
  passphrase: Passphrase | undefined,
): Understood | CredentialProblem {
  const certificates = parseCertificates(certFile.certificates)
  if ('problem' in certificates) return certificates
  const key = unlock(keyFile.keys[0], passphrase)
  if ('problem' in key) return key
  const problem = mismatch(certificates, key.object) ?? brokenChain(certificates)
  if (problem) return problem
  const pem = { cert: certFile.certificates.map(({ text }) => text).join(''), key: key.text }
  return objection(pem) ?? { certificates: certificates.map(lifeOf), pem }
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

/** The key, decrypted; the passphrase is not needed after this and kept nowhere. */
function unlock(
  block: PemBlock | undefined,
  passphrase: Passphrase | undefined,
): { object: KeyObject; text: string } | CredentialProblem {
  if (!block) return unusable('key', 'malformed', 'holds no private key')
  if (!isEncrypted(block)) return openKey(block)
  const phrase = ask(passphrase)
  if (typeof phrase !== 'string') return phrase
  if (phrase === '')
    return unusable(
      'key',
      'passphrase',
      'holds an encrypted private key, and the passphrase option is not set',
    )
  try {
    const object = createPrivateKey({ key: block.text, passphrase: phrase })
    return { object, text: object.export({ type: 'pkcs8', format: 'pem' }) as string }
  } catch (error) {
    // A wrong passphrase shows as a bad decrypt; once in 256 times the padding looks right, and the rest does not parse.
    return unusable(
      'key',
      'passphrase',
      `holds an encrypted private key that the passphrase does not open (${codeOf(error)})`,
    )
  }
}

function openKey({ text }: PemBlock): { object: KeyObject; text: string } | CredentialProblem {
  try {
    return { object: createPrivateKey(text), text }
  } catch (error) {
    return unusable('key', 'malformed', `holds a private key that cannot be parsed (${codeOf(error)})`)
  }
}

function ask(passphrase: Passphrase | undefined): string | CredentialProblem {
  try {
    return (typeof passphrase === 'function' ? passphrase() : passphrase) ?? ''
  } catch (error) {
    // Its message may be anything, the passphrase too.
    return unusable('key', 'passphrase', `is encrypted and the passphrase function failed (${codeOf(error)})`)
  }
}

/** TLS presents the first certificate of a file, so the key must be that one's. */
function mismatch(certificates: readonly X509Certificate[], key: KeyObject): CredentialProblem | undefined {
  const [leaf] = certificates
  if (!leaf || leaf.checkPrivateKey(key)) return undefined
  const owner = certificates.findIndex((one) => one.checkPrivateKey(key))
  const other = certificates[owner]
  return unusable(
    'key',
    'key-mismatch',
    `holds a private key that is not that of the certificate, ${subjectOf(leaf)}` +
      (other ? `, but that of certificate ${owner + 1}, ${subjectOf(other)}, which must come first` : ''),
  )
}

/**
 * Servers know CAs, not users: whoever signed a proxy must be sent with it, down to the first certificate that is no
 * proxy (RFC 3820 section 3.1). The order after the first does not matter to servers. Compared by name and signature;
 * `checkIssued` alone would refuse the proxies of before RFC 3820, which some servers accept.
 */
function brokenChain(certificates: readonly X509Certificate[]): CredentialProblem | undefined {
  let [current, ...others] = certificates
  while (current && isProxy(current)) {
    const proxy = current
    const issuer = others.find((one) => proxy.issuer === one.subject && isSignedBy(proxy, one))
    if (!issuer)
      return unusable(
        'cert',
        'broken-chain',
        `lacks the certificate that signed the proxy ${subjectOf(proxy)}; it must follow in the same file`,
      )
    others = others.filter((one) => one !== issuer)
    current = issuer
  }
  return undefined
}

/** The extension proxyCertInfo, 1.3.6.1.5.5.7.1.14 (RFC 3820 section 3.8), as DER. */
const PROXY_CERT_INFO = Buffer.from('06082b0601050507010e', 'hex')

function isProxy({ raw, subject, issuer }: X509Certificate): boolean {
  const isOfBeforeRfc3820 = subject === `${issuer}\nCN=proxy` || subject === `${issuer}\nCN=limited proxy`
  return raw.includes(PROXY_CERT_INFO) || isOfBeforeRfc3820
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey)
  } catch {
    return false // a kind of key that cannot have signed it
  }
}

/** What OpenSSL has against it, as keys too short for its security level: globus' 512 bits of old. */
function objection(pem: PemPair): CredentialProblem | undefined {
  try {
    tls.createSecureContext({ ...pem })
    return undefined
  } catch (error) {
    const { reason } = error as { reason?: string }
    return unusable(
      'cert',
      'malformed',
      `is refused by OpenSSL here (${reason ?? codeOf(error)}); make it anew`,
    )
  }
}

function lifeOf(certificate: X509Certificate): CertificateLife {
  return {
    subject: subjectOf(certificate),
    issuer: nameOf(certificate.issuer),
    notBefore: Date.parse(certificate.validFrom) / 1000,
    expiresAt: Date.parse(certificate.validTo) / 1000,
  }
}

function subjectOf({ subject }: X509Certificate): string {
  return nameOf(subject)
}

/** From one attribute a line to the form of grid tools. Node has undefined for a certificate that names nobody. */
function nameOf(name: string | undefined): string {
  return name === undefined ? '(no name)' : `/${name.replaceAll('\n', '/')}`
}

function unusable(about: 'cert' | 'key', problem: ReasonCode, what: string): CredentialProblem {
  return { about, problem, what }
}

/** Only the code: messages of others may quote what they failed on. */
function codeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown }
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown error'
}
