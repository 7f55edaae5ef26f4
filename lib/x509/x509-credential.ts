/** One certificate of a credential: whom it names, and when it is good. */
export interface CertificateLife {
  /** As grid tools write it: `/DC=org/DC=example/CN=Alice Adams`. */
  readonly subject: string
  /** Who signed it, in the same form. */
  readonly issuer: string
  /** Seconds since the epoch. */
  readonly notBefore: number
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/** What TLS wants of a credential, as PEM. */
export interface PemPair {
  /** The certificate, then those of its issuers. */
  readonly cert: string
  /** The private key, not encrypted. */
  readonly key: string
}

/**
 * An X.509 credential that was found: where it is and what it says. `{ cert, key? }` are paths, as igwn_auth_utils gives
 * them. Its private key shows in no inspection and no JSON.
 */
export class X509Credential {
  /** Path of the file with the certificate, for a proxy with its key and its chain too. */
  readonly cert: string
  /** Path of the file with the key; absent when it is in the same file. */
  declare readonly key?: string
  /** Where it was found: its file, and the variable or option that named it. */
  readonly source: string
  /** The subject of the certificate that is presented. */
  readonly subject: string
  /** Seconds since the epoch from which all its certificates are good. */
  readonly notBefore: number
  /** Seconds since the epoch at which the first of its certificates ends: a proxy dies with its parent. */
  readonly expiresAt: number
  /** All its certificates, the presented one first. */
  readonly certificates: readonly CertificateLife[]
  readonly #pem: PemPair

  /**
   * For credentials from elsewhere than a file, too. Nothing is checked here; {@link findX509Credentials} does.
   *
   * @param place - `cert`, `key`, `source`: as the properties of these names
   * @param certificates - what each says, the presented one first
   * @param pem - what TLS is given. A secret
   */
  constructor(
    place: { readonly cert: string; readonly key?: string | undefined; readonly source: string },
    certificates: readonly CertificateLife[],
    pem: PemPair,
  ) {
    this.cert = place.cert
    if (place.key !== undefined) this.key = place.key
    this.source = place.source
    this.subject = certificates[0]?.subject ?? ''
    this.notBefore = Math.max(...certificates.map(({ notBefore }) => notBefore))
    this.expiresAt = Math.min(...certificates.map(({ expiresAt }) => expiresAt))
    this.certificates = certificates
    this.#pem = pem
  }

  /** The certificates and the private key, for an HTTP client of your own. Secret: do not log what this returns. */
  pem(): PemPair {
    return this.#pem
  }
}
