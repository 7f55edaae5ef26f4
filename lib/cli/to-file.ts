import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { pathName, printable } from '../secrets/sanitize'
import { isStats, statOf } from '../files/read-file'
import { bytes } from './bytes'
import type { Courier, Reply } from './http-client'
import { download } from './download'
import { EXIT } from './exit-code'
import { Failure, usageFailure } from './failure'
import type { Outgoing } from './request-options'
import { openPart, unwritable, type PartFile } from './part-file'
import { plainProgress, type Progress } from './progress'
import type { GetFlags } from './flags'
import { refusedReply, saidIn } from './refused-reply'
import { printHead } from './to-stdout'

/** The file that the body goes into; undefined for stdout. */
export function targetOf({ url }: Outgoing, { output, remoteName }: GetFlags): string | undefined {
  if (output !== undefined) return output === '-' ? undefined : output
  if (!remoteName) return undefined
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1)
  if (name !== '') return name
  throw usageFailure('the URL ends with no name for --remote-name; give --output FILE')
}

interface ToFile {
  readonly outgoing: Outgoing
  readonly flags: GetFlags
  readonly signal: AbortSignal
}

/** Has the body in a file: all of it, or what was there before. */
export async function toFile(
  file: string,
  send: Courier,
  { outgoing, flags, signal }: ToFile,
): Promise<void> {
  const failureOf = (reply: Reply) => notTheFile(reply, file, outgoing)
  const heard = flags.include ? withHead(send) : send
  const stats = statOf(file)
  if (isStats(stats) && !stats.isFile() && !stats.isDirectory()) return intoDevice(file, heard, failureOf)

  const key = keyOf(outgoing)
  const part = await openPart(file, key ?? '', key !== undefined && flags.resume)
  const progress = await progressOf(file, flags)
  const begun = Date.now()
  try {
    // What is no GET may do something each time.
    const retries = key === undefined ? 0 : flags.retry
    await download(heard, part, {
      key,
      retries,
      sameSize: flags.sameSize ?? false,
      signal,
      progress,
      failureOf,
    })
    progress.end()
    await part.complete()
  } catch (error) {
    progress.end()
    await part.close()
    throw error instanceof Failure ? error.with(...kept(part)) : error
  }
  if (process.stderr.isTTY && !flags.silent) {
    const seconds = ((Date.now() - begun) / 1000).toFixed(1)
    process.stderr.write(`${pathName(file)}: ${bytes(part.position)} in ${seconds} s\n`)
  }
}

/**
 * What tells requests apart that ask for different things; undefined for one that cannot be taken up, since it is no GET or
 * asks for a part or under a condition already. Only a digest: the URL may hold a secret.
 */
function keyOf({ method, url, headers, data }: Outgoing): string | undefined {
  const isSimple = method === 'GET' && data === undefined && !CONDITIONS.some((name) => headers.has(name))
  if (!isSimple) return undefined
  const asked = [url.href, ...NEGOTIATED.map((name) => headers.get(name) ?? null)]
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex')
}

const CONDITIONS = [
  'Range',
  'If-Range',
  'If-Match',
  'If-None-Match',
  'If-Modified-Since',
  'If-Unmodified-Since',
]
const NEGOTIATED = ['Accept', 'Accept-Encoding', 'Accept-Language']

function withHead(send: Courier): Courier {
  return async (more) => {
    const reply = await send(more)
    printHead(reply)
    return reply
  }
}

/** A pipe or a device is no file to take the place of: what comes goes into it. */
async function intoDevice(
  file: string,
  send: Courier,
  failureOf: (reply: Reply) => Promise<Failure>,
): Promise<void> {
  const reply = await send()
  if (reply.status >= 300) throw await failureOf(reply)
  try {
    const handle = await open(file, 'w')
    try {
      for await (const chunk of reply.body()) await handle.writeFile(chunk)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof Failure) throw error
    throw unwritable(file, (error as NodeJS.ErrnoException).code ?? 'unknown error')
  }
}

async function progressOf(file: string, { silent, verbose }: GetFlags): Promise<Progress> {
  const { stderr, env } = process
  if (stderr.isTTY && env.TERM !== 'dumb' && !silent && !verbose) {
    const { progressBar } = await import('./progress-bar')
    return progressBar(printable(path.basename(file)), stderr)
  }
  return plainProgress((line) => {
    if (!silent) stderr.write(`${line}\n`)
  })
}

/** An answer that is not the file, and what its server says. */
async function notTheFile(reply: Reply, file: string, { url }: Outgoing): Promise<Failure> {
  if (reply.status === 304) {
    reply.discard()
    return new Failure(EXIT.ok, `304 Not Modified: ${pathName(file)} is as it was`)
  }
  const failure = refusedReply(reply)
  const said = await saidIn(reply, url)
  return said === undefined ? failure : failure.with(`the server says: ${said}`)
}

/** What is left of a download that ended too early. */
function kept({ path, whole, position }: PartFile): string[] {
  if (whole === undefined || position === 0) return []
  const all = whole.size === undefined ? '' : ` of ${bytes(whole.size)}`
  return [`${pathName(path)} has ${bytes(position)}${all}: the same command goes on from there`]
}
