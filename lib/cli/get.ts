import { IgwnAuthError } from '../errors'
import { urlWithoutSecrets } from '../events'
import { explain } from '../instance/explain'
import type { IgwnAuthOptions } from '../options'
import { authOptionsOf } from './auth-flags'
import { courier, type Courier } from './http-client'
import { eventLine } from './event-line'
import { EXIT } from './exit-code'
import { Failure } from './failure'
import { openHeadLines } from './head-lines'
import { interruptible } from './interruption'
import { fixLines } from './fix-lines'
import { outgoingOf, type Outgoing } from './request-options'
import type { GetFlags } from './flags'
import { targetOf, toFile } from './to-file'
import { toStdout } from './to-stdout'
import { misuseIn } from './usage-error'

/** `igwn-auth get URL`: makes a request with credentials; the body of its answer goes to stdout or into a file. */
export async function getCommand(word: string, flags: GetFlags): Promise<number> {
  const { verbose, timeout: silence, maxTime } = flags
  const igwnAuth = { ...authOptionsOf(flags), onEvent: verbose ? tellOf : undefined }
  const outgoing = await outgoingOf(word, flags)
  const file = targetOf(outgoing, flags)
  try {
    await interruptible(async (interrupt) => {
      const signal = maxTime === undefined ? interrupt : limited(interrupt, maxTime)
      const plain = courier(outgoing, igwnAuth, { silence, signal })
      const send = verbose ? told(plain, outgoing) : plain
      await (file === undefined ? toStdout(send, flags) : toFile(file, send, { outgoing, flags, signal }))
    })
    return EXIT.ok
  } catch (error) {
    throw error instanceof IgwnAuthError
      ? (misuseIn(error) ?? (await nothingLeft(error, outgoing, igwnAuth)))
      : error
  }
}

/** Why nothing left, and what would mend it. */
async function nothingLeft(
  { message }: IgwnAuthError,
  { url }: Outgoing,
  igwnAuth: IgwnAuthOptions,
): Promise<Failure> {
  const { fixes } = await explain(url, igwnAuth)
  return new Failure(EXIT.refused, message, fixLines(fixes.filter((mend) => !message.includes(mend))))
}

/** A signal that also ends all when it takes longer than so many seconds. */
function limited(interrupt: AbortSignal, seconds: number): AbortSignal {
  const controller = new AbortController()
  const end = () => {
    controller.abort(new Failure(EXIT.timeout, `it took longer than ${seconds} seconds`))
  }
  setTimeout(end, Math.min(seconds * 1000, 2 ** 31 - 1)).unref()
  return AbortSignal.any([interrupt, controller.signal])
}

function tellOf(event: Parameters<typeof eventLine>[0]): void {
  const line = eventLine(event)
  if (line !== undefined) process.stderr.write(`* ${line}\n`)
}

/** Tells of each send and its answer, as `curl -v` does, but for what is secret. */
function told(send: Courier, { method, url }: Outgoing): Courier {
  return async (more) => {
    const range = more?.Range === undefined ? '' : ` (${more.Range})`
    process.stderr.write(`> ${method} ${urlWithoutSecrets(url)}${range}\n`)
    const reply = await send(more)
    process.stderr.write(
      openHeadLines(reply)
        .map((line) => `< ${line}\n`)
        .join(''),
    )
    return reply
  }
}
