import type { IgwnAuthEvent } from '../events'
import { printable, sanitize } from '../secrets/sanitize'
import { hideTokens, moment } from './format'
import type { Response } from './http-client'

/** The status line and the header fields of a response. */
export function headLines({ httpVersion, status, statusText, headers }: Response): string[] {
  const fields = Object.entries(headers.toJSON()).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${one}`),
  )
  return [`HTTP/${httpVersion} ${status} ${statusText}`.trim(), ...fields].map(printable)
}

/** The same for a log: without cookies, signed URLs and tokens. */
export function redactedHeadLines(response: Response): string[] {
  return headLines(response).map((line) =>
    hideTokens(response.hide(line)).replace(SECRET_FIELD, '$1 [hidden]').replace(QUERY, '$1?[hidden]'),
  )
}

const SECRET_FIELD = /^((?:set-cookie|authorization|[\w-]*token|[\w-]*secret):).*/i
const QUERY = /^((?:content-)?location:[^?]*)\?.*/i

/** The first bytes of the body of an error response. */
export async function pageOf(response: Response): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of response.body()) {
      parts.push(chunk)
      if ((length += chunk.length) >= MAX_PAGE_BYTES) break
    }
  } catch {
    // What came before the interruption.
  }
  return Buffer.concat(parts)
}

/** Bytes; pages of errors are smaller. */
export const MAX_PAGE_BYTES = 16 * 1024

/**
 * The beginning of the body of an error response, in one line; undefined if it is empty or not text. The query of the URL is
 * hidden, because it can be secret, and so is what the request carried.
 */
export function messageIn(page: Buffer, { hide }: Response, { search }: URL): string | undefined {
  const text = hide(page.toString('utf8', 0, MAX_MESSAGE_BYTES))
  const isPageOrBinary = /^\s*<|[\0\ufffd]/.test(text)
  if (isPageOrBinary) return undefined
  const open = search === '' ? text : text.replaceAll(search, '?[hidden]')
  return sanitize(hideTokens(open).replace(/\s+/g, ' ').trim()) || undefined
}

const MAX_MESSAGE_BYTES = 2000

/** A line of `--verbose` about an event; undefined for events that need none. */
export function eventLine(event: IgwnAuthEvent): string | undefined {
  const line = eventText(event)
  return line && printable(line)
}

function eventText(event: IgwnAuthEvent): string | undefined {
  switch (event.type) {
    case 'skipped':
      return event.reason.code === 'absent' ? undefined : `skipped: ${event.reason.message}`
    case 'selected': {
      const { kind, source, expiresAt } = event
      return `selected: ${kind} from ${source}${expiresAt === undefined ? '' : `, expires ${moment(expiresAt)}`}`
    }
    case 'attached':
      return `attached: ${event.kinds.join(', ') || 'no credential'}`
    case 'challenged':
      return `challenged: ${event.challenges.map(({ scheme }) => scheme).join(', ') || 'no scheme named'}`
    case 'retrying':
      return 'retrying with another credential'
    case 'refused':
      return `refused: ${event.summary}`
    case 'redirected':
      return `redirected to ${event.to}${event.trusted ? ' (trusted)' : ''}`
    case 'renewed':
      return `renewed: token from ${event.source}`
    case 'warning':
      return `warning: ${event.source}: ${event.message}`
  }
}
