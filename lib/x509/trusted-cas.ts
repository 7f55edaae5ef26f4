import { createHash, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import tls from 'node:tls'
import { IgwnAuthError } from '../errors'
import { isCertificate, parsePem } from '../formats/pem'
import { isSettled, fileReader, sameFile, statOf, unreadable } from '../files/read-file'
import type { FileStats, FileProblem } from '../files/read-file'
import { pathName } from '../secrets/sanitize'
import { processEnvironment, variable } from '../environment'
import type { Environment } from '../environment'

/** The CA certificates that servers are verified with, where the environment names them. */
export interface TrustedCas {
  /** One PEM text per certificate. */
  readonly ca: readonly string[]
  /** Equal for equal certificates. */
  readonly version: string
}

/** The variables that replace the roots, as for Python's requests; the first that is set is used. */
export const CA_BUNDLES = ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE'] as const

/** The variable of the folder with the CAs of the grid, which are added. */
export const CA_FOLDER = 'X509_CERT_DIR'

/** The variable that replaces the roots of Node.js, with its value; undefined when none is set. An empty one is not set. */
export function caBundleInUse({ env }: Environment): { name: string; value: string } | undefined {
  for (const name of CA_BUNDLES) {
    const value = variable(env, name)
    if (value !== undefined) return { name, value }
  }
  return undefined
}

/**
 * Makes a search for the CA certificates that the environment names; its result is undefined when there are none, and the
 * roots of Node.js apply. `REQUESTS_CA_BUNDLE`, else `CURL_CA_BUNDLE`, else `SSL_CERT_FILE` replace the roots; `X509_CERT_DIR`
 * adds to either, since many servers of IGWN have public certificates. Unchanged files cost one stat each, and an unchanged
 * result is the same object.
 *
 * The returned function throws {@link IgwnAuthError} `ERR_IGWN_CA_UNUSABLE`, with the variable, the file and the problem.
 */
export function trustedCasFinder(
  environment: Environment = processEnvironment,
): () => TrustedCas | undefined {
  const read = certificatesReader()
  let last: { sets: readonly Certificates[]; found: TrustedCas } | undefined

  return () => {
    const { env } = environment
    const bundle = caBundleInUse(environment)
    const folder = variable(env, CA_FOLDER)
    if (bundle === undefined && folder === undefined) return undefined

    const sets = bundle === undefined ? rootsOfNode(env) : [readOrThrow(bundle.name, bundle.value)]
    if (folder !== undefined) sets.push(readOrThrow(CA_FOLDER, folder))
    const isSame = last?.sets.length === sets.length && sets.every((set, index) => set === last?.sets[index])
    if (!last || !isSame) last = { sets, found: union(sets) }
    return last.found
  }

  function readOrThrow(name: string, location: string): Certificates {
    const found = read(location)
    if (found && !('problem' in found)) return found
    const problem = found ?? { problem: 'absent' as const, what: 'does not exist' }
    const source = `${pathName(location)} (${name})`
    const message = `${source} ${problem.what}`
    throw new IgwnAuthError(
      'ERR_IGWN_CA_UNUSABLE',
      `${message}. Set ${name} to the path of a PEM file or folder of CA certificates, or unset it.`,
      { reasons: [{ code: problem.problem, source, message }] },
    )
  }

  /** The `ca` option replaces the roots, so they are listed. */
  function rootsOfNode(env: Environment['env']): Certificates[] {
    // Node 22.15 and later; includes --use-system-ca and NODE_EXTRA_CA_CERTS.
    const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => Certificates }
    const roots = [getCACertificates?.('default') ?? tls.rootCertificates]
    const extra = read(variable(env, 'NODE_EXTRA_CA_CERTS') ?? '')
    // Node.js ignores a file that cannot be read, with a warning at startup.
    return extra && !('problem' in extra) ? [...roots, extra] : roots
  }
}

/** One PEM text per certificate. */
type Certificates = readonly string[]

function union(sets: readonly Certificates[]): TrustedCas {
  const ca = [...new Set(sets.flat())]
  return { ca, version: createHash('sha256').update(ca.join('')).digest('base64') }
}

/** More than ten times the bundle of any system. */
const MAX_BYTES = 4 * 1024 * 1024

function certificatesReader(): (location: string) => Certificates | FileProblem | undefined {
  const readFile = fileReader(certificatesIn, MAX_BYTES)
  const folders = new Map<string, { stats: FileStats; value: Certificates | FileProblem }>()

  return (location) => {
    const stats = statOf(location)
    if (!stats || 'problem' in stats) return stats
    if (!stats.isDirectory()) return readFile(location, stats)
    const last = folders.get(location)
    if (last && sameFile(last.stats, stats)) return last.value
    const value = readFolder(location)
    const isTransient = 'problem' in value && value.transient
    if (!isTransient && isSettled(stats, Date.now())) folders.set(location, { stats, value })
    return value
  }

  function readFolder(folder: string): Certificates | FileProblem {
    const names = list(folder)
    if ('problem' in names) return names
    // A CA is there under two hashes and its own name. A file without a certificate is ignored.
    const sets = names.map((name) => readFile(path.join(folder, name)))
    const found = new Set(sets.flatMap((set) => (set && !('problem' in set) ? set : [])))
    if (found.size > 0) return [...found]
    return { problem: 'malformed', what: 'holds no CA certificate in a *.pem file or a hashed one (*.0)' }
  }
}

/** `5a1b2c3d.0` and `*.pem`; not the policies and revocation lists beside them. */
const CERTIFICATE_FILE = /^[0-9a-f]{8}\.\d+$|\.pem$/i

function list(folder: string): string[] | FileProblem {
  try {
    return fs
      .readdirSync(folder)
      .filter((name) => CERTIFICATE_FILE.test(name))
      .sort()
  } catch (error) {
    return unreadable(error)
  }
}

function certificatesIn(text: string): Certificates | FileProblem {
  if (text.trim() === '') return { problem: 'empty', what: 'is empty' }
  const usable = parsePem(text)
    .filter(isCertificate)
    .map((block) => block.text)
    .filter(isUsable)
  if (usable.length > 0) return usable
  return { problem: 'malformed', what: 'holds no CA certificate in PEM form' }
}

/** OpenSSL ignores certificates that it cannot parse, without an error; with no other one it trusts no server. */
function isUsable(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).raw.length > 0
  } catch {
    return false
  }
}
