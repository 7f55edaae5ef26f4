import type { CredentialKind } from '../events'
import type { Credentials } from '../request/context'

/** A credential on a request. */
export interface AttachedCredential {
  /** What kind of credential it is. */
  readonly kind: CredentialKind
  /** Where it comes from: a variable, a file, an option, the name of a scheme. */
  readonly source: string
  /** Seconds since the epoch at which it ends, where that is known. */
  readonly expiresAt?: number | undefined
}

/** What goes on a request, for people: nothing of it is secret. */
export function attachedCredentials(credentials: Credentials): AttachedCredential[] {
  const { authorization, token, found, source = 'the request', scheme, transport } = credentials
  const attachments: AttachedCredential[] = []
  if (token !== undefined) attachments.push({ kind: 'token', source, expiresAt: found?.expiresAt })
  else if (authorization !== undefined) attachments.push({ kind: 'basic', source })
  if (scheme) attachments.push({ kind: 'scheme', source: scheme.name })
  const { credential } = transport ?? {}
  if (credential) {
    const { source, expiresAt } = credential
    attachments.push({ kind: 'certificate', source, expiresAt })
  }
  return attachments
}
