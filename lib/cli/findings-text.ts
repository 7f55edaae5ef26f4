import { secondsNow } from '../clock'
import type { AttachedCredential } from '../explain/attached-credentials'
import { fixesOf, objectTexts, type Explanation } from '../explain/explanation'
import type { Finding, FindingKind, FindingVerdict, TokenInfo } from '../explain/finding'
import { sanitize } from '../secrets/sanitize'
import { requirementTexts, type TokenRequirements } from '../tokens/validate-claims'
import { CommandError, EXIT } from './errors'
import { expiry, printableLines } from './format'
import { table, type Row } from './table'
import { terminalOf, type Paint, type Terminal } from './terminal'

/** An explanation for people: the findings as a table, what would be sent, and what fixes the rest. */
export function explanationText(explanation: Explanation, terminal: Terminal): string {
  const { url, requirements, findings, fixes, attached, object } = explanation
  const about = [...(object ? objectTexts(object) : []), ...requirementLines(requirements)]
  const parts = [
    table([terminal.paint('bold', url), ...about], terminal.width),
    findingsText(findings, terminal),
    table([outcome(explanation, terminal.paint)], terminal.width),
    fixesText(fixes, attached.length > 0 ? 'To fix what was skipped:' : 'To fix:'),
  ]
  return parts.filter(Boolean).join('\n\n')
}

/** What a token must have. */
export function requirementLines(requirements: TokenRequirements): string[] {
  const all = requirementTexts(requirements).map(sanitize)
  return all.length > 0 ? [`Required of a token: ${all.join(', ')}`] : []
}

/** Not wrapped: commands are there to be copied. */
function fixesText(fixes: readonly string[], title: string): string {
  return fixes.length === 0 ? '' : [title, ...fixes.map((fix) => `  ${printableLines(fix)}`)].join('\n')
}

/**
 * The error of a search that found nothing suitable.
 *
 * @param requirements - lines that say what was required
 * @param otherwise - fixes where no finding has one
 */
export function notFoundError(
  message: string,
  findings: readonly Finding[],
  {
    requirements = [],
    otherwise = [],
  }: { requirements?: readonly string[]; otherwise?: readonly string[] } = {},
): CommandError {
  const { width, paint } = terminalOf(process.stderr)
  // Lines of an error are indented by two columns.
  const text = findingsText(findings, { width: width - 2, paint })
  const fixes = fixesOf(findings)
  return new CommandError(EXIT.refused, message, {
    lines: [...requirements, '', ...text.split('\n'), ''],
    fixes: fixes.length > 0 ? fixes : otherwise,
    data: { findings },
  })
}

/** Findings for people, each with what can renew it. */
export function credentialsText(
  credentials: readonly { readonly finding: Finding; readonly renewal?: string | undefined }[],
  { width, paint }: Terminal,
): string {
  const rows: Row[] = []
  let kind: FindingKind | undefined
  for (const { finding, renewal } of credentials) {
    if (finding.kind !== kind) rows.push(paint('bold', KINDS[finding.kind]))
    kind = finding.kind
    const [label = '', text = ''] = listItem(finding, paint)
    rows.push([label, renewal === undefined ? text : `${text}\nrenewal: ${printableLines(renewal)}`])
  }
  return table(rows, width)
}

/** A table of all findings; a list where the terminal is too narrow for a table, and in a pipe. */
function findingsText(findings: readonly Finding[], { width, paint }: Terminal): string {
  const isTable = width >= TABLE_WIDTH && Number.isFinite(width)
  const rows: Row[] = isTable ? [TITLES.map((title) => paint('underline', title))] : []
  let kind: FindingKind | undefined
  for (const finding of findings) {
    if (finding.kind !== kind) rows.push(paint('bold', KINDS[finding.kind]))
    kind = finding.kind
    rows.push(isTable ? tableRow(finding, paint) : listItem(finding, paint))
  }
  return table(rows, width)
}

/** Columns of a terminal that the table needs. */
const TABLE_WIDTH = 120

const TITLES = ['Location', 'Content', 'Verdict', 'Reason']

const KINDS: Readonly<Record<FindingKind, string>> = {
  request: 'Request',
  scheme: 'Scheme',
  token: 'Tokens',
  basic: 'Basic credentials',
  certificate: 'Certificates',
  ca: 'Trusted CAs',
}

