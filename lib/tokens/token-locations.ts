import fs from 'node:fs'
import path from 'node:path'
import type { Reason } from '../errors'
import type { Environment } from '../environment'
import { formatPermissions, sharedFolderCheck } from '../files/access'
import { reasonFor } from '../files/describe-file'
import { fileReader, isStats, statOf, unreadable, type FileProblem } from '../files/read-file'
import { isTruncated } from '../formats/jwt'
import { withoutByteOrderMark } from '../formats/line-ends'
import { pathName, shellWord } from '../secrets/sanitize'
import { SciToken } from './scitoken'

/** One token, or the reason why there is none. */
export interface Candidate {
  readonly token?: SciToken
  /** Why there is no token; or, beside a token, a warning about it. */
  readonly reason?: Reason
  /** What the user can do about the reason, if its code does not say it. */
  readonly fix?: string | undefined
  /** Its file or folder, if it is in one. */
  readonly path?: string
  /** It is one of several files in a folder, of which the stat of the folder says nothing. */
  readonly isInFolder?: true
}

/** A location where tokens may be. */
export interface TokenLocation {
  /** The environment variable that it depends on. */
  readonly reads?: string
  /** The variable to unset so that nothing is found here; undefined for default files. */
  readonly variable?: string
  /** Its file or folder; undefined if the variable is unset, or holds the token itself. */
  path(value: string | undefined): string | undefined
  /**
   * The candidates, in order. Nothing is read before the generator reaches it.
   *
   * @param value - of the variable; undefined if it is unset or empty
   */
  candidates(value: string | undefined): Generator<Candidate, undefined, undefined>
}

/** WLCG Bearer Token Discovery sets no limit. A larger token cannot be sent in a header. */
const MAX_BYTES = 64 * 1024

/**
 * The locations in the order of igwn-auth-utils: the variables of SciTokens, the credentials of HTCondor, then WLCG Bearer
 * Token Discovery 1.0 in its own order. Files that were read are remembered by this list.
 */
export function tokenLocations(environment: Environment): readonly TokenLocation[] {
  return [
    inVariable('SCITOKEN'),
    inFile(environment, 'SCITOKEN_FILE', 'SCITOKEN_FILE', (file) => file),
    inFolder(environment, CONDOR_CREDS, '.use'),
    inVariable('BEARER_TOKEN'),
    inFile(environment, 'BEARER_TOKEN_FILE', 'BEARER_TOKEN_FILE', (file) => file),
    inFile(environment, 'XDG_RUNTIME_DIR', undefined, (folder) => defaultFile(folder, environment)),
    // Also if XDG_RUNTIME_DIR is set, as in Go, pelican and XRootD, and unlike Python.
    inFile(environment, undefined, undefined, () => defaultFile(environment.temporaryFolder, environment)),
  ]
}

function defaultFile(folder: string | undefined, { euid }: Environment): string | undefined {
  return folder === undefined || euid === undefined ? undefined : `${folder}/bt_u${euid}`
}

interface TokenProblem extends FileProblem {
  /** What the user can do about it, if the code does not say it. */
  readonly fix?: string
}

type Content = SciToken | TokenProblem

/**
 * The token in a text; C99 white space around it is ignored (WLCG Bearer Token Discovery, section 1).
 *
 * @param what - the text, as the end of a sentence
 */
function tokenIn(text: string, source: string, what: string): Content {
  const stripped = strip(text)
  if (stripped === '') return { problem: 'empty', what: 'is empty' }
  const token = SciToken.read(stripped, source)
  if (!token) return isOpaqueToken(stripped) ? opaqueToken(what) : NOT_A_JWT
  if (!isTruncated(stripped, token.header)) return token
  return { problem: 'malformed', what: 'is truncated: the signature of its token is incomplete' }
}

const NOT_A_JWT: TokenProblem = { problem: 'malformed', what: 'contains no SciToken (not a JWT)' }

/** The start of a fix for a token that cannot be selected and can be given. */
export const TO_SEND = 'to send it, '

