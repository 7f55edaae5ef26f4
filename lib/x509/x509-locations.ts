import path from 'node:path'
import { homeOf, variable, type Environment } from '../environment'
import { IgwnAuthError, type Reason } from '../errors'
import { pathName } from '../secrets/sanitize'

/** A file that may hold a certificate or a key, and its name in messages. */
export interface NamedFile {
  readonly path: string
  readonly name: string
}

/** The files of a credential: one, or one for the certificate and one for the key. */
export interface X509Location {
  readonly cert: NamedFile
  readonly key?: NamedFile
  /** Added to the message when the single file has no key. */
  readonly withoutKey?: string
}

/**
 * Where to search, in the order of igwn_auth_utils and of GraceDB's client. (gfal2 and davix try proxies first.) A reason
 * when a location is not set.
 */
export const X509_LOCATIONS: readonly ((environment: Environment) => X509Location | Reason)[] = [
  certificateVariables,
  proxyVariable,
  defaultProxy,
  globusFolder,
]

/** The key may be in the file of the certificate, as in davix; igwn_auth_utils requires both variables. */
function certificateVariables({ env }: Environment): X509Location | Reason {
  const cert = variable(env, 'X509_USER_CERT')
  const key = variable(env, 'X509_USER_KEY')
  if (cert === undefined)
    return absent(
      'X509_USER_CERT',
      key === undefined ? 'is not set' : 'is not set, although X509_USER_KEY is',
    )
  const file = { path: cert, name: `${pathName(cert)} (X509_USER_CERT)` }
  if (key === undefined) return { cert: file, withoutKey: ', and X509_USER_KEY is not set' }
  return { cert: file, key: { path: key, name: `${pathName(key)} (X509_USER_KEY)` } }
}

function proxyVariable({ env }: Environment): X509Location | Reason {
  const proxy = variable(env, 'X509_USER_PROXY')
  if (proxy === undefined) return absent('X509_USER_PROXY', 'is not set')
  return { cert: { path: proxy, name: `${pathName(proxy)} (X509_USER_PROXY)` } }
}

/** `/tmp/x509up_u<uid>`; on Windows `%SYSTEMROOT%\Temp\x509up_<username>`, as in igwn_auth_utils. */
function defaultProxy({ uid, env, temporaryFolder }: Environment): X509Location | Reason {
  if (uid !== undefined) return { cert: unnamed(`${temporaryFolder}/x509up_u${uid}`) }
  const root = variable(env, 'SYSTEMROOT')
  const username = variable(env, 'USERNAME')
  if (root === undefined || username === undefined)
    return absent('x509up', 'has no default location: SYSTEMROOT or USERNAME is not set')
  return { cert: unnamed(path.join(root, 'Temp', `x509up_${username}`)) }
}

function globusFolder({ env }: Environment): X509Location | Reason {
  const home = homeOf(env)
  if (home === undefined) return absent('~/.globus', 'does not exist: this user has no home folder')
  const file = (name: string) => unnamed(path.join(home, '.globus', name))
  return { cert: file('usercert.pem'), key: file('userkey.pem') }
}

/**
 * The files that the `cert` option names.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when it is neither a path nor a pair of paths
 */
export function namedLocation(cert: string | readonly [cert: string, key: string]): X509Location {
  const paths: readonly unknown[] = Array.isArray(cert) ? cert : [cert]
  const files = paths.map((one) => ({ path: String(one), name: `${pathName(String(one))} (cert)` }))
  const [file, key, ...more] = files
  if (!file || more.length > 0 || !paths.every((one) => typeof one === 'string' && one !== ''))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'cert must be the path of a file, [certificate, key], or true.',
    )
  return key ? { cert: file, key } : { cert: file, withoutKey: '; give the key too: [certificate, key]' }
}

function unnamed(file: string): NamedFile {
  return { path: file, name: pathName(file) }
}

function absent(source: string, what: string): Reason {
  return { code: 'absent', source, message: `${source} ${what}` }
}
