import type { AttachedCredential } from '../explain/attached-credentials'
import { fixesOf, type Explanation } from '../explain/explanation'
import type { Finding, FindingKind, FindingVerdict, TokenInfo } from '../explain/finding'
import type { TokenRequirements } from '../tokens/validate-claims'
import { sanitize } from '../secrets/sanitize'
import { secondsNow } from '../clock'
import { EXIT } from './exit-code'
import { Failure } from './failure'
import { table, type Row } from './table'
import { terminalOf, type Paint, type Terminal } from './terminal'
import { life } from './times'

/** An explanation for people: what was looked at as a table, what would be attached, what mends the rest. */
export function explanationText(explanation: Explanation, terminal: Terminal): string {
  const { url, requirements, findings, fixes } = explanation
  const parts = [
    table([terminal.paint('bold', url), ...wants(requirements)], terminal.width),
    findingsText(findings, terminal),
    table([outcome(explanation, terminal.paint)], terminal.width),
    mendsText(fixes, explanation.attached.length > 0 ? 'To mend what was passed over:' : 'To mend it:'),
  ]
  return parts.filter(Boolean).join('\n\n')
}

/** What a token must satisfy. */
export function wants({ audience, scope, issuer }: TokenRequirements): string[] {
  const all = [
    audience.length > 0 ? `be for audience ${sanitize(audience.join(' or '))}` : '',
    scope.length > 0 ? `give ${sanitize(scope.join(' '))}` : '',
    issuer.length > 0 ? `be of issuer ${sanitize(issuer.join(' or '))}` : '',
  ].filter(Boolean)
  return all.length > 0 ? [`A token must ${all.join(' and ')}.`] : []
}

/** Commands stand on lines of their own, however long, to be copied. */
function mendsText(mends: readonly string[], title: string): string {
  return mends.length === 0 ? '' : [title, ...mends.map((mend) => `  ${mend}`)].join('\n')
}

/**
 * Ends the command where nothing satisfies: what was looked at, and what mends it.
 *
 * @param otherwise - what mends it where there is nothing to mend
 */
export function noneSatisfies(
  message: string,
  findings: readonly Finding[],
  { wants = [], otherwise = [] }: { wants?: readonly string[]; otherwise?: readonly string[] } = {},
): Failure {
  const { width, paint } = terminalOf(process.stderr)
  // Lines of a failure are two columns in.
  const looked = findingsText(findings, { width: width - 2, paint })
  const found = fixesOf(findings)
  const mends = mendsText(found.length > 0 ? found : otherwise, 'To mend it:')
  return new Failure(EXIT.refused, message, [...wants, '', ...looked.split('\n'), '', ...mends.split('\n')])
}

/** Everything that was looked at, as a table; where that would be too narrow to read, as a list. */
export function findingsText(findings: readonly Finding[], { width, paint }: Terminal): string {
  const isWide = width >= WIDE
  const rows: Row[] = isWide ? [TITLES.map((title) => paint('underline', title))] : []
  let kind: FindingKind | undefined
  for (const finding of findings) {
    if (finding.kind !== kind) rows.push(paint('bold', KINDS[finding.kind]))
    kind = finding.kind
    rows.push(isWide ? asRow(finding, paint) : asItem(finding, paint))
  }
  return table(rows, width)
}

/** Columns of a terminal that four columns of text need. */
const WIDE = 120

const TITLES = ['Place', 'What is there', 'Verdict', 'Why']

const KINDS: Readonly<Record<FindingKind, string>> = {
  request: 'Request',
  scheme: 'Scheme',
  token: 'Tokens',
  basic: 'Basic credentials',
  certificate: 'Certificates',
  ca: 'Trusted CAs',
}

const VERDICTS: Readonly<Record<FindingVerdict, { text: string; style: Parameters<Paint>[0] }>> = {
  selected: { text: 'selected', style: 'green' },
  deferred: { text: 'deferred', style: 'yellow' },
  usable: { text: 'usable', style: 'dim' },
  skipped: { text: 'skipped', style: 'red' },
  absent: { text: 'absent', style: 'dim' },
  active: { text: 'active', style: 'cyan' },
}

function asRow(finding: Finding, paint: Paint): Row {
  const { source, verdict } = finding
  const { text, style } = VERDICTS[verdict]
  const why = [whyOf(finding), ...warningOf(finding, paint)].filter(Boolean).join('\n')
  const dim = (cell: string) => (verdict === 'absent' ? paint('dim', cell) : cell)
  return [dim(source), contentOf(finding).join('\n') || dim('-'), paint(style, text), dim(why)]
}

function asItem(finding: Finding, paint: Paint): Row {
  const { text, style } = VERDICTS[finding.verdict]
  const { source, verdict } = finding
  if (verdict === 'absent') return [paint(style, text), paint('dim', `${source} ${whyOf(finding)}`)]
  const lines = [source, whyOf(finding), ...warningOf(finding, paint), contentOf(finding).join(', ')]
  return [paint(style, text), lines.filter(Boolean).join('\n')]
}

/** The message of a finding without the place, which stands beside it; nothing where the rest says it. */
function whyOf({ kind, verdict, source, message }: Finding): string {
  const isGood = verdict === 'selected' || verdict === 'usable'
  if (isGood && (kind === 'token' || kind === 'certificate')) return ''
  return message.startsWith(`${source} `) ? message.slice(source.length + 1) : message
}

function warningOf({ source, warning }: Finding, paint: Paint): string[] {
  if (warning === undefined) return []
  const text = warning.startsWith(`${source} `) ? warning.slice(source.length + 1) : warning
  return [paint('yellow', `but ${text}`)]
}

/** What is there, a line for each thing to know. */
function contentOf({ token, certificates = [], basic, permissions, code }: Finding): string[] {
  const mode = permissions === undefined ? [] : [`mode ${permissions}`]
  // Of what has expired that is said already.
  const lasts = (timeLeft: number | undefined) =>
    [...(code === 'expired' ? [] : [life(timeLeft)]), ...mode].join(', ')
  if (token) return [...tokenLines(token), lasts(token.timeLeft)].filter(Boolean)
  const [own] = certificates
  if (own) {
    const chain = certificates.length > 1 ? [`with ${certificates.length - 1} of its issuers`] : []
    return [sanitize(own.subject), ...chain, lasts(own.timeLeft)].filter(Boolean)
  }
  return basic ? [`login ${sanitize(basic.username)}`, ...mode] : mode
}

function tokenLines({ profile, issuer, subject, audience = [], scopes = [] }: TokenInfo): string[] {
  const kind = profile === 'wlcg' ? 'WLCG token' : profile === 'unknown' ? 'token' : 'SciToken'
  return [
    subject === undefined ? kind : `${kind} of ${sanitize(subject)}`,
    issuer === undefined ? 'names no issuer' : `by ${sanitize(issuer)}`,
    audience.length > 0 ? `for ${sanitize(audience.join(' or '))}` : 'names no audience',
    scopes.length > 0 ? `gives ${sanitize(scopes.join(' '))}` : 'gives no scope',
  ]
}

function outcome({ attached, problem }: Explanation, paint: Paint): string {
  if (problem) return `${paint('red', 'Nothing would be sent:')} ${problem.message}`
  if (attached.length === 0) return paint('red', 'No credential would be attached.')
  return attached.map((one) => `${paint('green', 'Attached:')} ${attachmentText(one)}`).join('\n')
}

function attachmentText({ kind, source, expiresAt }: AttachedCredential): string {
  const left = expiresAt === undefined ? '' : `, ${life(expiresAt - secondsNow())}`
  return `the ${kind} of ${source}${left}`
}
