import { processEnvironment, type Environment } from '../environment'
import type { IgwnAuthError, Reason } from '../errors'
import type { ResolvedObject } from '../federation/object-resolver'
import { describeNetrc } from '../netrc/describe-netrc'
import { findingFor } from '../files/describe-file'
import {
  certChoice,
  ENVIRONMENT_SWITCHES,
  switchMeaning,
  tokenChoice,
  type ResolvedOptions,
} from '../options'
import type { TokenLifetime } from '../tokens/token-lifetime'
import {
  deferredFinding,
  describeTokens,
  explainSource,
  givenToken,
  tokenFix,
} from '../tokens/describe-token'
import { describeAgent } from '../tokens/oidc-agent'
import type { TokenRequirements } from '../tokens/validate-claims'
import { describeCertificates } from '../x509/describe-certificates'
import { describeTrustedCas } from '../x509/describe-trusted-cas'
import type { AttachedCredential } from './attached-credentials'
import { Explanation } from './explanation'
import type { Finding, FindingKind } from './finding'
import { withRefusalFixes, type RefusalCause } from './refusal-fixes'

/** What is known of a request and of the search for its credentials. */
export interface ExplainedRequest {
  /** The target. */
  readonly target: URL
  /** The target for printing: without userinfo, parameters and fragment. */
  readonly url: string
  readonly options: ResolvedOptions
  readonly requirements: TokenRequirements
  /** The caller authenticates. */
  readonly authenticated: boolean
  /** Others could read what is sent, and `allowInsecureHttp` is not set. */
  readonly isInsecure: boolean
  /** The findings of tokens, where more was asked than a refusal can wait for: {@link askedTokenFindings}. */
  readonly tokens?: readonly Finding[] | undefined
  readonly attached: readonly AttachedCredential[]
  readonly reasons: readonly Reason[]
  /** What refused the request; undefined for one that was not sent. */
  readonly refusal?: RefusalCause | undefined
  /** What ended the search. */
  readonly error?: IgwnAuthError | undefined
  /** Where the object of a federation is. */
  readonly object?: ResolvedObject | undefined
  /** Whether the token lasts. */
  readonly lifetime?: TokenLifetime | undefined
}

/**
 * Explains a request: looks at everything that is searched for such a request, and also beyond the first suitable candidate. No
 * network is used.
 */
export function explainRequest(
  request: ExplainedRequest,
  environment: Environment = processEnvironment,
): Explanation {
  const { target, options, requirements, attached, isInsecure, refusal, error } = request
  const isHttps = target.protocol === 'https:'
  const reasons = [...request.reasons, ...(error?.reasons ?? [])]
  const found = [
    ...requestFindings(request, environment),
    ...(request.tokens ?? tokenFindings(request, environment)),
    ...(options.netrc === false ? [] : describeNetrc(target, options, environment)),
    ...(isHttps ? certificateFindings(options, environment) : []),
    ...(isHttps ? describeTrustedCas(environment, reasons) : []),
  ]
  const findings = withReasons(found, reasons, requirements)
    .map((finding) => markSelected(finding, attached))
    .map((finding) => (isInsecure ? skipInsecure(finding) : finding))
  return new Explanation({
    url: request.url,
    requirements,
    findings: refusal ? withRefusalFixes(findings, refusal, target.hostname) : findings,
    attached,
    problem: error && { code: error.code, message: error.message },
    object: request.object,
    lifetime: request.lifetime,
  })
}

/** Name of a token source that has none of its own. */
export const TOKEN_SOURCE = 'the token source'

