import { isClearText } from './insecure-transport'
import { IgwnAuthError } from '../errors'
import type { Credentials, Purpose, Transport } from './context'
import { basic } from '../schemes/basic'
import { bearer, type Habits } from '../schemes/bearer'
import { byScheme } from './by-scheme'
import { processEnvironment, type Environment } from '../environment'
import { isPromise } from '../tokens/token'
import { netrcLookup } from '../netrc/find-netrc-credentials'
import { transports } from '../x509/tls-settings'

export interface CredentialFinder {
  /** Finds what goes on a request. Gives a promise only where there is something to wait for. */
  readonly find: (purpose: Purpose) => Credentials | Promise<Credentials>
  readonly close: () => void
}

/**
 * Which credentials go on a request: a bearer token, else a login from netrc; and, independent of them, a certificate.
 */
export function credentialFinder(
  habits: Habits = {},
  environment: Environment = processEnvironment,
): CredentialFinder {
  const findBearer = bearer(habits, environment)
  const lookUpNetrc = netrcLookup(environment)
  const { transportFor, close } = transports(environment)

  return {
    find(purpose) {
      // First, so that a certificate that cannot be used is said before anything is asked for.
      const transport = purpose.refused?.transport ?? transportFor(purpose)
      const finish = (found: Credentials) => demanded(orBasic(found, purpose), transport, purpose)
      if (purpose.options.forceNoAuth || purpose.authenticated)
        return { transport, reasons: transport.reasons }
      const found = carriedOn(purpose) ?? byScheme(purpose) ?? findBearer(purpose)
      return isPromise(found) ? found.then(finish) : finish(found)
    },
    close,
  }

  function orBasic(found: Credentials, purpose: Purpose): Credentials {
    if (found.authorization !== undefined || found.scheme) return found
    const login = basic(purpose, lookUpNetrc)
    const reasons = [...found.reasons, ...login.reasons]
    // What asks for a token is not answered with a password.
    return purpose.refused ? { reasons } : { ...login, reasons }
  }
}

/** The header that a redirect between trusted origins takes along; not in clear, and not once it was refused. */
function carriedOn({ carried, refused, url, request, options }: Purpose): Credentials | undefined {
  if (refused || carried?.authorization === undefined) return undefined
  if (isClearText(url, request.proxy) && !options.allowInsecureHttp) return undefined
  return { authorization: carried.authorization, token: carried.token, source: carried.source, reasons: [] }
}

/** `failIfNoAuth`: the request does not set out without a credential. */
function demanded(found: Credentials, transport: Transport, { url, options, astray }: Purpose): Credentials {
  const { authorization, token, source, scheme, query } = found
  const reasons = transport.reasons.length > 0 ? [...found.reasons, ...transport.reasons] : found.reasons
  // Spelled out, which takes a third of the time that a spread takes.
  const credentials: Credentials = {
    authorization,
    token,
    found: found.found,
    source,
    scheme,
    query,
    transport,
    reasons,
  }
  // Whoever redirects the request may lead it to where none is wanted, as to a signed URL.
  if (
    !options.failIfNoAuth ||
    astray ||
    found.authorization !== undefined ||
    found.scheme ||
    transport.credential
  )
    return credentials
  throw new IgwnAuthError(
    'ERR_IGWN_NO_CREDENTIAL',
    `No credential for ${url.origin}, and failIfNoAuth says to send nothing without one. ${reasons.map(({ message }) => `${message}.`).join(' ')}`,
    { reasons },
  )
}
