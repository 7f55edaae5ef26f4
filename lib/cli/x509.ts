import { secondsNow } from '../clock'
import { processEnvironment } from '../environment'
import { IgwnAuthError } from '../errors'
import { printable } from '../secrets/sanitize'
import { CREATE_PROXY, describeCertificates } from '../x509/describe-certificates'
import { findX509Credentials } from '../x509/find-x509-credentials'
import type { X509Credential } from '../x509/x509-credential'
import { asUsageError, CommandError, EXIT } from './errors'
import { notFoundError } from './findings-text'
import { certOf, defined, passphraseOf, type CertificateFlags } from './flags'
import { json, moment } from './format'
import { table, type Row } from './table'
import { terminalOf } from './terminal'

export interface X509Flags extends CertificateFlags {
  readonly minTimeLeft?: number
  readonly json?: boolean
}

/** `igwn-auth x509`: shows the certificate chain that would be presented. */
export async function x509Command(flags: X509Flags): Promise<number> {
  const credential = await find(flags)
  process.stdout.write(`${flags.json ? json(dataOf(credential)) : textOf(credential)}\n`)
  return EXIT.ok
}

async function find(flags: X509Flags): Promise<X509Credential> {
  const { minTimeLeft } = flags
  const cert = certOf(flags)
  const passphrase = passphraseOf(flags)
  try {
    return await findX509Credentials(defined({ cert, passphrase, minTimeLeft }))
  } catch (error) {
    const usage = asUsageError(error)
    if (usage instanceof CommandError || !(error instanceof IgwnAuthError)) throw usage
    const options = defined({ passphrase, certMinTimeLeft: minTimeLeft })
    const findings = describeCertificates(cert, options, processEnvironment)
    throw notFoundError('no suitable certificate found', findings, { otherwise: [CREATE_PROXY] })
  }
}

function dataOf({ cert, key, source, subject, notBefore, expiresAt, certificates }: X509Credential): object {
  const timeLeft = Math.floor(expiresAt - secondsNow())
  return { source, cert, key, subject, notBefore, expiresAt, timeLeft, certificates }
}

/** The certificates in the order in which they are presented: the own one first, each signed by the next. */
function textOf({ source, certificates, expiresAt }: X509Credential): string {
  const { width, paint } = terminalOf(process.stdout)
  const rows = certificates.flatMap(({ subject, issuer, notBefore, expiresAt }, index): Row[] => [
    `certificate ${index + 1} of ${certificates.length}`,
    ['subject', printable(subject)],
    ['issuer', printable(issuer)],
    ['valid from', moment(notBefore)],
    ['expires', moment(expiresAt)],
  ])
  const last = certificates.length > 1 ? [`The credential expires ${moment(expiresAt)}.`] : []
  return table([paint('bold', printable(source)), ...rows, ...last], width)
}
