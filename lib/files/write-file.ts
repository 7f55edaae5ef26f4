/**
 * Writing, locking and renaming files. What would follow a link, or change a file of another user, is refused: the
 * functions reject with a {@link FileAccessError} then, and with the system's error when the system refuses.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, open, realpath, rename, rm, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { processEnvironment } from '../environment'
import { entryProblem, LINK, ownFileProblem, sharedFolderCheck } from './access'
import { isStats, linkStatOf, NO_FOLLOW, notRegular, REPLACED, statOf, type FileProblem } from './read-file'

/** A file that must not be written, locked or renamed. */
export class FileAccessError extends Error {
  override readonly name = 'FileAccessError'
  readonly problem: FileProblem

  constructor(problem: FileProblem) {
    super(problem.what)
    this.problem = problem
  }
}

/**
 * Why an operation on a file failed, to continue a sentence that begins with the name of the file: "is a symbolic link",
 * "cannot be written (ENOSPC)".
 *
 * @param operation - "written", "locked"
 */
export function failureText(error: unknown, operation: string): string {
  if (error instanceof FileAccessError) return error.problem.what
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  return `cannot be ${operation} (${code})`
}

/**
 * Opens a file for reading and writing, and creates it if there is none. It is never truncated, since it may have to be
 * resumed.
 *
 * @param options - `mode`: the permissions it has from the start; one that exists gets them before anything is written.
 *   Default is what the umask leaves of 0666. `exclusive`: fails with `EEXIST` if it exists, as a lock needs. Default is false
 */
export async function openForWriting(
  file: string,
  { mode, exclusive = false }: { mode?: number | undefined; exclusive?: boolean } = {},
): Promise<FileHandle> {
  return checked(file, CREATE | (exclusive ? constants.O_EXCL : 0), mode)
}

/** Opens a file of this user for reading, a lock file for example. */
export async function openOwnFile(file: string): Promise<FileHandle> {
  return checked(file, constants.O_RDONLY)
}

const CREATE = constants.O_RDWR | constants.O_CREAT
const SAFELY = NO_FOLLOW | constants.O_NONBLOCK

async function checked(file: string, flags: number, mode?: number): Promise<FileHandle> {
  const handle = await open(file, flags | SAFELY, mode ?? 0o666).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'ELOOP' ? new FileAccessError(LINK) : error
  })
  try {
    const stats = await handle.stat()
    refuse(ownFileProblem(stats, processEnvironment.euid))
    if (mode !== undefined && (stats.mode & 0o7777) !== mode) await handle.chmod(mode)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Opens a pipe or a device for writing; a regular file that was put in its place meanwhile is not opened. */
export async function openDevice(file: string): Promise<FileHandle> {
  refuse(entryProblem(file, processEnvironment.euid))
  const handle = await open(file, constants.O_WRONLY)
  if (!(await handle.stat()).isFile()) return handle
  await handle.close()
  throw new FileAccessError(REPLACED)
}

/** Replaces a file by another of this user in one step that survives a crash. An open handle of it must be synced first. */
export async function replaceFile(replacement: string, file: string): Promise<void> {
  refuse(ownFileProblem(await lstat(replacement), processEnvironment.euid))
  await rename(replacement, file)
  await syncFolder(path.dirname(file))
}

/**
 * Writes a whole file: a reader finds the old text or the new one, also after a crash. A link stays, and its target is
 * replaced.
 *
 * @param mode - its permissions from the start. Default is 0600
 */
export async function writeTextFile(file: string, text: string, mode = 0o600): Promise<void> {
  const target = await writeTarget(file)
  // The name cannot be guessed, so no other user can have put a link there.
  const temporary = path.join(path.dirname(target), `.${randomUUID()}.tmp`)
  try {
    const handle = await openForWriting(temporary, { mode, exclusive: true })
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await replaceFile(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * The path that is replaced when a file is written: of a link, that of its target. A file that exists must be a regular
 * one, and in a folder that others can write to it and its links must belong to this user or root.
 */
export async function writeTarget(file: string): Promise<string> {
  const link = linkStatOf(file)
  if (link === undefined) return file
  const stats = statOf(file)
  if (stats === undefined) throw new FileAccessError({ ...LINK, what: 'is a symbolic link to no file' })
  if (!isStats(stats)) throw new FileAccessError(stats)
  refuse(notRegular(stats) ?? checkShared(file, stats))
  return realpath(file)
}

/**
 * Removes a file, and of a link also the file that writing would replace, with the same checks. False if there is none. A link to
 * no file is removed.
 */
export async function removeTextFile(file: string): Promise<boolean> {
  const entry = linkStatOf(file)
  if (entry === undefined) return false
  refuse(entryProblem(file, processEnvironment.euid))
  if (statOf(file) !== undefined) await rm(await writeTarget(file))
  await rm(file, { force: true })
  return true
}

const checkShared = /* @__PURE__ */ sharedFolderCheck(() => processEnvironment.euid)

function refuse(problem: FileProblem | undefined): void {
  if (problem) throw new FileAccessError(problem)
}

/** Makes a rename survive a crash. Not all platforms and file systems can sync a folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}
