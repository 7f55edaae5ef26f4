import axios from 'axios'
import { checkValues, nonEmptyText, timeoutMilliseconds, type Check } from '../check-values'
import { deadlineIn } from '../clock'
import { processEnvironment, variable, type Environment } from '../environment'
import { IgwnAuthError, type IgwnAuthErrorCode, type Reason } from '../errors'
import type { Finding } from '../explain/finding'
import { sharedFolderCheck } from '../files/access'
import { findingFor, reasonFor } from '../files/describe-file'
import { fileReader, type FileProblem } from '../files/read-file'
import { newInstance } from '../formats/plain-instance'
import { parseUrl } from '../formats/url'
import { isInsecure } from '../request/insecure-transport'
import { pathName, sanitize } from '../secrets/sanitize'
import { deferredFinding, tokenFinding } from '../tokens/describe-token'
import { cachedSource } from '../tokens/reuse'
import { SciToken } from '../tokens/scitoken'
import type { TokenQuery, TokenSource } from '../tokens/token'
import { accessTokenIn } from '../tokens/token-locations'
import { reasonFor as claimReason, requirementsOf, validateClaims } from '../tokens/validate-claims'
import { applyIgwnAuth, removeIgwnAuth } from './apply-igwn-auth'

/** Options of {@link workloadIdentity}. */
export interface WorkloadIdentityOptions {
  /** The audience that the token must be for (`aud`): what the authorization server or service that gets it requires. */
  readonly audience: string
  /**
   * The environment variable that has the token, such as a name below `id_tokens` in GitLab. Default is none; in GitLab, the
   * variable whose token is for the audience.
   */
  readonly variable?: string | undefined
  /** The path of the file that has the token, as Kubernetes projects it. It is read again when it is renewed. Default is none. */
  readonly file?: string | undefined
  /** Milliseconds for the response of GitHub or Forgejo; 0 for no limit. Default is 10000. */
  readonly timeout?: number | undefined
  /** Aborts what this source is waiting for. Default is none. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The identity token (a JWT) of a job in GitHub Actions, Forgejo Actions or GitLab, or of a pod in Kubernetes: for services that
 * accept it, and as `subject` of a token exchange, with `subjectTokenType: 'jwt'`. No secret has to be stored for the job.
 *
 * `variable` and `file` come first; then `ACTIONS_ID_TOKEN_REQUEST_URL`, at which a token for the audience is requested and kept
 * until shortly before it expires; then the variables of GitLab. The request token of GitHub or Forgejo is sent to that URL only,
 * over https or to a loopback address; redirects are not followed.
 *
 * Its `getToken` rejects with `ERR_IGWN_TOKEN_NOT_FOUND` when there is no identity token here; with `ERR_IGWN_TOKEN_EXPIRED`, and
 * with `ERR_IGWN_SOURCE_FAILED` when there is something else, a token for another audience, or none in the response; and with
 * `ERR_IGWN_INSECURE_TRANSPORT`.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 */
export function workloadIdentity(options: WorkloadIdentityOptions): TokenSource {
  const own = checkValues(options, OPTIONS, 'options') as unknown as WorkloadIdentityOptions
  const { audience, timeout = 10_000, signal } = own
  if ((audience as unknown) === undefined || (own.variable !== undefined && own.file !== undefined))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options needs audience, and at most one of variable and file.',
    )
  const requirements = requirementsOf({ audience })
  const readFile = fileReader(
    accessTokenIn,
    MAX_BYTES,
    sharedFolderCheck(() => processEnvironment.euid),
  )
  const requested = cachedSource(
    NAME,
    { getToken: async () => checked(await request(), ACTIONS), explain: () => [deferredFinding(ACTIONS)] },
    {},
  ).source

