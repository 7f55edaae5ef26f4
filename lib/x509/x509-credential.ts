import { X509Certificate } from 'node:crypto'
import { IgwnAuthError } from '../errors'
import { parsePem, isCertificate } from '../formats/pem'
import { certificateInfo, proxyChain, type CertificateInfo } from './certificates'

/** The certificates and the private key of a credential, as PEM. */
export interface PemPair {
  /** The certificate to present, followed by those of its issuers. */
  readonly cert: string
  /** The private key, not encrypted. Secret. */
  readonly key: string
}

/**
 * An X.509 credential: the paths of its files, and what its certificates say. `{ cert, key? }` are paths, as in
 * igwn_auth_utils. Neither `inspect` nor JSON shows the private key.
 */
export class X509Credential {
  /** Path of the file with the certificate; a proxy file also holds the key and the chain. */
  readonly cert: string
  /** Path of the file with the key; absent when the key is in the file of the certificate. */
  declare readonly key?: string
  /** The file, and the variable or option that names it. */
  readonly source: string
  /** Subject of the certificate that is presented. */
  readonly subject: string
  /**
   * Seconds since the epoch from which the credential is valid: the latest `notBefore` of the proxies and of the first
   * certificate that is no proxy. CA certificates in the file do not count.
   */
  readonly notBefore: number
  /** Seconds since the epoch at which the credential expires: the earliest `expiresAt` of the same certificates. */
  readonly expiresAt: number
  /** Every certificate that is presented, CA certificates of the file included; the credential's own first. */
  readonly certificates: readonly CertificateInfo[]
  readonly #pem: PemPair

  /**
   * For credentials that do not come from a file, too. Neither key nor dates are checked here; {@link findX509Credentials}
   * does.
   *
   * @param location - `cert`, `key` and `source`, as the properties of these names
   * @param pem - the certificates, the one to present first, and the private key. Secret
   * @throws {@link IgwnAuthError} `ERR_IGWN_CERT_UNUSABLE` when `pem.cert` holds no certificate, or one that cannot be parsed
   */
  constructor(
    location: { readonly cert: string; readonly key?: string | undefined; readonly source: string },
    pem: PemPair,
  ) {
    const certificates = parseCertificates(pem.cert, location.source)
    const chain = proxyChain(certificates)
    const infos = certificates.map(certificateInfo)
    const bounding = 'proxy' in chain ? infos : chain.map(certificateInfo)
    this.cert = location.cert
    if (location.key !== undefined) this.key = location.key
    this.source = location.source
    this.subject = infos[0]?.subject ?? ''
    this.notBefore = Math.max(...bounding.map(({ notBefore }) => notBefore))
    this.expiresAt = Math.min(...bounding.map(({ expiresAt }) => expiresAt))
    this.certificates = infos
    this.#pem = pem
  }

  /** The certificates and the private key, for other HTTP clients. Secret: do not log the result. */
  pem(): PemPair {
    return this.#pem
  }
}

function parseCertificates(text: string, source: string): X509Certificate[] {
  try {
    const certificates = parsePem(text)
      .filter(isCertificate)
      .map((block) => new X509Certificate(block.text))
    if (certificates.length > 0) return certificates
  } catch {
    // Reported below: an error of OpenSSL says no more than that.
  }
  throw new IgwnAuthError(
    'ERR_IGWN_CERT_UNUSABLE',
    `${source} is not an X.509 credential: cert must hold certificates in PEM form, the one to present first.`,
  )
}
