import { setTimeout as wait } from 'node:timers/promises'
import { CommandError, EXIT, TransientError } from './errors'
import type { Response, Send } from './http-client'
import type { PartFile } from './part-file'
import {
  conditionOf,
  contentLengthOf,
  contentRangeOf,
  matchesValidator,
  validatorOf,
} from './partial-content'
import type { Progress } from './progress'

export interface DownloadOptions {
  /** Identifies the request, see `Source`; undefined when it cannot be resumed. */
  readonly key: string | undefined
  /** How often an interrupted download is resumed. */
  readonly retries: number
  /** A file of the same size is the same, when the server sends no validator. */
  readonly sameSize: boolean
  /** Whether a response without any of its body is one to try again after: another server of a federation may respond. */
  readonly hasOtherServers: boolean
  /** Aborts it, also between two sends. */
  readonly signal: AbortSignal
  readonly progress: Progress
  /** The error for a response that is not the file. */
  readonly errorOf: (response: Response) => Promise<CommandError>
}

/**
 * Downloads into a part file. What is there already is resumed if the server shows that it belongs to the same file.
 * Interrupted downloads are resumed with credentials found again: at once if some of the file came, else after a delay.
 *
 * @throws CommandError when the file is not complete; the part file keeps what came
 */
export async function download(send: Send, part: PartFile, options: DownloadOptions): Promise<void> {
  const { retries, signal, progress, hasOtherServers } = options
  for (let attempt = 0, failures = 0; ; attempt += 1) {
    const before = part.position
    let response: Response | undefined
    try {
      response = await requestRest(send, part, options)
      if (response) await saveBody(response, part, progress)
      return
    } catch (error) {
      const canRetry = part.position > 0 || (response !== undefined && hasOtherServers)
      if (!(error instanceof TransientError) || !canRetry || attempt >= retries) throw error
      failures = part.position > before ? 0 : failures + 1
      const delay = Math.max(failures === 0 ? 0 : 2 ** (failures - 1), error.retryAfter ?? 0)
      const seconds = Math.min(delay, MAX_DELAY_SECONDS)
      progress.interrupted({ reason: error.message, seconds, attempt: attempt + 1, attempts: retries })
      await wait(seconds * 1000, undefined, { signal }).catch(() => {
        throw signal.reason
      })
    }
  }
}

const MAX_DELAY_SECONDS = 60

async function saveBody(response: Response, part: PartFile, progress: Progress): Promise<void> {
  // The range of a partial response may have the size that the first response lacked.
  const size = part.source && (part.source.size ?? contentRangeOf(response.headers)?.size)
  progress.begin(part.position, size ?? sizeFrom(response, part.position))
  for await (const chunk of response.body()) {
    await part.write(chunk)
    progress.update(part.position)
  }
  if (size !== undefined && part.position !== size)
    throw new TransientError(EXIT.partial, `the response ended at byte ${part.position} of ${size}`)
}

/** The response whose body the part file lacks; undefined when the part file is complete. */
async function requestRest(
  send: Send,
  part: PartFile,
  options: DownloadOptions,
): Promise<Response | undefined> {
  const { source, position } = part
  const canResume = source && (source.validator.bySize === undefined || options.sameSize)
  if (!canResume || position === 0) return requestAll(send, part, options)
  // XRootD 5 sends nothing for a range with an open end.
  const last = source.size !== undefined && position < source.size ? source.size - 1 : ''
  const response = await send({ Range: `bytes=${position}-${last}`, ...conditionOf(source.validator) })
  if (response.status === 206 && isRestOf(part, response)) return response
  const isBeyond = response.status === 416 || contentRangeOf(response.headers)?.first === undefined
  if (isBeyond && isComplete(part, response)) {
    response.discard()
    return undefined
  }
  // The whole file: it has changed, or the server does not support ranges.
  if (response.status !== 206 && response.status !== 416) return restart(response, part, options)
  response.discard()
  return requestAll(send, part, options)
}

async function requestAll(send: Send, part: PartFile, options: DownloadOptions): Promise<Response> {
  return restart(await send(), part, options)
}

/** Starts the part file again with this response. */
async function restart(
  response: Response,
  part: PartFile,
  { key, sameSize, errorOf }: DownloadOptions,
): Promise<Response> {
  const { status, headers } = response
  // A user who asks for a range with -H gets a 206.
  const isFile = status >= 200 && status < 300 && (status !== 206 || key === undefined)
  if (!isFile) throw await errorOf(response)
  const validator = key === undefined ? undefined : validatorOf(headers, sameSize)
  const size = contentLengthOf(headers)
  await part.restart(key !== undefined && validator ? { key, validator, size } : undefined)
  return response
}

/** Whether a 206 continues the part file (RFC 9110 section 15.3.7). */
function isRestOf({ source, position }: PartFile, { headers }: Response): boolean {
  const range = contentRangeOf(headers)
  if (!source || range?.first !== position || !matchesValidator(headers, source.validator)) return false
  // Without any size it is unknown whether this is all of the rest.
  const sizes = [range.size, source.size].filter((size) => size !== undefined)
  return sizes.length > 0 && sizes.every((size) => size === sizes[0])
}

/** Whether a 416 says that the part file is complete (RFC 9110 section 15.5.17). */
function isComplete({ source, position }: PartFile, { headers }: Response): boolean {
  return (
    source !== undefined &&
    contentRangeOf(headers)?.size === position &&
    matchesValidator(headers, source.validator)
  )
}

function sizeFrom({ headers }: Response, position: number): number | undefined {
  const length = contentLengthOf(headers)
  return length === undefined ? undefined : position + length
}