const STYLES: Readonly<Record<FindingVerdict, Parameters<Paint>[0]>> = {
  selected: 'green',
  deferred: 'yellow',
  usable: 'dim',
  skipped: 'red',
  absent: 'dim',
  active: 'cyan',
}

function tableRow(finding: Finding, paint: Paint): Row {
  const { source, verdict } = finding
  const reason = [reasonText(finding), ...warningLines(finding, paint)].filter(Boolean).join('\n')
  const dim = (cell: string) => (verdict === 'absent' ? paint('dim', cell) : cell)
  const content = contentLines(finding).join('\n') || dim('-')
  return [dim(printableLines(source)), content, paint(STYLES[verdict], verdict), dim(reason)]
}

function listItem(finding: Finding, paint: Paint): Row {
  const { source, verdict } = finding
  const label = paint(STYLES[verdict], verdict)
  const name = printableLines(source)
  if (verdict === 'absent') return [label, paint('dim', `${name} ${reasonText(finding)}`)]
  const lines = [name, reasonText(finding), ...warningLines(finding, paint), contentLines(finding).join(', ')]
  return [label, lines.filter(Boolean).join('\n')]
}

/** The message of a finding without its location, which is printed beside it. */
function reasonText({ kind, verdict, source, message }: Finding): string {
  const isGood = verdict === 'selected' || verdict === 'usable'
  if (isGood && (kind === 'token' || kind === 'certificate')) return ''
  return printableLines(message.startsWith(`${source} `) ? message.slice(source.length + 1) : message)
}

function warningLines({ source, warning }: Finding, paint: Paint): string[] {
  if (warning === undefined) return []
  const text = warning.startsWith(`${source} `) ? warning.slice(source.length + 1) : warning
  return [paint('yellow', `warning: ${printableLines(text)}`)]
}

function contentLines({ token, certificates = [], basic, permissions, code }: Finding): string[] {
  const mode = permissions === undefined ? [] : [`mode ${permissions}`]
  // The reason says already that it has expired.
  const last = (timeLeft: number | undefined) =>
    [...(code === 'expired' ? [] : [expiry(timeLeft)]), ...mode].join(', ')
  if (token) return [...tokenLines(token), last(token.timeLeft)].filter(Boolean)
  const [presented] = certificates
  if (presented) {
    const chain = certificates.length > 1 ? [`chain of ${certificates.length} certificates`] : []
    return [sanitize(presented.subject), ...chain, last(presented.timeLeft)].filter(Boolean)
  }
  return basic ? [`username ${sanitize(basic.username)}`, ...mode] : mode
}

function tokenLines({ profile, issuer, subject, audience = [], scopes = [] }: TokenInfo): string[] {
  const kind = profile === 'wlcg' ? 'WLCG token' : profile === 'unknown' ? 'token' : 'SciToken'
  return [
    subject === undefined ? kind : `${kind} of ${sanitize(subject)}`,
    issuer === undefined ? 'no issuer' : `issuer ${sanitize(issuer)}`,
    audience.length > 0 ? `audience ${sanitize(audience.join(' or '))}` : 'no audience',
    scopes.length > 0 ? `scope ${sanitize(scopes.join(' '))}` : 'no scope',
  ]
}

function outcome({ attached, problem }: Explanation, paint: Paint): string {
  if (problem)
    return `${paint('red', 'The request would fail before it is sent:')} ${printableLines(problem.message)}`
  if (attached.length === 0) return paint('red', 'No credential would be sent.')
  return attached.map((one) => `${paint('green', 'Would be sent:')} ${attachedText(one)}`).join('\n')
}

function attachedText({ kind, source, expiresAt }: AttachedCredential): string {
  const left = expiresAt === undefined ? '' : `, ${expiry(expiresAt - secondsNow())}`
  return `the ${KIND_NAMES[kind]} from ${printableLines(source)}${left}`
}

const KIND_NAMES: Readonly<Record<AttachedCredential['kind'], string>> = {
  token: 'token',
  basic: 'Basic credentials',
  certificate: 'certificate',
  scheme: 'scheme',
}
