import type { AxiosInstance } from 'axios'
import { checkValues, flag, flagOrAxios, type Check } from '../check-values'
import { IgwnAuthError, type Reason } from '../errors'
import {
  checkQuery,
  reasonFor,
  requiredScopes,
  requirementsOf,
  type ClaimProblem,
  type TokenRequirements,
} from './validate-claims'
import { IGWN_VAULT, LOG_IN, UNKNOWN_SERVER } from '../formats/log-in-command'
import { printable } from '../secrets/sanitize'
import type { SciToken } from './scitoken'
import { condorFix } from './token-locations'
import { discovery, type Discovery, type SearchOptions, type TokenSearch } from './discovery'
import type { TokenQuery } from './token'

/** Options of {@link findSciToken}. */
export interface FindSciTokenOptions {
  /**
   * Fail on the first malformed candidate (not a JWT, unreadable, owned by another user), as WLCG Bearer Token Discovery
   * says, instead of skipping it. Default is false.
   */
  readonly strict?: boolean | undefined
  /**
   * Verify the signature with the keys that the issuer publishes, over https, within 10 seconds and 1 MiB. Default is
   * false: the server verifies it in any case. Given an axios instance, the keys are fetched with its proxy, CA and timeout.
   */
  readonly verify?: boolean | AxiosInstance | undefined
}

/**
 * Finds the first usable token on this host: `SCITOKEN`, `SCITOKEN_FILE`, `$_CONDOR_CREDS/*.use`, `BEARER_TOKEN`,
 * `BEARER_TOKEN_FILE`, `$XDG_RUNTIME_DIR/bt_u<euid>`, `/tmp/bt_u<euid>`. Others are skipped, each with a reason. Keeps
 * nothing between calls: files are read and keys fetched each time.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_NOT_FOUND` if there is none; `reasons` has one entry for each location and
 *   candidate. `ERR_IGWN_TOKEN_MALFORMED` with `strict`, on the first malformed one. `ERR_IGWN_INVALID_OPTION` if a value of
 *   the query or the options has the wrong type.
 * @see WLCG Bearer Token Discovery 1.0 (doi:10.5281/zenodo.3937438), igwn_auth_utils.find_token
 */
export async function findSciToken(
  query: TokenQuery = {},
  options: FindSciTokenOptions = {},
): Promise<SciToken> {
  const requirements = requirementsOf(checkQuery(query))
  const { token, reasons } = await findVerified(
    discovery(),
    requirements,
    checkValues(options, OPTIONS, 'options'),
  )
  if (token) return token
  throw tokenNotFound(requirements, reasons)
}

const OPTIONS: Record<keyof FindSciTokenOptions, Check> = { strict: flag, verify: flagOrAxios }

/** Searches; with `verify`, candidates whose signature is not valid are skipped. */
export async function findVerified(
  search: TokenSearch,
  requirements: TokenRequirements,
  { strict, verify, passOver }: FindSciTokenOptions & Pick<SearchOptions, 'passOver'>,
): Promise<Discovery> {
  if (!verify) return search(requirements, { strict, passOver })
  const check = await search.verifierFor(verify)
  // By text: a file that changed just now is read again by each search, into another object.
  const invalid = new Map<string, ClaimProblem>()
  const skip = (token: SciToken) => {
    const problem = invalid.get(token.serialize())
    return problem ? reasonFor(token, problem) : passOver?.(token)
  }
  for (;;) {
    // The first search may be a remembered one.
    const found = search(requirements, { strict, passOver: invalid.size > 0 ? skip : passOver })
    const problem = found.token && (await check(found.token))
    if (!found.token || !problem) return found
    invalid.set(found.token.serialize(), problem)
  }
}

/** The error for a search without result: what was required, what is wrong with each candidate, what to do. */
export function tokenNotFound(requirements: TokenRequirements, reasons: readonly Reason[]): IgwnAuthError {
  const present = reasons.filter(({ code }) => code !== 'absent').map(({ message }) => message)
  const absent = reasons.filter(({ code }) => code === 'absent').map(({ source }) => source)
  const sentences = [
    `No suitable token found${describe(requirements)}.`,
    ...present.slice(0, MAX_NAMED).map((message) => `${message}.`),
    present.length > MAX_NAMED ? `${present.length - MAX_NAMED} more are not suitable (see reasons).` : '',
    absent.length > 0 ? `Nothing in ${absent.slice(0, MAX_NAMED).join(', ')}.` : '',
    adviceFor(requirements, reasons),
  ]
  const message = printable(sentences.filter(Boolean).join(' '))
  return new IgwnAuthError('ERR_IGWN_TOKEN_NOT_FOUND', message, { reasons })
}

function adviceFor(requirements: TokenRequirements, reasons: readonly Reason[]): string {
  // If a signature could not be verified, another token of the issuer would not help.
  if (reasons.some(({ code }) => code === 'not-verified')) return ''
  const ofCondor = reasons.map(condorFix).find((fix) => fix !== undefined)
  if (ofCondor !== undefined) return `${ofCondor.charAt(0).toUpperCase()}${ofCondor.slice(1)}.`
  return `Get one with ${logInFor(requirements)}, or name one in BEARER_TOKEN_FILE.`
}

/** The command that gets a suitable token; with the server and issuer of IGWN if the token must be from there. */
export function logInFor(requirements: TokenRequirements): string {
  const { audience, object } = requirements
  const scopes = [...requiredScopes(requirements), object?.scopeToRequest ?? []].flat()
  const named = scopes.map((scope) => argument('--scope', scope))
  // A part of the scopes would give a token that is refused again.
  const scope = named.includes('') ? '' : named.join('')
  return `${LOG_IN} ${serverOf(requirements)}${scope}${argument('--audience', audience.at(-1))}`
}

function serverOf({ issuer, object }: TokenRequirements): string {
  const issuers = [...issuer, ...(object?.issuer ?? [])]
  if (issuers.includes('https://cilogon.org/igwn'))
    return `--vault ${IGWN_VAULT.vault} --issuer ${IGWN_VAULT.issuer}`
  // A director may name the Vault server of a namespace.
  const { vaultServer = '' } = object ?? {}
  return HOST.test(vaultServer) ? UNKNOWN_SERVER.replace('VAULT', vaultServer) : UNKNOWN_SERVER
}

const HOST = /^[\w.-]+(?::\d+)?$/

/** An argument to paste into a shell. Left out if a shell would interpret the value: a server may have chosen it. */
function argument(name: string, value = ''): string {
  return /^[\w.,:/@%+~-]+$/.test(value) ? ` ${name}=${value}` : ''
}

/** Candidates named in a message; `reasons` has them all. */
const MAX_NAMED = 10

function describe(requirements: TokenRequirements): string {
  const { audience, issuer, object } = requirements
  const scopes = [requiredScopes(requirements).join(' '), object?.scope.join(' or ')].filter(Boolean)
  const issuers = [...issuer, ...(object?.issuer ?? [])]
  return [
    audience.length > 0 ? ` for audience ${audience.join(' or ')}` : '',
    scopes.length > 0 ? ` with scope ${scopes.join(', and ')}` : '',
    issuers.length > 0 ? ` of issuer ${issuers.join(' or ')}` : '',
  ].join('')
}
