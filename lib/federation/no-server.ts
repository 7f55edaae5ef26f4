import { IgwnAuthError } from '../errors'
import { redact } from '../secrets/redact'
import { sanitize } from '../secrets/sanitize'
import type { Reply } from './ask'
import type { ResolvedObject } from './object-resolver'

/** The error for an object that no server has. */
export function noServer(
  { federation, path, method }: ResolvedObject,
  { status, body }: Reply,
): IgwnAuthError {
  const said = messageIn(body)
  return new IgwnAuthError(
    'ERR_IGWN_FEDERATION',
    `The director of ${federation.host} names no server for ${method} ${sanitize(path)} (status ${status}${said}). Check the path, and whether the namespace allows ${method}.`,
  )
}

/** The `msg` of `{"status": "error", "msg": "…"}`. */
function messageIn(body: string): string {
  try {
    const { msg } = JSON.parse(body) as { msg?: unknown }
    return typeof msg === 'string' ? `: ${redact(msg)}` : ''
  } catch {
    return ''
  }
}
