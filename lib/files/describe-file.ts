import type { Reason, ReasonCode } from '../errors'
import type { Finding, FindingKind } from '../explain/finding'
import { pathName, shellWord } from '../secrets/sanitize'
import type { FileProblem } from './read-file'

/** The reason for a file that cannot be used. */
export function reasonFor(source: string, { problem, what, expected, actual }: FileProblem): Reason {
  return {
    code: problem,
    source,
    message: `${source} ${what}`,
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
  }
}

/** A reason as a finding. */
export function findingFor(kind: FindingKind, reason: Reason, more: Partial<Finding> = {}): Finding {
  const verdict = reason.code === 'absent' ? 'absent' : 'skipped'
  return { kind, verdict, ...reason, ...more }
}

/** A credential that cannot be used, and where it is. */
export interface UnusableFile {
  readonly code: ReasonCode
  /** Its file, if it is in one. */
  readonly path?: string | undefined
  /** The variable that holds it or names its file. */
  readonly variable?: string | undefined
}

/** What the user can do about a file, whatever is in it. */
export function fileFix({ code, path, variable }: UnusableFile): string | undefined {
  if (path === undefined) return undefined
  const name = pathName(path)
  switch (code) {
    case 'open-permissions':
      return `chmod 600 ${shellWord(path)}`
    case 'unreadable':
      return `make ${name} readable for this user${variable === undefined ? '' : `, or unset ${variable}`}`
    case 'foreign-owner':
      return `name a file of your own in ${variable ?? 'a variable'}; ${name} is owned by another user`
    case 'not-a-file':
    case 'too-large':
    case 'malformed':
    case 'empty':
      return variable === undefined ? `rm ${shellWord(path)}` : `unset ${variable}`
    default:
      return undefined
  }
}
