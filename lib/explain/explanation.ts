import { inspect } from 'node:util'
import type { IgwnAuthErrorCode } from '../errors'
import type { AttachedCredential } from './attached-credentials'
import { TO_FILL_IN } from '../tokens/find-sci-token'
import type { TokenRequirements } from '../tokens/validate-claims'
import type { Finding } from './finding'

/**
 * Why a request to a URL gets the credentials it gets, or none: everything that was looked at, in order, as data and, by
 * `toString`, as text. There is no secret in it: it may be pasted into a ticket.
 */
export class Explanation {
  /** Where the request goes; without login, parameters and fragment. */
  readonly url: string
  /** What a token must satisfy. */
  readonly requirements: TokenRequirements
  /** Everything that was looked at, in the order in which it is looked at for a request. */
  readonly findings: readonly Finding[]
  /** What would go on the request; empty for nothing. */
  readonly attached: readonly AttachedCredential[]
  /** The error that a request would end with before it leaves; undefined when it would leave. */
  readonly problem:
    | {
        /** Its `code`; for programs. */
        readonly code: IgwnAuthErrorCode
        /** Its message: the thing, why, and what to do. */
        readonly message: string
      }
    | undefined

  constructor({
    url,
    requirements,
    findings,
    attached,
    problem,
  }: Pick<Explanation, 'url' | 'requirements' | 'findings' | 'attached' | 'problem'>) {
    this.url = url
    this.requirements = requirements
    this.findings = findings
    this.attached = attached
    this.problem = problem
  }

  /** The commands and actions that would fix what was found wrong, each once, the likeliest first. */
  get fixes(): readonly string[] {
    return fixesOf(this.findings)
  }

  /** As text for people, a line for each finding. */
  toString(): string {
    const { audience, scope, issuer } = this.requirements
    const wants = [
      audience.length > 0 ? `audience ${audience.join(' or ')}` : '',
      scope.length > 0 ? `scope ${scope.join(' ')}` : '',
      issuer.length > 0 ? `issuer ${issuer.join(' or ')}` : '',
    ].filter(Boolean)
    return [
      `${this.url}: ${this.outcome()}`,
      ...(wants.length > 0 ? [`  a token must have ${wants.join(', ')}`] : []),
      ...this.findings.map(({ verdict, message }) => `  ${verdict}: ${message}`),
      ...this.findings.flatMap(({ warning }) => (warning === undefined ? [] : [`  warning: ${warning}`])),
      ...this.fixes.map((fix) => `  to mend it: ${fix}`),
    ].join('\n')
  }

  /** What would become of the request, as the end of a sentence. */
  outcome(): string {
    if (this.problem) return `nothing would be sent (${this.problem.code})`
    if (this.attached.length === 0) return 'no credential would be attached'
    return this.attached.map(({ kind, source }) => `the ${kind} of ${source} would be attached`).join('; ')
  }

  /** As data: `url`, `requirements`, `findings`, `attached`, `problem` and `fixes`. */
  toJSON(): Record<string, unknown> {
    const { url, requirements, findings, attached, problem, fixes } = this
    return { url, requirements, findings, attached, problem, fixes }
  }

  /** The same for `console.log`. */
  [inspect.custom](_depth: number, options: object): string {
    return `Explanation ${inspect(this.toJSON(), options)}`
  }
}

/** What would fix findings, each once, the likeliest first. */
export function fixesOf(findings: readonly Finding[]): readonly string[] {
  const mendsWhere = (isIt: (finding: Finding) => boolean) =>
    findings.filter(isIt).flatMap(({ fix }) => fix ?? [])
  const all = new Set([
    // Authorities that cannot be read stop every request.
    ...mendsWhere(({ kind }) => kind === 'ca'),
    // What is there and will not do is what somebody meant to use.
    ...mendsWhere(({ verdict, warning }) => verdict !== 'absent' && warning === undefined),
    ...mendsWhere(({ verdict }) => verdict === 'absent'),
    // A warning about what works comes after what does not.
    ...mendsWhere(({ warning }) => warning !== undefined),
  ])
  // Where one token tells whose it is, a command that leaves that open says less.
  const isKnown = [...all].some((fix) => fix.startsWith('htgettoken') && !fix.includes(TO_FILL_IN))
  return [...all].filter((fix) => !isKnown || !fix.includes(TO_FILL_IN))
}
