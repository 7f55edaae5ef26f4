import { IgwnAuthError } from '../errors'
import { describeTokens } from '../tokens/describe-token'
import { withReasons } from '../explain/explain-request'
import { findSciToken } from '../tokens/find-sci-token'
import { requirementsOf } from '../tokens/validate-claims'
import { printable } from '../secrets/sanitize'
import type { SciToken } from '../tokens/scitoken'
import { processEnvironment } from '../environment'
import { targetAudience } from '../tokens/target-audience'
import type { TokenQuery } from '../tokens/token'
import { EXIT } from './exit-code'
import { noneSatisfies, wants } from './explanation-text'
import type { TokenCommandFlags } from './flags'
import { table, type Row } from './table'
import { terminalOf } from './terminal'
import { moment } from './times'
import { understood } from './usage-error'
import { urlOf } from './url-of'

/** `igwn-auth token [URL]`: shows the token that would be sent; the token itself only where that is asked for. */
export async function tokenCommand(url: string | undefined, flags: TokenCommandFlags): Promise<number> {
  const token = await find(queryOf(url, flags), flags)
  process.stdout.write(`${shown(token, flags)}\n`)
  return EXIT.ok
}

function queryOf(url: string | undefined, flags: TokenCommandFlags): TokenQuery {
  const { scope, issuer, minTimeLeft, audience } = flags
  return { audience: audience ?? (url && targetAudience(urlOf(url))), scope, issuer, minTimeLeft }
}

async function find(query: TokenQuery, { strict, verify }: TokenCommandFlags): Promise<SciToken> {
  try {
    return await understood(() => findSciToken(query, { strict, verify }))
  } catch (error) {
    if (!(error instanceof IgwnAuthError)) throw error
    const want = requirementsOf(query)
    const findings = withReasons(describeTokens(want, processEnvironment), error.reasons, want)
    const said = error.code === 'ERR_IGWN_TOKEN_NOT_FOUND' ? 'no token satisfies' : error.message
    throw noneSatisfies(said, findings, { wants: wants(want) })
  }
}

function shown(token: SciToken, { print, json, decode }: TokenCommandFlags): string {
  if (print) return token.serialize()
  if (json) return JSON.stringify(asData(token, decode), null, 2)
  const { width, paint } = terminalOf(process.stdout)
  return table([paint('bold', token.source ?? ''), ...(decode ? decoded(token) : said(token))], width)
}

function asData(token: SciToken, decode = false): object {
  const { notBefore, header, claims } = token
  return { ...token.toJSON(), notBefore, timeLeft: token.timeLeft(), ...(decode && { header, claims }) }
}

/** What a token says, in words. */
function said({ profile, subject, issuer, audience, scopes, notBefore, expiresAt }: SciToken): Row[] {
  const rows: [string, string | undefined][] = [
    ['profile', profile],
    ['subject', subject],
    ['issuer', issuer],
    ['audience', audience?.join('\n')],
    ['scope', scopes?.join('\n')],
    ['begins', notBefore === undefined ? undefined : moment(notBefore)],
    ['ends', expiresAt === undefined ? undefined : moment(expiresAt)],
  ]
  return rows.map(([name, value]) => [name, value ? fit(value) : 'not said'])
}

/** All that is in a token but its signature, as it stands there. */
function decoded({ header, claims }: SciToken): Row[] {
  const rows = (values: Readonly<Record<string, unknown>>): Row[] =>
    Object.entries(values).map(([name, value]) => [printable(name), valueOf(name, value)])
  return ['header', ...rows(header), 'claims', ...rows(claims)]
}

/** The claims that are times (RFC 7519 section 4.1; `auth_time` of OpenID Connect). */
const TIMES = ['exp', 'nbf', 'iat', 'auth_time']

function valueOf(name: string, value: unknown): string {
  if (typeof value === 'number' && TIMES.includes(name)) return `${value} (${moment(value)})`
  return fit(typeof value === 'string' ? value : JSON.stringify(value))
}

/** Without what could move the cursor; our own line feeds stay. */
function fit(text: string): string {
  return text.split('\n').map(printable).join('\n')
}
