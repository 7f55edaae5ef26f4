import type fs from 'node:fs'
import type { Reason } from '../errors'
import { isStats, linkStatOf, fileReader, statOf } from '../files/read-file'
import type { FileProblem } from '../files/read-file'
import type { Environment } from '../environment'
import { readPemFile, loadCredential } from './load-credential'
import type { Passphrase, PemFile } from './load-credential'
import { X509Credential } from './x509-credential'
import type { NamedFile, X509Location } from './x509-locations'

/** A credential that is in order, whatever the time is; with what is not as it should be though it can be used. */
export interface ReadCredential {
  readonly credential: X509Credential
  readonly warning?: Reason
}

/** Bundles with many proxies and attribute certificates have some 50 KiB. */
const MAX_BYTES = 1024 * 1024

/**
 * Reads the credential of a place, and remembers: as long as its files are unchanged, and the passphrase is the same one,
 * it is given again for the price of their stats.
 */
export function credentialReader(
  environment: Environment,
): (place: X509Location, passphrase: Passphrase | undefined) => ReadCredential | Reason {
  const readPem = fileReader(readPemFile, MAX_BYTES)
  /** By the certificate's file as it was read: gone when that is read anew. */
  const remembered = new WeakMap<PemFile, Remembered>()

  return (place, passphrase) => {
    const { cert: certFile, key: keyFile = certFile } = place
    const cert = open(certFile, place.shared)
    if ('code' in cert) return cert
    const key = place.key ? open(place.key) : cert
    if ('code' in key) return key

    const source = place.key ? `${certFile.name} with ${keyFile.name}` : certFile.name
    const before = remembered.get(cert.content)
    const same = before?.key === key.content && before.passphrase === passphrase && before.source === source
    const outcome = same ? before.outcome : understand(place, source, cert.content, key.content, passphrase)
    // The next answer of a passphrase function may be another.
    if (!same && !('code' in outcome && outcome.code === 'passphrase'))
      remembered.set(cert.content, { key: key.content, passphrase, source, outcome })
    if ('code' in outcome) return outcome
    const warning = openPermissions(keyFile, key.stats, environment)
    return { credential: outcome, ...(warning && { warning }) }
  }

  function open(file: NamedFile, shared = false): OpenedFile | Reason {
    const stats = statOf(file.path)
    const foreign = shared && stats ? foreignOwner(file, stats, environment) : undefined
    if (foreign) return foreign
    const content = isStats(stats) ? readPem(file.path, stats) : stats
    if (content === undefined) return reason(file, { problem: 'absent', what: 'does not exist' })
    return 'problem' in content ? reason(file, content) : { content, stats: stats as fs.Stats }
  }
}

interface Remembered {
  readonly key: PemFile
  readonly passphrase: Passphrase | undefined
  readonly source: string
  readonly outcome: X509Credential | Reason
}

interface OpenedFile {
  readonly content: PemFile
  readonly stats: fs.Stats
}

function understand(
  place: X509Location,
  source: string,
  cert: PemFile,
  key: PemFile,
  passphrase: Passphrase | undefined,
): X509Credential | Reason {
  const content = loadCredential(cert, key, passphrase)
  if (!('problem' in content))
    return new X509Credential(
      { cert: place.cert.path, key: place.key?.path, source },
      content.certificates,
      content.pem,
    )
  const hint = key.keys.length === 0 ? (place.withoutKey ?? '') : ''
  const toBlame = content.about === 'key' ? (place.key ?? place.cert) : place.cert
  return reason(toBlame, { ...content, what: content.what + hint })
}

/** Somebody else's proxy in a folder where everybody can make files, or somebody else's link to any of ours. */
function foreignOwner(
  file: NamedFile,
  stats: ReturnType<typeof statOf>,
  { uid }: Environment,
): Reason | undefined {
  const foreign = [linkStatOf(file.path), stats].find(
    (one): one is fs.Stats => isStats(one) && one.uid !== uid && one.uid !== 0,
  )
  if (!foreign) return undefined
  const what = `belongs to user ${foreign.uid}, not to user ${uid ?? '?'}: anybody can put a file there`
  return { ...reason(file, { problem: 'foreign-owner', what }), actual: foreign.uid, expected: uid }
}

/**
 * A key that others may read is used and warned of, as tokens are. Globus refuses it; but igwn_auth_utils does not, secrets
 * mounted into containers cannot be changed, and to refuse does not make it secret again.
 */
function openPermissions(file: NamedFile, stats: fs.Stats, { uid }: Environment): Reason | undefined {
  if (uid === undefined || (stats.mode & 0o077) === 0) return undefined
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
  const what = `holds a private key that others can reach (mode ${mode}); chmod 600 ${file.path}`
  return { ...reason(file, { problem: 'open-permissions', what }), actual: mode, expected: '0600' }
}

function reason({ name }: NamedFile, { problem, what }: FileProblem): Reason {
  return { code: problem, source: name, message: `${name} ${what}` }
}
