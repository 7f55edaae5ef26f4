import { secondsNow } from '../clock'
import type { Environment } from '../environment'
import type { Finding } from '../explain/finding'
import { permissionsOf } from '../files/access'
import { fileFix, findingFor, type UnusableFile } from '../files/describe-file'
import { duration } from '../formats/duration'
import type { IgwnAuthOptions } from '../options'
import { x509Candidates, type X509Candidate } from './find-x509-credentials'
import { conversionIn } from './load-credential'
import type { X509Credential } from './x509-credential'

/**
 * Every X.509 credential of this user in the order of the search, or the one that `cert` names. Files are read at each call;
 * nothing is kept.
 */
export function describeCertificates(
  cert: Exclude<IgwnAuthOptions['cert'], false>,
  { passphrase, certMinTimeLeft }: Pick<IgwnAuthOptions, 'passphrase' | 'certMinTimeLeft'>,
  environment: Environment,
): Finding[] {
  const minTimeLeft = cert === undefined || cert === true ? certMinTimeLeft : undefined
  return Array.from(x509Candidates(environment)({ cert, passphrase, minTimeLeft }), describe)
}

function describe({ location, outcome }: X509Candidate): Finding {
  const file = location && (location.key ?? location.cert)
  const permissions = file && permissionsOf(file.path)
  if ('code' in outcome)
    return findingFor('certificate', outcome, {
      permissions,
      fix: conversionIn(outcome.message) ?? certificateFix({ code: outcome.code, path: file?.path }),
    })
  const { credential, warning } = outcome
  return {
    kind: 'certificate',
    source: credential.source,
    verdict: 'usable',
    message: `${credential.source} is a certificate of ${credential.subject} that ${timeLeftOf(credential)}`,
    certificates: credential.certificates.map((one) => ({ ...one })),
    permissions,
    ...(warning && { warning: warning.message, fix: fileFix({ code: warning.code, path: file?.path }) }),
  }
}

/** How long a credential is still valid, as the end of a sentence. */
export function timeLeftOf({ expiresAt }: X509Credential): string {
  const left = expiresAt - secondsNow()
  return left > 0 ? `expires in ${duration(left)}` : `expired ${duration(-left)} ago`
}

/** What the user can do about a certificate or key that cannot be used. */
function certificateFix(unusable: UnusableFile): string | undefined {
  switch (unusable.code) {
    case 'expired':
    case 'broken-chain':
    case 'malformed':
    case 'empty':
      return CREATE_PROXY
    case 'key-mismatch':
      return 'give a certificate and the key that belongs to it'
    case 'passphrase':
      return 'set the passphrase option, or make a proxy: grid-proxy-init'
    case 'not-yet-valid':
      return 'wait, or set the clock of this host'
    default:
      return fileFix(unusable)
  }
}

/** The commands that create a proxy. */
export const CREATE_PROXY = 'grid-proxy-init, or voms-proxy-init -rfc'
