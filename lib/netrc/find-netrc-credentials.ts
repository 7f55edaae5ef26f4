import type fs from 'node:fs'
import path from 'node:path'
import { domainToASCII } from 'node:url'
import { processEnvironment, homeOf, variable, type Environment } from '../environment'
import { IgwnAuthError, type Reason } from '../errors'
import { formatPermissions } from '../files/access'
import { reasonFor } from '../files/describe-file'
import { fileReader, type FileProblem } from '../files/read-file'
import type { BasicCredentials } from '../formats/basic-credentials'
import { parseUrl } from '../formats/url'
import { pathName, shellWord } from '../secrets/sanitize'
import { kindOf, ownProperties } from '../check-values'
import { parseNetrc, type Netrc, type NetrcEntry } from './parse-netrc'

/** Which file {@link findNetrcCredentials} reads, and whether its `default` entry is used. */
export interface NetrcOptions {
  /**
   * The path of a netrc file, which must be usable, or `false` for no file. A leading `~` is the home folder. Default is the
   * file that `NETRC` names, else `~/.netrc`, else `~/_netrc`: the first that exists.
   */
  readonly netrc?: string | false | undefined
  /**
   * Whether the entry `default` is used for a host without an entry. Default is true. Set false for a host that a server
   * chose, such as the target of a redirect.
   */
  readonly allowDefault?: boolean | undefined
}

/**
 * Returns the username and password that a netrc file has for the host of a URL; undefined when it has none. Ports are
 * ignored. Host names match in any case, with or without a final dot. As in requests, an empty login is replaced by the
 * account; an entry with neither login nor password is ignored.
 *
 * On POSIX the file must be owned by this user, and no other user may have access. A file of root may also be readable for a
 * group of this process, as in a Kubernetes secret volume with `defaultMode: 0440` and `fsGroup`. The file is read at each
 * call; nothing is kept between calls.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` when the URL has no host; `ERR_IGWN_NETRC_UNUSABLE` when the file that
 *   `options.netrc` names cannot be used (any other is skipped); `ERR_IGWN_INVALID_OPTION`
 * @see Python's netrc, requests.utils.get_netrc_auth, safe_netrc
 */
export function findNetrcCredentials(
  url: string | URL,
  options: NetrcOptions = {},
): BasicCredentials | undefined {
  const own = ownProperties(options)
  const { credentials, problem } = netrcLookup()(url, own)
  if (problem && typeof own.netrc === 'string') throw netrcUnusable(problem)
  return credentials
}

/** What a lookup found. */
export interface NetrcResult {
  /** Secret. */
  readonly credentials?: BasicCredentials
  /** The file that was read, and the variable or option that names it. */
  readonly source?: string
  /** The entry is `default`, not one for the host. */
  readonly isDefault?: true
  /** Why the file cannot be used, or that the one that the option names does not exist; also one of the reasons. */
  readonly problem?: Reason
  /** Missing files, lines that other programs read differently, and why there are no credentials. */
  readonly reasons: readonly Reason[]
}

/** Looks up the host of a URL. A file that cannot be used is a reason, not an error. */
export type NetrcLookup = (url: string | URL, options?: NetrcOptions) => NetrcResult

/** Makes a lookup that keeps the files that it has read, passwords included: an unchanged file costs one stat. */
export function netrcLookup(environment: Environment = processEnvironment): NetrcLookup {
  const read = fileReader(parseHosts, MAX_BYTES, (file, stats) => accessProblem(file, stats, environment))

  return (url, { netrc, allowDefault = true } = {}) => {
    const host = hostOf(url)
    if (netrc === false)
      return { reasons: [{ code: 'disabled', source: 'netrc', message: 'netrc is disabled' }] }
    const missing: Reason[] = []
    for (const file of netrcFiles(netrc, environment)) {
      const content = read(file.path)
      if (content === undefined) {
        missing.push(reasonFor(file.name, { problem: 'absent', what: 'does not exist' }))
      } else if ('problem' in content) {
        const problem = reasonFor(file.name, content)
        return { source: file.name, problem, reasons: [...missing, problem] }
      } else {
        const found = credentialsFor(host, content, file, allowDefault)
        return { ...found, source: file.name, reasons: [...missing, ...found.reasons] }
      }
    }
    const [problem] = netrc === undefined ? [] : missing
    return { ...(problem && { problem }), reasons: missing }
  }
}

/** The names in the netrc file, `default` included, without what they stand for. Nothing is kept. */
export function netrcHosts(environment: Environment = processEnvironment): {
  readonly source?: string
  readonly hosts: readonly string[]
  /** Why the file cannot be used. */
  readonly problem?: Reason
} {
  const read = fileReader(parseHosts, MAX_BYTES, (file, stats) => accessProblem(file, stats, environment))
  for (const { path: file, name: source } of netrcFiles(undefined, environment)) {
    const content = read(file)
    if (content === undefined) continue
    return 'problem' in content
      ? { source, hosts: [], problem: reasonFor(source, content) }
      : { source, hosts: [...content.entries.keys()] }
  }
  return { hosts: [] }
}

/** The error for a netrc file that was named and cannot be used. */
export function netrcUnusable(problem: Reason): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_NETRC_UNUSABLE',
    `The netrc file cannot be used: ${problem.message}. Correct it, or set the netrc option to another file, or to false.`,
    { reasons: [problem] },
  )
}

