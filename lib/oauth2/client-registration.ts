import { anObject, checkValues } from '../check-values'
import { IgwnAuthError } from '../errors'
import type { OAuthClient } from './client'
import { authorizationServer } from './server/authorization-server'
import type { ClientMetadata, RegisteredClient } from './server/registration'

/** The registration of a client at its server (RFC 7592). The methods reject with an {@link OAuthError} when the server refuses. */
export interface ClientRegistration {
  /** The registration as the server has it now. Rejects with `ERR_IGWN_TOKEN_NOT_FOUND` when the store has none. */
  read(options?: RegistrationRequestOptions): Promise<RegisteredClient>
  /** Replaces these members of the metadata; others stay. Rejects like `read`. */
  update(changes: ClientMetadata, options?: RegistrationRequestOptions): Promise<RegisteredClient>
  /** Deletes the client at the server and in the store. Does nothing when the store has none. */
  delete(options?: RegistrationRequestOptions): Promise<void>
}

/** Options of a request about a registration. */
export interface RegistrationRequestOptions {
  /** Aborts the request. Default: none. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads, changes and deletes the client that was registered for the option `registration` (RFC 7592).
 *
 * @param client - the same options as for the grant that registered it
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client, or one without `registration`
 */
export function clientRegistration(client: OAuthClient): ClientRegistration {
  const { registration } = authorizationServer(client)
  if (!registration)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'client.registration is missing. Set it to the options with which the client was registered.',
    )
  return {
    read: ({ signal } = {}) => registration.read(signal),
    update: (changes, { signal } = {}) =>
      registration.update(
        checkValues({ changes }, { changes: anObject }, 'options').changes as ClientMetadata,
        signal,
      ),
    delete: ({ signal } = {}) => registration.remove(signal),
  }
}
