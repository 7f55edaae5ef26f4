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

/** Which authorities may vouch for a server, where that is not for Node alone to say. */
export interface TrustedCas {
  /** Their certificates, PEM, one each. */
  readonly ca: readonly string[]
  /** The same for the same certificates. */
  readonly version: string
}

/** Looks which authorities the environment names; undefined: none, leave it to Node. */
export type FindTrustedCas = () => TrustedCas | undefined

/** As for Python's requests; the first that is set replaces the roots. */
export const CA_BUNDLES = ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE']

/** The grid's folder of authorities. */
export const CA_FOLDER = 'X509_CERT_DIR'

/**
 * The authorities the environment names, read once and again when file or folder have changed; unchanged they cost a stat
 * each. `REQUESTS_CA_BUNDLE`, else `CURL_CA_BUNDLE`, else `SSL_CERT_FILE` replace Node's roots; `X509_CERT_DIR` adds to
 * either, since many servers of IGWN have public certificates. An empty variable is unset, and turns nothing off.
 *
 * The look throws {@link IgwnAuthError} `ERR_IGWN_CA_UNUSABLE`, naming variable, file and what is wrong.
 */
export function trustedCasFinder(environment: Environment = processEnvironment): FindTrustedCas {
  const read = authoritiesReader()
  let last: { sets: readonly Authorities[]; trust: TrustedCas } | undefined

  return () => {
    const { env } = environment
    const bundle = CA_BUNDLES.find((name) => variable(env, name) !== undefined)
    const folder = variable(env, CA_FOLDER)
    if (bundle === undefined && folder === undefined) return undefined

    const sets = bundle === undefined ? nodesOwn(env) : [demand(env, bundle)]
    if (folder !== undefined) sets.push(demand(env, CA_FOLDER))
    const same = last?.sets.length === sets.length && sets.every((set, index) => set === last?.sets[index])
    if (!last || !same) last = { sets, trust: trustIn(sets) }
    return last.trust
  }

  function demand(env: Environment['env'], name: string): Authorities {
    const place = variable(env, name) ?? ''
    const found = read(place)
    if (found && !('problem' in found)) return found
    const problem = found ?? { problem: 'absent' as const, what: 'does not exist' }
    const source = `${pathName(place)} (${name})`
    const message = `${source} ${problem.what}`
    throw new IgwnAuthError(
      'ERR_IGWN_CA_UNUSABLE',
      `${message}. Give ${name} the path of a PEM file or folder of CA certificates, or unset it.`,
      { reasons: [{ code: problem.problem, source, message }] },
    )
  }

  /** What Node trusts by itself; `ca` replaces that, so it must be said again. */
  function nodesOwn(env: Environment['env']): Authorities[] {
    // Node 22.15 and later; with what --use-system-ca and NODE_EXTRA_CA_CERTS have added.
    const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => Authorities }
    const own = [getCACertificates?.('default') ?? tls.rootCertificates]
    const extra = read(variable(env, 'NODE_EXTRA_CA_CERTS') ?? '')
    // One that cannot be read is passed over, as by Node, which has warned of it at its start.
    return extra && !('problem' in extra) ? [...own, extra] : own
  }
}

/** Certificates, PEM, one each. */
type Authorities = readonly string[]

function trustIn(sets: readonly Authorities[]): TrustedCas {
  const ca = [...new Set(sets.flat())]
  return { ca, version: createHash('sha256').update(ca.join('')).digest('base64') }
}

/** More than ten times the bundle of any system. */
const MAX_BYTES = 4 * 1024 * 1024

function authoritiesReader(): (place: string) => Authorities | FileProblem | undefined {
  const readFile = fileReader(authoritiesIn, MAX_BYTES)
  const remembered = new Map<string, { mark: FileStats; value: Authorities | FileProblem }>()

  return (place) => {
    const stats = statOf(place)
    if (!stats || 'problem' in stats) return stats
    if (!stats.isDirectory()) return readFile(place, stats)
    const before = remembered.get(place)
    if (before && sameFile(before.mark, stats)) return before.value
    const value = readFolder(place)
    const isPassing = 'problem' in value && value.transient
    if (!isPassing && isSettled(stats, Date.now())) remembered.set(place, { mark: stats, value })
    return value
  }

  function readFolder(folder: string): Authorities | FileProblem {
    const names = list(folder)
    if ('problem' in names) return names
    // The same authority is there under two hashes and its own name; a file without one spoils nothing.
    const sets = names.map((name) => readFile(path.join(folder, name)))
    const found = new Set(sets.flatMap((set) => (set && !('problem' in set) ? set : [])))
    if (found.size > 0) return [...found]
    return { problem: 'malformed', what: 'holds no CA certificate in a *.pem file or a hashed one (*.0)' }
  }
}

/** Names that hold certificates: `5a1b2c3d.0` and `*.pem`; not the policies and revocation lists beside them. */
const HOLDS_CERTIFICATES = /^[0-9a-f]{8}\.\d+$|\.pem$/i

function list(folder: string): string[] | FileProblem {
  try {
    return fs
      .readdirSync(folder)
      .filter((name) => HOLDS_CERTIFICATES.test(name))
      .sort()
  } catch (error) {
    return unreadable(error)
  }
}

function authoritiesIn(text: string): Authorities | FileProblem {
  if (text.trim() === '') return { problem: 'empty', what: 'is empty' }
  const found = parsePem(text)
    .filter(isCertificate)
    .map((block) => block.text)
  const usable = found.filter(isUsable)
  if (usable.length > 0) return usable
  return { problem: 'malformed', what: 'holds no CA certificate in PEM form' }
}

/** OpenSSL would pass over one that does not parse without a word, and trust nobody when there is no other. */
function isUsable(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).raw.length > 0
  } catch {
    return false
  }
}

/** The look of this process. */
export const findTrustedCas: FindTrustedCas = trustedCasFinder()
