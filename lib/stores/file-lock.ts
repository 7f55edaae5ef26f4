import { open, unlink, type FileHandle } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

/** Runs work while nobody else holds the lock; what comes meanwhile waits. */
export type Lock = <T>(work: () => Promise<T>) => Promise<T>

/**
 * A lock that is a file: who creates it holds it, in this process or another, on this machine or another that shares the
 * folder.
 *
 * A holder touches its file every second. One that has not been touched for ten seconds is left by a process that is gone,
 * and is taken away. That is judged by watching it, not by its age, so that clocks that differ (of a file server, say) do no
 * harm. The price: after a crash, the first to come waits these ten seconds.
 *
 * @param stale - those ten seconds, in milliseconds
 */
export function fileLock(path: string, stale = STALE_MS): Lock {
  const inTurn = queue()
  return (work) =>
    inTurn(async () => {
      const file = await seize(path, takeAwayAlone, stale)
      let beatAt = performance.now()
      const beat = setInterval(() => {
        const now = Date.now() / 1000
        // By the handle: should the lock have been taken away, that of another is not touched.
        file.utimes(now, now).then(
          () => (beatAt = performance.now()),
          () => undefined,
        )
      }, stale / 10)
      beat.unref()
      try {
        return await work()
      } finally {
        clearInterval(beat)
        await release(path, file, performance.now() - beatAt < stale / 2)
      }
    })
}

const STALE_MS = 10_000

/** Lets work of this process wait for its turn where nobody must poll. */
function queue(): Lock {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }
}

/** Creates the file, as soon as there is none. One that is stale is taken away first. */
async function seize(path: string, takeAway: TakeAway, stale = STALE_MS): Promise<FileHandle> {
  let watched: { readonly mark: Mark; readonly since: number } | undefined
  for (;;) {
    const file = await create(path)
    if (file) return file
    const mark = await markAt(path)
    const now = performance.now()
    if (!mark || !watched || !fits(mark, watched.mark)) watched = mark && { mark, since: now }
    else if (now - watched.since >= stale) await takeAway(path, mark)
    // Not all at once, who wait.
    await wait(20 + Math.random() * 30)
  }
}

/** Removes the lock that was seen, and no other that is there meanwhile. */
type TakeAway = (path: string, seen: Mark) => Promise<void>

/** Tells one lock from the next, and one that is touched from one that is not. */
interface Mark {
  readonly device: bigint
  readonly inode: bigint
  /** In nanoseconds; undefined where it does not matter. A file system may give the next file the same inode. */
  readonly touched: bigint | undefined
}

function fits(mark: Mark, seen: Mark): boolean {
  return (
    mark.device === seen.device &&
    mark.inode === seen.inode &&
    (seen.touched === undefined || mark.touched === seen.touched)
  )
}

async function create(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

/** Of the lock that is there. It is opened, since what a file server says of a name may be old. */
async function markAt(path: string): Promise<Mark | undefined> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    return await markOf(file)
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  } finally {
    await file?.close()
  }
}

async function markOf(file: FileHandle): Promise<Mark> {
  const { dev, ino, mtimeNs } = await file.stat({ bigint: true })
  return { device: dev, inode: ino, touched: mtimeNs }
}

/**
 * Takes a stale lock away. Only who holds `<lock>.break` may: else, of two that judged one lock stale, the second would take
 * away the fresh lock of the first.
 */
async function takeAwayAlone(path: string, seen: Mark): Promise<void> {
  const breaker = `${path}.break`
  const file = await seize(breaker, takeAway)
  try {
    await takeAway(path, seen)
  } finally {
    await file.close()
    await remove(breaker)
  }
}

async function takeAway(path: string, seen: Mark): Promise<void> {
  const found = await markAt(path)
  if (found && fits(found, seen)) await remove(path)
}

/**
 * Lets go of a lock. It fails at nothing: what the work gave must not be lost over it, and a file that stays is stale soon.
 *
 * @param fresh - it was touched so recently that nobody can have judged it stale
 */
async function release(path: string, file: FileHandle, fresh: boolean): Promise<void> {
  try {
    // As long as it is open, no other file has its inode.
    const mine = { ...(await markOf(file)), touched: undefined }
    await (fresh ? takeAway(path, mine) : takeAwayAlone(path, mine))
  } catch {
    // as above
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