  return {
    getToken(query) {
      const found = look(processEnvironment)
      if (found === 'request') return requested.getToken(anyOf(query))
      if ('problem' in found) throw asError(found.problem, found.fix)
      return checked(found.text, found.source)
    },
    invalidate: (rejected) => requested.invalidate?.(rejected),
    explain(query) {
      const found = look(processEnvironment)
      if (found === 'request') return requested.explain?.(anyOf(query)) ?? []
      if ('problem' in found) return [findingFor('token', found.problem, { fix: found.fix })]
      return [ofToken(found.text, found.source)]
    },
  }

  /** One token for all queries. */
  function anyOf({ minTimeLeft }: TokenQuery): TokenQuery {
    return { minTimeLeft }
  }

  /** Where the token is. */
  function look({ env }: Environment): Found {
    if (own.variable !== undefined) return inVariable(env, own.variable)
    if (own.file !== undefined) return inFile(own.file)
    if (variable(env, REQUEST_URL) !== undefined && variable(env, REQUEST_TOKEN) !== undefined)
      return 'request'
    return (env.GITLAB_CI && inGitLab(env)) || nowhere(env)
  }

  function inFile(file: string): Found {
    const source = pathName(file)
    const content = readFile(file)
    if (typeof content === 'string') return { text: content, source }
    const problem: FileProblem = content ?? { problem: 'absent', what: 'does not exist' }
    return {
      problem: reasonFor(source, problem),
      fix: `${PROJECT} ${sanitize(audience)}, and set file to its path`,
    }
  }

  /** The audience decides, whatever the name of the variable. */
  function inGitLab(env: Environment['env']): Found | undefined {
    const issuer = variable(env, 'CI_SERVER_URL')
    for (const name of Object.keys(env).sort()) {
      const text = env[name] ?? ''
      const token = text.startsWith('eyJ') ? SciToken.read(text) : undefined
      if (token?.issuer === issuer && token?.audience?.includes(audience)) return { text, source: name }
    }
    return undefined
  }

  function nowhere(env: Environment['env']): Found {
    const isForgejo = env.FORGEJO_ACTIONS ?? env.GITEA_ACTIONS
    const [message, fix] = env.GITLAB_CI
      ? [
          'no variable of this GitLab job has an identity token for the audience',
          `add id_tokens: { ID_TOKEN: { aud: '${sanitize(audience)}' } } to the job`,
        ]
      : env.GITHUB_ACTIONS
        ? [
            `${REQUEST_URL} is not set in this job`,
            isForgejo
              ? 'add enable-openid-connect: true to the job'
              : 'add permissions: { id-token: write } to the job',
          ]
        : [
            'this process does not run in a job of GitHub, Forgejo or GitLab, and neither the option variable nor file is set',
            `in Kubernetes, ${PROJECT} ${sanitize(audience)}, and set file to its path`,
          ]
    return { problem: { code: 'absent', source: NAME, message }, fix }
  }

  /** A token for another audience is not sent: it may give access to something else, as the token of Kubernetes for its own API. */
  function checked(text: string, source: string): SciToken {
    const token = SciToken.read(text, source)
    if (!token) throw asError(notAToken(source))
    const problem = validateClaims(token, requirements)
    if (!problem) return token
    throw asError(claimReason(token, problem), problem.code === 'expired' ? RENEW : FOR_AUDIENCE)
  }

  function ofToken(text: string, source: string): Finding {
    const token = SciToken.read(text, source)
    if (!token) return findingFor('token', notAToken(source))
    const finding = tokenFinding(token, source, requirements)
    return finding.verdict === 'usable'
      ? finding
      : { ...finding, fix: finding.code === 'expired' ? RENEW : FOR_AUDIENCE }
  }

