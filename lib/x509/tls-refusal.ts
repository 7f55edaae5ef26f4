import { failuresIn, hungUp } from '../formats/error-causes'
import { duration } from '../tokens/validate-claims'
import { secondsNow } from '../tokens/token'
import type { X509Credential } from './x509-credential'

/** Why a server would not have the certificate it was shown, or the lack of one. */
export interface TlsRefusal {
  /** What was presented, from where, when it ends, and what the server said of it. */
  readonly message: string
  /** The TLS alert the server sent, by its name in RFC 8446 section 6; absent when it refused in another way. */
  readonly alert?: string
}

/**
 * Explains the failure of a request by the certificate that was presented with it. Undefined when the failure says nothing
 * of a certificate.
 *
 * @param failure - the error of the request, or an object with its response
 */
export function tlsRefusal(failure: unknown, credential: X509Credential | undefined): TlsRefusal | undefined {
  const alert = alertIn(failure)
  const said = alert
    ? `with the TLS alert ${alert}: ${ALERTS[alert]}`
    : (saidByNginx(failure) ?? saidByReset(failure, credential))
  if (said === undefined) return isAskedTooLate(failure) ? { message: tooLate(credential) } : undefined
  const message = `The server refused the connection ${said}. ${presented(credential)}`
  return { message, ...(alert && { alert }) }
}

/** Alerts that can be about a client's certificate (RFC 8446 section 6.2), and what they mean then. */
const ALERTS = {
  handshake_failure: 'it found nothing to agree on; under TLS 1.2 also because no certificate was presented',
  bad_certificate: 'a certificate is not in order, not valid yet, or its signature is wrong',
  unsupported_certificate: 'a certificate of this kind or for this purpose is not accepted',
  certificate_revoked: 'a certificate was revoked',
  certificate_expired: 'a certificate has expired',
  certificate_unknown:
    'a certificate is not acceptable, as proxies are where a server is not set up for them or their path is too long',
  unknown_ca: 'it does not know the CA of the certificate, or lacks one of the chain',
  access_denied: 'the certificate is valid, and has no right here',
  decrypt_error: 'a signature could not be checked',
  certificate_required: 'it wants a certificate, and none was presented',
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
 * OpenSSL ends its message with the alert's number, whatever the code is: `EPROTO` under TLS 1.2, under 1.3 one such as
 * `ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED`.
 */
function alertIn(failure: unknown): Alert | undefined {
  for (const { message, code } of failuresIn(failure)) {
    const number = /SSL alert number (\d+)/.exec(message)?.[1]
    if (number !== undefined) return ALERT_NUMBERS[number]
    const name = /^ERR_SSL_.*ALERT_([A-Z_]+)$/.exec(code)?.[1]?.toLowerCase()
    if (name !== undefined && name in ALERTS) return name as Alert
  }
  return undefined
}

/** nginx lets the handshake pass and answers 400 with a page of its own. */
function saidByNginx(failure: unknown): string | undefined {
  const page = pageOf(failure, 400)
  if (page.includes('No required SSL certificate was sent'))
    return 'with status 400: it wants a certificate, and none was presented'
  if (page.includes('The SSL certificate error'))
    return 'with status 400: the certificate, or one of its chain, did not verify'
  return undefined
}

/**
 * Apache with `SSLVerifyClient` for some paths only asks for the certificate once it knows the path. Under TLS 1.3 a client
 * must have said in its handshake that it can be asked then, and Node.js has no way to say so.
 */
function isAskedTooLate(failure: unknown): boolean {
  return pageOf(failure, 403).includes('Cannot perform Post-Handshake Authentication')
}

function tooLate(credential: X509Credential | undefined): string {
  return (
    'The server asks for a certificate only after the handshake, as it does for this path, which Node.js cannot answer ' +
    "under TLS 1.3 (RFC 8446 section 4.6.2). Give the request an httpsAgent of createX509Agent with maxVersion: 'TLSv1.2'. " +
    (credential ? `Not presented was ${described(credential)}.` : presented(undefined))
  )
}

/** The page of a response with this status; '' for none. */
function pageOf(failure: unknown, status: number): string {
  const { response } = (failure ?? {}) as { response?: { status?: unknown; data?: unknown } }
  if (response?.status !== status) return ''
  const { data } = response
  if (data instanceof Uint8Array) return Buffer.from(data).toString('latin1')
  return typeof data === 'string' ? data : ''
}

/** Some servers just hang up, and all may seem to when they refuse while a large body is being sent. */
function saidByReset(failure: unknown, credential: X509Credential | undefined): string | undefined {
  const code = hungUp(failure)
  if (!credential || code === undefined) return undefined
  return `without a word (${code}); that may be because of the certificate: Node's own server cannot verify proxies, and others hang up when a large body is under way`
}

function presented(credential: X509Credential | undefined): string {
  return credential ? `Presented was ${described(credential)}.` : 'No certificate was presented.'
}

/** Whom it names, where it is, and when it ends. */
function described(credential: X509Credential): string {
  const { subject, source, expiresAt, certificates } = credential
  const left = expiresAt - secondsNow()
  const chain = certificates.length > 1 ? ` with ${certificates.length - 1} of its issuers` : ''
  const end = new Date(expiresAt * 1000).toISOString()
  const until =
    left > 0 ? `good for ${duration(left)} more (until ${end})` : `expired ${duration(-left)} ago (${end})`
  return `${subject}${chain}, from ${source}, ${until}`
}
