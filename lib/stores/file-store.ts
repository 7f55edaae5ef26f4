import { createHash, randomUUID } from 'node:crypto'
import type fs from 'node:fs'
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { IgwnAuthError } from '../errors'
import { pathName } from '../secrets/sanitize'
import { isStats, readTextFile, statOf } from '../files/read-file'
import { processEnvironment } from '../environment'
import { kindOf } from '../tokens/token'
import { fileLock, type Lock } from './file-lock'
import { storedToken } from './stored-token'
import type { TokenStore } from './token-store'

/**
 * A store that is one JSON file, for the processes of one user: closed to all others (mode 0600), and replaced as a whole, so
 * that a reader finds what was or what is, also when a writer is killed. Locks are files beside it; one that a killed process
 * left behind is taken away when it has not been touched for ten seconds.
 *
 * A folder that is missing is made, with mode 0700. On POSIX, a file that others can reach or that belongs to somebody else
 * is neither read nor written; nor is one in a folder where others could replace it.
 *
 * Its methods reject with {@link IgwnAuthError} `ERR_IGWN_STORE_UNUSABLE` when file or folder cannot be used; the message
 * says why, and what mends it.
 *
 * @param file - its path; one that is not absolute begins at the working directory of now
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when it is no path
 */
export function fileStore(file: string): TokenStore {
  if (typeof (file as unknown) !== 'string' || file === '')
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `fileStore needs the path of a file, not ${(file as unknown) === '' ? 'an empty string' : kindOf(file)}.`,
    )
  const store = path.resolve(file)
  const inTurn = fileLock(`${store}.lock`)
  const locks = new Map<string, Lock>()

  return {
    get(key) {
      return attempt(store, 'read', () => {
        const token = storedToken(read(store).get(key))
        if (token === 'broken') throw broken(store)
        return token
      })
    },
    set: (key, token) => change((entries) => entries.set(key, token)),
    delete: (key) => change((entries) => entries.delete(key)),
    async lock(key, work) {
      await furnish(store)
      const lock = await attempt(store, 'locked', () => lockOf(key))
      return lock(work)
    },
  }

  /** Reads, changes and replaces the file while nobody else does. */
  async function change(make: (entries: Map<string, unknown>) => unknown): Promise<void> {
    await furnish(store)
    await attempt(store, 'written', () =>
      inTurn(async () => {
        const entries = read(store)
        if (make(entries))
          await replace(store, `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`)
      }),
    )
  }

  /** A key may be any text; the name of its file is of one length. */
  function lockOf(key: string): Lock {
    const name = createHash('sha256').update(key).digest('hex').slice(0, 16)
    const lock = locks.get(name) ?? fileLock(`${store}.${name}.lock`)
    locks.set(name, lock)
    return lock
  }
}

/** Makes the folder where it is missing. */
async function furnish(store: string): Promise<void> {
  const folder = path.dirname(store)
  await attempt(folder, 'made', () => mkdir(folder, { recursive: true, mode: 0o700 }))
  checkFolder(folder)
}

/** More than any number of tokens that one user has. */
const MAX_BYTES = 4 * 1024 * 1024

/** What the file holds, by key. */
function read(store: string): Map<string, unknown> {
  const found = readTextFile(store, MAX_BYTES)
  if (!found) return new Map()
  if ('problem' in found) throw unusable(`${pathName(store)} ${found.what}`, 'Name another file')
  checkFolder(path.dirname(store))
  checkFile(store, found.stats)
  if (found.text.trim() === '') return new Map()
  try {
    const entries: unknown = JSON.parse(found.text)
    if (typeof entries === 'object' && entries !== null && !Array.isArray(entries))
      return new Map(Object.entries(entries))
  } catch {
    // What JSON.parse says repeats what it read.
  }
  throw broken(store)
}

/** Whoever may write in the folder could replace the file, but where the sticky bit is set, as in `/tmp`. */
function checkFolder(folder: string): void {
  const stats = statOf(folder)
  if (!isStats(stats) || processEnvironment.euid === undefined) return
  const name = pathName(folder)
  if (stats.uid !== processEnvironment.euid && stats.uid !== 0)
    throw unusable(`${name} ${belongsTo(stats.uid)}`, 'Name a file in a folder of your own')
  if ((stats.mode & 0o022) !== 0 && (stats.mode & 0o1000) === 0)
    throw unusable(
      `${name} can be written by others (mode ${modeOf(stats)})`,
      `Close it with: chmod go-w ${name}`,
    )
}

function checkFile(store: string, stats: fs.Stats): void {
  if (processEnvironment.euid === undefined) return
  const name = pathName(store)
  if (stats.uid !== processEnvironment.euid)
    throw unusable(`${name} ${belongsTo(stats.uid)}`, 'Name a file of your own')
  if ((stats.mode & 0o077) !== 0)
    throw unusable(
      `${name} can be reached by others (mode ${modeOf(stats)}), and what it holds may be known to them`,
      `Close it with: chmod 600 ${name}`,
    )
}

function belongsTo(uid: number): string {
  return `belongs to user ${uid}, not to user ${String(processEnvironment.euid)}`
}

function modeOf({ mode }: fs.Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}

/**
 * Replaces a file as a whole, on the disk too, so that not even a crash of the machine leaves half of it. The temporary file
 * has a name that nobody can guess and put a link at.
 */
async function replace(store: string, text: string): Promise<void> {
  const target = await realpath(store).catch(() => store)
  const temporary = `${target}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Lets the system's errors say what could not be done; those of ours pass as they are. */
async function attempt<T>(store: string, what: string, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof IgwnAuthError) throw error
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw unusable(`${pathName(store)} cannot be ${what} (${code})`, 'Name a file where you may write', error)
  }
}

function broken(store: string): IgwnAuthError {
  const name = pathName(store)
  return unusable(
    `${name} is no token store: it does not hold tokens in JSON, by key`,
    `Remove it with: rm ${name}`,
  )
}

function unusable(what: string, mend: string, cause?: unknown): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_STORE_UNUSABLE', `${what}. ${mend}.`, { cause })
}