  /** The instance sends the request token with all its rules: it shows in no error, and follows no redirect. */
  async function request(): Promise<string> {
    const { env } = processEnvironment
    const url = parseUrl(variable(env, REQUEST_URL) ?? '')
    if (!url || !/^https?:$/.test(url.protocol))
      throw failed(`${REQUEST_URL} is not a URL. Do not set it yourself.`)
    url.searchParams.set('audience', audience)
    if (isInsecure(url, false))
      throw new IgwnAuthError(
        'ERR_IGWN_INSECURE_TRANSPORT',
        `${REQUEST_URL} is at ${url.host} over plain HTTP, where others can read the request token. Nothing was sent. Use https for the server of the jobs.`,
      )
    // A network proxy between this host and itself could read it.
    const http = applyIgwnAuth(newInstance(url.protocol === 'http:' ? { proxy: false } : {}), {
      token: variable(env, REQUEST_TOKEN) ?? false,
      cert: false,
      netrc: false,
    })
    const deadline = deadlineIn(timeout)
    try {
      const { status, data } = await http.get<string>(url.href, {
        headers: { Accept: 'application/json' },
        responseType: 'text',
        maxRedirects: 0,
        maxContentLength: MAX_BYTES,
        validateStatus: () => true,
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      })
      if (status !== 200)
        throw failed(
          `${ACTIONS} refused an identity token with status ${status}. Check the permissions of the job.`,
        )
      return tokenIn(data)
    } catch (error) {
      if (signal?.aborted || !axios.isAxiosError(error)) throw error
      const what = deadline.aborted
        ? `did not respond within ${timeout / 1000} seconds`
        : `cannot be reached (${error.code ?? 'unknown error'})`
      throw failed(`${ACTIONS} ${what}. ${error.igwnAuth?.summary ?? 'Run the job again.'}`)
    } finally {
      removeIgwnAuth(http)
    }
  }
}

/** A token, or why there is none; `request`: GitHub or Forgejo is asked. */
type Found =
  | 'request'
  | { readonly text: string; readonly source: string }
  | { readonly problem: Reason; readonly fix: string }

const NAME = 'workloadIdentity'
const REQUEST_URL = 'ACTIONS_ID_TOKEN_REQUEST_URL'
const REQUEST_TOKEN = 'ACTIONS_ID_TOKEN_REQUEST_TOKEN'
const ACTIONS = `the identity service of Actions (${REQUEST_URL})`
const PROJECT = 'project a service account token into the pod with the audience'
const FOR_AUDIENCE = 'request the identity token for the audience of the option, or correct the option'
const RENEW = 'request the identity token later in the job, or exchange it earlier'

/** A larger token cannot be sent in a header. */
const MAX_BYTES = 64 * 1024

function inVariable(env: Environment['env'], name: string): Found {
  const text = variable(env, name)
  const source = sanitize(name)
  if (text !== undefined) return { text, source }
  return {
    problem: { code: 'absent', source, message: `${source} is not set` },
    fix: 'correct the option variable, or add the token to the job',
  }
}

function notAToken(source: string): Reason {
  return { code: 'malformed', source, message: `${source} has no identity token: it is not a JWT` }
}

/** `value` of the response (GitHub: "Using OpenID Connect with reusable workflows"). */
function tokenIn(body: unknown): string {
  try {
    const { value } = JSON.parse(String(body)) as { value?: unknown }
    return typeof value === 'string' ? value : ''
  } catch {
    return ''
  }
}

function asError(reason: Reason, fix?: string): IgwnAuthError {
  const codes: Partial<Record<Reason['code'], IgwnAuthErrorCode>> = {
    absent: 'ERR_IGWN_TOKEN_NOT_FOUND',
    expired: 'ERR_IGWN_TOKEN_EXPIRED',
  }
  const advice = fix === undefined ? '' : ` To fix: ${fix}.`
  return new IgwnAuthError(
    codes[reason.code] ?? 'ERR_IGWN_SOURCE_FAILED',
    `No identity token: ${reason.message}.${advice}`,
    { reasons: [reason] },
  )
}

function failed(message: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_SOURCE_FAILED', message)
}

const OPTIONS: Record<keyof WorkloadIdentityOptions, Check> = {
  audience: nonEmptyText,
  variable: nonEmptyText,
  file: nonEmptyText,
  timeout: timeoutMilliseconds,
  signal: (value) => (value instanceof AbortSignal ? undefined : 'must be an AbortSignal'),
}
