import type { IgwnAuthEvent } from '../events'
import { printable } from '../secrets/sanitize'
import { moment } from './times'

/** What happens to the credentials of a request, in a line; undefined for what is not worth one. */
export function eventLine(event: IgwnAuthEvent): string | undefined {
  const line = said(event)
  return line && printable(line)
}

function said(event: IgwnAuthEvent): string | undefined {
  switch (event.type) {
    case 'skipped':
      return event.reason.code === 'absent' ? undefined : `passed over: ${event.reason.message}`
    case 'selected': {
      const { kind, source, expiresAt } = event
      return `chosen: the ${kind} of ${source}${expiresAt === undefined ? '' : `, which ends ${moment(expiresAt)}`}`
    }
    case 'attached':
      return event.kinds.length > 0 ? `attached: ${event.kinds.join(', ')}` : 'attached: nothing'
    case 'challenged':
      return `the server asks for ${event.challenges.map(({ scheme }) => scheme).join(', ') || 'nothing it names'}`
    case 'retrying':
      return 'the request is sent once more, with another credential'
    case 'refused':
      return `refused: ${event.summary}`
    case 'redirected':
      return `redirected to ${event.to}${event.trusted ? ', which is trusted' : ''}`
    case 'renewed':
      return `${event.source} has a new token`
    case 'warning':
      return `${event.source}: ${event.message}`
  }
}
