import { unlink, type FileHandle } from 'node:fs/promises'
import { pause } from '../clock'
import { IgwnAuthError } from '../errors'
import { isLeftBehind, processIdentity } from '../files/process-identity'
import { FileAccessError, openForWriting, openOwnFile } from '../files/write-file'
import { pathName } from '../secrets/sanitize'

/** Runs work while no one else holds the lock; further work waits. */
export type Lock = <T>(work: () => Promise<T>, waiting?: Waiting) => Promise<T>

/** How to wait for a lock. */
export interface Waiting {
  /** Ends the wait, which rejects with its reason. Default is none. */
  readonly signal?: AbortSignal | undefined
  /** Called once when another process holds the lock. Default is none. */
  readonly onWait?: (() => void) | undefined
}

/**
 * A lock file: the process that creates it holds it, also against processes on other hosts that share the folder.
 *
 * The holder touches its file every second. A lock that was not touched for ten seconds belongs to a process that is gone and is
 * removed. Waiters measure these ten seconds themselves, since the clocks of a file server and its clients differ. For a lock
 * that is empty, or was left behind by an earlier process with the number of this one on a host of this name (a restarted
 * container), two seconds are enough.
 *
 * @param stale - those ten seconds, in milliseconds
 * @throws {@link IgwnAuthError} `ERR_IGWN_STORE_UNUSABLE` when the lock is not a regular file of this user
 */
export function fileLock(path: string, stale = STALE_AFTER): Lock {
  const inTurn = queue()
  return (work, waiting) =>
    inTurn(async () => {
      const file = await acquire(path, removeAlone, stale, waiting)
      let touchedAt = performance.now()
      const heartbeat = setInterval(() => {
        const now = Date.now() / 1000
        // By the handle: if the lock was removed, the next one is not touched.
        file.utimes(now, now).then(
          () => (touchedAt = performance.now()),
          () => undefined,
        )
      }, stale / 10)
      heartbeat.unref()
      try {
        return await work()
      } finally {
        clearInterval(heartbeat)
        await release(path, file, performance.now() - touchedAt < stale / 6)
      }
    })
}

/** Milliseconds. */
const STALE_AFTER = 10_000

/** Queues the work of this process, which then does not have to poll. */
function queue(): Lock {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }
}

/** Creates the lock file as soon as there is none, and removes a stale one first. */
async function acquire(
  path: string,
  removeStale: Remove,
  stale = STALE_AFTER,
  { signal, onWait }: Waiting = {},
): Promise<FileHandle> {
  let watched: { readonly lock: LockVersion; readonly since: number } | undefined
  for (let tries = 0; ; tries++) {
    signal?.throwIfAborted()
    const file = await create(path)
    if (file) return file
    if (tries === 0) onWait?.()
    const lock = await lockAt(path)
    const now = performance.now()
    if (!lock || !watched || !isSame(lock, watched.lock)) watched = lock && { lock, since: now }
    else if (now - watched.since >= (lock.isLeftBehind ? stale / 5 : stale)) await removeStale(path, lock)
    // At random, so that not all waiters retry at once.
    await pause(20 + Math.random() * 30)
  }
}

/** Removes the given lock, unless another one has replaced it. */
type Remove = (path: string, lock: LockVersion) => Promise<void>

/** Identifies a lock, and whether it was touched. */
interface LockVersion {
  readonly device: bigint
  readonly inode: bigint
  /** Nanoseconds; undefined to ignore it. A file system may reuse the inode. */
  readonly touched: bigint | undefined
  readonly isLeftBehind: boolean
}

function isSame(lock: LockVersion, seen: LockVersion): boolean {
  return (
    lock.device === seen.device &&
    lock.inode === seen.inode &&
    (seen.touched === undefined || lock.touched === seen.touched)
  )
}

async function create(path: string): Promise<FileHandle | undefined> {
  let file: FileHandle | undefined
  try {
    file = await openForWriting(path, { mode: 0o600, exclusive: true })
    await file.writeFile(processIdentity())
    return file
  } catch (error) {
    await file?.close()
    // Its own, such as on a full disk.
    if (file) await remove(path)
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

/** The lock at a path. It is opened, since a file server may return an outdated stat for a name. */
async function lockAt(path: string): Promise<LockVersion | undefined> {
  let file: FileHandle | undefined
  try {
    file = await openOwnFile(path)
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_IDENTITY), 0, MAX_IDENTITY, 0)
    return { ...(await versionOf(file)), isLeftBehind: isLeftBehind(buffer.toString('utf8', 0, bytesRead)) }
  } catch (error) {
    if (isGone(error)) return undefined
    if (!(error instanceof FileAccessError)) throw error
    throw new IgwnAuthError(
      'ERR_IGWN_STORE_UNUSABLE',
      `The lock file ${pathName(path)} ${error.problem.what}. Remove it, or use a folder of your own.`,
    )
  } finally {
    await file?.close()
  }
}

/** Bytes. */
const MAX_IDENTITY = 1024

async function versionOf(file: FileHandle): Promise<LockVersion> {
  const { dev, ino, mtimeNs } = await file.stat({ bigint: true })
  return { device: dev, inode: ino, touched: mtimeNs, isLeftBehind: false }
}

/**
 * Removes a stale lock while holding `<lock>.break`: of two processes that judged one lock stale, the second would otherwise
 * remove the new lock of the first.
 */
async function removeAlone(path: string, lock: LockVersion): Promise<void> {
  const breaker = `${path}.break`
  const file = await acquire(breaker, removeIfSame)
  try {
    await removeIfSame(path, lock)
  } finally {
    await file.close()
    await remove(breaker)
  }
}

async function removeIfSame(path: string, lock: LockVersion): Promise<void> {
  const found = await lockAt(path)
  if (found && isSame(found, lock)) await remove(path)
}

/**
 * Releases a lock. Never rejects: the result of the work must not be lost, and a remaining file is stale soon.
 *
 * @param isFresh - it was touched so recently that no waiter can have judged it stale
 */
async function release(path: string, file: FileHandle, isFresh: boolean): Promise<void> {
  try {
    // While it is open, no other file has its inode.
    const own = { ...(await versionOf(file)), touched: undefined }
    await (isFresh ? removeIfSame(path, own) : removeAlone(path, own))
  } catch {
    // See above.
  } finally {
    await file.close().catch(() => undefined)
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
