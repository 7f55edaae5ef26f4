import { IgwnAuthError } from '../errors'
import { describeCertificates } from '../x509/describe-certificates'
import { secondsNow } from '../clock'
import { processEnvironment } from '../environment'
import { findX509Credentials } from '../x509/find-x509-credentials'
import type { X509Credential } from '../x509/x509-credential'
import { certOf, passphraseOf } from './auth-flags'
import { EXIT } from './exit-code'
import { noneSatisfies } from './explanation-text'
import type { X509Flags } from './flags'
import { table, type Row } from './table'
import { terminalOf } from './terminal'
import { moment } from './times'
import { understood } from './usage-error'

/** `igwn-auth x509`: shows the certificate chain that would be presented. */
export async function x509Command(flags: X509Flags): Promise<number> {
  const credential = await find(flags)
  const text = flags.json ? JSON.stringify(asData(credential), null, 2) : shown(credential)
  process.stdout.write(`${text}\n`)
  return EXIT.ok
}

async function find(flags: X509Flags): Promise<X509Credential> {
  const { minTimeLeft } = flags
  const cert = certOf(flags)
  const passphrase = passphraseOf(flags)
  try {
    return await understood(() => findX509Credentials({ cert, passphrase, minTimeLeft }))
  } catch (error) {
    if (!(error instanceof IgwnAuthError)) throw error
    const findings = describeCertificates(
      cert,
      { passphrase, certMinTimeLeft: minTimeLeft },
      processEnvironment,
    )
    throw noneSatisfies('no certificate satisfies', findings, { otherwise: [MAKE_ONE] })
  }
}

const MAKE_ONE = 'grid-proxy-init, or voms-proxy-init -rfc'

function asData({ cert, key, source, subject, notBefore, expiresAt, certificates }: X509Credential): object {
  const timeLeft = Math.floor(expiresAt - secondsNow())
  return { source, cert, key, subject, notBefore, expiresAt, timeLeft, certificates }
}

/** The certificates as they are presented: the own one first, each signed by the next. */
function shown({ source, certificates, expiresAt }: X509Credential): string {
  const { width, paint } = terminalOf(process.stdout)
  const rows = certificates.flatMap(({ subject, issuer, notBefore, expiresAt }, index): Row[] => [
    `certificate ${index + 1} of ${certificates.length}`,
    ['subject', subject],
    ['issuer', issuer],
    ['begins', moment(notBefore)],
    ['ends', moment(expiresAt)],
  ])
  const end = certificates.length > 1 ? [`All of it ends ${moment(expiresAt)}.`] : []
  return table([paint('bold', source), ...rows, ...end], width)
}
