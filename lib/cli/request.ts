import { IgwnAuthError } from '../errors'
import { urlWithoutSecrets, type IgwnAuthEvent } from '../events'
import { isStats, statOf } from '../files/read-file'
import { failureText, openDevice, openForWriting, writeTarget } from '../files/write-file'
import { isPelicanUrl } from '../formats/url'
import { explain } from '../instance/explain'
import type { IgwnAuthOptions } from '../options'
import { pathName } from '../secrets/sanitize'
import { abortOnSignal, asUsageError, CommandError, EXIT, Interrupted, usageError } from './errors'
import { authOptions, nameTrustFlags, useTrustFlags } from './flags'
import { seconds } from './format'
import { MAX_TIMER, sender, type Send, type SpeedLimit } from './http-client'
import { printBody } from './print-body'
import { progressOf, type Progress } from './progress'
import type { RequestBody } from './request-body'
import { requestsOf, type RequestFlags, type RequestOptions } from './request-options'
import { eventLine, headLines, redactedHeadLines } from './response-text'
import { printError } from './terminal'
import { outputFile, saveFile } from './save-file'
import { checkDownload } from './token-lifetime'
import { headOfUpload, verifiedUpload } from './verify-upload'
import { checkFormat, writeOut, writeOutFormat, type Transfer } from './write-out'

/** `igwn-auth request URL...`: sends requests with credentials; bodies go to stdout or into files. */
export async function requestCommand(words: readonly string[], flags: RequestFlags): Promise<number> {
  const { output } = flags
  if (output && output.length !== words.length && !(output.length === 1 && output[0] === '-'))
    throw usageError('--output is needed once for each URL; --remote-name applies to all of them')
  const igwnAuth: IgwnAuthOptions = { ...authOptions(flags), ...(flags.verbose && { onEvent: printEvent }) }
  useTrustFlags(flags)
  const requests = await requestsOf(words, flags)
  const files = requests.map((request, index) => outputFile(request, flags, index))
  const format = flags.writeOut === undefined ? undefined : writeOutFormat(flags.writeOut)
  const transfers = requests.map((request, index) => transferOf(request, files[index]))
  if (format !== undefined) for (const transfer of transfers) checkFormat(format, transfer)
  if (flags.dumpHeader !== undefined && flags.dumpHeader !== '-') await writeHeaders(flags.dumpHeader, [])

  let exitCode: number = EXIT.ok
  for (const [index, transfer] of transfers.entries()) {
    const current = { ...transfer, start: Date.now() }
    try {
      await perform(current, igwnAuth, flags)
    } catch (error) {
      const usage = asUsageError(error)
      current.error =
        usage instanceof IgwnAuthError
          ? await notSentError(usage, current.request, igwnAuth)
          : (usage as CommandError)
      if (!(current.error instanceof CommandError)) throw error
      nameTrustFlags(current.error, flags)
    }
    const { error } = current
    const isLast = index === transfers.length - 1
    // The caller prints an error that is thrown. The exit code is that of the first error.
    const isThrown = error instanceof Interrupted || (isLast && exitCode === EXIT.ok)
    if (error && !isThrown) printError(error)
    if (format !== undefined) writeOut(format, current)
    if (error && isThrown) throw error
    exitCode ||= error?.exitCode ?? EXIT.ok
  }
  return exitCode
}

function transferOf(request: RequestOptions, file: string | undefined): Transfer {
  const none = { sizeDownload: 0, sizeUpload: 0, requests: 0 }
  return { request, start: Date.now(), ...none, ...(file !== undefined && { file }) }
}

async function perform(transfer: Transfer, igwnAuth: IgwnAuthOptions, flags: RequestFlags): Promise<void> {
  const { file } = transfer
  const upload = file === undefined ? verifiedUpload(transfer.request, flags) : undefined
  const { request } = upload ?? transfer
  if (flags.checksum && file === undefined && !upload)
    throw usageError('--checksum verifies a file that is saved with --output, or uploaded; add --output FILE')
  await abortOnSignal(async (interrupt) => {
    const signal = flags.maxTime === undefined ? interrupt : withDeadline(interrupt, flags.maxTime)
    const progress = uploadProgress(transfer, flags)
    const onUpload = (position: number) => {
      transfer.sizeUpload = position
      if (position === 0) progress?.begin(0, request.body && sizeOf(request.body))
      else progress?.update(position)
    }
    const onDownload = (length: number) => (transfer.sizeDownload += length)
    try {
      const plain = sender(request, igwnAuth, {
        timeout: flags.timeout,
        signal,
        onUpload,
        onDownload,
        speed: file === undefined ? undefined : speedOf(request, flags),
      })
      const send = observed(plain, transfer, flags, () => progress?.end())
      if (file === undefined || flags.head) {
        const response = await send()
        await printBody(response, flags, { request, igwnAuth })
        await upload?.check(response, headSender(headOfUpload(request), igwnAuth, flags, signal))
      } else {
        const head = (timeout: number) => headSender(request, igwnAuth, { timeout }, signal)
        await saveFile(file, send, { request, flags, igwnAuth, signal, head })
      }
    } finally {
      progress?.end()
    }
  })
}

