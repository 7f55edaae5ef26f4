import type { Environment } from '../environment'
import { secondsNow } from '../clock'
import { isSettled, isStats, sameFile, statOf, type FileProblem, type FileStats } from './read-file'

/** A path, and the stat of its file: of a link that of its target, undefined if there is none. */
export interface FileVersion {
  readonly path: string
  readonly stats: FileStats | undefined
}

/** Undefined for a file that changed too recently to be identified by its stat, or that cannot be looked at. */
export function fileVersion(
  path: string,
  stats: FileStats | FileProblem | undefined = statOf(path),
): FileVersion | undefined {
  if (stats === undefined) return { path, stats }
  if ('problem' in stats || !isSettled(stats, Date.now())) return undefined
  return { path, stats }
}

/** Whether a file has not changed since. */
export function isUnchanged({ path, stats }: FileVersion): boolean {
  const now = statOf(path)
  if (now === undefined || stats === undefined) return now === stats
  return isStats(now) && sameFile(stats, now)
}

/** Everything that the result of a search depends on. */
export interface SearchState {
  /** The variables that were read, and their values. */
  readonly variables: readonly (readonly [name: string, value: string | undefined])[]
  readonly uid: number | undefined
  readonly euid: number | undefined
  readonly files: readonly FileVersion[]
  /** Seconds since the epoch: when the search was made. An earlier time means that the clock was set back. */
  readonly from: number
  /** Seconds since the epoch from which time alone may change the result. */
  readonly until: number
}

/** Whether the same search would have the same result. Costs a stat for each file. */
export function isStillValid(
  { variables, uid, euid, files, from, until }: SearchState,
  environment: Environment,
): boolean {
  const now = secondsNow()
  if (now < from || now >= until || environment.uid !== uid || environment.euid !== euid) return false
  const { env } = environment
  // Runs for each request: destructuring would cost an iterator for each pair.
  for (const variable of variables) if (env[variable[0]] !== variable[1]) return false
  for (const file of files) if (!isUnchanged(file)) return false
  return true
}
