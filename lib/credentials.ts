import type { InternalAxiosRequestConfig } from 'axios'
import { isClearText } from './clear-text'
import { IgwnAuthError, type Reason } from './errors'
import type { IgwnAuthOptions } from './options'
import { basic } from './schemes/basic'
import { bearer, type Habits } from './schemes/bearer'
import { here, type Surroundings } from './surroundings'
import { isPromise } from './token'
import { transports, type Transport } from './transport'

/** What goes on a request, and what does not and why. */
export interface Credentials {
  /** The value for `Authorization`; a secret. */
  readonly authorization?: string | undefined
  /** The bearer token in it, which a server may refuse; a secret. */
  readonly token?: string | undefined
  /** The certificate, which is independent of the header. */
  readonly transport?: Transport
  readonly reasons: readonly Reason[]
}

/** What is known of a request when its credentials are looked for. */
export interface Purpose {
  readonly url: URL
  readonly options: IgwnAuthOptions
  readonly request: InternalAxiosRequestConfig
  /** The caller brought a header of their own: only the certificate is ours to add. */
  readonly authenticated?: boolean
  /** A redirect led away from the origin that the request was made for: what was given for that stays behind. */
  readonly astray?: boolean
  /** What the request had at an origin that is declared to be one service with this one. */
  readonly carried?: Credentials | undefined
  /** The server refused these credentials: others are wanted. */
  readonly refused?: Credentials
  /** Scopes that the server asks for in its challenge (RFC 6750 section 3). */
  readonly challengeScope?: readonly string[]
}

export interface CredentialFinder {
  /** Finds what goes on a request. Gives a promise only where there is something to wait for. */
  readonly find: (purpose: Purpose) => Credentials | Promise<Credentials>
  readonly close: () => void
}

/**
 * Which credentials go on a request: a bearer token, else a login from netrc; and, independent of them, a certificate.
 */
export function credentialFinder(habits: Habits = {}, surroundings: Surroundings = here): CredentialFinder {
  const findBearer = bearer(habits, surroundings)
  const { transportFor, close } = transports(surroundings)

  return {
    find(purpose) {
      // First, so that a certificate that cannot be used is said before anything is asked for.
      const transport = purpose.refused?.transport ?? transportFor(purpose)
      const finish = (found: Credentials) => demanded(orBasic(found, purpose), transport, purpose)
      if (purpose.options.forceNoAuth || purpose.authenticated)
        return { transport, reasons: transport.reasons }
      const found = carriedOn(purpose) ?? findBearer(purpose)
      return isPromise(found) ? found.then(finish) : finish(found)
    },
    close,
  }

  function orBasic(found: Credentials, purpose: Purpose): Credentials {
    if (found.authorization !== undefined) return found
    const login = basic(purpose, surroundings)
    const reasons = [...found.reasons, ...login.reasons]
    // What asks for a token is not answered with a password.
    return purpose.refused ? { reasons } : { ...login, reasons }
  }
}

/** The header that a redirect between trusted origins takes along; not in clear, and not once it was refused. */
function carriedOn({ carried, refused, url, request, options }: Purpose): Credentials | undefined {
  if (refused || carried?.authorization === undefined) return undefined
  if (isClearText(url, request.proxy) && !options.allowInsecureHttp) return undefined
  return { authorization: carried.authorization, token: carried.token, reasons: [] }
}

/** `failIfNoAuth`: the request does not set out without a credential. */
function demanded(found: Credentials, transport: Transport, { url, options, astray }: Purpose): Credentials {
  const { authorization, token } = found
  const reasons = transport.reasons.length > 0 ? [...found.reasons, ...transport.reasons] : found.reasons
  const credentials: Credentials = { authorization, token, transport, reasons }
  // Whoever redirects the request may lead it to where none is wanted, as to a signed URL.
  if (!options.failIfNoAuth || astray || found.authorization !== undefined || transport.credential)
    return credentials
  throw new IgwnAuthError(
    'ERR_IGWN_NO_CREDENTIAL',
    `No credential for ${url.origin}, and failIfNoAuth says to send nothing without one. ${reasons.map(({ message }) => `${message}.`).join(' ')}`,
    { reasons },
  )
}
