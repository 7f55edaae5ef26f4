import { attachmentsIn, type Attachment } from './attached-credentials'
import { isClearText, readableOnTheWay } from '../request/insecure-transport'
import type { CredentialFinder } from '../request/attach'
import { IgwnAuthError, type Reason } from '../errors'
import { placeOf } from '../events'
import type { Wanted } from '../tokens/validate-claims'
import { certChoice, meaningOf, tokenChoice, type TokenChoice } from '../options'
import type { Credentials, Purpose } from '../request/context'
import { isStranger, wantedFor } from '../request/token-requirements'
import { here, type Surroundings } from '../environment'
import { urlOf } from '../request/destination'
import { examineAuthorities } from '../x509/describe-trusted-cas'
import { examineCertificates } from '../x509/describe-certificates'
import { examineLogins } from '../netrc/describe-netrc'
import { askedLater, examineTokens, givenToken } from '../tokens/describe-token'
import { Explanation } from './explanation'
import { findingFor, type Finding, type FindingKind } from './finding'
import { mendToken } from './fixes'

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
  const isSourceLeftOut = choiceOf(purpose, here)?.kind === 'source' && !purpose.options.verify
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
  surroundings: Surroundings = here,
): Explanation {
  const { url, options } = purpose
  const isInClear = isClearText(url, purpose.request.proxy) && !options.allowInsecureHttp
  const want = wantedFor(purpose, isStranger(purpose))
  const attaches = attachmentsOf(outcome)
  const found = [
    ...examineRequest(purpose, isInClear, surroundings),
    ...examineBearers(purpose, want, surroundings),
    ...(options.netrc === false ? [] : examineLogins(url, options, surroundings)),
    ...(url.protocol === 'https:' ? certificates(purpose, surroundings) : []),
    ...(url.protocol === 'https:' ? examineAuthorities(surroundings) : []),
  ]
  const reasons = [...(outcome.credentials?.reasons ?? []), ...(outcome.error?.reasons ?? [])]
  const findings = withReasons(found, reasons, want)
    .map((finding) => withAttachment(finding, attaches))
    .map((finding) => (isInClear ? notInClear(finding) : finding))
  const { error } = outcome
  return new Explanation({
    url: placeOf(urlOf(purpose.request) ?? url),
    wanted: want,
    findings,
    attaches,
    problem: error && { code: error.code, message: error.message },
  })
}

function attachmentsOf({ credentials, isSourceLeftOut }: Outcome): Attachment[] {
  const found = credentials ? attachmentsIn(credentials) : []
  if (!isSourceLeftOut) return found
  return [{ kind: 'token', source: TOKEN_SOURCE }, ...found.filter(({ kind }) => kind !== 'login')]
}

const TOKEN_SOURCE = 'the token source'

/** What the request itself says, before anything is looked for. */
function examineRequest(
  { url, options, authenticated }: Purpose,
  isInClear: boolean,
  here: Surroundings,
): Finding[] {
  const { forceNoAuth, withholdToken, scheme } = options
  const findings: Finding[] = []
  const say = (source: string, message: string, mend?: string) =>
    findings.push({ kind: 'request', source, verdict: 'in-use', message, mend })
  if (authenticated)
    say('the request', 'the request brings an Authorization, auth or a login in its URL: no header is added')
  if (forceNoAuth) say('forceNoAuth', 'forceNoAuth says to attach nothing', 'leave forceNoAuth out')
  if (withholdToken)
    say('withholdToken', 'withholdToken keeps the token off this request', 'leave withholdToken out')
  if (isInClear) {
    const message = readableOnTheWay(url, 'a token or a password')
    const code = 'clear-text'
    findings.push({
      kind: 'request',
      source: 'the URL',
      verdict: 'passed-over',
      code,
      message,
      mend: 'use https',
    })
  }
  for (const name of ['IGWN_AUTH_UTILS_FIND_SCITOKEN', 'IGWN_AUTH_UTILS_FIND_X509']) {
    const value = here.env[name]
    if (!value) continue
    const shown = meaningOf(value) === undefined ? 'a value that means nothing' : JSON.stringify(value)
    say(name, `${name} is set to ${shown}`, `unset ${name}`)
  }
  if (scheme)
    findings.push({
      kind: 'scheme',
      source: scheme.name,
      verdict: 'satisfies',
      message: `${scheme.name} sees each request as it leaves`,
    })
  return findings
}

function examineBearers(purpose: Purpose, want: Wanted, surroundings: Surroundings): Finding[] {
  const choice = choiceOf(purpose, surroundings)
  if (!choice || purpose.options.scheme) return []
  switch (choice.kind) {
    case 'never':
      return [
        {
          kind: 'token',
          source: 'token',
          verdict: 'passed-over',
          code: 'disabled',
          message: 'tokens are switched off',
        },
      ]
    case 'given':
      return [givenToken(choice.text, 'the token option', want)]
    case 'source':
      return [...(choice.source.explain?.(want) ?? [askedLater(TOKEN_SOURCE)])]
    case 'discover':
      return examineTokens(want, surroundings)
  }
}

/** A switch of the environment that means nothing is an error of the search, and said there. */
function choiceOf({ options }: Purpose, surroundings: Surroundings): TokenChoice | undefined {
  try {
    return tokenChoice(options.token, surroundings)
  } catch {
    return undefined
  }
}

function certificates({ options }: Purpose, surroundings: Surroundings): Finding[] {
  try {
    const cert = certChoice(options.cert, surroundings)
    return cert === false ? [] : examineCertificates(cert, options, surroundings)
  } catch {
    return [] // as above
  }
}

/** What the search says and no look at a place can: a wrong signature, a scheme that is for another server. */
export function withReasons(findings: Finding[], reasons: readonly Reason[], want: Wanted): Finding[] {
  const all = [...findings]
  for (const reason of reasons) {
    const at = all.findIndex(
      ({ source, code }) => source === reason.source || (code === CLEAR_TEXT && reason.code === CLEAR_TEXT),
    )
    if (at < 0) all.push(findingFor(KINDS[reason.source] ?? 'request', reason))
    else if (all[at]?.verdict === 'satisfies' && reason.code !== 'open-permissions') {
      const mend = all[at].kind === 'token' ? mendToken(reason, want) : undefined
      all[at] = { ...all[at], ...findingFor(all[at].kind, reason, { mend }) }
    }
  }
  return all
}

const CLEAR_TEXT = 'clear-text'

const KINDS: Readonly<Record<string, FindingKind>> = { token: 'token', netrc: 'login', cert: 'certificate' }

function withAttachment(finding: Finding, attaches: readonly Attachment[]): Finding {
  const isAttached = attaches.some(({ kind, source }) => kind === finding.kind && source === finding.source)
  if (!isAttached) return finding
  if (finding.verdict === 'satisfies') return { ...finding, verdict: 'attached' }
  // It was sent, and lacks what the server turned out to want.
  return finding.code === 'scope' ? { ...finding, verdict: 'attached', warning: finding.message } : finding
}

/** What would do, and does not cross a clear-text connection. */
function notInClear(finding: Finding): Finding {
  const isSecret = finding.kind === 'token' || finding.kind === 'login'
  if (finding.verdict !== 'satisfies' || !isSecret) return finding
  return { ...finding, verdict: 'passed-over', code: CLEAR_TEXT }
}
