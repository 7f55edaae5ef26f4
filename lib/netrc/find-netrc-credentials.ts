import type fs from 'node:fs'
import path from 'node:path'
import { domainToASCII } from 'node:url'
import { IgwnAuthError } from '../errors'
import type { Reason } from '../errors'
import type { BasicCredentials } from '../formats/basic-credentials'
import { parseNetrc } from './parse-netrc'
import type { Netrc, NetrcEntry } from './parse-netrc'
import { parseUrl } from '../formats/url'
import { pathName } from '../secrets/sanitize'
import { processEnvironment, homeOf, variable } from '../environment'
import type { Environment } from '../environment'
import { kindOf } from '../tokens/token'
import { fileReader, statOf } from '../files/read-file'
import type { FileProblem } from '../files/read-file'

/** Which file {@link findNetrcCredentials} reads, and whether its `default` counts. */
export interface NetrcOptions {
  /**
   * The path of a netrc file, which then has to be usable; or `false` for none at all. A `~` at its beginning is the
   * home. Default is the file that `NETRC` names, else `~/.netrc`, else `~/_netrc`, the first that exists.
   */
  readonly netrc?: string | false | undefined
  /**
   * Whether the entry `default` is for a host that is not named. Default is true. Where a server redirects a request to
   * is not for that server to choose a login, so redirects are followed without it.
   */
  readonly allowDefault?: boolean | undefined
}

/**
 * The login that a netrc file has for the host of a URL; undefined when there is none. Ports are ignored, and host names
 * compare without case, with or without a dot at their end. A login that is empty is replaced by the account, as
 * requests does; an entry with neither login nor password is none.
 *
 * On POSIX the file must be ours and closed to all others. An unchanged file is read once.
 *
 * @param environment - variables and user in the place of those of this process, for tests
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` when the URL cannot be read; `ERR_IGWN_NETRC_UNUSABLE` when the file that
 *   `options.netrc` names cannot be used (any other that cannot is passed over); `ERR_IGWN_INVALID_OPTION`
 * @see Python's netrc, requests.utils.get_netrc_auth, safe_netrc
 */
export function findNetrcCredentials(
  url: string | URL,
  options: NetrcOptions = {},
  environment: Environment = processEnvironment,
): BasicCredentials | undefined {
  const { credentials, problem } = lookUpNetrc(url, options, environment)
  if (problem && typeof options.netrc === 'string') throw netrcUnusable(problem)
  return credentials
}

/** What a look into netrc files found. */
export interface NetrcLookUp {
  /** A secret. */
  readonly credentials?: BasicCredentials
  /** The file that was looked into and how it came to be, for people. */
  readonly source?: string
  /** The entry was `default`, not one of that host. */
  readonly isDefault?: true
  /** Why the file cannot be used, or is not there though the option names it; one of the reasons. */
  readonly problem?: Reason
  /** Files that are not there, lines that programs read differently, and why there are no credentials. */
  readonly reasons: readonly Reason[]
}

/** As {@link findNetrcCredentials}, but a file that cannot be used is a reason like others. */
export function lookUpNetrc(
  url: string | URL,
  options: NetrcOptions = {},
  environment: Environment = processEnvironment,
): NetrcLookUp {
  const host = hostOf(url)
  if (options.netrc === false)
    return { reasons: [{ code: 'disabled', source: 'netrc', message: 'netrc is switched off' }] }
  const missing: Reason[] = []
  for (const file of netrcFiles(options.netrc, environment)) {
    const opened = openNetrc(file, environment)
    if (opened === undefined) {
      missing.push(reason(file, { problem: 'absent', what: 'does not exist' }))
    } else if ('code' in opened) {
      return { source: file.name, problem: opened, reasons: [...missing, opened] }
    } else {
      const found = credentialsFor(host, opened, file, options.allowDefault ?? true)
      return { ...found, source: file.name, reasons: [...missing, ...found.reasons] }
    }
  }
  const [problem] = options.netrc === undefined ? [] : missing
  return { ...(problem && { problem }), reasons: missing }
}

/** The error for a netrc file that was named and cannot be used. */
export function netrcUnusable(problem: Reason): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_NETRC_UNUSABLE',
    `The netrc file cannot be used: ${problem.message}. Correct it, or name another with the netrc option; false for none.`,
    { reasons: [problem] },
  )
}

/** Without the text: it may hold a password. */
function hostOf(url: string | URL): string {
  const { hostname } = parseUrl(String(url)) ?? { hostname: '' }
  if (hostname !== '') return hostname
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    'The URL has no host to look up in a netrc file; give an absolute one, as https://host.example.org/path.',
  )
}

