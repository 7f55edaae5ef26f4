import fs from 'node:fs'
import { open, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathName } from '../secrets/sanitize'
import { isStats, linkStatOf, statOf } from '../files/read-file'
import { EXIT } from './exit-code'
import { Failure } from './failure'
import { claim } from './lock-file'
import { isValidator, type Validator } from './validator'

/** What a part is the beginning of. */
export interface Whole {
  /** Tells requests apart that ask for different things. */
  readonly key: string
  readonly validator: Validator
  /** Bytes of the whole file, where the server says so. */
  readonly size?: number | undefined
}

/**
 * The beginning of a download: `FILE.part` beside FILE, until it is complete and takes the name. `FILE.part.json` says what it
 * is the beginning of, and how much of it is surely on the disk: after a crash of the machine a file may be longer than what
 * was written to it.
 */
export interface PartFile {
  readonly path: string
  /** Bytes that are there; the next is written behind them. */
  readonly position: number
  /** What it is the beginning of; undefined where that is not known, so that it cannot be taken up. */
  readonly whole: Whole | undefined
  /** Lets go of what is there, and begins anew. */
  begin(whole: Whole | undefined): Promise<void>
  write(chunk: Buffer): Promise<void>
  /** Gives the part its name, in one step, with everything on the disk. Whoever opens FILE finds what was, or this. */
  complete(): Promise<void>
  /** Ends before it is complete: keeps what can be taken up, and removes what cannot. */
  close(): Promise<void>
}

/**
 * Opens the part of a file, for this process alone.
 *
 * @param key - what is asked for: the beginning of something else is not taken up
 * @throws Failure `unwritable` when it cannot be written, or another process is writing it
 */
export async function openPart(file: string, key: string, resume: boolean): Promise<PartFile> {
  const target = await targetOf(file)
  const part = `${target}.part`
  const papers = `${part}.json`
  const release = claim(`${part}.lock`, part)
  try {
    return await opened({ target, part, papers, release }, key, resume)
  } catch (error) {
    release()
    throw error
  }
}

interface Names {
  readonly target: string
  readonly part: string
  readonly papers: string
  readonly release: () => void
}

async function opened(
  { target, part, papers, release }: Names,
  key: string,
  resume: boolean,
): Promise<PartFile> {
  const handle = await attempt(part, () => open(part, TO_WRITE, 0o666))
  const { size } = await handle.stat()
  let { whole, position } = resume ? await beginningIn(papers, key, size) : NOTHING
  let isTouched = false
  let checked = Date.now()
  let checking: Promise<void> | undefined

  /** Notes how much is surely on the disk. */
  async function check(): Promise<void> {
    const bytes = position
    await handle.datasync()
    if (whole) await writeFile(papers, `${JSON.stringify({ ...whole, bytes })}\n`)
    checked = Date.now()
  }

  return {
    path: part,
    get position() {
      return position
    },
    get whole() {
      return whole
    },
    async begin(next) {
      await attempt(part, async () => {
        await checking
        await rm(papers, { force: true })
        await handle.truncate(0)
      })
      isTouched = true
      whole = next
      position = 0
    },
    async write(chunk) {
      await attempt(part, async () => {
        if (!isTouched) await handle.truncate(position)
        isTouched = true
        for (let from = 0; from < chunk.length;) {
          const { bytesWritten } = await handle.write(chunk, from, chunk.length - from, position)
          from += bytesWritten
          position += bytesWritten
        }
        if (Date.now() - checked < CHECK_MS) return
        await checking
        // The next bytes need not wait for it.
        checking = check()
        checking.catch(() => undefined)
        checked = Date.now()
      })
    },
    async complete() {
      await attempt(part, async () => {
        await checking
        await handle.sync()
        const before = statOf(target)
        if (isStats(before)) await handle.chmod(before.mode & 0o777)
        await handle.close()
        await rename(part, target)
        await syncFolder(path.dirname(target))
        await rm(papers, { force: true })
      })
      release()
    },
    async close() {
      try {
        await checking?.catch(() => undefined)
        const isKept = isTouched ? whole !== undefined && position > 0 : size > 0
        if (isTouched && isKept) await check()
        await handle.close()
        if (isKept) return
        await rm(part, { force: true })
        await rm(papers, { force: true })
      } catch {
        // Why it ends is known already; that the disk is full, say.
      } finally {
        release()
      }
    },
  }
}

/** A link would lead to where whoever made it wants us to write. */
const TO_WRITE = fs.constants.O_RDWR | fs.constants.O_CREAT | (fs.constants.O_NOFOLLOW || 0)

/** Often enough to lose little, seldom enough to cost nothing. */
const CHECK_MS = 5000

/** Of a link, the file it leads to: the link stays, as with everything that writes to it. */
async function targetOf(file: string): Promise<string> {
  const stats = statOf(file)
  if (isStats(stats) && stats.isDirectory()) throw unwritable(file, 'it is a folder')
  const link = linkStatOf(file)
  return isStats(link) && link.isSymbolicLink() && isStats(stats) ? attempt(file, () => realpath(file)) : file
}

interface Beginning {
  readonly whole: Whole | undefined
  readonly position: number
}

const NOTHING: Beginning = { whole: undefined, position: 0 }

/** What the papers say that a part of this size is the beginning of, if it is of what is asked for. */
async function beginningIn(papers: string, wanted: string, length: number): Promise<Beginning> {
  try {
    const { key, validator, size, bytes } = JSON.parse(await readFile(papers, 'utf8')) as Record<
      string,
      unknown
    >
    const isOfIt = key === wanted && isValidator(validator) && (size === undefined || isCount(size))
    if (!isOfIt || !isCount(bytes) || bytes > length) return NOTHING
    return { whole: { key, validator, size }, position: bytes }
  } catch {
    return NOTHING // half written, or not there
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** So that the new name too outlives a crash; not all platforms have that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}

async function attempt<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Failure) throw error
    throw unwritable(file, (error as NodeJS.ErrnoException).code ?? 'unknown error')
  }
}

export function unwritable(file: string, why: string): Failure {
  return new Failure(EXIT.unwritable, `${pathName(file)} cannot be written (${why})`)
}
