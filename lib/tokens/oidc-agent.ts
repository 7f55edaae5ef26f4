import {
  checkValues,
  nonEmptyText,
  seconds,
  textOrList,
  timeoutMilliseconds,
  type Check,
} from '../check-values'
import { secondsNow } from '../clock'
import { processEnvironment, type Environment } from '../environment'
import { IgwnAuthError } from '../errors'
import type { Finding } from '../explain/finding'
import { fileFix, findingFor, reasonFor } from '../files/describe-file'
import { redact } from '../secrets/redact'
import { sanitize, shellWord } from '../secrets/sanitize'
import { deferredFinding } from './describe-token'
import { agentSocket, askAgent, NoResponse, socketProblem, type AgentSocket } from './oidc-agent-socket'
import { requestedToken } from './requested-token'
import { cachedSource } from './reuse'
import type { TokenQuery, TokenSource } from './token'
import { tokenOf, type TokenResponse } from './token-response'
import { MIN_TIME_LEFT, requiredScopes, type TokenRequirements } from './validate-claims'

/** Options of {@link oidcAgent}: `account`, or `issuer`. */
export interface OidcAgentOptions {
  /** The short name of the account in the agent, as in `oidc-add NAME`. Default is none: the account of `issuer` is used. */
  readonly account?: string | undefined
  /** The URL of the issuer, of which the agent has an account. Default is none: `account` is used. */
  readonly issuer?: string | undefined
  /**
   * Scopes of every token, a list or a string separated by spaces; those of the query are added. Default is none: the scopes of the
   * account.
   */
  readonly scope?: string | readonly string[] | undefined
  /**
   * Audience of every token, or several, of which the one that matches the request is used, else the first; `false` requests none,
   * for issuers that refuse one (`invalid_target`). Default is the audience of each request, which gives a token for each service.
   */
  readonly audience?: string | readonly string[] | false | undefined
  /** Seconds a token must have left. Default is 60. */
  readonly minTimeLeft?: number | undefined
  /** The path of the UNIX socket. Default is `OIDC_SOCK`, else `$TMPDIR/oidc-agent-service-<uid>/oidc-agent.sock`. */
  readonly socket?: string | undefined
  /** Milliseconds for a response; 0 for no limit. The agent may be asking the user for a password. Default is 60000. */
  readonly timeout?: number | undefined
  /** Aborts what this source is waiting for. Default is none. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Tokens of [oidc-agent](https://indigo-dc.gitbook.io/oidc-agent), which keeps the logins of a user, as ssh-agent keeps keys. A token
 * is kept until shortly before it expires, one for each audience and set of scopes. If a server refuses it, the agent is asked for
 * a newer one.
 *
 * In a folder that other users can write to, the socket must belong to this user or root.
 *
 * Its `getToken` returns undefined when the query asks for another issuer. It rejects with `ERR_IGWN_TOKEN_NOT_FOUND` when the agent
 * does not run or has not loaded the account; with `ERR_IGWN_SOURCE_FAILED` when it refuses, does not respond in time or responds
 * with something else, or when its socket must not be used; and with the reason of `signal`.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 */
export function oidcAgent(options: OidcAgentOptions): TokenSource {
  const own: OidcAgentOptions = checkValues(options, OPTIONS, 'options')
  const { account, issuer, scope, audience, minTimeLeft = MIN_TIME_LEFT, timeout = 60_000, signal } = own
  if ((account === undefined) === (issuer === undefined))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options needs either account, the name of an account of oidc-agent, or issuer, the URL of its issuer.',
    )
  const what =
    account === undefined ? `an account of ${sanitize(issuer ?? '')}` : `the account ${sanitize(account)}`
  const refused = new Set<string>()
  const find = () => agentSocket(own.socket, processEnvironment)

  const source: TokenSource = {
    async getToken(query) {
      const enough = Math.max(minTimeLeft, query.minTimeLeft ?? 0) + RENEW_BEFORE
      const response = await request(query, enough)
      if (!isOfIssuer(response.issuer, query)) return undefined
      const { text, expiresAt } = tokenOf(response, AGENT)
      if (!refused.has(text)) return response
      // The agent forgets no token; it renews one that has less time left than is required.
      const left = Number.isFinite(expiresAt) ? expiresAt - secondsNow() : 0
      return request(query, Math.max(enough, left + 1))
    },
    invalidate(rejected) {
      if (refused.size >= MAX_REFUSED) refused.clear()
      refused.add(rejected)
    },
    explain() {
      const socket = find()
      return [socketFinding(socket) ?? deferredFinding(socket?.source ?? AGENT)]
    },
    explainAsync: async () => [await accountFinding(find(), account, what)],
  }
  return cachedSource('oidcAgent', source, { minTimeLeft, renewBefore: RENEW_BEFORE }).source

