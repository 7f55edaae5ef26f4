import { attachedCredentials, type AttachedCredential } from './attached-credentials'
import { isClearText, readableOnTheWay } from '../request/insecure-transport'
import type { CredentialFinder } from '../request/attach'
import { IgwnAuthError, type Reason } from '../errors'
import { urlWithoutSecrets } from '../events'
import type { TokenRequirements } from '../tokens/validate-claims'
import { certChoice, meaningOf, tokenChoice, type TokenChoice } from '../options'
import type { Credentials, Purpose } from '../request/context'
import { isStranger, wantedFor } from '../request/token-requirements'
import { processEnvironment, type Environment } from '../environment'
import { urlOf } from '../request/destination'
import { describeTrustedCas } from '../x509/describe-trusted-cas'
import { describeCertificates } from '../x509/describe-certificates'
import { describeNetrc } from '../netrc/describe-netrc'
import { findingFor } from '../files/describe-file'
import { askedLater, describeTokens, givenToken, tokenFix } from '../tokens/describe-token'
import { Explanation } from './explanation'
import type { Finding, FindingKind } from './finding'

/** What became of the search for credentials: what goes on the request, or the error that stops it. */
export interface Outcome {
  readonly credentials?: Credentials
  readonly error?: IgwnAuthError
  /** A token source was not asked, since that may use the network. */
  readonly isSourceLeftOut?: boolean
}

/**
 * Searches as for a request, and explains the outcome; nothing is sent. A token source is asked only with `verify`, since that
 * may use the network.
 */
export async function foresee(purpose: Purpose, find: CredentialFinder['find']): Promise<Explanation> {
  const isSourceLeftOut = choiceOf(purpose, processEnvironment)?.kind === 'source' && !purpose.options.verify
  const options = isSourceLeftOut ? { ...purpose.options, token: false } : purpose.options
  try {
    const credentials = await find({ ...purpose, options })
    const reasons = credentials.reasons.filter(({ code }) => !isSourceLeftOut || code !== 'disabled')
    return explanationOf(purpose, { credentials: { ...credentials, reasons }, isSourceLeftOut })
  } catch (error) {
    if (error instanceof IgwnAuthError) return explanationOf(purpose, { error })
    throw error
  }
}

/**
 * Explains the outcome of a search: looks once more at everything that is looked at for such a request, and beyond the first
 * that satisfies. Files that have not changed are not read again; no network is used.
 */
export function explanationOf(
  purpose: Purpose,
  outcome: Outcome,
  environment: Environment = processEnvironment,
): Explanation {
  const { url, options } = purpose
  const isInClear = isClearText(url, purpose.request.proxy) && !options.allowInsecureHttp
  const want = wantedFor(purpose, isStranger(purpose))
  const attached = attachmentsOf(outcome)
  const found = [
    ...examineRequest(purpose, isInClear, environment),
    ...examineBearers(purpose, want, environment),
    ...(options.netrc === false ? [] : describeNetrc(url, options, environment)),
    ...(url.protocol === 'https:' ? certificates(purpose, environment) : []),
    ...(url.protocol === 'https:' ? describeTrustedCas(environment) : []),
  ]
  const reasons = [...(outcome.credentials?.reasons ?? []), ...(outcome.error?.reasons ?? [])]
  const findings = withReasons(found, reasons, want)
    .map((finding) => withAttachment(finding, attached))
    .map((finding) => (isInClear ? notInClear(finding) : finding))
  const { error } = outcome
  return new Explanation({
    url: urlWithoutSecrets(urlOf(purpose.request) ?? url),
    requirements: want,
    findings,
    attached,
    problem: error && { code: error.code, message: error.message },
  })
}

function attachmentsOf({ credentials, isSourceLeftOut }: Outcome): AttachedCredential[] {
  const found = credentials ? attachedCredentials(credentials) : []
  if (!isSourceLeftOut) return found
  return [{ kind: 'token', source: TOKEN_SOURCE }, ...found.filter(({ kind }) => kind !== 'basic')]
}

const TOKEN_SOURCE = 'the token source'

