import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { rm, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { isStats, statOf } from '../files/read-file'
import { failureText, openForWriting, openOwnFile, replaceFile, writeTarget } from '../files/write-file'
import { pathName } from '../secrets/sanitize'
import { lock } from './download-lock'
import { CommandError, EXIT } from './errors'
import { isValidator, type Validator } from './partial-content'

/** What a part file is the beginning of. */
export interface Source {
  /** Identifies the request. */
  readonly key: string
  readonly validator: Validator
  /** Bytes of the whole file, if known. */
  readonly size?: number | undefined
}

/**
 * The beginning of a download: `FILE.part` beside FILE, renamed when it is complete. The sidecar file `FILE.part.json` says
 * what it is the beginning of, how many bytes are synced to the disk, and when the host was booted. If it was booted again,
 * only the synced bytes count: after a crash a file can be longer than what was written. Else all bytes do, also when the
 * process was killed.
 */
export interface PartFile {
  readonly path: string
  /** Bytes that are there. */
  readonly position: number
  /** Undefined when it cannot be resumed. */
  readonly source: Source | undefined
  /** Drops what is there. */
  restart(source: Source | undefined): Promise<void>
  write(chunk: Buffer): Promise<void>
  /** Syncs it and renames it to FILE. Readers of FILE find the old file or the new one. */
  complete(): Promise<void>
  /** Ends before it is complete: keeps what can be resumed, removes the rest. */
  close(): Promise<void>
}

/**
 * Opens and locks the part file of a file.
 *
 * @param key - identifies the request: the beginning of something else is not resumed
 * @throws CommandError `unwritable`, also when another process is writing it
 */
export async function openPart(file: string, key: string, resume: boolean): Promise<PartFile> {
  const target = await attempt(file, () => writeTarget(file))
  const part = `${sidecarBase(target)}.part`
  const unlock = await attempt(part, () => lock(`${part}.lock`, part))
  try {
    return await open({ target, part, sidecar: `${part}.json`, unlock }, key, resume)
  } catch (error) {
    await unlock()
    throw error
  }
}

/** Shortened where a name with a suffix would be longer than file systems allow (255 bytes). */
function sidecarBase(target: string): string {
  const { dir, base } = path.parse(target)
  if (Buffer.byteLength(base) <= MAX_NAME - LONGEST_SUFFIX.length) return target
  const hash = createHash('sha256').update(base).digest('hex').slice(0, 16)
  // A character that was cut is dropped.
  const start = Buffer.from(base).subarray(0, 200).toString('utf8').replaceAll('\ufffd', '')
  return path.join(dir, `${start}~${hash}`)
}

const MAX_NAME = 255
/** Of the lock that is held while a stale one is replaced, when it is stale itself. */
const LONGEST_SUFFIX = '.part.lock.break.break'

interface Names {
  readonly target: string
  readonly part: string
  readonly sidecar: string
  readonly unlock: () => Promise<void>
}

async function open(
  { target, part, sidecar, unlock }: Names,
  key: string,
  resume: boolean,
): Promise<PartFile> {
  const before = statOf(target)
  const mode = isStats(before) ? before.mode & 0o777 : undefined
  const handle = await attempt(part, () => openForWriting(part, { mode }))
  const { size } = await handle.stat()
  let { source, position } = resume ? await readSidecar(sidecar, key, size) : NOTHING
  // Reports a failure to write what another process left in memory.
  if (position > 0) await attempt(part, () => handle.datasync())
  let isChanged = false
  let isRecorded = false
  let synced = Date.now()
  let syncing: Promise<void> | undefined

  async function sync(): Promise<void> {
    const bytes = position
    await handle.datasync()
    await record(bytes)
    synced = Date.now()
  }

  /** @param bytes - how much is synced */
  async function record(bytes: number): Promise<void> {
    if (source) await writeSidecar(sidecar, { ...source, bytes, boot: bootId() }, mode)
    isRecorded = true
  }

  /** Records what is there. On a full disk the sidecar file gets the room of the last bytes. */
  async function keep(): Promise<boolean> {
    for (const bytes of [0, SIDECAR_ROOM])
      try {
        position = Math.max(0, position - bytes)
        if (bytes > 0) await handle.truncate(position)
        await sync()
        return position > 0
      } catch {
        // The command reports the error that ended it already.
      }
    // Else it can be resumed from where it was synced before.
    if (!isRecorded) source = undefined
    return isRecorded
  }

  return {
    path: part,
    get position() {
      return position
    },
    get source() {
      return source
    },
    async restart(next) {
      await attempt(part, async () => {
        await syncing
        await rm(sidecar, { force: true })
        await handle.truncate(0)
      })
      isChanged = true
      isRecorded = false
      source = next
      position = 0
    },
    async write(chunk) {
      await attempt(part, async () => {
        if (!isChanged) await handle.truncate(position)
        isChanged = true
        position += await writeAll(handle, chunk, position)
        if (!isRecorded && position >= UNRECORDED_BYTES) await record(0)
        if (Date.now() - synced < SYNC_MS) return
        await syncing
        // The next bytes need not wait for it.
        syncing = sync()
        syncing.catch(() => undefined)
        synced = Date.now()
      })
    },
    async complete() {
      await attempt(part, async () => {
        await syncing
        await handle.sync()
        await handle.close()
        await replaceFile(part, target)
        await rm(sidecar, { force: true })
      })
      await unlock()
    },
    async close() {
      try {
        await syncing?.catch(() => undefined)
        const isKept = isChanged ? source !== undefined && position > 0 && (await keep()) : size > 0
        await handle.close()
        if (isKept) return
        await rm(part, { force: true })
        await rm(sidecar, { force: true })
      } catch {
        // The command reports the error that ended it already, such as a full disk.
      } finally {
        await unlock()
      }
    },
  }
}

const SYNC_MS = 5000
/** The largest block of common file systems. */
const SIDECAR_ROOM = 64 * 1024
/** Smaller downloads need no sidecar file while they run; a process that is killed loses no more. */
const UNRECORDED_BYTES = 16 * 1024 * 1024

/** Identifies the time since the host was booted; undefined where only synced bytes count. */
function bootId(): string | undefined {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return undefined
  }
}

