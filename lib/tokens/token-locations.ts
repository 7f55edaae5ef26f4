import fs from 'node:fs'
import path from 'node:path'
import type { Reason } from '../errors'
import { isCutShort } from '../formats/jwt'
import { pathName } from '../secrets/sanitize'
import { SciToken } from './scitoken'
import { variable, type Environment } from '../environment'
import { versionOf, versionOfShared, statsOf, type FileVersion } from '../files/file-version'
import { isStats, rememberedReads, statOf, unreadable, type FileProblem } from '../files/read-file'

/** What was found where a token may be: a token, or why there is none. */
export interface Candidate {
  readonly token?: SciToken
  /** Why there is no token here; or, with a token, what is not as it should be though the token can be used. */
  readonly reason?: Reason
  /** The path of its file, where it is in one. */
  readonly path?: string
  /** Its file, where the mark of the place does not tell all: one of several in a folder. */
  readonly file?: { readonly path: string; readonly stats: ReturnType<typeof statOf> }
}

/** One place where a token may be. */
export interface TokenLocation {
  /** The variable that holds it or names its file, where unsetting that takes it out of the way. */
  readonly variable?: string | undefined
  /** How people know it: the name of a variable, or the path of a file. */
  name(environment: Environment): string
  /**
   * Tells for the price of a stat at most whether anything here has changed since the mark was taken. Undefined: this
   * place changed too recently to say.
   */
  mark(environment: Environment): FileVersion | undefined
  /** What is here, in order. Nothing is read before it is asked for. */
  candidates(environment: Environment): Candidates
}

type Candidates = Generator<Candidate, undefined, undefined>

/** WLCG's text sets no limit; nothing that is larger can be sent in a header. */
const MAX_BYTES = 64 * 1024

/**
 * Every place, in the order of igwn-auth-utils: SciTokens' own names, HTCondor's credentials, then WLCG Bearer Token
 * Discovery 1.0 in its own order. What was read is remembered by the list, file by file.
 */
export function tokenLocations(): readonly TokenLocation[] {
  return [
    inVariable('SCITOKEN'),
    inFile('SCITOKEN_FILE', (environment) => variable(environment.env, 'SCITOKEN_FILE')),
    inFolder('_CONDOR_CREDS', '.use'),
    inVariable('BEARER_TOKEN'),
    inFile('BEARER_TOKEN_FILE', (environment) => variable(environment.env, 'BEARER_TOKEN_FILE')),
    inFile(undefined, runtimeFile),
    inSharedFile(temporaryFile),
  ]
}

/** `$XDG_RUNTIME_DIR/bt_u<euid>`. */
function runtimeFile(environment: Environment): string | undefined {
  const folder = variable(environment.env, 'XDG_RUNTIME_DIR')
  return folder !== undefined && environment.euid !== undefined
    ? `${folder}/bt_u${environment.euid}`
    : undefined
}

/** `/tmp/bt_u<euid>`. Looked at also when XDG_RUNTIME_DIR is set and has none, as Go, pelican and XRootD do and Python does not. */
function temporaryFile(environment: Environment): string | undefined {
  return environment.euid === undefined ? undefined : `${environment.temporaryFolder}/bt_u${environment.euid}`
}

type Content = SciToken | FileProblem

/** The token in a text; C99 white space round it is no part of it (WLCG Bearer Token Discovery, section 1). */
function tokenIn(text: string, source: string): Content {
  const stripped = strip(text)
  if (stripped === '') return { problem: 'empty', what: 'is empty' }
  const token = SciToken.read(stripped, source)
  if (!token) return { problem: 'malformed', what: 'holds no SciToken (not a JWT)' }
  if (!isCutShort(stripped, token.header)) return token
  return { problem: 'malformed', what: 'is cut short: the signature of its token is not whole' }
}

/**
 * Takes C99 `isspace` off both ends, and nothing else that JavaScript's `trim` takes for white space. (A regular
 * expression for the end would begin anew at each space of a long run in the middle.)
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

/** HTCondor and others write a token as it is, or as the JSON answer of a token endpoint (RFC 6749 section 5.1). */
export function accessTokenIn(text: string): string {
  const stripped = strip(text)
  if (!stripped.startsWith('{')) return stripped
  try {
    const { access_token: token } = JSON.parse(stripped) as { access_token?: unknown }
    return typeof token === 'string' ? token : stripped
  } catch {
    return stripped
  }
}

function inVariable(name: string): TokenLocation {
  let last: { text: string; content: Content } | undefined
  return {
    variable: name,
    name: () => name,
    mark: (environment) => environment.env[name] ?? '',
    *candidates(environment): Candidates {
      const text = variable(environment.env, name)
      if (text === undefined) return yield { reason: absent(name, `${name} is not set`) }
      if (last?.text !== text) last = { text, content: tokenIn(text, name) }
      yield candidate(name, last.content)
    },
  }
}

