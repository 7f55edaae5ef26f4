import {
  isSettled,
  isStats,
  linkStatOf,
  sameFile,
  statOf,
  type FileStats,
  type FileProblem,
} from './read-file'

/** The state of a place: the text of a variable, or the path of a file and its stat. */
export type FileVersion = string | MarkOfFile

interface MarkOfFile {
  readonly path: string
  /** Undefined where there is no file. */
  readonly stats: FileStats | undefined
  /** Of a link, that of what it leads to. */
  readonly target?: FileStats | undefined
}

/** Whether nothing has changed between two marks of one place. */
export function sameVersion(before: FileVersion | undefined, now: FileVersion | undefined): boolean {
  if (typeof before !== 'object' || typeof now !== 'object') return before === now && now !== undefined
  return before.path === now.path && same(before.stats, now.stats) && same(before.target, now.target)
}

function same(before: FileStats | undefined, now: FileStats | undefined): boolean {
  return before && now ? sameFile(before, now) : before === now
}

/**
 * The mark of a file, from its stat. Undefined: it changed too recently to say, or cannot be looked at.
 */
export function versionOf(path: string, stats: FileStats | FileProblem | undefined): MarkOfFile | undefined {
  if (stats === undefined) return { path, stats }
  if ('problem' in stats || !isSettled(stats, Date.now())) return undefined
  return { path, stats }
}

/** The mark of a file in a folder where everybody can make files: of the name there, and of what it leads to. */
export function versionOfShared(path: string): FileVersion | undefined {
  const { link, stats } = statsOf(path)
  const mark = versionOf(path, link)
  if (stats === link || mark === undefined) return mark
  const target = versionOf(path, stats)
  return target && { ...mark, target: target.stats }
}

/** The stat of a name, and of the file that it leads to; the same when it is no link. */
export function statsOf(file: string) {
  const link = linkStatOf(file)
  return { link, stats: isStats(link) && link.isSymbolicLink() ? statOf(file) : link }
}
