import axios, { type AxiosInstance } from 'axios'
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
import { printable } from '../secrets/sanitize'
import type { SciToken } from './scitoken'
import { discovery, type Discovery, type SearchOptions, type TokenSearch } from './discovery'
import { verifier, type Verify } from './verify-signature'
import type { TokenQuery } from './token'

/** How {@link findSciToken} looks at what it finds. */
export interface FindSciTokenOptions {
  /**
   * Stop with an error at the first candidate that is broken (malformed, unreadable, not ours), as WLCG Bearer Token
   * Discovery says, in place of passing it over. Default is false.
   */
  readonly strict?: boolean | undefined
  /**
   * Check the signature with the keys the issuer publishes, over https. Default is false: a client is not fooled by its
   * own token, and the server checks it in any case. Given an axios instance, the keys are fetched through that, with
   * its proxy, CA and time-out.
   */
  readonly verify?: boolean | AxiosInstance | undefined
}

/**
 * Finds the first token on this machine that satisfies: `SCITOKEN`, `SCITOKEN_FILE`, `$_CONDOR_CREDS/*.use`,
 * `BEARER_TOKEN`, `BEARER_TOKEN_FILE`, `$XDG_RUNTIME_DIR/bt_u<euid>`, `/tmp/bt_u<euid>`. Candidates that do not are
 * passed over, each with a reason.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_NOT_FOUND` when none does; `reasons` has one entry for each place and
 *   candidate. `ERR_IGWN_TOKEN_MALFORMED` with `strict`, at the first broken one. `ERR_IGWN_INVALID_OPTION` when a value of the
 *   query or the options is of the wrong type.
 * @see WLCG Bearer Token Discovery 1.0 (doi:10.5281/zenodo.3937438), igwn_auth_utils.find_token
 */
export async function findSciToken(
  query: TokenQuery = {},
  options: FindSciTokenOptions = {},
): Promise<SciToken> {
  const want = requirementsOf(checkQuery(query))
  const { token, reasons } = await findVerified(discovery(), want, checkValues(options, OPTIONS, 'options'))
  if (token) return token
  throw tokenNotFound(want, reasons)
}

const OPTIONS: Record<keyof FindSciTokenOptions, Check> = { strict: flag, verify: flagOrAxios }

/** Looks, and with `verify` goes on to the next candidate while signatures do not hold. */
export async function findVerified(
  look: TokenSearch,
  want: TokenRequirements,
  { strict, verify, passOver }: FindSciTokenOptions & Pick<SearchOptions, 'passOver'>,
): Promise<Discovery> {
  if (!verify) return look(want, { strict, passOver })
  const check = verifierOf(verify)
  // By text: a file that changed just now is read again by each look, into another object.
  const refused = new Map<string, ClaimProblem>()
  const judge = (token: SciToken) => {
    const verdict = refused.get(token.serialize())
    return verdict ? reasonFor(token, verdict) : passOver?.(token)
  }
  for (;;) {
    // The first look may rely on what is remembered.
    const found = look(want, { strict, passOver: refused.size > 0 ? judge : passOver })
    const verdict = found.token && (await check(found.token))
    if (!found.token || !verdict) return found
    refused.set(found.token.serialize(), verdict)
  }
}

const verifiers = new WeakMap<AxiosInstance, Verify>()
let plain: AxiosInstance | undefined

function verifierOf(verify: true | AxiosInstance): Verify {
  // An instance of its own: on the default one, interceptors of others would see it.
  const http = verify === true ? (plain ??= axios.create()) : verify
  const known = verifiers.get(http)
  if (known) return known
  const made = verifier(http)
  verifiers.set(http, made)
  return made
}

/** The error for a search that ended with nothing: what was wanted, what each candidate lacked, what to do. */
export function tokenNotFound(want: TokenRequirements, reasons: readonly Reason[]): IgwnAuthError {
  const looked = reasons.filter(({ code }) => code !== 'absent').map(({ message }) => message)
  const absent = reasons.filter(({ code }) => code === 'absent').map(({ source }) => source)
  const sentences = [
    `No SciToken found${describe(want)}.`,
    ...looked.slice(0, MAX_SAID).map((message) => `${message}.`),
    looked.length > MAX_SAID ? `${looked.length - MAX_SAID} more did not satisfy (see reasons).` : '',
    absent.length > 0 ? `Nothing in ${absent.slice(0, MAX_SAID).join(', ')}.` : '',
    // Another token of the same kind would fare no better when the signature could not be checked.
    reasons.some(({ code }) => code === 'not-verified')
      ? ''
      : `Get one with ${htgettokenFor(want)}, or name one in BEARER_TOKEN_FILE.`,
  ]
  const message = printable(sentences.filter(Boolean).join(' '))
  return new IgwnAuthError('ERR_IGWN_TOKEN_NOT_FOUND', message, { reasons })
}

/** The command that gets a token that would satisfy; IGWN's own server and issuer where the token is to be of IGWN. */
export function htgettokenFor(requirements: TokenRequirements): string {
  const { audience, issuer } = requirements
  const scope = requiredScopes(requirements)
  const server = issuer.includes('https://cilogon.org/igwn') ? 'vault.ligo.org -i igwn' : TO_FILL_IN
  return `htgettoken -a ${server}${argument('--scopes', scope.join(','))}${argument('--audience', audience.at(-1))}`
}

/** What of the command only its user knows. */
export const TO_FILL_IN = 'VAULT -i ISSUER'

/** An argument to paste into a shell; none for a value that a shell would read otherwise: a server may have asked for it. */
function argument(name: string, value = ''): string {
  return /^[\w.,:/@%+~-]+$/.test(value) ? ` ${name}=${value}` : ''
}

/** Candidates named in a message; `reasons` has them all. */
const MAX_SAID = 10

function describe(requirements: TokenRequirements): string {
  const { audience, issuer } = requirements
  const scope = requiredScopes(requirements)
  return [
    audience.length > 0 ? ` for audience ${audience.join(' or ')}` : '',
    scope.length > 0 ? ` with scope ${scope.join(' ')}` : '',
    issuer.length > 0 ? ` of issuer ${issuer.join(' or ')}` : '',
  ].join('')
}
