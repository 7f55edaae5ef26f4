import { sanitize } from '../secrets/sanitize'
import type { Reply } from './http-client'
import { EXIT } from './exit-code'
import { BrokenOff, Failure } from './failure'
import { hideTokens } from './hide-tokens'
import { fixLines } from './fix-lines'
import { fieldOf } from './validator'

/** The failure that an answer is: its status, why, and what mends it. */
export function refusedReply({ status, statusText, headers, refusal }: Reply): Failure {
  const message = `${status} ${sanitize(statusText)}`.trim()
  if (refusal)
    return new Failure(EXIT.refused, `${message}: ${refusal.summary}`, fixLines(refusal.explanation.fixes))
  if (status < 400) return new Failure(EXIT.http, `${message}: this is not the file`)
  if (!PASSING.includes(status)) return new Failure(EXIT.http, message)
  const seconds = Number(fieldOf(headers, 'Retry-After'))
  return new BrokenOff(EXIT.http, message, [], seconds >= 0 ? seconds : undefined)
}

/** Those that curl --retry takes for passing. */
const PASSING = [408, 429, 500, 502, 503, 504]

/**
 * The beginning of what a server says in refusing, in one line; undefined where that is nothing, or no text. Parameters of the
 * URL that was asked for are left out: they may be secret.
 */
export async function saidIn(reply: Reply, { search }: URL): Promise<string | undefined> {
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of reply.body()) {
      parts.push(chunk)
      if ((length += chunk.length) > SAID_BYTES) break
    }
  } catch {
    // What came is better than nothing.
  }
  const text = Buffer.concat(parts).toString('utf8', 0, SAID_BYTES)
  // A page for browsers says nothing in a line, and an image even less.
  if (/^\s*<|[\0\ufffd]/.test(text)) return undefined
  const open = search === '' ? text : text.replaceAll(search, '?[not shown]')
  return sanitize(hideTokens(open).replace(/\s+/g, ' ').trim()) || undefined
}

const SAID_BYTES = 2000
