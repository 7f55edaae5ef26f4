import { inspect } from 'node:util'
import type { IgwnAuthErrorCode } from '../errors'
import { LOG_IN, UNKNOWN_SERVER } from '../formats/log-in-command'
import { requirementTexts, type TokenRequirements } from '../tokens/validate-claims'
import type { ResolvedObject } from '../federation/object-resolver'
import type { AttachedCredential } from './attached-credentials'
import type { TokenLifetime } from '../tokens/token-lifetime'
import type { Finding } from './finding'

/**
 * Why a request to a URL has the credentials it has, or none: everything that was looked at, in order, as data and, with
 * `toString`, as text. It has no secret, and may be pasted into a ticket.
 */
export class Explanation {
  /** The target, without userinfo, parameters and fragment. */
  readonly url: string
  /** What a token has to satisfy. */
  readonly requirements: TokenRequirements
  /** Everything that was looked at, in the order of the search. */
  readonly findings: readonly Finding[]
  /** The credentials that would be sent; empty for none. */
  readonly attached: readonly AttachedCredential[]
  /** The error that would stop the request; undefined when it would be sent. */
  readonly problem:
    | {
        /** Its `code`, for programs. */
        readonly code: IgwnAuthErrorCode
        /** Its message: what failed, why, and what to do. */
        readonly message: string
      }
    | undefined
  /** Where the object of an `osdf:` or `pelican:` URL is; undefined for other URLs. */
  readonly object: ResolvedObject | undefined
  /** Whether the token lasts for the expected transfer; undefined where none was named, and where no token would be sent. */
  readonly lifetime: TokenLifetime | undefined

  constructor({
    url,
    requirements,
    findings,
    attached,
    problem,
    object,
    lifetime,
  }: Pick<
    Explanation,
    'url' | 'requirements' | 'findings' | 'attached' | 'problem' | 'object' | 'lifetime'
  >) {
    this.url = url
    this.requirements = requirements
    this.findings = findings
    this.attached = attached
    this.problem = problem
    this.object = object
    this.lifetime = lifetime
  }

  /** The commands and actions that fix what was found, each once, the most likely first. */
  get fixes(): readonly string[] {
    const { fix } = this.lifetime ?? {}
    return [...fixesOf(this.findings), ...(fix === undefined ? [] : [fix])]
  }

  /** As text, one line for each finding. */
  toString(): string {
    const required = requirementTexts(this.requirements)
    return [
      `${this.url}: ${this.outcome()}`,
      ...(this.object ? objectTexts(this.object).map((line) => `  ${line}`) : []),
      ...(required.length > 0 ? [`  required of a token: ${required.join(', ')}`] : []),
      ...this.findings.map(({ verdict, message }) => `  ${verdict}: ${message}`),
      ...this.findings.flatMap(({ warning }) => (warning === undefined ? [] : [`  warning: ${warning}`])),
      ...(this.lifetime ? [`  ${lifetimeText(this.lifetime)}`] : []),
      ...this.fixes.map((fix) => `  to fix: ${fix}`),
    ].join('\n')
  }

  /** What would happen to the request, as the end of a sentence. */
  outcome(): string {
    if (this.problem) return `nothing would be sent (${this.problem.code})`
    if (this.attached.length === 0) return 'no credential would be sent'
    return this.attached.map(({ kind, source }) => `${NAMES[kind]} from ${source} would be sent`).join('; ')
  }

  /**
   * As data: `url`, `requirements`, `findings`, `attached`, `problem`, `fixes`, `object` for an object of a federation, and `lifetime`
   * where a transfer was named.
   */
  toJSON(): Record<string, unknown> {
    const { url, requirements, findings, attached, problem, fixes, object, lifetime } = this
    return {
      url,
      requirements,
      findings,
      attached,
      problem,
      fixes,
      ...(object && { object }),
      ...(lifetime && { lifetime }),
    }
  }

  /** The same for `console.log`. */
  [inspect.custom](_depth: number, options: object): string {
    return `Explanation ${inspect(this.toJSON(), options)}`
  }
}

/** Where an object is, one text for each fact. */
export function objectTexts({ namespace, requiresToken, servers, federation }: ResolvedObject): string[] {
  return [
    `namespace ${namespace ?? 'unknown'} of ${federation.host}: ${requiresToken ? 'a token is required' : 'no token is required'}`,
    `servers: ${servers.map(({ url }) => new URL(url).host).join(', ') || 'none'}`,
  ]
}

/** Whether a token lasts, in a line. */
function lifetimeText({ isEnough, message }: TokenLifetime): string {
  return `${isEnough === false ? 'warning' : 'lifetime'}: ${message}`
}

const NAMES: Readonly<Record<AttachedCredential['kind'], string>> = {
  token: 'the token',
  basic: 'username and password',
  certificate: 'the certificate',
  scheme: 'the scheme',
}

/** The fixes of findings, each once, the most likely first. */
export function fixesOf(findings: readonly Finding[]): readonly string[] {
  const where = (matches: (finding: Finding) => boolean) =>
    findings.filter(matches).flatMap(({ fix }) => fix ?? [])
  const all = new Set([
    // A CA bundle that cannot be read stops every request.
    ...where(({ kind }) => kind === 'ca'),
    // A candidate that exists and is not suitable is what the user meant to use.
    ...where(({ verdict, warning }) => verdict !== 'absent' && warning === undefined),
    ...where(({ verdict }) => verdict === 'absent'),
    ...where(({ warning }) => warning !== undefined),
  ])
  // Where a token names its issuer, a command with a placeholder for it adds nothing.
  const isKnown = [...all].some((fix) => fix.startsWith(LOG_IN) && !fix.includes(UNKNOWN_SERVER))
  return [...all].filter((fix) => !isKnown || !fix.includes(UNKNOWN_SERVER))
}
