import type fs from 'node:fs'
import type { Reason } from '../errors'
import { formatPermissions, sharedFolderCheck } from '../files/access'
import { reasonFor } from '../files/describe-file'
import { fileReader, isStats, statOf } from '../files/read-file'
import type { Environment } from '../environment'
import { shellWord } from '../secrets/sanitize'
import { readPemFile, loadCredential } from './load-credential'
import type { Passphrase, PemFile } from './load-credential'
import { X509Credential } from './x509-credential'
import type { NamedFile, X509Location } from './x509-locations'

/** A credential that can be used at some time: its dates are not checked. */
export interface ReadCredential {
  readonly credential: X509Credential
  /** A flaw of its files that does not keep it from being used. */
  readonly warning?: Reason
}

/** Bundles with many proxies and attribute certificates have about 50 KiB. */
const MAX_BYTES = 1024 * 1024

/**
 * Reads credentials. The reader keeps what it has read, keys included: the same credential is returned while its files and
 * the passphrase are unchanged, for the price of a stat per file.
 */
export function credentialReader(
  environment: Environment,
): (location: X509Location, passphrase: Passphrase | undefined) => ReadCredential | Reason {
  const readPem = fileReader(
    readPemFile,
    MAX_BYTES,
    sharedFolderCheck(() => environment.euid),
  )
  /** By the content of the certificate's file, which is a new object whenever the file has changed. */
  const loaded = new WeakMap<PemFile, Loaded>()

  return (location, passphrase) => {
    const { cert: certFile, key: keyFile = certFile } = location
    const cert = open(certFile)
    if ('code' in cert) return cert
    const key = location.key ? open(location.key) : cert
    if ('code' in key) return key

    const source = location.key ? `${certFile.name} with ${keyFile.name}` : certFile.name
    const last = loaded.get(cert.content)
    const isSame = last?.key === key.content && last.passphrase === passphrase && last.source === source
    const outcome = isSame ? last.outcome : load(location, source, cert.content, key.content, passphrase)
    // A passphrase function may return another passphrase next time.
    if (!isSame && !('code' in outcome && outcome.code === 'passphrase'))
      loaded.set(cert.content, { key: key.content, passphrase, source, outcome })
    if ('code' in outcome) return outcome
    const warning = openPermissions(keyFile, key.stats, environment)
    return { credential: outcome, ...(warning && { warning }) }
  }

  function open(file: NamedFile): OpenedFile | Reason {
    const stats = statOf(file.path)
    const content = isStats(stats) ? readPem(file.path, stats) : stats
    if (content === undefined) return reasonFor(file.name, { problem: 'absent', what: 'does not exist' })
    return 'problem' in content ? reasonFor(file.name, content) : { content, stats: stats as fs.Stats }
  }
}

interface Loaded {
  readonly key: PemFile
  readonly passphrase: Passphrase | undefined
  readonly source: string
  readonly outcome: X509Credential | Reason
}

interface OpenedFile {
  readonly content: PemFile
  readonly stats: fs.Stats
}

function load(
  location: X509Location,
  source: string,
  cert: PemFile,
  key: PemFile,
  passphrase: Passphrase | undefined,
): X509Credential | Reason {
  const { cert: certFile, key: keyFile = certFile } = location
  const pem = loadCredential(cert, key, passphrase, keyFile.path)
  if (!('problem' in pem))
    return new X509Credential({ cert: certFile.path, key: location.key?.path, source }, pem)
  const hint = key.keys.length === 0 ? (location.withoutKey ?? '') : ''
  return reasonFor((pem.about === 'key' ? keyFile : certFile).name, { ...pem, what: pem.what + hint })
}

/**
 * A key that others can read is used, with a warning, as tokens are. Globus refuses it; igwn_auth_utils does not, and secrets
 * mounted into containers cannot be changed.
 */
function openPermissions(file: NamedFile, stats: fs.Stats, { uid }: Environment): Reason | undefined {
  if (uid === undefined || (stats.mode & 0o077) === 0) return undefined
  const mode = formatPermissions(stats)
  const what = `holds a private key that other users can access (mode ${mode}); run chmod 600 ${shellWord(file.path)}`
  return reasonFor(file.name, { problem: 'open-permissions', what, actual: mode, expected: '0600' })
}
