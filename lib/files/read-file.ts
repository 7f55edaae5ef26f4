import fs from 'node:fs'
import type { ReasonCode } from '../errors'

/** Why a file that exists cannot be used. */
export interface FileProblem {
  readonly problem: ReasonCode
  /** Continues a sentence that begins with the name of the file: "is a folder, not a file". */
  readonly what: string
  /** A failure of the system, such as too many open files: the next try may succeed. */
  readonly transient?: true
  readonly expected?: unknown
  readonly actual?: unknown
}

/** Decides whether a file may be read, from its path and its stat. */
export type AccessCheck = (path: string, stats: fs.Stats) => FileProblem | undefined

/** The part of a stat that changes when a file is rewritten, replaced by a rename, or gets other permissions. */
export type FileStats = Pick<fs.Stats, 'mtimeMs' | 'ctimeMs' | 'size' | 'ino' | 'dev'>

export function sameFile(a: FileStats, b: FileStats): boolean {
  return (
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs &&
    a.size === b.size &&
    a.ino === b.ino &&
    a.dev === b.dev
  )
}

/** Within one tick of the file system's clock a file can be written twice and keep its times. */
const TICK_MS = 50

/** Whether a stat taken at `time` (milliseconds since the epoch) identifies the content of its file. */
export function isSettled(stats: FileStats, time: number): boolean {
  return time - stats.mtimeMs > TICK_MS
}

/**
 * Makes a reader of small text files that remembers the value parsed from each: an unchanged file costs one stat. A file
 * that does not exist gives undefined, one that cannot be used a {@link FileProblem}.
 *
 * @param parse - makes the value from the text; a `FileProblem` that it returns is remembered too
 * @param maxBytes - larger files are refused
 * @param check - decides on each call whether the file may be read. Not remembered: it may depend on links and folders
 */
export function fileReader<T>(
  parse: (text: string, path: string) => T,
  maxBytes: number,
  check?: AccessCheck,
): (path: string, stats?: fs.Stats) => T | FileProblem | undefined {
  const remembered = new Map<string, { stats: FileStats; value: T | FileProblem }>()

  return (path, stats) => whileReplaced(readOnce(path, stats), () => readOnce(path))

  function readOnce(path: string, stats?: fs.Stats): T | FileProblem | undefined {
    const before = stats ?? statOf(path)
    if (!isStats(before)) {
      remembered.delete(path)
      return before
    }
    const refused = check?.(path, before)
    if (refused) return refused
    const last = remembered.get(path)
    if (last && sameFile(last.stats, before)) return last.value

    remembered.delete(path)
    const readAt = Date.now()
    // Decided by the stat where possible: opening a FIFO unblocks its writer, opening a tape device moves the tape.
    const opened = unsuitable(before, maxBytes) ?? readText(path, maxBytes, { check })
    if (!opened) return undefined
    const isRead = 'text' in opened
    const value = isRead ? parse(opened.text, path) : opened
    const version = isRead ? opened.stats : before
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    if (isSettled(version, readAt) && (isRead || !opened.transient))
      remembered.set(path, { stats: version, value })
    return value
  }
}

/** The check of a file whose path leads to another one by now: it was renewed by a rename. The next try may succeed. */
export const REPLACED: FileProblem = {
  problem: 'unreadable',
  what: 'was replaced while it was read',
  transient: true,
}

/** Reads again while the file is replaced. */
function whileReplaced<T>(first: T | FileProblem, read: () => T | FileProblem): T | FileProblem {
  let value = first
  for (let tries = 1; value === REPLACED && tries < MAX_TRIES; tries++) value = read()
  return value
}

const MAX_TRIES = 5

/** More files than any host has credentials. */
const MAX_REMEMBERED = 10_000

/** Hoisted, since a stat is made for each request. */
const UNDEFINED_IF_ABSENT = { throwIfNoEntry: false } as const

/** The stat of a file, of a link that of its target. Undefined if there is none. */
export function statOf(path: string): fs.Stats | FileProblem | undefined {
  try {
    return fs.statSync(path, UNDEFINED_IF_ABSENT)
  } catch (error) {
    return isAbsent(error) ? undefined : unreadable(error)
  }
}