  async function request(query: TokenQuery, enough: number): Promise<TokenResponse> {
    const socket = find()
    const problem = socket && socketProblem(socket, processEnvironment)
    if (!socket || problem?.problem === 'absent') throw notFound(socket, 'does not run', START)
    if (problem)
      throw failed(
        `${socket.source} ${problem.what}. It is not used. Set OIDC_SOCK to the socket of your own agent.`,
      )
    const requested = requestedToken(
      query,
      { scope, audience: audience === false ? undefined : audience },
      { audienceParameter: audience === false ? false : 'audience' },
    )
    const response = await ask(socket, {
      request: 'access_token',
      ...(account === undefined ? { issuer } : { account }),
      min_valid_period: Math.ceil(enough),
      application_hint: 'axios-igwn-auth',
      ...(requested.scope.length > 0 && { scope: requested.scope.join(' ') }),
      ...(requested.audience.length > 0 && { audience: requested.audience.join(' ') }),
    })
    const { status, access_token: token, expires_at: expiresAt, error } = response
    if (status !== 'success') throw await refusal(socket, String(error), response.info)
    if (typeof token !== 'string')
      throw failed(`${socket.source} sent a response without access_token. Update oidc-agent.`)
    // Of a token with scopes or an audience of its own, version 4 has the expiry of another one.
    const isTime = typeof expiresAt === 'number' && expiresAt > secondsNow()
    return { access_token: token, ...(isTime && { expires_at: expiresAt }), issuer: response.issuer }
  }

