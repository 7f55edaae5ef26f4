import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { kindOf } from '../check-values'
import { secondsNow } from '../clock'
import { processEnvironment } from '../environment'
import { IgwnAuthError } from '../errors'
import { folderProblem, formatPermissions, ownFileProblem, sharedFolderCheck } from '../files/access'
import { isStats, readTextFile, statOf, type FileProblem } from '../files/read-file'
import { failureText, writeTextFile } from '../files/write-file'
import { pathName, shellWord } from '../secrets/sanitize'
import { fileLock, type Lock, type Waiting } from './file-lock'
import { storedToken } from './stored-token'
import type { StoredToken, TokenStore } from './token-store'

/**
 * A store that is one JSON file, for the processes of one user. Its mode is 0600, and each write replaces it as a whole, so that
 * a reader finds the old or the new content, also when a writer is killed. Locks are files beside it; the lock of a killed
 * process is removed when it has not been touched for ten seconds. Expired tokens without a refresh token are deleted with the
 * next write, and the oldest tokens when the file would exceed 4 MiB. One token response has at most 64 KiB.
 *
 * A missing folder is created with mode 0700. On POSIX a file is neither read nor written if it is accessible to others, has
 * another owner or a second hard link, or is in a folder in which others could replace it.
 *
 * Its methods reject with {@link IgwnAuthError} `ERR_IGWN_STORE_UNUSABLE` when file or folder cannot be used; the message says
 * why, and what to do.
 *
 * @param file - its path, relative to the current working directory
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when it is not a path
 */
export function fileStore(file: string): TokenStore {
  return lockableStore(file)
}

/** The same store, whose lock can be waited for with an end. */
export interface LockableStore extends TokenStore {
  lock<T>(key: string, work: () => Promise<T>, waiting?: Waiting): Promise<T>
}

export function lockableStore(file: string): LockableStore {
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
        if (token === 'malformed') throw malformed(store)
        return token
      })
    },
    async set(key, token) {
      if (storedToken(token) === 'malformed')
        throw unusable('The token has no access_token, or one that cannot be sent', 'Store a token response')
      if (Buffer.byteLength(JSON.stringify(token)) > MAX_ENTRY)
        throw unusable(`The token response is larger than ${MAX_ENTRY / 1024} KiB`, 'Store a smaller one')
      await change((entries) => {
        // The newest is last.
        entries.delete(key)
        return entries.set(key, token)
      })
    },
    delete: (key) => change((entries) => entries.delete(key)),
    async lock(key, work, waiting) {
      await prepareFolder(store)
      const lock = lockOf(key)
      return lock(work, waiting)
    },
  }

  /** Reads, changes and replaces the file under its lock. */
  async function change(make: (entries: Map<string, unknown>) => unknown): Promise<void> {
    await prepareFolder(store)
    await attempt(store, 'written', () =>
      inTurn(async () => {
        const entries = read(store)
        if (make(entries)) await writeTextFile(store, textOf(entries))
      }),
    )
  }

  /** A key may be any text; the name of its lock file has a fixed length. */
  function lockOf(key: string): Lock {
    const name = createHash('sha256').update(key).digest('hex').slice(0, 16)
    const lock = locks.get(name) ?? fileLock(`${store}.${name}.lock`)
    locks.set(name, lock)
    return lock
  }
}

/** Nothing is created on a path on which another user has put a link. */
async function prepareFolder(store: string): Promise<void> {
  const folder = path.dirname(store)
  let known = folder
  while (statOf(known) === undefined) known = path.dirname(known)
  checkPath(known)
  await attempt(folder, 'created', () => mkdir(folder, { recursive: true, mode: 0o700 }))
  checkFolder(folder)
}

/** Bytes of one token response: a server could otherwise drive out the tokens of others. */
const MAX_ENTRY = 64 * 1024

/** More than the tokens of one user. */
const MAX_BYTES = 4 * 1024 * 1024

/** The content of the file, by key. */
function read(store: string): Map<string, unknown> {
  const found = readTextFile(store, MAX_BYTES, { check: checkOwner })
  if (!found) return new Map()
  const name = pathName(store)
  if ('problem' in found)
    throw unusable(`${name} ${found.what}`, `Use a regular file of your own, in a folder of your own`)
  for (const folder of new Set([path.dirname(store), path.dirname(fs.realpathSync(store))]))
    checkFolder(folder)
  if (processEnvironment.euid !== undefined && (found.stats.mode & 0o077) !== 0)
    throw unusable(
      `${name} is accessible to others (mode ${formatPermissions(found.stats)}), so its tokens may be known to them`,
      `Run \`chmod 600 ${shellWord(store)}\``,
    )
  if (found.text.trim() === '') return new Map()
  try {
    const entries: unknown = JSON.parse(found.text)
    if (typeof entries === 'object' && entries !== null && !Array.isArray(entries))
      return new Map(Object.entries(entries))
  } catch {
    // The message of JSON.parse repeats the text.
  }
  throw malformed(store)
}

/** The text of the file: without expired tokens, and without the oldest ones if it would be too long to be read again. */
function textOf(entries: Map<string, unknown>): string {
  for (const [key, value] of entries) if (isExpired(storedToken(value))) entries.delete(key)
  for (;;) {
    const text = `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`
    if (Buffer.byteLength(text) <= MAX_BYTES) return text
    for (const key of [...entries.keys()].slice(0, Math.ceil(entries.size / 10))) entries.delete(key)
  }
}

function isExpired(token: StoredToken | 'malformed' | undefined): boolean {
  if (token === undefined || token === 'malformed') return false
  return (
    token.refresh_token === undefined && (token.expires_at ?? Infinity) < secondsNow() - KEPT_AFTER_EXPIRY
  )
}

/** Seconds; a source may accept tokens that expired a little ago (`clockTolerance`). */
const KEPT_AFTER_EXPIRY = 3600

const isFromOthers = /* @__PURE__ */ sharedFolderCheck(() => processEnvironment.euid)

function checkOwner(file: string, stats: fs.Stats): FileProblem | undefined {
  return isFromOthers(file, stats) ?? ownFileProblem(stats, processEnvironment.euid)
}

function checkFolder(folder: string): void {
  const stats = statOf(folder)
  const problem = isStats(stats) ? folderProblem(stats, processEnvironment.euid) : stats
  if (!problem) {
    checkPath(folder)
    return
  }
  const name = pathName(folder)
  const isOpen = problem.problem === 'open-permissions'
  throw unusable(
    `${name} ${problem.what}`,
    isOpen ? `Run \`chmod go-w ${shellWord(folder)}\`` : 'Use a folder of your own',
  )
}

/** In a folder that others can write to, each entry on the way must belong to this user or root. */
function checkPath(folder: string): void {
  const stats = statOf(folder)
  const problem = isStats(stats) ? isFromOthers(folder, stats) : stats
  if (problem) throw unusable(`${pathName(folder)} ${problem.what}`, 'Use a folder of your own')
}

/** Turns the errors of the system into errors of this package. */
async function attempt<T>(file: string, operation: string, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof IgwnAuthError) throw error
    throw unusable(
      `${pathName(file)} ${failureText(error, operation)}`,
      'Use a file that you can write',
      error,
    )
  }
}

function malformed(store: string): IgwnAuthError {
  return unusable(
    `${pathName(store)} is not a token store: it has no JSON object with tokens by key`,
    `Run \`rm ${shellWord(store)}\``,
  )
}

function unusable(problem: string, fix: string, cause?: unknown): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_STORE_UNUSABLE', `${problem}. ${fix}.`, { cause })
}