async function writeAll(handle: FileHandle, chunk: Buffer, position: number): Promise<number> {
  for (let from = 0; from < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, from, chunk.length - from, position + from)
    from += bytesWritten
  }
  return chunk.length
}

async function writeSidecar(file: string, content: object, mode: number | undefined): Promise<void> {
  const handle = await openForWriting(file, { mode })
  try {
    // Its first line is valid at any moment at which the process may be killed.
    const { bytesWritten } = await handle.write(`${JSON.stringify(content)}\n`, 0)
    await handle.truncate(bytesWritten)
  } finally {
    await handle.close()
  }
}

const NOTHING: { readonly source: Source | undefined; readonly position: number } = {
  source: undefined,
  position: 0,
}

/** What the sidecar file says of a part file of this size, if that belongs to this request. */
async function readSidecar(file: string, wanted: string, length: number): Promise<typeof NOTHING> {
  try {
    const handle = await openOwnFile(file)
    const text = await handle.readFile('utf8').finally(() => handle.close())
    const { key, validator, size, bytes, boot } = JSON.parse(text.split('\n', 1)[0] ?? '') as Record<
      string,
      unknown
    >
    const isValid = key === wanted && isValidator(validator) && (size === undefined || isCount(size))
    if (!isValid || !isCount(bytes) || bytes > length) return NOTHING
    const isSameBoot = boot !== undefined && boot === bootId() && length <= (size ?? length)
    return { source: { key, validator, size }, position: isSameBoot ? length : bytes }
  } catch {
    return NOTHING // absent or incomplete
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

async function attempt<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CommandError) throw error
    const { code } = error as NodeJS.ErrnoException
    const what = code === 'ENOENT' ? 'cannot be written (no such folder)' : failureText(error, 'written')
    throw new CommandError(EXIT.unwritable, `${pathName(file)} ${what}`)
  }
}
