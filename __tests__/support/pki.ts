/**
 * A temporary public key infrastructure in JavaScript: a CA, servers, users, and RFC 3820 proxy certificates, with any dates.
 * All certificates are created when they are needed; none is committed, because proxies expire. Tests and the demo use it.
 */
import { createPrivateKey, randomInt, webcrypto } from 'node:crypto'
import type * as X509 from '@peculiar/x509'

type Library = typeof X509

/**
 * Loads the library, which takes a tenth of a second. All test files of a Jest process share one copy (`test-environment.ts`): it
 * is not tested, and keeps nothing.
 */
const load =
  (globalThis as { loadX509?: () => Promise<Library> }).loadX509 ??
  (async () => {
    await import('reflect-metadata')
    return import('@peculiar/x509')
  })

let loading: Promise<Library> | undefined

function library(): Promise<Library> {
  return (loading ??= load().then((x509) => {
    x509.cryptoProvider.set(webcrypto)
    return x509
  }))
}

/** Fast to create; RSA is what grid certificates use. */
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
export const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
}

/** A certificate with its key, and what is needed to issue below it. */
export interface Issued {
  /** Its certificate alone, PEM. */
  readonly certificate: string
  /** Its private key, PEM (PKCS#8, not encrypted). */
  readonly key: string
  /** The certificates of its issuers, nearest first, without the CA. PEM, or ''. */
  readonly chain: string
  /** The text of a proxy file in the order of grid tools: certificate, key, chain. */
  readonly bundle: string
  /** The key, encrypted with a passphrase: PKCS#8 (`ENCRYPTED PRIVATE KEY`) or traditional (`EC` or `RSA PRIVATE KEY`, `Proc-Type`). */
  encryptedKey(passphrase: string, form?: 'pkcs8' | 'traditional'): string
  readonly name: X509.JsonName
  readonly privateKey: webcrypto.CryptoKey
  readonly publicKey: webcrypto.CryptoKey
}

/** When a certificate is valid. Default is from five minutes ago to twelve hours from now. */
export interface Dates {
  notBefore?: Date
  notAfter?: Date
}

export interface ProxyOptions extends Dates {
  /** The limited policy of Globus instead of inheritAll. */
  limited?: boolean
  /** How many more proxies may follow: pCPathLenConstraint, RFC 3820 section 3.8.1. */
  pathLength?: number
  /** Adds the extension of VOMS attribute certificates, with invalid content. */
  voms?: boolean
}

export interface Authority {
  /** The certificate of the CA, PEM. */
  readonly certificate: string
  /** A server certificate; by default for localhost, 127.0.0.1 and ::1. */
  issueServer(options?: Dates & { names?: readonly string[] }): Promise<Issued>
  /** A user certificate. */
  issueUser(commonName?: string, options?: Dates): Promise<Issued>
  /** A proxy of a user or of a proxy. */
  issueProxy(of: Issued, options?: ProxyOptions): Promise<Issued>
}

/** The date so many seconds from now; a negative number is in the past. */
export function secondsFromNow(seconds: number, now = Date.now()): Date {
  return new Date(Math.trunc(now / 1000 + seconds) * 1000)
}

/** All certificates that it issues have keys of its algorithm. */
export async function createAuthority(
  commonName = 'Throw-away CA',
  algorithm: typeof ECDSA | typeof RSA = ECDSA,
  dates: Dates = {},
): Promise<Authority> {
  const x509 = await library()
  const ca = await selfSignedAuthority(commonName, algorithm, dates)
  const usage = x509.KeyUsageFlags.digitalSignature

  return {
    certificate: ca.certificate,

    issueServer({ names = ['localhost', '127.0.0.1', '::1'], ...dates } = {}) {
      const isAddress = (name: string) => /^[\d.]+$|:/.test(name)
      return issue(ca, [...ORGANISATION, { CN: [names[0] ?? 'server'] }], dates, [
        new x509.KeyUsagesExtension(usage, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value })),
        ),
      ])
    },

    issueUser(user = 'Alice Adams', dates = {}) {
      return issue(ca, [...ORGANISATION, { CN: [user] }], dates, [
        new x509.KeyUsagesExtension(usage | x509.KeyUsageFlags.keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      ])
    },

    issueProxy(of, { limited = false, pathLength, voms = false, ...dates } = {}) {
      // RFC 3820 section 3.4: the subject is the issuer's subject and one CN more, unique among its proxies.
      return issue(of, [...of.name, { CN: [String(randomInt(1, 2 ** 31))] }], dates, [
        new x509.KeyUsagesExtension(usage | x509.KeyUsageFlags.keyEncipherment, true),
        proxyCertInfo(x509, limited ? LIMITED : INHERIT_ALL, pathLength),
        ...(voms ? [new x509.Extension(VOMS_ATTRIBUTES, false, Buffer.from('3000', 'hex'))] : []),
      ])
    },
  }
}

