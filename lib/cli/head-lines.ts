import { printable } from '../secrets/sanitize'
import type { Reply } from './http-client'
import { hideTokens } from './hide-tokens'

/** The status line and the header fields of an answer, as they are. */
export function headLines({ httpVersion, status, statusText, headers }: Reply): string[] {
  const fields = Object.entries(headers.toJSON()).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${one}`),
  )
  return [`HTTP/${httpVersion} ${status} ${statusText}`.trim(), ...fields].map(printable)
}

/** The same for a log: without what a server gives to whoever it knows, as cookies and signed URLs. */
export function openHeadLines(reply: Reply): string[] {
  return headLines(reply).map((line) =>
    hideTokens(line).replace(SECRET, '$1 [not shown]').replace(PARAMETERS, '$1?[not shown]'),
  )
}

const SECRET = /^((?:set-cookie|authorization|[\w-]*token|[\w-]*secret):).*/i
const PARAMETERS = /^((?:content-)?location:[^?]*)\?.*/i