/** What the request and the environment say before anything is searched. */
function requestFindings(
  { options, authenticated, isInsecure, target }: ExplainedRequest,
  { env }: Environment,
): Finding[] {
  const { forceNoAuth, withholdToken, scheme } = options
  const findings: Finding[] = []
  const add = (source: string, message: string, fix?: string) =>
    findings.push({ kind: 'request', source, verdict: 'active', message, fix })
  if (authenticated)
    add('the request', 'the request has its own Authorization, auth or userinfo: no header is added')
  if (forceNoAuth)
    add(
      'forceNoAuth',
      'forceNoAuth is set, or igwnAuth is false: nothing is attached',
      'leave forceNoAuth, or igwnAuth: false, out',
    )
  if (withholdToken)
    add('withholdToken', 'withholdToken is set: no token is attached', 'leave withholdToken out')
  if (isInsecure)
    findings.push({
      kind: 'request',
      source: 'the URL',
      verdict: 'skipped',
      code: 'insecure-transport',
      message: `${target.host} is reached over plain HTTP, where others can read a token or a password`,
      fix: 'use https',
    })
  for (const name of ENVIRONMENT_SWITCHES) {
    const value = env[name]
    if (!value) continue
    const shown =
      switchMeaning(value) === undefined ? 'has an invalid value' : `is set to ${JSON.stringify(value)}`
    add(name, `${name} ${shown}`, `unset ${name}`)
  }
  if (scheme)
    findings.push({
      kind: 'scheme',
      source: scheme.name,
      verdict: 'usable',
      message: `${scheme.name} is applied to a request that needs it`,
    })
  return findings
}

function tokenFindings({ options, requirements }: ExplainedRequest, environment: Environment): Finding[] {
  const choice = ignoringErrors(() => tokenChoice(options.token, environment.env))
  if (!choice || options.scheme) return []
  switch (choice.kind) {
    case 'never':
      return [
        {
          kind: 'token',
          source: 'token',
          verdict: 'skipped',
          code: 'disabled',
          message: 'tokens are switched off',
        },
      ]
    case 'given':
      return [givenToken(choice.text, 'the token option', requirements)]
    case 'source':
      return [...(choice.source.explain?.(requirements) ?? [deferredFinding(TOKEN_SOURCE)])]
    case 'discover':
      return describeTokens(requirements, environment)
  }
}

/** The findings of tokens, after asking other programs of this host; undefined where none has to be asked. */
export async function askedTokenFindings(
  { options, requirements }: Pick<ExplainedRequest, 'options' | 'requirements'>,
  environment: Environment = processEnvironment,
): Promise<readonly Finding[] | undefined> {
  const choice = ignoringErrors(() => tokenChoice(options.token, environment.env))
  if (!choice || options.scheme) return undefined
  if (choice.kind === 'source') return explainSource(choice.source, requirements, TOKEN_SOURCE)
  if (choice.kind !== 'discover') return undefined
  const found = describeTokens(requirements, environment)
  const isNeeded = !found.some(({ verdict }) => verdict === 'usable')
  return [...found, ...(await describeAgent(requirements, isNeeded, environment))]
}

function certificateFindings(options: ResolvedOptions, environment: Environment): Finding[] {
  return (
    ignoringErrors(() => {
      const cert = certChoice(options.cert, environment.env)
      return cert === false ? [] : describeCertificates(cert, options, environment)
    }) ?? []
  )
}

/** An invalid environment switch is the error of the search, and reported there. */
function ignoringErrors<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

/** Adds what only the search knows: a wrong signature, a scheme for another server. */
export function withReasons(
  findings: readonly Finding[],
  reasons: readonly Reason[],
  requirements: TokenRequirements,
): Finding[] {
  const all = [...findings]
  for (const reason of reasons) {
    const at = all.findIndex(
      ({ source, code }) =>
        source === reason.source || (code === 'insecure-transport' && reason.code === 'insecure-transport'),
    )
    const same = all[at]
    if (!same) all.push(findingFor(KINDS[reason.source] ?? 'request', reason))
    else if (same.verdict === 'usable' && reason.code !== 'open-permissions') {
      const fix = same.kind === 'token' ? tokenFix(reason, requirements) : undefined
      all[at] = { ...same, ...findingFor(same.kind, reason, { fix }) }
    }
  }
  return all
}

const KINDS: Readonly<Record<string, FindingKind>> = { token: 'token', netrc: 'basic', cert: 'certificate' }

function markSelected(finding: Finding, attached: readonly AttachedCredential[]): Finding {
  if (!attached.some(({ kind, source }) => kind === finding.kind && source === finding.source)) return finding
  if (finding.verdict === 'usable') return { ...finding, verdict: 'selected' }
  // It was sent, and lacks a scope that the server then required.
  return finding.code === 'scope' ? { ...finding, verdict: 'selected', warning: finding.message } : finding
}

function skipInsecure(finding: Finding): Finding {
  const isSecret = finding.kind === 'token' || finding.kind === 'basic'
  if (finding.verdict !== 'usable' || !isSecret) return finding
  return { ...finding, verdict: 'skipped', code: 'insecure-transport' }
}
