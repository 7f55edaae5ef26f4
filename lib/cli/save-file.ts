import { createHash } from 'node:crypto'
import { publish } from '../events'
import { isStats, statOf } from '../files/read-file'
import { failureText, openDevice } from '../files/write-file'
import { isPelicanUrl } from '../formats/url'
import type { IgwnAuthOptions } from '../options'
import { pathName } from '../secrets/sanitize'
import { download } from './download'
import { CommandError, EXIT, TransientError, usageError } from './errors'
import { errorOfResponse, type FailedRequest } from './error-response'
import { bytes } from './format'
import { hostOf, type Response, type Send } from './http-client'
import { openPart, type PartFile } from './part-file'
import { progressOf } from './progress'
import type { RequestFlags, RequestOptions } from './request-options'
import { messageIn, pageOf } from './response-text'
import { checksumChoice, digestOf, noDigest, verifiedPart } from './verify-download'

/** The file that the body is saved to; undefined for stdout. */
export function outputFile(
  { url }: RequestOptions,
  { output, remoteName }: RequestFlags,
  index: number,
): string | undefined {
  // A single - is for all URLs.
  if (output) return output[index] === '-' ? undefined : output[index]
  if (!remoteName) return undefined
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1)
  if (name !== '') return name
  throw usageError('--remote-name needs a URL that ends with a file name; use --output FILE')
}

export interface SaveOptions {
  readonly request: RequestOptions
  readonly flags: RequestFlags
  readonly igwnAuth: IgwnAuthOptions
  readonly signal: AbortSignal
  /** Sends the request as HEAD, with more header fields; `timeout` is in seconds. */
  readonly head: (timeout: number) => Send
}

/** Saves the body to a file: all of it, or nothing. */
export async function saveFile(
  file: string,
  send: Send,
  { request, flags, igwnAuth, signal, head }: SaveOptions,
): Promise<void> {
  const errorOf = (response: Response) => notTheFile(response, file, { request, igwnAuth })
  const stats = statOf(file)
  if (isStats(stats) && stats.isDirectory())
    throw new CommandError(EXIT.unwritable, `${pathName(file)} cannot be written (it is a folder)`)
  const key = keyOf(request)
  const isDevice = isStats(stats) && !stats.isFile()
  if (flags.checksum && (isDevice || key === undefined))
    throw usageError(
      '--checksum verifies a whole file: it needs a GET without conditions, and an output that is a file',
    )
  if (isDevice) return writeDevice(file, send, errorOf)

  const part = await openPart(file, key ?? '', key !== undefined && flags.resume)
  const progress = progressOf(file, flags)
  const start = Date.now()
  try {
    // Other methods than GET may have an effect each time.
    const retries = key === undefined ? 0 : flags.retry
    const isObject = isPelicanUrl(request.url.href)
    const isDefault = isObject || request.url.protocol === 'https:'
    const choice = key === undefined ? undefined : checksumChoice(flags, isDefault)
    // A server may fail at HEAD alone. A federation has other servers.
    const isOptional = choice === 'offered' && !isObject
    const { onEvent } = igwnAuth
    const sendHead = head(isOptional ? Math.min(HEAD_TIMEOUT, flags.timeout) : flags.timeout)
    const digest =
      choice &&
      (await digestOf(choice, hostOf(request.url), sendHead, { onEvent }).catch((error: unknown) => {
        // A credential that is missing is missing for the download, too.
        const isOfServer = error instanceof CommandError && error.exitCode !== EXIT.refused
        if (!isOptional || signal.aborted || !isOfServer) throw error
        const message = `the file is not verified: ${error.message}`
        publish({ type: 'warning', source: hostOf(request.url), message }, onEvent)
        return undefined
      }))
    const verified = digest && verifiedPart(part, request.url, digest)
    // A digest shows at the end whether the parts belong together.
    const sameSize = flags.sameSize ?? verified !== undefined
    const target = verified?.part ?? part
    // With trailers a response has no size, and cannot be resumed.
    const sendSized: Send = async (more) => {
      const response = await send({ ...more, ...WITHOUT_TRAILERS })
      // The server may have refused the HEAD alone.
      const isUnverified = choice !== undefined && choice !== 'offered' && !digest
      if (!isUnverified || response.status >= 300) return response
      response.discard()
      throw noDigest(choice, hostOf(request.url))
    }
    await download(sendSized, target, {
      key,
      hasOtherServers: isObject && key !== undefined,
      retries,
      sameSize,
      signal,
      progress,
      errorOf: async (response) => {
        const error = await errorOf(response)
        // A cache responds so, too, when its origin does not respond.
        const isStalled = response.status === 404 && part.position > 0 && isObject
        return isStalled ? new TransientError(error.exitCode, error.message, error.details) : error
      },
    })
    progress.end()
    await verified?.check()
    await part.complete()
  } catch (error) {
    progress.end()
    await part.close()
    throw error instanceof CommandError ? error.addLines(...resumeLines(part)) : error
  }
  if (process.stderr.isTTY && !flags.silent) {
    const seconds = ((Date.now() - start) / 1000).toFixed(1)
    process.stderr.write(`${pathName(file)}: ${bytes(part.position)} in ${seconds} s\n`)
  }
}

/** Seconds that a server has to name a digest that is not required. It may have to read the whole file for it. */
const HEAD_TIMEOUT = 30

const WITHOUT_TRAILERS = { TE: '' }

/**
 * Identifies a request; undefined when it cannot be resumed: only a GET for a whole file, without conditions, can. A digest,
 * because the URL can hold a secret.
 */
function keyOf({ method, url, headers, body, compressed }: RequestOptions): string | undefined {
  const isSimple = method === 'GET' && !body && !compressed && !CONDITIONS.some((name) => headers.has(name))
  if (!isSimple) return undefined
  const parts = [url.href, ...NEGOTIATED.map((name) => headers.get(name) ?? null)]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
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

/** A pipe or a device is written to, not replaced. */
async function writeDevice(
  file: string,
  send: Send,
  errorOf: (response: Response) => Promise<CommandError>,
): Promise<void> {
  const response = await send()
  if (response.status >= 300) throw await errorOf(response)
  try {
    const handle = await openDevice(file)
    try {
      for await (const chunk of response.body()) await handle.writeFile(chunk)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(EXIT.unwritable, `${pathName(file)} ${failureText(error, 'written')}`)
  }
}

/** The error for a response that is not the file, with the message of the server. */
async function notTheFile(response: Response, file: string, failed: FailedRequest): Promise<CommandError> {
  if (response.status === 304) {
    response.discard()
    return new CommandError(EXIT.ok, `304 Not Modified: ${pathName(file)} is unchanged`)
  }
  const page = await pageOf(response)
  const error = await errorOfResponse(response, page, failed)
  const message = messageIn(page, response, failed.request.url)
  return message === undefined ? error : error.addLines(`the server says: ${message}`)
}

/** What is kept of an interrupted download. */
function resumeLines({ path, source, position }: PartFile): string[] {
  if (source === undefined || position === 0) return []
  const all = source.size === undefined ? '' : ` of ${bytes(source.size)}`
  return [`${pathName(path)} has ${bytes(position)}${all}; run the same command again to resume`]
}
