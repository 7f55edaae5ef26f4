import { processEnvironment } from '../environment'
import { IgwnAuthError } from '../errors'
import { duration } from '../formats/duration'
import { printable } from '../secrets/sanitize'
import { describeTokens } from '../tokens/describe-token'
import { findSciToken } from '../tokens/find-sci-token'
import type { SciToken } from '../tokens/scitoken'
import { targetAudience } from '../tokens/target-audience'
import type { TokenQuery } from '../tokens/token'
import type { TokenLifetime } from '../tokens/token-lifetime'
import { requirementsOf } from '../tokens/validate-claims'
import { asUsageError, CommandError, EXIT, usageError } from './errors'
import { notFoundError, requirementLines } from './findings-text'
import { defined, parseHttpUrl, type TokenFlags } from './flags'
import { json, moment, printableLines } from './format'
import { table, type Row } from './table'
import { terminalOf } from './terminal'
import { checkLifetime } from './token-lifetime'

export interface TokenCommandFlags extends TokenFlags {
  readonly decode?: boolean
  readonly json?: boolean
  readonly print?: boolean
  /** Seconds. */
  readonly for?: number
  /** Seconds. */
  readonly renewedEvery?: number
}

/** `igwn-auth token [URL]`: shows the token that would be sent. Only `--print` prints the token itself. */
export async function tokenCommand(url: string | undefined, flags: TokenCommandFlags): Promise<number> {
  const { for: expected, renewedEvery } = flags
  if (renewedEvery !== undefined && expected === undefined) throw usageError('--renewed-every needs --for')
  const query = queryOf(url, flags)
  const token = await find(query, flags)
  const { source = '' } = token
  const requirements = requirementsOf(query)
  const lifetime =
    expected === undefined
      ? undefined
      : checkLifetime(
          { token, source, expected, renewedEvery, requirements },
          { strict: flags.strict ?? false },
        )
  process.stdout.write(`${textOf(token, flags, lifetime)}\n`)
  return EXIT.ok
}

function queryOf(url: string | undefined, flags: TokenCommandFlags): TokenQuery {
  const { scope, issuer, minTimeLeft } = flags
  const audience = flags.audience ?? (url === undefined ? undefined : targetAudience(parseHttpUrl(url)))
  return defined({ audience, scope, issuer, minTimeLeft })
}

async function find(query: TokenQuery, { strict, verify }: TokenCommandFlags): Promise<SciToken> {
  try {
    return await findSciToken(query, defined({ strict, verify }))
  } catch (error) {
    const usage = asUsageError(error)
    if (usage instanceof CommandError || !(error instanceof IgwnAuthError)) throw usage
    const required = requirementsOf(query)
    const described = describeTokens(required, processEnvironment)
    // Only a search that verifies has reasons that the descriptions lack.
    const findings = verify
      ? (await import('../explain/explain-request')).withReasons(described, error.reasons, required)
      : described
    const message = error.code === 'ERR_IGWN_TOKEN_NOT_FOUND' ? 'no suitable token found' : error.message
    throw notFoundError(message, findings, { requirements: requirementLines(required) })
  }
}

function textOf(
  token: SciToken,
  { print, json: isJson, decode }: TokenCommandFlags,
  lifetime: TokenLifetime | undefined,
): string {
  if (print) return token.serialize()
  if (isJson) return json({ ...dataOf(token, decode), ...(lifetime && { lifetime }) })
  const { width, paint } = terminalOf(process.stdout)
  const source = printableLines(token.source ?? '')
  const rows = decode ? decodedRows(token) : summaryRows(token)
  if (lifetime && !decode) rows.push(['lasts', lastsText(lifetime)])
  return table([paint('bold', source), ...rows], width)
}

function lastsText({ isEnough, expected, renewer }: TokenLifetime): string {
  const by =
    isEnough && renewer !== undefined ? `, renewed by ${renewer === 'schedule' ? 'schedule' : renewer}` : ''
  return `${isEnough ? 'yes' : 'no'}: for ${duration(expected)}${by}`
}

/** The token without the token itself, as JSON. */
export function dataOf(token: SciToken, decode = false): object {
  const { notBefore, header, claims } = token
  const left = token.timeLeft()
  const timeLeft = left === undefined ? undefined : Math.floor(left)
  return { ...token.toJSON(), notBefore, timeLeft, ...(decode && { header, claims }) }
}

export function summaryRows({
  profile,
  subject,
  issuer,
  audience,
  scopes,
  notBefore,
  expiresAt,
}: SciToken): Row[] {
  const rows: [string, string | undefined][] = [
    ['profile', profile],
    ['subject', subject],
    ['issuer', issuer],
    ['audience', audience?.join('\n')],
    ['scope', scopes?.join('\n')],
    ['valid from', notBefore === undefined ? undefined : moment(notBefore)],
    ['expires', expiresAt === undefined ? undefined : moment(expiresAt)],
  ]
  return rows.map(([name, value]) => [name, value ? printableLines(value) : '-'])
}

function decodedRows({ header, claims }: SciToken): Row[] {
  const rows = (values: Readonly<Record<string, unknown>>): Row[] =>
    Object.entries(values).map(([name, value]) => [printable(name), valueOf(name, value)])
  return ['header', ...rows(header), 'claims', ...rows(claims)]
}

/** Claims that are times (RFC 7519 section 4.1; `auth_time` of OpenID Connect). */
const TIMES = ['exp', 'nbf', 'iat', 'auth_time']

function valueOf(name: string, value: unknown): string {
  if (typeof value === 'number' && TIMES.includes(name)) return `${value} (${moment(value)})`
  return printableLines(typeof value === 'string' ? value : JSON.stringify(value))
}
