import { X509Certificate } from 'node:crypto'
import { secondsNow } from '../clock'
import { printable } from '../secrets/sanitize'

/** The facts of one certificate. It holds no key. */
export interface CertificateInfo {
  /** Distinguished name in the form of grid tools: `/DC=org/DC=example/CN=Alice Adams`. Control characters are replaced. */
  readonly subject: string
  /** Distinguished name of the signer, in the same form. */
  readonly issuer: string
  /** Start of its validity, in seconds since the epoch. */
  readonly notBefore: number
  /** End of its validity, in seconds since the epoch. */
  readonly expiresAt: number
  /** Whole seconds until it expires, counted when the property is read; negative once it has expired. */
  readonly timeLeft: number
}

/** The facts of a parsed certificate. */
export function certificateInfo({ subject, issuer, validFrom, validTo }: X509Certificate): CertificateInfo {
  const expiresAt = Date.parse(validTo) / 1000
  return {
    subject: distinguishedName(subject),
    issuer: distinguishedName(issuer),
    notBefore: Date.parse(validFrom) / 1000,
    expiresAt,
    get timeLeft() {
      return Math.floor(expiresAt - secondsNow())
    },
  }
}

/**
 * Node.js gives one attribute per line, and undefined for an empty name. It escapes ASCII control characters, but neither
 * C1 controls nor bidirectional overrides.
 */
export function distinguishedName(name: string | undefined): string {
  return name === undefined ? '(no name)' : printable(`/${name.replaceAll('\n', '/')}`)
}

/** A proxy certificate whose issuer is missing. */
export interface IncompleteChain {
  readonly proxy: X509Certificate
}

/**
 * The certificates that a proxy depends on: the first one, then the issuer of each proxy, down to the first certificate
 * that is no proxy (RFC 3820 section 3.1). Their order in the file does not matter; others, such as CA certificates, are
 * left out.
 *
 * Issuers are matched by name and signature: `checkIssued` refuses the proxies of before RFC 3820, which some servers accept.
 */
export function proxyChain([first, ...others]: readonly X509Certificate[]):
  readonly X509Certificate[] | IncompleteChain {
  if (!first) return []
  const chain = [first]
  for (let current = first; isProxy(current);) {
    const proxy = current
    const issuer = others.find(
      (one) => !chain.includes(one) && proxy.issuer === one.subject && isSignedBy(proxy, one),
    )
    if (!issuer) return { proxy }
    chain.push(issuer)
    current = issuer
  }
  return chain
}

/** The extension proxyCertInfo, 1.3.6.1.5.5.7.1.14 (RFC 3820 section 3.8), as DER. */
const PROXY_CERT_INFO = Buffer.from('06082b0601050507010e', 'hex')

function isProxy({ raw, subject, issuer }: X509Certificate): boolean {
  const isLegacyProxy = subject === `${issuer}\nCN=proxy` || subject === `${issuer}\nCN=limited proxy`
  return raw.includes(PROXY_CERT_INFO) || isLegacyProxy
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey)
  } catch {
    return false // a kind of key that cannot have signed it
  }
}
