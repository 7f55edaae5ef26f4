import { once } from 'node:events'
import fs from 'node:fs'
import { CommandError, EXIT } from './errors'
import type { Response } from './http-client'
import type { RequestFlags } from './request-options'
import { errorOfResponse } from './response-text'

/** Prints the body of a response to stdout. The body of an error response can say why, so `--fail` alone omits it. */
export async function printBody(response: Response, { fail, output }: RequestFlags): Promise<number> {
  if (response.status < 400) return writeBody(response, output === '-')
  if (fail) response.discard()
  else await writeBody(response, output === '-')
  throw errorOfResponse(response)
}

async function writeBody(response: Response, isForced: boolean): Promise<number> {
  const { stdout } = process
  let last: Buffer | undefined
  let size = 0
  for await (const chunk of response.body()) {
    if (!last && stdout.isTTY && !isForced && chunk.includes(0))
      throw new CommandError(EXIT.unwritable, 'the response is binary and not printed on a terminal', {
        fixes: ['--output FILE, or --output - to print it anyway'],
      })
    last = chunk
    size += chunk.length
    // Wait for a slow reader.
    if (!stdout.write(chunk)) await once(stdout, 'drain')
  }
  if (last && last.at(-1) !== LINE_FEED && response.status >= 400 && isSameOutput()) stdout.write('\n')
  return size
}

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
