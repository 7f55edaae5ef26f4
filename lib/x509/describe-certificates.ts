import { duration } from '../tokens/validate-claims'
import type { IgwnAuthOptions } from '../options'
import { processEnvironment, type Environment } from '../environment'
import { secondsNow } from '../tokens/token'
import { x509Candidates, type X509Candidate } from './find-x509-credentials'
import type { X509Credential } from './x509-credential'
import type { CertificateFacts, Finding } from '../explain/finding'
import { permissionsOf } from '../files/access'
import { fileFix, findingFor, type UnusableFile } from '../files/describe-file'

/** Remembers what it has read, as long as that is unchanged. */
const candidatesHere = x509Candidates(processEnvironment)

/** Every X.509 credential on this machine, in the order in which they are looked at; or the one that `cert` names. */
export function describeCertificates(
  cert: Exclude<IgwnAuthOptions['cert'], false>,
  { passphrase, certMinTimeLeft }: IgwnAuthOptions,
  environment: Environment,
): Finding[] {
  const candidates = environment === processEnvironment ? candidatesHere : x509Candidates(environment)
  const isNamed = cert !== undefined && cert !== true
  return Array.from(
    candidates({ cert, passphrase, ...(!isNamed && { minTimeLeft: certMinTimeLeft }) }),
    findingOf,
  )
}

function findingOf({ place, outcome }: X509Candidate): Finding {
  const file = place && (place.key ?? place.cert)
  const permissions = file && permissionsOf(file.path)
  if ('code' in outcome)
    return findingFor('certificate', outcome, {
      permissions,
      fix: certificateFix({ code: outcome.code, path: file?.path }),
    })
  const { credential, warning } = outcome
  return {
    kind: 'certificate',
    source: credential.source,
    verdict: 'usable',
    message: `${credential.source} is of ${credential.subject} and ${certificateLife(credential)}`,
    certificate: certificateFacts(credential),
    permissions,
    ...(warning && { warning: warning.message, fix: fileFix({ code: warning.code, path: file?.path }) }),
  }
}

export function certificateFacts({ subject, certificates, expiresAt }: X509Credential): CertificateFacts {
  return { subject, length: certificates.length, expiresAt, timeLeft: Math.floor(expiresAt - secondsNow()) }
}

/** How long a certificate has, as the end of a sentence. */
export function certificateLife({ expiresAt }: X509Credential): string {
  const left = expiresAt - secondsNow()
  return left > 0 ? `has ${duration(left)} left` : `expired ${duration(-left)} ago`
}

/** What the user can do about a certificate or key that cannot be used. */
function certificateFix(unusable: UnusableFile): string | undefined {
  switch (unusable.code) {
    case 'expired':
    case 'broken-chain':
    case 'malformed':
    case 'empty':
    case 'refused':
      return 'grid-proxy-init, or voms-proxy-init -rfc'
    case 'key-mismatch':
      return 'give the certificate and the key that belong together'
    case 'passphrase':
      return 'set the passphrase option, or make a proxy: grid-proxy-init'
    case 'not-yet-valid':
      return "wait, or correct this host's clock"
    default:
      return fileFix(unusable)
  }
}
