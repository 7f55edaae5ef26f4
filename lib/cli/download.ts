import { setTimeout as wait } from 'node:timers/promises'
import type { Courier, Reply } from './http-client'
import { EXIT } from './exit-code'
import { BrokenOff, Failure } from './failure'
import type { PartFile } from './part-file'
import type { Progress } from './progress'
import { conditionOf, contentLengthOf, contentRangeOf, isOfSame, validatorOf } from './validator'

export interface DownloadOptions {
  /** What is asked for, see `Whole`; undefined where the request is none that can be taken up. */
  readonly key: string | undefined
  /** How often it is taken up when it breaks off. */
  readonly retries: number
  /** A file of the same size is the same, where the server says no more of it. */
  readonly sameSize: boolean
  /** Ends it, also between two sends. */
  readonly signal: AbortSignal
  readonly progress: Progress
  /** The failure that an answer is which is not the file. */
  readonly failureOf: (reply: Reply) => Promise<Failure>
}

/**
 * Fetches a file into its part, as a whole: what is there already is taken up where it ended, if the server can tell that it is
 * of the same file. What breaks off is taken up again, with credentials found afresh; at once where some of it had come, else
 * after a while.
 *
 * @throws Failure when it cannot be had; the part is as far as it came
 */
export async function download(send: Courier, part: PartFile, options: DownloadOptions): Promise<void> {
  const { retries, signal, progress } = options
  for (let tries = 0, vain = 0; ; tries += 1) {
    const before = part.position
    try {
      await fetchRest(send, part, options)
      return
    } catch (error) {
      if (!(error instanceof BrokenOff) || part.position === 0 || tries >= retries) throw error
      vain = part.position > before ? 0 : vain + 1
      const pause = Math.max(vain === 0 ? 0 : 2 ** (vain - 1), error.retryAfter ?? 0)
      const seconds = Math.min(pause, LONGEST_WAIT)
      progress.brokeOff({ why: error.message, seconds, time: tries + 1, times: retries })
      await wait(seconds * 1000, undefined, { signal }).catch(() => {
        throw signal.reason
      })
    }
  }
}

/** Seconds; a server that wants more is asked again all the same. */
const LONGEST_WAIT = 60

/** Asks for what is missing, and writes what comes. */
async function fetchRest(send: Courier, part: PartFile, options: DownloadOptions): Promise<void> {
  const { progress } = options
  const reply = await askForRest(send, part, options)
  if (!reply) return
  // Where the answer is the rest of a part, its range may say what the first answer did not.
  const size = part.whole && (part.whole.size ?? contentRangeOf(reply.headers)?.size)
  progress.begin(part.position, size ?? sizeIn(reply, part.position))
  for await (const chunk of reply.body()) {
    await part.write(chunk)
    progress.at(part.position)
  }
  if (size !== undefined && part.position !== size)
    throw new BrokenOff(EXIT.partial, `the answer ended at byte ${part.position} of ${size}`)
}

/** The reply whose body is what the part lacks; undefined when it lacks nothing. */
async function askForRest(
  send: Courier,
  part: PartFile,
  options: DownloadOptions,
): Promise<Reply | undefined> {
  const { whole, position } = part
  const mayGoOn = whole && (whole.validator.bySize === undefined || options.sameSize)
  if (!mayGoOn || position === 0) return askForAll(send, part, options)
  // XRootD 5 gives nothing where the end is left open.
  const last = whole.size !== undefined && position < whole.size ? whole.size - 1 : ''
  const reply = await send({ Range: `bytes=${position}-${last}`, ...conditionOf(whole.validator) })
  if (reply.status === 206 && isRestOf(part, reply)) return reply
  if (reply.status === 416 && isAllOf(part, reply)) {
    reply.discard()
    return undefined
  }
  // The whole, since the file has changed or the server knows no ranges.
  if (reply.status !== 206 && reply.status !== 416) return anew(reply, part, options)
  reply.discard()
  return askForAll(send, part, options)
}

async function askForAll(send: Courier, part: PartFile, options: DownloadOptions): Promise<Reply> {
  return anew(await send(), part, options)
}

/** Lets the part begin anew, with this reply. */
async function anew(
  reply: Reply,
  part: PartFile,
  { key, sameSize, failureOf }: DownloadOptions,
): Promise<Reply> {
  const { status, headers } = reply
  // 206 is what whoever asks for a range of their own wants.
  const isIt = status >= 200 && status < 300 && (status !== 206 || key === undefined)
  if (!isIt) throw await failureOf(reply)
  const validator = key === undefined ? undefined : validatorOf(headers, sameSize)
  const size = contentLengthOf(headers)
  await part.begin(key !== undefined && validator ? { key, validator, size } : undefined)
  return reply
}

/** Whether a 206 is what the part lacks, as far as can be told (RFC 9110 section 15.3.7). */
function isRestOf({ whole, position }: PartFile, { headers }: Reply): boolean {
  const range = contentRangeOf(headers)
  if (!whole || range?.first !== position || !isOfSame(headers, whole.validator)) return false
  // Else nobody knows whether it is all of the rest.
  const sizes = [range.size, whole.size].filter((size) => size !== undefined)
  return sizes.length > 0 && sizes.every((size) => size === sizes[0])
}

/** Whether a 416 says that the part is all there is (RFC 9110 section 15.5.17). */
function isAllOf({ whole, position }: PartFile, { headers }: Reply): boolean {
  return (
    whole !== undefined && contentRangeOf(headers)?.size === position && isOfSame(headers, whole.validator)
  )
}

function sizeIn({ headers }: Reply, position: number): number | undefined {
  const length = contentLengthOf(headers)
  return length === undefined ? undefined : position + length
}