/** In a federation a slow server is replaced by the next one, twice: then the network of this host may be slow. */
function speedOf({ url }: RequestOptions, { speedLimit, speedTime }: RequestFlags): SpeedLimit | undefined {
  if (speedLimit === undefined && speedTime === undefined && !isPelicanUrl(url.href)) return undefined
  const times = speedLimit === undefined ? 2 : Infinity
  return speedLimit === 0 ? undefined : { limit: speedLimit ?? 100_000, time: speedTime ?? 30, times }
}

/** Sends the request as HEAD. */
function headSender(
  request: RequestOptions,
  igwnAuth: IgwnAuthOptions,
  { timeout }: Pick<RequestFlags, 'timeout'>,
  signal: AbortSignal,
): Send {
  return sender({ ...request, method: 'HEAD', body: undefined }, igwnAuth, { timeout, signal })
}

/** The error of a request that was not sent, with what fixes it. */
async function notSentError(
  { message }: IgwnAuthError,
  { url }: RequestOptions,
  igwnAuth: IgwnAuthOptions,
): Promise<CommandError> {
  const { fixes } = await explain(url, igwnAuth)
  return new CommandError(EXIT.refused, message, { fixes: fixes.filter((fix) => !message.includes(fix)) })
}

function withDeadline(interrupt: AbortSignal, limit: number): AbortSignal {
  const controller = new AbortController()
  const abort = () => controller.abort(new CommandError(EXIT.timeout, `took longer than ${seconds(limit)}`))
  setTimeout(abort, Math.min(limit * 1000, MAX_TIMER)).unref()
  return AbortSignal.any([interrupt, controller.signal])
}

/** A download to a file has a progress bar of its own. */
function uploadProgress({ request, file }: Transfer, flags: RequestFlags): Progress | undefined {
  const isUpload = request.body && !Buffer.isBuffer(request.body) && file === undefined
  return isUpload ? progressOf(flags.uploadFile ?? request.url.pathname, flags) : undefined
}

function sizeOf(body: RequestBody): number | undefined {
  return Buffer.isBuffer(body) ? body.length : body.size
}

/** Records each response in the transfer, and prints what `-v`, `-i`, `-I` and `-D` ask for. */
function observed(send: Send, transfer: Transfer, flags: RequestFlags, onResponse: () => void): Send {
  const { request, file } = transfer
  const { verbose, include, head, dumpHeader } = flags
  const isPrinted = include || (head && file === undefined) || dumpHeader === '-'
  return async (more) => {
    const range = more?.Range === undefined ? '' : ` (${more.Range})`
    if (verbose) process.stderr.write(`> ${request.method} ${urlWithoutSecrets(request.url)}${range}\n`)
    transfer.requests += 1
    const response = await send(more)
    onResponse()
    if (transfer.requests === 1 && request.method === 'GET') checkDownload(response, flags)
    transfer.response = response
    transfer.responseStart = Date.now()
    if (Buffer.isBuffer(request.body)) transfer.sizeUpload = request.body.length
    if (verbose)
      process.stderr.write(
        redactedHeadLines(response)
          .map((line) => `< ${line}\n`)
          .join(''),
      )
    if (isPrinted) process.stdout.write(`${headLines(response).join('\n')}\n\n`)
    if (head && file !== undefined) {
      await writeHeaders(file, [])
      await writeHeaders(file, [...headLines(response), ''])
    }
    if (dumpHeader !== undefined && dumpHeader !== '-')
      await writeHeaders(dumpHeader, [...headLines(response), ''])
    return response
  }
}

/** Empties the file of `-D`, or appends to it. */
async function writeHeaders(file: string, lines: readonly string[]): Promise<void> {
  try {
    const stats = statOf(file)
    const isDevice = isStats(stats) && !stats.isFile()
    const handle = isDevice ? await openDevice(file) : await openForWriting(await writeTarget(file))
    try {
      if (lines.length === 0 && !isDevice) await handle.truncate(0)
      const text = lines.map((line) => `${line}\n`).join('')
      await handle.write(text, isDevice ? null : (await handle.stat()).size)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw new CommandError(EXIT.unwritable, `${pathName(file)} ${failureText(error, 'written')}`)
  }
}

function printEvent(event: IgwnAuthEvent): void {
  const line = eventLine(event)
  if (line !== undefined) process.stderr.write(`* ${line}\n`)
}
