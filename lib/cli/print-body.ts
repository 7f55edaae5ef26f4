import fs from 'node:fs'
import { CommandError, EXIT } from './errors'
import type { Response } from './http-client'
import { errorOfResponse, type FailedRequest } from './error-response'
import type { RequestFlags } from './request-options'
import { MAX_PAGE_BYTES, pageOf } from './response-text'

/** Prints the body of a response to stdout. The body of an error response can say why, so `--fail` alone omits it. */
export async function printBody(
  response: Response,
  { fail, head, output = [] }: RequestFlags,
  failed: FailedRequest,
): Promise<void> {
  const isForced = output.includes('-')
  const isPrinted = !head && !(fail && response.status >= 400)
  const page = isPrinted ? await writeBody(response, isForced) : await pageOf(response)
  if (response.status < 400) return
  throw await errorOfResponse(response, page, failed)
}

/** @returns the first bytes */
async function writeBody(response: Response, isForced: boolean): Promise<Buffer> {
  const { stdout } = process
  const page: Buffer[] = []
  let last: number | undefined
  let size = 0
  for await (const chunk of response.body()) {
    if (stdout.isTTY && !isForced && CONTROL.test(chunk.toString('latin1')))
      throw new CommandError(EXIT.unwritable, 'the response is binary and not printed on a terminal', {
        fixes: ['--output FILE, or --output - to print it anyway'],
      })
    // Only large files come in memory that is used again.
    if (response.status >= 400 && size < MAX_PAGE_BYTES) page.push(chunk)
    last = chunk.at(-1)
    size += chunk.length
    // Waits for a slow reader. An error of stdout ends the process.
    await new Promise((resolve) => stdout.write(chunk, resolve))
  }
  if (last !== undefined && last !== LINE_FEED && response.status >= 400 && isSameOutput()) stdout.write('\n')
  return Buffer.concat(page)
}

/** Bytes that control a terminal, also those of C1 in UTF-8; not tab, line feed and carriage return. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\v\f\x0e-\x1f\x7f]|\xc2[\x80-\x9f]/

const LINE_FEED = 0x0a

/** Whether the error message follows the body: both outputs are the same terminal, file or pipe. */
function isSameOutput(): boolean {
  try {
    const [stdout, stderr] = [fs.fstatSync(1), fs.fstatSync(2)]
    return stdout.dev === stderr.dev && stdout.ino === stderr.ino
  } catch {
    return false
  }
}