function inFile(
  name: string | undefined,
  fileOf: (environment: Environment) => string | undefined,
): TokenLocation {
  const read = rememberedReads((text, file) => tokenIn(text, named(name, file)), MAX_BYTES)
  const sourceOf = (environment: Environment) => named(name, fileOf(environment))
  return {
    variable: name,
    name: sourceOf,
    mark(environment) {
      const file = fileOf(environment)
      return file === undefined ? '' : versionOf(file, statOf(file))
    },
    *candidates(environment): Candidates {
      const file = fileOf(environment)
      const source = sourceOf(environment)
      if (file === undefined) return yield { reason: absent(source, `${source} is not set`) }
      yield { ...candidate(source, read(file)), path: file }
    },
  }
}

/**
 * A file in a folder where everybody can make files: it counts only when it is ours or root's. One that others can read is
 * used, and said to be so.
 */
function inSharedFile(fileOf: (environment: Environment) => string | undefined): TokenLocation {
  const read = rememberedReads(tokenIn, MAX_BYTES)
  return {
    name: (environment) => fileOf(environment) ?? 'the temporary folder',
    mark(environment) {
      const file = fileOf(environment)
      if (file === undefined) return ''
      return versionOfShared(file)
    },
    *candidates(environment): Candidates {
      const file = fileOf(environment)
      if (file === undefined)
        return yield { reason: absent('the temporary folder', 'this platform has no user ids') }
      const { link, stats } = statsOf(file)
      // A link that somebody else made could lead to any of our files.
      const foreign = [link, stats].find(
        (one) => isStats(one) && one.uid !== environment.euid && one.uid !== 0,
      )
      if (isStats(foreign))
        return yield {
          path: file,
          reason: {
            code: 'foreign-owner',
            source: file,
            actual: foreign.uid,
            expected: environment.euid,
            message: `${file} belongs to user ${foreign.uid}, not to user ${environment.euid}: anybody can put a file there`,
          },
        }
      const found = { ...candidate(file, isStats(stats) ? read(file, stats) : stats), path: file }
      if (!found.token || !isStats(stats) || (stats.mode & 0o077) === 0) return yield found
      const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
      yield {
        ...found,
        reason: {
          code: 'open-permissions',
          source: file,
          actual: mode,
          expected: '0600',
          message: `${file} can be reached by others (mode ${mode}); chmod 600 ${file}`,
        },
      }
    },
  }
}

function inFolder(name: string, ending: string): TokenLocation {
  const read = rememberedReads((text, file) => tokenIn(accessTokenIn(text), named(name, file)), MAX_BYTES)
  return {
    name: (environment) => named(name, variable(environment.env, name)),
    mark(environment) {
      const folder = variable(environment.env, name)
      return folder === undefined ? '' : versionOf(folder, statOf(folder))
    },
    *candidates(environment): Candidates {
      const folder = variable(environment.env, name)
      if (folder === undefined) return yield { reason: absent(name, `${name} is not set`) }
      const names = list(folder, ending)
      if (!Array.isArray(names)) return yield { ...candidate(named(name, folder), names), path: folder }
      if (names.length === 0)
        return yield {
          reason: absent(named(name, folder), `${named(name, folder)} holds no *${ending} file`),
        }
      for (const one of names) {
        const file = path.join(folder, one)
        const stats = statOf(file)
        const content = isStats(stats) ? read(file, stats) : stats
        yield { ...candidate(named(name, file), content), path: file, file: { path: file, stats } }
      }
    },
  }
}

function list(folder: string, ending: string): string[] | FileProblem | undefined {
  const stats = statOf(folder)
  if (!isStats(stats)) return stats
  if (!stats.isDirectory()) return { problem: 'not-a-file', what: 'is not a folder' }
  try {
    // By code unit, so that the order is the same everywhere.
    return fs
      .readdirSync(folder)
      .filter((one) => one.endsWith(ending))
      .sort()
  } catch (error) {
    return unreadable(error)
  }
}

/** The candidate that the content of a place makes. */
function candidate(source: string, content: Content | undefined): Candidate {
  if (content instanceof SciToken) return { token: content }
  if (content === undefined) return { reason: absent(source, `${source} does not exist`) }
  return { reason: { code: content.problem, source, message: `${source} ${content.what}` } }
}

function absent(source: string, message: string): Reason {
  return { code: 'absent', source, message }
}

function named(name: string | undefined, file: string | undefined): string {
  if (file === undefined) return name ?? 'XDG_RUNTIME_DIR'
  return name === undefined ? pathName(file) : `${pathName(file)} (${name})`
}