  async function ask(
    socket: AgentSocket,
    message: Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, unknown>>> {
    try {
      return await askAgent(socket, message, { timeout, signal })
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error
      if (error.kind === 'closed') throw notFound(socket, error.what, START)
      const advice =
        error.kind === 'late'
          ? `It may be asking for a password or a confirmation. Run \`oidc-token ${word(account ?? issuer)}\` in a terminal to see what it does`
          : 'Check OIDC_SOCK'
      throw failed(`${socket.source} ${error.what}. ${advice}.`)
    }
  }

  async function refusal(socket: AgentSocket, error: string, info: unknown): Promise<IgwnAuthError> {
    if (NOT_CONFIGURED.test(error))
      return notFound(socket, `has no account ${sanitize(account ?? '')}`, `oidc-gen ${word(account)}`)
    if (NOT_LOADED.test(error)) {
      const loaded = await loadedAccounts(socket).catch(() => undefined)
      return notFound(socket, `has not loaded ${what}${loadedText(loaded)}`, `oidc-add ${word(account)}`)
    }
    const [advice = ''] = typeof info === 'string' ? info.split('\n') : []
    return failed(`${socket.source} refused a token of ${what}: ${redact(`${error}. ${advice}`.trim())}`)
  }

  function notFound(socket: AgentSocket | undefined, problem: string, fix: string): IgwnAuthError {
    const source = socket?.source ?? AGENT
    const message = `${source} ${problem}`
    return new IgwnAuthError('ERR_IGWN_TOKEN_NOT_FOUND', `${message}. Run \`${fix}\`.`, {
      reasons: [{ code: 'absent', source, message }],
    })
  }
}

const AGENT = 'oidc-agent'

/** The command that starts the agent, or finds the one that runs. */
const START = 'eval "$(oidc-agent-service use)"'

/** The texts of oidc-agent 4 and 5. */
const NOT_CONFIGURED = /no account configured/i
const NOT_LOADED = /not loaded/i

/** Seconds before it is due in which a token is renewed in the background: the agent is asked for one with more time left. */
const RENEW_BEFORE = 60

/** Refused tokens expire. One that is forgotten is refused once more. */
const MAX_REFUSED = 100

function failed(message: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_SOURCE_FAILED', message)
}

/** The name of an account as a word of a command. */
function word(account: string | undefined): string {
  return account === undefined ? 'NAME' : shellWord(account)
}

/** The agent ends each issuer with a slash. */
function isOfIssuer(issuer: unknown, query: TokenQuery): boolean {
  const wanted = [query.issuer ?? []].flat()
  const plain = (url: string) => url.replace(/\/$/, '')
  return (
    wanted.length === 0 || typeof issuer !== 'string' || wanted.some((one) => plain(one) === plain(issuer))
  )
}

/** The names of the accounts that the agent has loaded. It asks the user nothing. */
async function loadedAccounts(socket: AgentSocket): Promise<readonly string[]> {
  const { info } = await askAgent(socket, { request: 'loaded_accounts' }, { timeout: EXPLAIN_TIMEOUT })
  return Array.isArray(info) ? info.filter((name) => typeof name === 'string').slice(0, MAX_ACCOUNTS) : []
}

/** Milliseconds. It is not waited for longer when only the loaded accounts are asked for. */
const EXPLAIN_TIMEOUT = 2000

/** More than fit into a sentence. */
const MAX_ACCOUNTS = 20

function loadedText(loaded: readonly string[] | undefined): string {
  if (!loaded) return ''
  return loaded.length === 0 ? '; no account is loaded' : `; loaded: ${loaded.map(sanitize).join(', ')}`
}

/** A finding for a socket that cannot be used. */
function socketFinding(socket: AgentSocket | undefined): Finding | undefined {
  const problem = socket ? socketProblem(socket, processEnvironment) : NO_SOCKET
  if (!problem) return undefined
  const source = socket?.source ?? AGENT
  const fix =
    problem.problem === 'absent'
      ? START
      : fileFix({ code: problem.problem, path: socket?.path, variable: 'OIDC_SOCK' })
  return findingFor('token', reasonFor(source, problem), { fix })
}

const NO_SOCKET = { problem: 'absent', what: 'does not run' } as const

/** What the agent has of an account. */
async function accountFinding(
  socket: AgentSocket | undefined,
  account: string | undefined,
  what: string,
): Promise<Finding> {
  const problem = socketFinding(socket)
  if (problem || !socket) return problem ?? deferredFinding(socket?.source ?? AGENT)
  const { source } = socket
  try {
    const loaded = await loadedAccounts(socket)
    const isLoaded = account === undefined ? loaded.length > 0 : loaded.includes(account)
    if (isLoaded) {
      const message = `${source} is asked for a token of ${what} when a request is sent${loadedText(loaded)}`
      return { kind: 'token', source, verdict: 'deferred', message }
    }
    const message = `${source} has not loaded ${what}${loadedText(loaded)}`
    return findingFor(
      'token',
      { code: 'absent', source, message },
      { verdict: 'skipped', fix: `oidc-add ${word(account)}` },
    )
  } catch (error) {
    return unanswered(source, error)
  }
}

function unanswered(source: string, error: unknown): Finding {
  const { kind, what } = error instanceof NoResponse ? error : { kind: 'malformed', what: 'failed' }
  const fix = kind === 'closed' ? START : 'check OIDC_SOCK, or restart oidc-agent'
  return findingFor('token', { code: 'failed', source, message: `${source} ${what}` }, { fix })
}

/**
 * What an agent of this user has, for a search that does not ask it: nothing if none runs and no variable names one.
 *
 * @param isNeeded - no other token is suitable: the finding has the command that takes one from the agent
 */
export async function describeAgent(
  requirements: TokenRequirements,
  isNeeded: boolean,
  environment: Environment = processEnvironment,
): Promise<readonly Finding[]> {
  const socket = agentSocket(undefined, environment)
  const problem = socketFinding(socket)
  if (!socket || (socket.isDefault && problem?.verdict === 'absent')) return []
  if (problem) return [problem]
  const { source } = socket
  try {
    const loaded = await loadedAccounts(socket)
    const [first] = loaded
    const message = `${source} is not searched, only used by oidcAgent()${loadedText(loaded)}`
    const fix = first === undefined ? 'oidc-add NAME' : tokenFrom(first, requirements)
    return [findingFor('token', { code: 'not-needed', source, message }, isNeeded ? { fix } : {})]
  } catch (error) {
    return [unanswered(source, error)]
  }
}

/** The command that puts a token of the agent where it is found. */
function tokenFrom(account: string, requirements: TokenRequirements): string {
  const scope = requiredScopes(requirements).join(' ')
  const [audience] = requirements.audience
  const quoted = (name: string, value = '') => (value === '' ? '' : ` ${name} ${shellWord(value)}`)
  return `export BEARER_TOKEN="$(oidc-token${quoted('--scope', scope)}${quoted('--aud', audience)} ${shellWord(account)})"`
}

const OPTIONS: Record<keyof OidcAgentOptions, Check> = {
  account: nonEmptyText,
  issuer: nonEmptyText,
  scope: textOrList,
  audience: (value) => (value === false ? undefined : textOrList(value)),
  minTimeLeft: seconds,
  socket: nonEmptyText,
  timeout: timeoutMilliseconds,
  signal: (value) => (value instanceof AbortSignal ? undefined : 'must be an AbortSignal'),
}