/** The error does not repeat the URL: it may hold a password. */
function hostOf(url: string | URL): string {
  const { hostname } = parseUrl(String(url)) ?? { hostname: '' }
  if (hostname !== '') return hostname
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    'The URL has no host to look up in a netrc file. Give an absolute URL, such as https://host.example.org/path.',
  )
}

interface NamedFile {
  readonly path: string
  /** The path, and the variable or option that names it. */
  readonly name: string
}

/** The files in order. One that is named is the only one, even if it does not exist, as in requests. */
function netrcFiles(option: unknown, { env }: Environment): NamedFile[] {
  const home = homeOf(env)
  const file = variable(env, 'NETRC')
  if (option !== undefined) return [named(checkedPath(option), 'netrc option', home)]
  if (file !== undefined) return [named(file, 'NETRC', home)]
  if (home === undefined) return []
  return ['.netrc', '_netrc']
    .map((name) => path.join(home, name))
    .map((one) => ({ path: one, name: pathName(one) }))
}

function checkedPath(option: unknown): string {
  if (typeof option === 'string' && option !== '') return option
  const given = option === '' ? 'an empty string' : kindOf(option)
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    `netrc must be the path of a file, or false for no file, not ${given}. Leave it out to use NETRC or ~/.netrc.`,
  )
}

function named(file: string, by: string, home = '~'): NamedFile {
  const expanded = file.replace(/^~(?=[/\\]|$)/, () => home)
  return { path: expanded, name: `${pathName(expanded)} (${by})` }
}

/** netrc files have a few lines; this protects against a wrong path. */
const MAX_BYTES = 1024 * 1024

interface HostEntries extends Netrc {
  /** The entries by the canonical form of their host. */
  readonly byHost: ReadonlyMap<string, NetrcEntry>
}

function parseHosts(text: string): HostEntries {
  const netrc = parseNetrc(text)
  const byHost = new Map([...netrc.entries].map(([name, entry]) => [canonicalHost(name), entry]))
  return { ...netrc, byHost }
}

/**
 * Required for every netrc file, as in safe_netrc; Python's netrc requires it for `~/.netrc` only. Kubernetes mounts a secret
 * as a file of root that the group of `fsGroup` can read.
 */
function accessProblem(file: string, stats: fs.Stats, { uid }: Environment): FileProblem | undefined {
  if (uid === undefined || !stats.isFile()) return undefined
  if (stats.uid !== uid && stats.uid !== 0)
    return {
      problem: 'foreign-owner',
      what: `is owned by user ${stats.uid}, not by user ${uid}, and is not used`,
    }
  const others = stats.mode & 0o077
  const isReadByOurGroup = others === 0o040 && stats.uid === 0 && process.getgroups?.().includes(stats.gid)
  if (others === 0 || isReadByOurGroup) return undefined
  return {
    problem: 'open-permissions',
    what: `is accessible to other users (mode ${formatPermissions(stats)}) and is not used; run chmod 600 ${shellWord(file)}`,
  }
}

function credentialsFor(
  host: string,
  netrc: HostEntries,
  file: NamedFile,
  allowDefault: boolean,
): Pick<NetrcResult, 'credentials' | 'isDefault' | 'reasons'> {
  const faults = netrc.faults.map(({ line, what }) =>
    reasonFor(file.name, { problem: 'malformed', what: `line ${line}: ${what}` }),
  )
  const without = (problem: Reason['code'], what: string) => ({
    reasons: [...faults, reasonFor(file.name, { problem, what })],
  })
  const own = entryOf(host, netrc)
  const other = netrc.entries.get('default')
  const entry = own ?? (allowDefault ? other : undefined)
  if (!entry)
    return other
      ? without('not-needed', `has no entry for ${host}, and its default entry is not used for redirects`)
      : without('absent', `has no entry for ${host}`)

  const credentials = { username: entry.login || entry.account, password: entry.password }
  const text = credentials.username + credentials.password
  if (text === '') return without('empty', `has an entry for ${host} with neither login nor password`)
  // The original bytes are lost, so the credentials would be wrong.
  if (text.includes('\uFFFD'))
    return without('malformed', `has an entry for ${host} that is not UTF-8; save the file in that encoding`)
  return { credentials, ...(!own && { isDefault: true }), reasons: faults }
}

/** The entry with exactly this name, as in Python's netrc; else one that names the same host in another form. */
function entryOf(host: string, { entries, byHost }: HostEntries): NetrcEntry | undefined {
  const canonical = canonicalHost(host)
  // A host with this name would get the default entry, after redirects too.
  if (canonical === 'default') return undefined
  return entries.get(withoutBrackets(host)) ?? byHost.get(canonical)
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

/** As in a URL: lower case, international names in ASCII, IPv6 addresses short and in brackets; without a final dot. */
function canonicalHost(name: string): string {
  const host = withoutBrackets(name).toLowerCase().replace(/\.$/, '')
  // domainToASCII ends a name at some of these, as a URL does, and removes the others.
  if (/[/?#\\%\t\n\r]/.test(host)) return host
  if (host.includes(':')) return domainToASCII(`[${host}]`) || host
  return /^[\x20-\x7e]*$/.test(host) ? host : domainToASCII(host) || host
}
