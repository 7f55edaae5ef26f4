import { createHash } from 'node:crypto'
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
 * what it is the beginning of, and how many bytes are synced to the disk: after a crash of the host a file can be longer
 * than what was written.
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
  if (Buffer.byteLength(base) <= MAX_NAME - '.part.json'.length) return target
  const hash = createHash('sha256').update(base).digest('hex').slice(0, 16)
  // A character that was cut is dropped.
  const start = Buffer.from(base).subarray(0, 200).toString('utf8').replaceAll('\ufffd', '')
  return path.join(dir, `${start}~${hash}`)
}

const MAX_NAME = 255

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
  let isChanged = false
  let synced = Date.now()
  let syncing: Promise<void> | undefined

  /** Records how much is synced. */
  async function sync(): Promise<void> {
    const bytes = position
    await handle.datasync()
    if (source) await writeSidecar(sidecar, { ...source, bytes }, mode)
    synced = Date.now()
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
      source = next
      position = 0
    },
    async write(chunk) {
      await attempt(part, async () => {
        if (!isChanged) await handle.truncate(position)
        isChanged = true
        position += await writeAll(handle, chunk, position)
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
        const isKept = isChanged ? source !== undefined && position > 0 : size > 0
        if (isChanged && isKept) await sync()
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
    await handle.truncate(0)
    await handle.writeFile(`${JSON.stringify(content)}\n`)
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
    const { key, validator, size, bytes } = JSON.parse(text) as Record<string, unknown>
    const isValid = key === wanted && isValidator(validator) && (size === undefined || isCount(size))
    if (!isValid || !isCount(bytes) || bytes > length) return NOTHING
    return { source: { key, validator, size }, position: bytes }
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
