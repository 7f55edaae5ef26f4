import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { rm } from 'node:fs/promises'
import os from 'node:os'
import { isIgwnAuthError } from '../errors'
import { openForWriting, openOwnFile } from '../files/write-file'
import { pathName, shellWord } from '../secrets/sanitize'
import { fileLock } from '../stores/file-lock'
import { CommandError, EXIT } from './errors'

/** The process that holds a lock. */
interface Owner {
  readonly pid: number
  readonly host: string
  /** When it started, in the unit of /proc; undefined without /proc. */
  readonly start?: string | undefined
  readonly id: string | undefined
}

/**
 * Locks a file for this process by a lock file. A lock that was left by a process of this host that no longer runs is stale
 * and replaced. A restarted container has the same host name and often the same process id: the start time and a random id
 * tell the processes apart.
 *
 * @param file - the file that is locked, for the message
 * @returns removes the lock
 * @throws CommandError `unwritable` when another process holds it, or a file is in the way; the errors of `openForWriting`
 */
export async function lock(lockFile: string, file: string): Promise<() => Promise<void>> {
  const id = randomUUID()
  const own: Owner = { pid: process.pid, host: os.hostname(), start: startOf(process.pid), id }
  // One process at a time: the second of two that found one stale lock would otherwise remove the new lock of the first.
  await fileLock(`${lockFile}.break`)(async () => {
    const owner = await readOwner(lockFile)
    if (owner && !isStale(owner))
      throw new CommandError(
        EXIT.unwritable,
        `${pathName(file)} is being written by process ${owner.pid} on ${owner.host}`,
        { fixes: [`wait for it; if there is no such process, rm ${shellWord(lockFile)}`] },
      )
    await rm(lockFile, { force: true })
    const handle = await openForWriting(lockFile, { exclusive: true, mode: 0o600 })
    await handle.writeFile(`${JSON.stringify(own)}\n`).finally(() => handle.close())
    held.add(id)
  }).catch((error: unknown) => {
    throw isIgwnAuthError(error) ? new CommandError(EXIT.unwritable, error.message) : error
  })
  return async () => {
    held.delete(id)
    await rm(lockFile, { force: true })
  }
}

/** The ids of the locks of this process. */
const held = new Set<string>()

/** The owner in a lock file; undefined when it is empty or unreadable, because a process that was killed early leaves it so. */
async function readOwner(lockFile: string): Promise<Owner | undefined> {
  try {
    const handle = await openOwnFile(lockFile)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1000), 0).finally(() => handle.close())
    const { pid, host, start, id } = JSON.parse(buffer.toString('utf8', 0, bytesRead)) as Record<
      string,
      unknown
    >
    if (!Number.isSafeInteger(pid) || typeof host !== 'string' || !/^[\w.-]+$/.test(host)) return undefined
    return { pid: pid as number, host, start: textOf(start), id: textOf(id) }
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** Processes on other hosts cannot be checked. */
function isStale({ pid, host, start, id = '' }: Owner): boolean {
  if (host !== os.hostname()) return false
  if (pid === process.pid) return !held.has(id)
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  const now = startOf(pid)
  return now !== undefined && start !== undefined && now !== start
}

/** `starttime` of proc_pid_stat(5): it follows the name, which can hold spaces and parentheses. */
function startOf(pid: number): string | undefined {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
