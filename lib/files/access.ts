/**
 * Whether a path may be read, written, locked or renamed, judged by who could have put something there. Only POSIX has the
 * owners and permissions that this needs; without a user id nothing is refused.
 */
import fs from 'node:fs'
import path from 'node:path'
import { pathName } from '../secrets/sanitize'
import {
  isStats,
  notRegular,
  REPLACED,
  statOf,
  unreadable,
  type AccessCheck,
  type FileProblem,
} from './read-file'

/** Permissions as in `chmod`: `0600`. */
export function formatPermissions({ mode }: Pick<fs.Stats, 'mode'>): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}

/** The permissions of a file; undefined if it has none to show. */
export function permissionsOf(file: string): string | undefined {
  const stats = statOf(file)
  return isStats(stats) ? formatPermissions(stats) : undefined
}

/** Whether other users may create files in a folder. */
function isShared({ mode }: fs.Stats): boolean {
  return (mode & 0o022) !== 0
}

/**
 * Refuses a credential that another user could have put there: in a folder that others can write to, the file, each link
 * and each folder on its path must belong to this user or root. Elsewhere owners are not checked. Links are followed, as
 * in secrets that Kubernetes mounts.
 *
 * @param uid - the user; undefined on a platform without user ids
 */
export function sharedFolderCheck(uid: () => number | undefined): AccessCheck {
  return (file, stats) => {
    const user = uid()
    if (user === undefined) return undefined
    try {
      return walk(file, stats, user)
    } catch (error) {
      return unreadable(error)
    }
  }
}

/** As in Linux (`path_resolution(7)`). */
const MAX_LINKS = 40

/**
 * Follows a path as the system does, one component after the other, to the file that was opened. Checked are the entries of
 * shared folders, and whatever a link in a shared folder leads to.
 */
function walk(file: string, opened: fs.Stats, user: number): FileProblem | undefined {
  let current: string = path.sep
  let stats = fs.lstatSync(current)
  let links = 0
  let isByLink = false
  const pending = componentsOf(path.isAbsolute(file) ? file : path.join(process.cwd(), path.sep) + file)
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const entry = path.join(current, name)
    const found = fs.lstatSync(entry)
    const isLink = found.isSymbolicLink()
    const isChecked = isShared(stats) ? name !== '..' : isByLink && !found.isDirectory()
    if (isChecked && found.uid !== user && found.uid !== 0) return foreign(file, entry, found.uid, user)
    isByLink ||= isLink && isShared(stats)
    if (!isLink) {
      current = entry
      stats = found
      continue
    }
    if (++links > MAX_LINKS) return unreadable({ code: 'ELOOP' })
    const target = fs.readlinkSync(entry)
    pending.push(...componentsOf(target))
    if (path.isAbsolute(target)) {
      current = path.sep
      stats = fs.lstatSync(current)
    }
  }
  if (stats.ino === opened.ino && stats.dev === opened.dev) return undefined
  return REPLACED
}

/** The last component first, so that each is a `pop`. */
function componentsOf(file: string): string[] {
  return file
    .split(path.sep)
    .filter((one) => one !== '' && one !== '.')
    .reverse()
}

function foreign(file: string, entry: string, owner: number, user: number): FileProblem {
  const subject = entry === path.resolve(file) ? '' : `leads to ${pathName(entry)}, which `
  return {
    problem: 'foreign-owner',
    what: `${subject}belongs to user ${owner}, not to user ${user}, and others can write to a folder on the path`,
    expected: user,
    actual: owner,
  }
}

/** Refuses to write, lock or rename anything but a regular file of this user that has no second hard link. */
export function ownFileProblem(stats: fs.Stats, user: number | undefined): FileProblem | undefined {
  const problem = stats.isSymbolicLink() ? LINK : notRegular(stats)
  if (problem || user === undefined) return problem
  if (stats.uid !== user) return ownedByOther(stats.uid, user)
  if (stats.nlink > 1)
    return { problem: 'foreign-owner', what: `has ${stats.nlink} hard links, of which others may use one` }
  return undefined
}

export const LINK: FileProblem = { problem: 'not-a-file', what: 'is a symbolic link' }

/** Refuses a folder in which other users could replace a file of this user. In one with the sticky bit they cannot. */
export function folderProblem(stats: fs.Stats, user: number | undefined): FileProblem | undefined {
  if (!stats.isDirectory()) return { problem: 'not-a-file', what: 'is not a folder' }
  if (user === undefined) return undefined
  if (stats.uid !== user && stats.uid !== 0) return ownedByOther(stats.uid, user)
  if (!isShared(stats) || (stats.mode & 0o1000) !== 0) return undefined
  return {
    problem: 'open-permissions',
    what: `can be written by others (mode ${formatPermissions(stats)})`,
  }
}

/** Refuses an entry that another user put into a folder that others can write to. Its target is not looked at. */
export function entryProblem(file: string, user: number | undefined): FileProblem | undefined {
  const { uid } = fs.lstatSync(file)
  if (user === undefined || uid === user || uid === 0) return undefined
  return isShared(fs.statSync(path.dirname(file))) ? ownedByOther(uid, user) : undefined
}

function ownedByOther(owner: number, user: number): FileProblem {
  return {
    problem: 'foreign-owner',
    what: `belongs to user ${owner}, not to user ${user}`,
    expected: user,
    actual: owner,
  }
}