/** The same, but of a link its own. */
export function linkStatOf(path: string): fs.Stats | FileProblem | undefined {
  try {
    return fs.lstatSync(path, UNDEFINED_IF_ABSENT)
  } catch (error) {
    return isAbsent(error) ? undefined : unreadable(error)
  }
}

export function isStats(value: fs.Stats | FileProblem | undefined): value is fs.Stats {
  return value !== undefined && !('problem' in value)
}

/** The text of a file, and the stat of the descriptor it was read from. */
export interface TextFile {
  readonly text: string
  readonly stats: fs.Stats
}

/** The options of {@link readTextFile}. */
interface ReadOptions {
  readonly check?: AccessCheck | undefined
  readonly followLinks?: boolean
}

/**
 * Reads a UTF-8 file whole, without its byte order mark. Never waits: it opens with `O_NONBLOCK`, and reads regular files
 * only. Undefined if there is none.
 *
 * @param maxBytes - larger files are refused
 * @param options - `check`: decides by the stat of the open descriptor. `followLinks`: false refuses a path whose last
 *   part is a link. Default is true
 */
export function readTextFile(
  path: string,
  maxBytes: number,
  options: ReadOptions = {},
): TextFile | FileProblem | undefined {
  const read = () => readText(path, maxBytes, options)
  return whileReplaced(read(), read)
}

function readText(
  path: string,
  maxBytes: number,
  { check, followLinks = true }: ReadOptions,
): TextFile | FileProblem | undefined {
  let file: number | undefined
  try {
    file = fs.openSync(path, READ_ONLY | (followLinks ? 0 : NO_FOLLOW))
    const stats = fs.fstatSync(file)
    const problem = unsuitable(stats, maxBytes) ?? check?.(path, stats)
    if (problem) return problem
    const bytes = Buffer.allocUnsafe(maxBytes + 1)
    let length = 0
    // The file may have grown since the stat; the extra byte shows it.
    for (let count = 1; count > 0 && length < bytes.length; length += count)
      count = fs.readSync(file, bytes, length, bytes.length - length, null)
    if (length > maxBytes) return tooLarge(maxBytes)
    const text = decoded(bytes.subarray(0, length))
    return typeof text === 'string' ? { text, stats } : text
  } catch (error) {
    return isAbsent(error) ? undefined : unreadable(error)
  } finally {
    if (file !== undefined) fs.closeSync(file)
  }
}

/** Windows has neither flag: they are undefined there, which `|` takes as 0. */
const READ_ONLY = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK
export const NO_FOLLOW = fs.constants.O_NOFOLLOW

function decoded(bytes: Buffer): string | FileProblem {
  const [first, second, third] = bytes
  if (first === 0xef && second === 0xbb && third === 0xbf) return bytes.toString('utf8', 3)
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    return { problem: 'malformed', what: 'is in UTF-16 (as PowerShell writes it); save it as UTF-8' }
  return bytes.toString('utf8')
}

function unsuitable(stats: fs.Stats, maxBytes: number): FileProblem | undefined {
  return notRegular(stats) ?? (stats.size > maxBytes ? tooLarge(maxBytes) : undefined)
}

export function notRegular(stats: fs.Stats): FileProblem | undefined {
  if (stats.isFile()) return undefined
  const what = stats.isDirectory() ? 'is a folder, not a file' : 'is a FIFO, socket or device, not a file'
  return { problem: 'not-a-file', what }
}

function tooLarge(maxBytes: number): FileProblem {
  return { problem: 'too-large', what: `is larger than ${maxBytes / 1024} KiB` }
}

function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Only the code of the system error: its message repeats the path. */
export function unreadable(error: unknown): FileProblem {
  const { code } = error as NodeJS.ErrnoException
  const what = `cannot be read (${code ?? 'unknown error'})`
  // A change of permissions shows in the stat.
  return code === 'EACCES' || code === 'EPERM'
    ? { problem: 'unreadable', what }
    : { problem: 'unreadable', what, transient: true }
}
