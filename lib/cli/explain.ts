import { setTimeout as wait } from 'node:timers/promises'
import type { Explanation } from '../explain/explanation'
import { explainUrl } from '../request/explain-url'
import { abortOnSignal, asUsageError, EXIT } from './errors'
import { explanationText } from './findings-text'
import { authOptions, parseUrlArgument, useTrustFlags, type CredentialFlags } from './flags'
import { json } from './format'
import { terminalOf } from './terminal'

export interface ExplainFlags extends CredentialFlags {
  readonly json?: boolean
  readonly watch?: boolean
}

/** `igwn-auth explain URL`: success when a credential would be sent, or the object of a federation is public. */
export async function explainCommand(word: string, flags: ExplainFlags): Promise<number> {
  const url = parseUrlArgument(word)
  const options = authOptions(flags)
  useTrustFlags(flags)
  const look = async () => {
    try {
      return await explainUrl(url.href, options)
    } catch (error) {
      throw asUsageError(error)
    }
  }
  const explanation = await look()
  process.stdout.write(`${textOf(explanation, flags)}\n`)
  if (flags.watch) await watch(look, explanation, flags)
  const { attached, problem, object } = explanation
  const isEnough = attached.length > 0 || object?.requiresToken === false
  return isEnough && !problem ? EXIT.ok : EXIT.refused
}

function textOf(explanation: Explanation, flags: ExplainFlags): string {
  return flags.json ? json(explanation) : explanationText(explanation, terminalOf(process.stdout))
}

/** Prints the explanation again whenever it changes, until a signal. On a terminal it replaces the one before. */
async function watch(
  look: () => Promise<Explanation>,
  first: Explanation,
  flags: ExplainFlags,
): Promise<never> {
  let before = comparable(first)
  return abortOnSignal(async (signal) => {
    for (;;) {
      await wait(WATCH_MS, undefined, { signal }).catch(() => {
        throw signal.reason
      })
      const explanation = await look()
      const now = comparable(explanation)
      if (now !== before) {
        const clear = process.stdout.isTTY && !flags.json ? '\u001b[H\u001b[2J' : ''
        process.stdout.write(`${clear}${textOf(explanation, flags)}\n`)
      }
      before = now
    }
  })
}

const WATCH_MS = 1000

/** Without what changes by itself: the time left. */
function comparable(explanation: Explanation): string {
  const { findings, attached, problem } = explanation
  const stable = findings.map(({ source, verdict, code, token, certificates }) => {
    return [source, verdict, code, token?.expiresAt, token?.scopes, certificates?.[0]?.expiresAt]
  })
  return JSON.stringify([stable, attached, problem?.code])
}
