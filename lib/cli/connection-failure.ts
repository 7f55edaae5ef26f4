import { isAxiosError } from 'axios'
import type { IgwnAxiosError } from '../explain/refusal'
import { printable } from '../secrets/sanitize'
import { UNTRUSTED } from '../x509/untrusted-server'
import { EXIT } from './exit-code'
import { BrokenOff, Failure } from './failure'
import { fixLines } from './fix-lines'

/** Why there was no answer, in words. What is no failure of a connection is given back as it is. */
export function connectionFailure(error: unknown, { host }: URL): unknown {
  if (!isAxiosError(error)) return error
  const { code = 'unknown error', message, igwnAuth } = error as IgwnAxiosError
  const { exitCode, what, isPassing } = meaningOf(code, igwnAuth !== undefined)
  const details = [
    ...(igwnAuth ? [igwnAuth.summary] : []),
    // No credential mends a server.
    ...(igwnAuth && exitCode !== EXIT.untrusted ? fixLines(igwnAuth.explanation.fixes) : []),
  ]
  return new (isPassing ? BrokenOff : Failure)(
    exitCode,
    `${host} ${what} (${printable(saidBy(message) || code)})`,
    details,
  )
}

/** Of what OpenSSL says only what people can read: its reason, between numbers and places in its source. */
function saidBy(message: string): string {
  return /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1] ?? message
}

interface Meaning {
  readonly exitCode: number
  readonly what: string
  /** It may be better in a moment. */
  readonly isPassing?: boolean
}

/** @param isOfCertificate - the server may have ended the connection over the certificate, or the lack of one */
function meaningOf(code: string, isOfCertificate: boolean): Meaning {
  const known = MEANINGS.find(({ codes }) => codes.test(code))
  if (known && !(isOfCertificate && known.exitCode === EXIT.tls)) return known
  if (known) return { exitCode: EXIT.refused, what: 'refused the connection' }
  return { exitCode: EXIT.transfer, what: 'could not be asked' }
}

/** By the codes of the system, of OpenSSL and Node.js, and of axios and follow-redirects; the first that fits. */
const MEANINGS: readonly (Meaning & { readonly codes: RegExp })[] = [
  { codes: /^ENOTFOUND$/, exitCode: EXIT.unresolved, what: 'has no address' },
  { codes: /^EAI_/, exitCode: EXIT.unresolved, what: 'cannot be looked up', isPassing: true },
  { codes: /^ECONNREFUSED$/, exitCode: EXIT.unconnected, what: 'takes no connection', isPassing: true },
  {
    codes: /^E(?:NET|HOST)(?:UNREACH|DOWN)$/,
    exitCode: EXIT.unconnected,
    what: 'cannot be reached',
    isPassing: true,
  },
  { codes: /^(?:ETIMEDOUT|ECONNABORTED)$/, exitCode: EXIT.timeout, what: 'does not answer', isPassing: true },
  { codes: /^(?:ECONNRESET|EPIPE)$/, exitCode: EXIT.transfer, what: 'ended the connection', isPassing: true },
  { codes: /^ERR_FR_TOO_MANY_REDIRECTS$/, exitCode: EXIT.redirects, what: 'redirects without end' },
  { codes: /^(?:ERR_SSL_|EPROTO$)/, exitCode: EXIT.tls, what: 'cannot be talked to by TLS' },
  { codes: UNTRUSTED, exitCode: EXIT.untrusted, what: 'shows a certificate that is not to be trusted' },
  { codes: /^HPE_/, exitCode: EXIT.transfer, what: 'answers what is no HTTP' },
]
