import { failuresIn } from '../formats/error-causes'

/** The codes of Node.js and OpenSSL for a server whose certificate does not verify, and for a name that is not its own. */
export const UNTRUSTED =
  /^(?:(?:CERT|CRL|ERROR_IN_CERT|ERROR_IN_CRL|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|INVALID_(?:CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH)(?:_|$)|ERR_TLS_CERT_ALTNAME_)/

/**
 * Says what mends it that a server is not to be trusted. Undefined when that is not what failed.
 *
 * @param host - whose certificate it should be
 */
export function untrustedServer(failure: unknown, host: string): string | undefined {
  const code = failuresIn(failure).find((one) => UNTRUSTED.test(one.code))?.code
  if (code === undefined) return undefined
  return `the certificate of ${host} is not to be trusted (${code}), so nothing was sent. ${mendFor(code)}`
}

function mendFor(code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH')
    return 'It is for other names: use one of these, or tell whoever runs the server.'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return "Tell whoever runs the server, or set this machine's clock."
  return 'Name the file of its authority in SSL_CERT_FILE, or the folder of the grid in X509_CERT_DIR.'
}
