import { secondsNow } from '../clock'
import type { Reason } from '../errors'
import { duration } from '../formats/duration'
import { failuresIn, hungUp } from '../formats/error-causes'
import type { TlsOwner } from './untrusted-server'
import type { X509Credential } from './x509-credential'

/** Why a server refused the certificate of the client, or refused the client for having none. */
export interface TlsRefusal {
  /** What the server said; which certificate was presented, from which file, and when it expires. */
  readonly message: string
  /** The TLS alert of the server, by its name in RFC 8446 section 6; absent when it refused in another way. */
  readonly alert?: string
}

/** Why no certificate was presented. */
export interface NotPresented {
  /** Why certificates were skipped, such as an expired proxy. */
  readonly reasons?: readonly Reason[] | undefined
  /** What made the TLS connection, if not this package: what it presents is not known. */
  readonly tlsOf?: TlsOwner | undefined
}

/**
 * Explains the failure of a request by the client certificate. Undefined when the failure has another cause.
 *
 * @param failure - the error of the request; or a response in an object, `{ response }`, for refusals that axios does not
 *   throw. The page of a response is read only for status 400 and 403, and only if it is text or bytes
 * @param credential - the credential that was presented, if any
 */
export function tlsRefusal(
  failure: unknown,
  credential: X509Credential | undefined,
  notPresented: NotPresented = {},
): TlsRefusal | undefined {
  const presented = presentation(credential, notPresented)
  const alert = alertIn(failure)
  if (alert)
    return {
      alert,
      message: `The server refused the connection with the TLS alert ${alert}: ${ALERTS[alert]}. ${presented}`,
    }
  const { response } = (failure ?? {}) as { response?: RefusingResponse }
  const page = response && pageRefusal(response, credential, notPresented)
  if (page) return page
  const code = hungUp(failure)
  if (!credential || code === undefined) return undefined
  return {
    message:
      `The server closed the connection without a reason (${code}). The certificate may be the cause: Node.js servers ` +
      `cannot verify proxies, and others close the connection while a large body is being sent. ${presented}`,
  }
}

/** The part of a response that tells a refusal for its certificate from others. */
export interface RefusingResponse {
  readonly status?: unknown
  /** The body, as text or bytes; of any other kind it is ignored. */
  readonly data?: unknown
}

/**
 * The same for a response whose page says that the certificate is the cause: status 400 of nginx, 403 of Apache. Undefined
 * for any other.
 */
export function pageRefusal(
  { status, data }: RefusingResponse,
  credential: X509Credential | undefined,
  notPresented: NotPresented = {},
): TlsRefusal | undefined {
  if (status !== 400 && status !== 403) return undefined
  const page =
    data instanceof Uint8Array ? Buffer.from(data).toString('latin1') : typeof data === 'string' ? data : ''
  if (status === 403)
    return page.includes('Cannot perform Post-Handshake Authentication')
      ? { message: requestedTooLate(credential, notPresented) }
      : undefined
  const refused = 'The server refused the request with status 400: it'
  const presented = presentation(credential, notPresented)
  if (page.includes('No required SSL certificate was sent'))
    return { message: `${refused} requires a certificate, and received none. ${presented}` }
  if (!page.includes('The SSL certificate error')) return undefined
  const message = `${refused} could not verify the certificate, or one of its chain.`
  return { message: credential ? `${message} ${presented}` : message }
}

/** Alerts that can be about a client's certificate (RFC 8446 section 6.2), and what they mean then. */
const ALERTS = {
  handshake_failure: 'no parameters in common; under TLS 1.2 also because no certificate was presented',
  bad_certificate: 'a certificate is corrupt, not valid yet, or has a wrong signature',
  unsupported_certificate: 'a certificate of this kind or for this purpose is not accepted',
  certificate_revoked: 'a certificate was revoked',
  certificate_expired: 'a certificate has expired',
  certificate_unknown:
    'a certificate is not accepted; the server may not be configured for proxies, or the path of the proxy is too long',
  unknown_ca: 'the CA of the certificate is not known, or a certificate of the chain is missing',
  access_denied: 'the certificate is valid, but has no access',
  decrypt_error: 'a signature could not be verified',
  certificate_required: 'it requires a certificate, and received none',
} as const

type Alert = keyof typeof ALERTS

/** Their numbers (RFC 8446 appendix B.2). */
const ALERT_NUMBERS: Readonly<Record<string, Alert>> = {
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  48: 'unknown_ca',
  49: 'access_denied',
  51: 'decrypt_error',
  116: 'certificate_required',
}

/**
 * OpenSSL ends its message with the number of the alert. The code is `EPROTO` under TLS 1.2, and one such as
 * `ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED` under TLS 1.3.
 */
function alertIn(failure: unknown): Alert | undefined {
  for (const { message, code } of failuresIn(failure)) {
    const number = /SSL alert number (\d+)/.exec(message)?.[1]
    if (number !== undefined) return ALERT_NUMBERS[number]
    const name = /^ERR_SSL_.*ALERT_([A-Z_]+)$/.exec(code)?.[1]?.toLowerCase()
    if (name !== undefined && Object.hasOwn(ALERTS, name)) return name as Alert
  }
  return undefined
}

/**
 * Apache with `SSLVerifyClient` for some paths requests the certificate when it knows the path. Under TLS 1.3 a client must
 * offer that in its handshake (post_handshake_auth), and Node.js cannot.
 */
function requestedTooLate(credential: X509Credential | undefined, notPresented: NotPresented): string {
  return (
    'The server requests a certificate for this path only after the handshake, which Node.js does not support under TLS 1.3 ' +
    "(RFC 8446 section 4.6.2). Give the request an httpsAgent made by createX509Agent with maxVersion: 'TLSv1.2'. " +
    (credential
      ? `The certificate was not presented: ${describe(credential)}.`
      : presentation(undefined, notPresented))
  )
}

function presentation(credential: X509Credential | undefined, { reasons = [], tlsOf }: NotPresented): string {
  if (credential) return `The certificate presented was ${describe(credential)}.`
  if (tlsOf === 'httpsAgent')
    return 'The request has its own httpsAgent; whether it presented a certificate is not known.'
  if (tlsOf === 'dispatcher')
    return 'The request has its own dispatcher; whether it presented a certificate is not known.'
  // A certificate that was skipped matters only to a connection that can present one.
  const skipped = reasons.filter(({ code }) => code === 'unsupported' || (code !== 'absent' && !tlsOf))
  const why = skipped.map(({ message }) => message)
  if (tlsOf === 'fetch' && why.length === 0)
    return 'The fetch adapter made the connection; it presents no certificate of this package.'
  return why.length > 0 ? `No certificate was presented: ${why.join('; ')}.` : 'No certificate was presented.'
}

/** Its subject, its file, and when it expires. */
function describe(credential: X509Credential): string {
  const { subject, source, expiresAt, certificates } = credential
  const left = expiresAt - secondsNow()
  const chain = certificates.length > 1 ? ` with ${certificates.length - 1} more of its chain` : ''
  const date = new Date(expiresAt * 1000).toISOString()
  const time =
    left > 0 ? `expires in ${duration(left)} (${date})` : `expired ${duration(-left)} ago (${date})`
  return `${subject}${chain}, from ${source}, which ${time}`
}