const ORGANISATION: X509.JsonName = [{ DC: ['org'] }, { DC: ['example'] }]

/** The extension of VOMS attribute certificates. */
const VOMS_ATTRIBUTES = '1.3.6.1.4.1.8005.100.100.5'

interface Issuer {
  readonly name: X509.JsonName
  readonly privateKey: webcrypto.CryptoKey
  readonly publicKey: webcrypto.CryptoKey
  readonly certificate: string
  /** The certificates that a holder sends after the own one: not those of CAs, which servers already have. */
  readonly chainBelow?: string
}

async function selfSignedAuthority(
  commonName: string,
  algorithm: typeof ECDSA | typeof RSA,
  { notBefore = secondsFromNow(-86_400), notAfter = secondsFromNow(10 * 86_400) }: Dates = {},
): Promise<Issuer> {
  const x509 = await library()
  const keys = await generateKeys(algorithm)
  const name: X509.JsonName = [...ORGANISATION, { CN: [commonName] }]
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: new x509.Name(name).toString(),
    keys: keys,
    signingAlgorithm: algorithm,
    ...validity(notBefore, notAfter),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { name, ...keys, certificate: pem(certificate), chainBelow: '' }
}

/** A self-signed certificate, such as clients register (RFC 8705 section 2.2). */
export async function selfSigned(commonName: string): Promise<Pick<Issued, 'certificate' | 'key'>> {
  const { certificate, privateKey } = await selfSignedAuthority(commonName, ECDSA)
  return { certificate, key: await pemOf(privateKey) }
}

async function issue(
  issuer: Issuer,
  name: X509.JsonName,
  { notBefore = secondsFromNow(-300), notAfter = secondsFromNow(12 * 3600) }: Dates,
  extensions: X509.Extension[],
): Promise<Issued> {
  const x509 = await library()
  const algorithm = issuer.privateKey.algorithm.name === RSA.name ? RSA : ECDSA
  const keys = await generateKeys(algorithm)
  const made = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: issuer.name,
    publicKey: keys.publicKey,
    signingKey: issuer.privateKey,
    signingAlgorithm: algorithm,
    ...validity(notBefore, notAfter),
    // VOMS requires the authority key identifier.
    extensions: [
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  const certificate = pem(made)
  const key = await pemOf(keys.privateKey)
  const chain = issuer.chainBelow ?? issuer.certificate + (issuer as Issued).chain
  return {
    certificate,
    key,
    chain,
    bundle: certificate + key + chain,
    name,
    ...keys,
    encryptedKey(passphrase, form = 'pkcs8') {
      const traditional = algorithm === RSA ? 'pkcs1' : 'sec1'
      return createPrivateKey(key).export({
        type: form === 'pkcs8' ? 'pkcs8' : traditional,
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase,
      }) as string
    },
  }
}

/** The copies are dates of Node.js itself, not of the context of a test file: the library asks for `instanceof Date`. */
function validity(notBefore: Date, notAfter: Date): Required<Dates> {
  return structuredClone({ notBefore, notAfter })
}

function generateKeys(algorithm: typeof ECDSA | typeof RSA): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

function pem(certificate: X509.X509Certificate): string {
  return certificate.toString('pem') + '\n'
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs8',
    format: 'pem',
  }) as string
}

/** id-ppl-inheritAll, 1.3.6.1.5.5.7.21.1, as DER. */
const INHERIT_ALL = Buffer.from('06082b06010505071501', 'hex')

/** The limited policy of Globus, 1.3.6.1.4.1.3536.1.1.1.9, as DER. */
const LIMITED = Buffer.from('060b2b060104019b5001010109', 'hex')

/**
 * RFC 3820 section 3.8:
 * ProxyCertInfo ::= SEQUENCE { pCPathLenConstraint INTEGER OPTIONAL, proxyPolicy SEQUENCE { policyLanguage OID } }
 */
function proxyCertInfo(x509: Library, policyLanguage: Buffer, pathLength?: number): X509.Extension {
  const constraint = pathLength === undefined ? Buffer.alloc(0) : der(0x02, Buffer.from([pathLength]))
  const info = der(0x30, Buffer.concat([constraint, der(0x30, policyLanguage)]))
  return new x509.Extension('1.3.6.1.5.5.7.1.14', true, info)
}

/** One DER value of less than 128 bytes. */
function der(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, content.length]), content])
}