/** It is not deleted or overwritten: it may be valid, and cannot be obtained again here. */
function opaqueToken(what: string): TokenProblem {
  return {
    problem: 'malformed',
    what: 'contains an opaque token, for example a macaroon, not a JWT; its claims cannot be read',
    fix: `${TO_SEND}set the option token to ${what}`,
  }
}

/** A text of the form that RFC 6750 section 2.1 gives bearer tokens, too long and too mixed for a word or a name. */
function isOpaqueToken(text: string): boolean {
  return text.length >= 20 && /^[\w.~+/-]+=*$/.test(text) && /\d/.test(text) && /[A-Za-z]/.test(text)
}

/**
 * Removes C99 `isspace` characters at both ends. `trim` would remove others too; a regular expression for the end would
 * take quadratic time on a long run of spaces in the middle.
 */
function strip(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** Space, and \t \n \v \f \r, which are 9 to 13. */
function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}

/**
 * The token in a text: the text itself, or `access_token` of the JSON response of a token endpoint (RFC 6749 section 5.1),
 * as HTCondor writes it.
 */
export function accessTokenIn(text: string): string {
  const stripped = strip(text)
  const token = jsonIn(stripped)?.access_token
  return typeof token === 'string' ? token : stripped
}

function jsonIn(text: string): { access_token?: unknown } | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as object
  } catch {
    return undefined
  }
}

function tokenInFile(text: string, source: string, file: string): Content {
  const stripped = strip(text)
  const json = jsonIn(stripped)
  if (!json) return tokenIn(stripped, source, `the content of ${pathName(file)}`)
  if (typeof json.access_token !== 'string')
    return { problem: 'malformed', what: 'is JSON without access_token' }
  const token = strip(json.access_token)
  return token === '' ? EMPTY_ACCESS_TOKEN : tokenIn(token, source, `the access_token in ${pathName(file)}`)
}

const EMPTY_ACCESS_TOKEN: FileProblem = { problem: 'empty', what: 'has an empty access_token' }

const DENIED = 'ask the operator of the access point, or check the credential that the submit file requests'

/** HTCondor copies a renewed token into a job every 5 minutes (`SEC_CREDENTIAL_REFRESH`). */
const LATE =
  'wait: HTCondor renews the token, and the job gets it within 5 minutes; if it stays expired, ask the operator of the access point'

/** What a user can do about a token of HTCondor, which no command in the job can obtain; undefined for others. */
export function condorFix({ code, source }: Pick<Reason, 'code' | 'source'>): string | undefined {
  if (!source.endsWith(`(${CONDOR_CREDS})`)) return undefined
  return code === 'expired' ? LATE : code === 'empty' ? DENIED : undefined
}

const CONDOR_CREDS = '_CONDOR_CREDS'

/** HTCondor writes an empty `access_token` if the access point denied the token, for example to a user without a group. */
function tokenInUseFile(text: string, source: string, file: string): Content {
  const content = tokenInFile(text, source, file)
  if (content !== EMPTY_ACCESS_TOKEN) return content
  return {
    ...EMPTY_ACCESS_TOKEN,
    what: `${EMPTY_ACCESS_TOKEN.what}: the access point denied this token`,
    fix: DENIED,
  }
}

function inVariable(name: string): TokenLocation {
  let last: { value: string; content: Content } | undefined
  return {
    reads: name,
    variable: name,
    path: () => undefined,
    *candidates(value) {
      if (value === undefined) return yield { reason: absent(name, `${name} is not set`) }
      if (last?.value !== value)
        last = { value, content: tokenIn(withoutByteOrderMark(value), name, `process.env.${name}`) }
      const isNoToken = 'problem' in last.content && last.content.problem === 'malformed'
      yield candidate(name, isNoToken && isPath(value) ? pathProblem(name) : last.content)
    },
  }
}

function pathProblem(name: string): TokenProblem {
  return {
    problem: 'malformed',
    what: 'holds a path, not a token',
    fix: `set ${name}_FILE instead of ${name}`,
  }
}