/** What the request itself says, before anything is looked for. */
function examineRequest(
  { url, options, authenticated }: Purpose,
  isInClear: boolean,
  environment: Environment,
): Finding[] {
  const { forceNoAuth, withholdToken, scheme } = options
  const findings: Finding[] = []
  const say = (source: string, message: string, fix?: string) =>
    findings.push({ kind: 'request', source, verdict: 'active', message, fix })
  if (authenticated)
    say('the request', 'the request brings an Authorization, auth or a login in its URL: no header is added')
  if (forceNoAuth) say('forceNoAuth', 'forceNoAuth says to attach nothing', 'leave forceNoAuth out')
  if (withholdToken)
    say('withholdToken', 'withholdToken keeps the token off this request', 'leave withholdToken out')
  if (isInClear) {
    const message = readableOnTheWay(url, 'a token or a password')
    const code = 'insecure-transport'
    findings.push({
      kind: 'request',
      source: 'the URL',
      verdict: 'skipped',
      code,
      message,
      fix: 'use https',
    })
  }
  for (const name of ['IGWN_AUTH_UTILS_FIND_SCITOKEN', 'IGWN_AUTH_UTILS_FIND_X509']) {
    const value = environment.env[name]
    if (!value) continue
    const shown = meaningOf(value) === undefined ? 'a value that means nothing' : JSON.stringify(value)
    say(name, `${name} is set to ${shown}`, `unset ${name}`)
  }
  if (scheme)
    findings.push({
      kind: 'scheme',
      source: scheme.name,
      verdict: 'usable',
      message: `${scheme.name} sees each request as it leaves`,
    })
  return findings
}

function examineBearers(purpose: Purpose, want: TokenRequirements, environment: Environment): Finding[] {
  const choice = choiceOf(purpose, environment)
  if (!choice || purpose.options.scheme) return []
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
      return [givenToken(choice.text, 'the token option', want)]
    case 'source':
      return [...(choice.source.explain?.(want) ?? [askedLater(TOKEN_SOURCE)])]
    case 'discover':
      return describeTokens(want, environment)
  }
}

/** A switch of the environment that means nothing is an error of the search, and said there. */
function choiceOf({ options }: Purpose, environment: Environment): TokenChoice | undefined {
  try {
    return tokenChoice(options.token, environment)
  } catch {
    return undefined
  }
}

function certificates({ options }: Purpose, environment: Environment): Finding[] {
  try {
    const cert = certChoice(options.cert, environment)
    return cert === false ? [] : describeCertificates(cert, options, environment)
  } catch {
    return [] // as above
  }
}

/** What the search says and no look at a place can: a wrong signature, a scheme that is for another server. */
export function withReasons(
  findings: Finding[],
  reasons: readonly Reason[],
  want: TokenRequirements,
): Finding[] {
  const all = [...findings]
  for (const reason of reasons) {
    const at = all.findIndex(
      ({ source, code }) => source === reason.source || (code === CLEAR_TEXT && reason.code === CLEAR_TEXT),
    )
    if (at < 0) all.push(findingFor(KINDS[reason.source] ?? 'request', reason))
    else if (all[at]?.verdict === 'usable' && reason.code !== 'open-permissions') {
      const fix = all[at].kind === 'token' ? tokenFix(reason, want) : undefined
      all[at] = { ...all[at], ...findingFor(all[at].kind, reason, { fix }) }
    }
  }
  return all
}

const CLEAR_TEXT = 'insecure-transport'

const KINDS: Readonly<Record<string, FindingKind>> = { token: 'token', netrc: 'basic', cert: 'certificate' }

function withAttachment(finding: Finding, attached: readonly AttachedCredential[]): Finding {
  const isAttached = attached.some(({ kind, source }) => kind === finding.kind && source === finding.source)
  if (!isAttached) return finding
  if (finding.verdict === 'usable') return { ...finding, verdict: 'selected' }
  // It was sent, and lacks what the server turned out to want.
  return finding.code === 'scope' ? { ...finding, verdict: 'selected', warning: finding.message } : finding
}

/** What would do, and does not cross a clear-text connection. */
function notInClear(finding: Finding): Finding {
  const isSecret = finding.kind === 'token' || finding.kind === 'basic'
  if (finding.verdict !== 'usable' || !isSecret) return finding
  return { ...finding, verdict: 'skipped', code: CLEAR_TEXT }
}
