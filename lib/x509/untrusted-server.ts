import { processEnvironment, variable, type Environment } from '../environment'
import { failuresIn } from '../formats/error-causes'
import { pathName } from '../secrets/sanitize'
import { caBundleInUse, CA_FOLDER } from './trusted-cas'

/** The codes of Node.js and OpenSSL for a server certificate that cannot be verified, or is for another host name. */
export const UNTRUSTED =
  /^(?:(?:CERT|CRL|ERROR_IN_CERT|ERROR_IN_CRL|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|INVALID_(?:CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH)(?:_|$)|ERR_TLS_CERT_ALTNAME_)/

/** What verified the server. */
export interface ServerVerification {
  /** What made the TLS connection, if not this package: it does not read our variables. */
  readonly tlsOf?: TlsOwner | undefined
  readonly environment?: Environment | undefined
}

/** What makes the TLS connection of a request in place of this package: an agent or dispatcher of the caller, or fetch. */
export type TlsOwner = 'httpsAgent' | 'dispatcher' | 'fetch'

/**
 * What is wrong with the certificate of a server, and what to do. Undefined when the failure has another cause.
 *
 * @param failure - the error of the request; its causes are searched too
 * @param host - the host that was requested
 */
export function untrustedServer(
  failure: unknown,
  host: string,
  verification: ServerVerification = {},
): string | undefined {
  const code = failuresIn(failure).find((one) => UNTRUSTED.test(one.code))?.code
  if (code === undefined) return undefined
  return `the certificate of ${host} is not trusted (${code}); nothing was sent. ${whatToDo(code, verification)}`
}

function whatToDo(code: string, verification: ServerVerification): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH')
    return 'It is for other host names: use one of them, or report this to the operator of the server.'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return 'Check the clock of this host, or report this to the operator of the server.'
  return howToTrust(verification)
}

function howToTrust({ tlsOf, environment = processEnvironment }: ServerVerification): string {
  if (tlsOf === 'httpsAgent') return "Add its CA to the `ca` option of the request's own httpsAgent."
  if (tlsOf === 'dispatcher') return "Add its CA to the request's own dispatcher."
  if (tlsOf === 'fetch') return 'Name the file of its CA in NODE_EXTRA_CA_CERTS before Node.js starts.'
  const bundle = caBundleInUse(environment)
  if (!bundle) return folderHint(environment, 'Name the file of its CA in SSL_CERT_FILE')
  const overrides = bundle.name === 'SSL_CERT_FILE' ? '' : ' and overrides SSL_CERT_FILE'
  return `${bundle.name}=${pathName(bundle.value)} is in use${overrides}. Add the CA there, or unset it.`
}

function folderHint({ env }: Environment, advice: string): string {
  const folder = variable(env, CA_FOLDER)
  if (folder === undefined) return `${advice}, or the folder of grid CAs in ${CA_FOLDER}.`
  return `${advice}, or add it to ${CA_FOLDER}=${pathName(folder)}.`
}