/** A token may begin with a slash too (RFC 6750 section 2.1), but has no second one where a path has it. */
function isPath(value: string): boolean {
  return /^(?:file:|~|\.{1,2})?\/|^[A-Za-z]:[\\/]/.test(value) && value.length < 4096
}

/** @param fileOf - the path, from the value of the variable; undefined for a default file that this platform has not */
function inFile(
  environment: Environment,
  reads: string | undefined,
  names: string | undefined,
  fileOf: (value: string | undefined) => string | undefined,
): TokenLocation {
  const sourceOf = (file: string) => (names === undefined ? pathName(file) : `${pathName(file)} (${names})`)
  const read = fileReader(
    (text, file) => tokenInFile(text, sourceOf(file), file),
    MAX_BYTES,
    sharedFolderCheck(() => environment.euid),
  )
  return {
    ...(reads !== undefined && { reads }),
    ...(names !== undefined && { variable: names }),
    path: fileOf,
    *candidates(value) {
      const file = fileOf(value)
      if (file === undefined) return yield { reason: withoutFile(reads, value) }
      const stats = statOf(file)
      const source = sourceOf(file)
      const found = { ...candidate(source, isStats(stats) ? read(file, stats) : stats), path: file }
      // A file that a variable names may have been mounted, and cannot be closed to others then.
      const isInTemporaryFolder = names === undefined && path.dirname(file) === environment.temporaryFolder
      const isOpen = isStats(stats) && (stats.mode & 0o077) !== 0
      if (!found.token || !isOpen || !isInTemporaryFolder) return yield found
      yield { ...found, reason: openPermissions(source, file, formatPermissions(stats)) }
    },
  }
}

function withoutFile(reads: string | undefined, value: string | undefined): Reason {
  if (reads !== undefined && value === undefined) return absent(reads, `${reads} is not set`)
  return absent(reads ?? 'the temporary folder', 'this platform has no user ids')
}

/** Other programs accept such a file, so it is used. */
function openPermissions(source: string, file: string, mode: string): Reason {
  return {
    code: 'open-permissions',
    source,
    expected: '0600',
    actual: mode,
    message: `${source} can be reached by others (mode ${mode}); chmod 600 ${shellWord(file)}`,
  }
}

function inFolder(environment: Environment, name: string, ending: string): TokenLocation {
  const sourceOf = (file: string) => `${pathName(file)} (${name})`
  const read = fileReader(
    (text, file) => tokenInUseFile(text, sourceOf(file), file),
    MAX_BYTES,
    sharedFolderCheck(() => environment.euid),
  )
  return {
    reads: name,
    variable: name,
    path: (folder) => folder,
    *candidates(folder) {
      if (folder === undefined) return yield { reason: absent(name, `${name} is not set`) }
      const source = sourceOf(folder)
      const names = list(folder, ending)
      if (!Array.isArray(names)) return yield { ...candidate(source, names), path: folder }
      if (names.length === 0) return yield { reason: absent(source, `${source} has no *${ending} file`) }
      for (const one of names) {
        const file = path.join(folder, one)
        yield { ...candidate(sourceOf(file), read(file)), path: file, isInFolder: true }
      }
    },
  }
}

function list(folder: string, ending: string): string[] | FileProblem | undefined {
  const stats = statOf(folder)
  if (!isStats(stats)) return stats
  if (!stats.isDirectory()) return { problem: 'not-a-file', what: 'is not a folder' }
  try {
    // Sorted by code unit, so that the order does not depend on the locale.
    return fs
      .readdirSync(folder)
      .filter((one) => one.endsWith(ending))
      .sort()
  } catch (error) {
    return unreadable(error)
  }
}

function candidate(source: string, content: Content | FileProblem | undefined): Candidate {
  if (content instanceof SciToken) return { token: content }
  if (content === undefined) return { reason: absent(source, `${source} does not exist`) }
  const { fix } = content as TokenProblem
  return { reason: reasonFor(source, content), fix }
}

function absent(source: string, message: string): Reason {
  return { code: 'absent', source, message }
}