interface NamedFile {
  readonly path: string
  /** For people: the path, and what named it. */
  readonly name: string
}

/** The files in their order. One that was named is the only one, whether or not it is there, as in requests. */
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
    `netrc must be the path of a file, or false for none, not ${given}; leave it out to use NETRC or ~/.netrc.`,
  )
}

function named(file: string, by: string, home = '~'): NamedFile {
  const expanded = file.replace(/^~(?=[/\\]|$)/, () => home)
  return { path: expanded, name: `${pathName(expanded)} (${by})` }
}

/** netrc files hold a few lines; this is for a wrong path. */
const MAX_BYTES = 1024 * 1024

interface ReadNetrc extends Netrc {
  /** The entries again, by the one spelling of their host. */
  readonly byHost: ReadonlyMap<string, NetrcEntry>
}

const readNetrc = fileReader((text): ReadNetrc => {
  const netrc = parseNetrc(text)
  const byHost = new Map([...netrc.entries].map(([name, entry]) => [oneSpelling(name), entry]))
  return { ...netrc, byHost }
}, MAX_BYTES)

function openNetrc(file: NamedFile, environment: Environment): ReadNetrc | Reason | undefined {
  const stats = statOf(file.path)
  if (stats === undefined) return undefined
  if ('problem' in stats) return reason(file, stats)
  const netrc = accessProblem(file, stats, environment) ?? readNetrc(file.path, stats)
  return netrc && 'problem' in netrc ? reason(file, netrc) : netrc
}

/** As in safe_netrc: for every netrc file, wherever it is; Python's netrc asks that of `~/.netrc` only. */
function accessProblem(file: NamedFile, stats: fs.Stats, { uid }: Environment): FileProblem | undefined {
  if (uid === undefined || !stats.isFile()) return undefined
  if (stats.uid !== uid)
    return {
      problem: 'foreign-owner',
      what: `belongs to user ${stats.uid}, not to user ${uid}, and is not used; use a file of your own`,
    }
  if ((stats.mode & 0o077) === 0) return undefined
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
  return {
    problem: 'open-permissions',
    what: `can be reached by others (mode ${mode}) and is not used; chmod 600 ${file.path}`,
  }
}

function reason({ name }: NamedFile, { problem, what }: FileProblem): Reason {
  return { code: problem, source: name, message: `${name} ${what}` }
}

function credentialsFor(
  host: string,
  netrc: ReadNetrc,
  file: NamedFile,
  allowDefault: boolean,
): Pick<NetrcLookUp, 'credentials' | 'isDefault' | 'reasons'> {
  const doubts = netrc.faults.map(({ line, what }) =>
    reason(file, { problem: 'malformed', what: `line ${line}: ${what}` }),
  )
  const without = (problem: Reason['code'], what: string) => ({
    reasons: [...doubts, reason(file, { problem, what })],
  })
  const own = entryOf(host, netrc)
  const other = netrc.entries.get('default')
  const entry = own ?? (allowDefault ? other : undefined)
  if (!entry)
    return other
      ? without('not-needed', `has no entry for ${host}, and its default is not for redirects`)
      : without('absent', `has no entry for ${host}`)

  const credentials = { username: entry.login || entry.account, password: entry.password }
  const text = credentials.username + credentials.password
  if (text === '') return without('empty', `has an entry for ${host} with neither login nor password`)
  // What bytes became of that sign cannot be known, so the login would be a wrong one.
  if (text.includes('\uFFFD'))
    return without('malformed', `has an entry for ${host} that is not UTF-8; save the file in that encoding`)
  return { credentials, ...(!own && { isDefault: true }), reasons: doubts }
}

/** The entry as Python's netrc finds it, by the very name; else one that names the same host in another spelling. */
function entryOf(host: string, { entries, byHost }: ReadNetrc): NetrcEntry | undefined {
  const spelling = oneSpelling(host)
  // A host of that name would get what is for no host in particular, after redirects too.
  if (spelling === 'default') return undefined
  return entries.get(withoutBrackets(host)) ?? byHost.get(spelling)
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

/** As a URL has it: lower case, international names in ASCII, IPv6 addresses short and in brackets; no dot at the end. */
function oneSpelling(name: string): string {
  const host = withoutBrackets(name).toLowerCase().replace(/\.$/, '')
  // domainToASCII ends a name at some of these, as a URL does, and leaves the others out.
  if (/[/?#\\%\t\n\r]/.test(host)) return host
  if (host.includes(':')) return domainToASCII(`[${host}]`) || host
  return /^[\x20-\x7e]*$/.test(host) ? host : domainToASCII(host) || host
}
