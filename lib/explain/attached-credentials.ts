import type { CredentialKind } from '../events'
import type { Credentials } from '../schemes/credentials'

/** A credential on a request. */
export interface AttachedCredential {
  /** The kind of credential. */
  readonly kind: CredentialKind
  /** Where it comes from: a variable, a file, an option, the name of a scheme. */
  readonly source: string
  /** When it expires, in seconds since the epoch; undefined where that is not known. */
  readonly expiresAt?: number | undefined
}

/** The credentials of a request, without their secrets. */
export function attachedCredentials(credentials: Credentials): AttachedCredential[] {
  const { authorization, token, found, source = 'the request', scheme, tls } = credentials
  const attached: AttachedCredential[] = []
  if (token !== undefined) attached.push({ kind: 'token', source, expiresAt: found?.expiresAt })
  else if (authorization !== undefined) attached.push({ kind: 'basic', source })
  if (scheme) attached.push({ kind: 'scheme', source: scheme.name })
  if (tls?.credential) {
    const { source, expiresAt } = tls.credential
    attached.push({ kind: 'certificate', source, expiresAt })
  }
  return attached
}
