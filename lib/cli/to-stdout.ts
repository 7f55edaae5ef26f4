import { once } from 'node:events'
import type { Courier, Reply } from './http-client'
import { EXIT } from './exit-code'
import { Failure } from './failure'
import { headLines } from './head-lines'
import type { GetFlags } from './flags'
import { refusedReply } from './refused-reply'

/** Sends, and has the body of the answer on stdout; also that of a refusal, which may say why, unless `--fail` is given. */
export async function toStdout(send: Courier, flags: GetFlags): Promise<void> {
  const reply = await send()
  if (flags.include || flags.head) printHead(reply)
  if (reply.status < 400) return printBody(reply, flags.output === '-')
  if (flags.fail) reply.discard()
  else await printBody(reply, flags.output === '-')
  throw refusedReply(reply)
}

export function printHead(reply: Reply): void {
  process.stdout.write(`${headLines(reply).join('\n')}\n\n`)
}

async function printBody(reply: Reply, isWanted: boolean): Promise<void> {
  const { stdout } = process
  let last: Buffer | undefined
  for await (const chunk of reply.body()) {
    if (!last && stdout.isTTY && !isWanted && chunk.includes(0))
      throw new Failure(EXIT.unwritable, 'the answer is no text, which a terminal should not be shown', [
        'to mend it: --output FILE, or --output - to have it on the terminal all the same',
      ])
    last = chunk
    // As slow as whoever reads it.
    if (!stdout.write(chunk)) await once(stdout, 'drain')
  }
  // On a terminal, what comes next would stand in its last line.
  if (last && last.at(-1) !== LINE_FEED && stdout.isTTY && reply.status >= 400) stdout.write('\n')
}

const LINE_FEED = 0x0a
