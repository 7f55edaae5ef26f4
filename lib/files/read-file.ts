import fs from 'node:fs'
import type { ReasonCode } from '../errors'

/** Why a file that is there cannot be used. */
export interface FileProblem {
  readonly problem: ReasonCode
  /** Continues a sentence that begins with the name of the file: "is a folder, not a file". */
  readonly what: string
  /** The trouble is the system's, not the file's, as too many open files: the next try may go well. */
  readonly passing?: true
}

/** Tells a file as it was from the same file changed: one that was rewritten, replaced by rename, or given new permissions. */
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

/** A file written this recently may be written again within the same tick of the file system's clock, so its mark proves nothing yet. */
const TICK_MS = 50

/** Whether a mark taken at `readAt` (milliseconds since the epoch) is old enough to vouch for what was read. */
export function isSettled(mark: FileStats, readAt: number): boolean {
  return readAt - mark.mtimeMs > TICK_MS
}

/**
 * Reads files that hold credentials, each once: as long as a file is unchanged, the value made from it is given again
 * for the price of one stat. Absent is undefined; a file that cannot be used is a `FileProblem`.
 *
 * The caller may give the stat by which it judged the file; then a file that belongs to somebody else is not read in its
 * place.
 *
 * @param parse - makes the value from the text; what it returns is remembered, problems too
 * @param maxBytes - files larger than this are refused unread
 */
export function rememberedReads<T>(
  parse: (text: string, path: string) => T,
  maxBytes: number,
): (path: string, stats?: fs.Stats) => T | FileProblem | undefined {
  const remembered = new Map<string, { mark: FileStats; value: T | FileProblem }>()

  return (path, stats) => {
    const now = stats ?? statOf(path)
    if (!now || 'problem' in now) {
      remembered.delete(path)
      return now
    }
    const before = remembered.get(path)
    if (before && sameFile(before.mark, now)) return before.value

    remembered.delete(path)
    const readAt = Date.now()
    // Where the stat tells, nothing is opened: that would wake whoever waits at the other end of a FIFO, or move a tape.
    const opened = unsuitable(now, maxBytes) ?? readWhole(path, maxBytes)
    if (!opened) return undefined
    const isRead = !('problem' in opened)
    if (isRead && stats && opened.stats.uid !== stats.uid) return REPLACED
    const value = isRead ? parse(opened.text, path) : opened
    const mark = isRead ? opened.stats : now
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    if (isSettled(mark, readAt) && (isRead || !opened.passing)) remembered.set(path, { mark, value })
    return value
  }
}

/** More files than any machine has credentials; past it everything is read afresh rather than kept for ever. */
const MAX_REMEMBERED = 10_000

const REPLACED: FileProblem = {
  problem: 'foreign-owner',
  what: 'was replaced by a file of another user while it was read',
}

/** The stat of a file, undefined where there is none. Of a link, that of what it leads to. */
export function statOf(path: string): fs.Stats | FileProblem | undefined {
  try {
    return fs.statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    return isAbsent(error) ? undefined : unreadable(error)
  }
}

/** The same, but of a link its own. */
export function linkStatOf(path: string): fs.Stats | FileProblem | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    return isAbsent(error) ? undefined : unreadable(error)
  }
}

/** Whether there is a file, whatever it is. */
export function isStats(value: fs.Stats | FileProblem | undefined): value is fs.Stats {
  return value !== undefined && !('problem' in value)
}

/** Reads a file whole without ever waiting: a FIFO would block, a device may have no end. */
export function readWhole(
  path: string,
  maxBytes: number,
): { text: string; stats: fs.Stats } | FileProblem | undefined {
  let file: number | undefined
  try {
    file = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK || 0))
    const stats = fs.fstatSync(file)
    const problem = unsuitable(stats, maxBytes)
    if (problem) return problem
    const bytes = Buffer.alloc(maxBytes + 1)
    let length = 0
    // A file may grow between the stat and the read; the extra byte tells.
    for (let got = 1; got > 0 && length < bytes.length; length += got)
      got = fs.readSync(file, bytes, length, bytes.length - length, null)
    if (length > maxBytes) return tooLarge(maxBytes)
    return { text: bytes.toString('utf8', 0, length), stats }
  } catch (error) {
    return isAbsent(error) ? undefined : unreadable(error)
  } finally {
    if (file !== undefined) fs.closeSync(file)
  }
}

function unsuitable(stats: fs.Stats, maxBytes: number): FileProblem | undefined {
  if (stats.isDirectory()) return { problem: 'not-a-file', what: 'is a folder, not a file' }
  if (!stats.isFile()) return { problem: 'not-a-file', what: 'is a FIFO, socket or device, not a file' }
  return stats.size > maxBytes ? tooLarge(maxBytes) : undefined
}

function tooLarge(maxBytes: number): FileProblem {
  return { problem: 'too-large', what: `is larger than ${maxBytes / 1024} KiB` }
}

function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Only the code of the system's error: the message repeats the path, which the reason names already. */
export function unreadable(error: unknown): FileProblem {
  const { code } = error as NodeJS.ErrnoException
  const what = `cannot be read (${code ?? 'unknown error'})`
  // Permissions show in the stat when they change.
  return code === 'EACCES' || code === 'EPERM'
    ? { problem: 'unreadable', what }
    : { problem: 'unreadable', what, passing: true }
}
