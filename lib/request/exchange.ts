import axios, { type AxiosError, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { abortable } from './abort'
import { concealError, concealResponse } from '../secrets/hide-response'
import { credentialFinder } from './attach'
import type { Credentials, Purpose } from './context'
import { causeIn } from '../formats/error-causes'
import { Departure } from './redirects'
import { isOfNetworkProxy } from './network-proxy'
import { destinationOf } from './destination'
import { IgwnAuthError, type Reason } from '../errors'
import type { Explanation } from '../explain/explanation'
import { foresee } from '../explain/explain-request'
import type { BearerChallenge } from '../formats/www-authenticate'
import { checkOptions, mergeOptions, type IgwnAuthOptions } from '../options'
import { isRefusal, refusalIn, shownIn, type IgwnAxiosError, type Tried } from '../explain/refusal'
import { hasListeners, urlWithoutSecrets } from '../events'
import { tell, tellOfChallenge, tellOfCredentials, tellOfReasons } from './request-events'
import { challengeOf, reasonsOf } from './retry-after-401'
import { canResend, discard, withBodyToKeep } from './resend'
import { refusedByServer } from '../tokens/validate-claims'
import type { AuthScheme } from '../schemes/auth-scheme'
import type { Habits } from '../schemes/bearer'
import { answerOf } from './sign'
import { isPromise } from '../tokens/token'
import { go, type Interceptors } from './interceptors'
import { callAdapter, errandBehind, isTrusted, type Attempt, type Errand } from './transmit'

type Request = InternalAxiosRequestConfig

export interface Exchange {
  /** Sends a request that has reached its adapter, with credentials. */
  readonly send: (caller: Request, adapter: Request['adapter']) => Promise<AxiosResponse>
  /** What would become of a request, and why; nothing is sent. */
  readonly foresee: (caller: Request) => Promise<Explanation>
  /** Lets go of the connections that were made with certificates. */
  readonly close: () => void
}

/**
 * Interceptors of our own, that nobody else's stand between: the request interceptor finds credentials when the request
 * leaves, the response interceptor answers a refusal, and a redirect to another origin starts a request of its own. What
 * reaches the caller holds no credential.
 */
export function exchange(instanceOptions: IgwnAuthOptions, habits?: Habits): Exchange {
  const { find, close } = credentialFinder(habits)
  const client: Interceptors = {
    request: attach,
    fulfilled: (response, errand) => (isRefusal(response) ? answer(errand, response).then(note) : response),
    rejected: (error, errand) =>
      answer(errand, (error as AxiosError | undefined)?.response, error)
        .then(note, explain)
        // After `answer`: a refusal at the end of the rest of the way was answered there.
        .catch(follow),
  }
  // Has no `answer`: a second refusal is final, also at the end of a redirect.
  const again: Interceptors = { request: attach, fulfilled: (response) => response, rejected: follow }

  return { send: depart, foresee: lookAhead, close }

  function lookAhead(request: Request): Promise<Explanation> {
    const url = destinationOf(request)
    if (!url) throw notHttp()
    const options = optionsFor(instanceOptions, request)
    return foresee({ request, url, options, authenticated: isAuthenticated(request, url) }, find)
  }

  /** The whole of a request: what reaches the caller is what would without us, and shows no secret. */
  function depart(caller: Request, adapter: Request['adapter']): Promise<AxiosResponse> {
    const url = destinationOf(caller)
    // What has no http origin has no credential of ours; and an interceptor that ran after ours may have said false.
    if (!url || caller.igwnAuth === false) return callAdapter(adapter, caller)
    try {
      const options = optionsFor(instanceOptions, caller)
      const authenticated = isAuthenticated(caller, url)
      const request = withBodyToKeep(caller)
      return go(client, { request, adapter, url, options, authenticated }).then(
        (response) => concealResponse(response, caller),
        (error: unknown) => {
          throw concealError(error, caller)
        },
      )
    } catch (error) {
      return Promise.reject(concealError(error, caller))
    }
  }

  /** Before sending: finds what goes on the request. */
  function attach(errand: Errand): void | Promise<void> {
    if (errand.credentials) {
      tellOfCredentials(errand)
      return
    }
    try {
      const found = abortable(find(errand.attempt), errand.attempt.request)
      if (isPromise(found)) return found.then(take, fail)
      take(found)
    } catch (error) {
      fail(error)
    }

    function take(credentials: Credentials): void {
      errand.credentials = credentials
      tellOfCredentials(errand)
    }

    function fail(error: unknown): never {
      tellOfReasons(errand, error instanceof IgwnAuthError ? error.reasons : [])
      throw error
    }
  }

  /** After a refusal: finds other credentials and sends once more. Without, the refusal stands, with the reasons joined. */
  async function answer(
    errand: Errand,
    response: AxiosResponse | undefined,
    error?: unknown,
  ): Promise<AxiosResponse> {
    // One that comes of looking for a token is of another server.
    if (!response || !errandBehind(error ?? response) || errand.attempt.authenticated)
      return outcome(response, error)
    if (isOfNetworkProxy(response, errand.attempt.url, errand.attempt.request.proxy))
      return outcome(response, error)
    tellOfChallenge(errand, response)
    const { credentials: refused = { reasons: [] }, sent } = errand
    const challenge = challengeOf(response, shownIn(refused, sent))
    const reply = await (refused.scheme
      ? bySameScheme(errand, refused.scheme, response, challenge)
      : byAnother(errand, challenge))
    if (!reply) return outcome(response, error)
    const { credentials, reasons } = reply
    if (!credentials) {
      errand.unanswered = reasons
      return outcome(response, error)
    }
    tell(errand, { type: 'retrying' })
    discard(response)
    return go(again, { ...errand.last, answered: true }, credentials)
  }

  /** Credentials other than the refused ones. When looking for them fails, the refusal is what happened and the failure its reason. */
  async function byAnother(
    errand: Errand,
    challenge: BearerChallenge | undefined,
  ): Promise<Reply | undefined> {
    if (!challenge) return undefined
    const obstacle = obstacleTo(errand, challenge)
    if (obstacle) return { reasons: [obstacle] }
    const { last, credentials: refused = { reasons: [] } } = errand
    try {
      const credentials = await findAgain(last, refused, challenge.scope)
      const { authorization, reasons } = credentials
      const differs = authorization !== undefined && authorization !== refused.authorization
      return differs ? { credentials, reasons } : { reasons }
    } catch (failure) {
      return failedReply(failure)
    }
  }

  /** A scheme says itself whether a second send is worth it, and is asked anew for that. */
  async function bySameScheme(
    errand: Errand,
    scheme: AuthScheme,
    response: AxiosResponse,
    challenge: BearerChallenge | undefined,
  ): Promise<Reply | undefined> {
    const { attempt, credentials: refused = { reasons: [] }, sent } = errand
    if (response.status !== 401 || !scheme.shouldRetry || !sent) return undefined
    if (!canResend(attempt.request)) return { reasons: [CANNOT_RESEND] }
    try {
      const refusal = answerOf(response)
      if (!(await abortable(scheme.shouldRetry(refusal, sent), attempt.request)))
        return { reasons: [refusedByServer(scheme.name)] }
      const credentials = await findAgain(attempt, refused, challenge?.scope)
      return { credentials, reasons: credentials.reasons }
    } catch (failure) {
      return failedReply(failure)
    }
  }

  function findAgain(
    attempt: Attempt,
    refused: Credentials,
    challengeScope: readonly string[] | undefined,
  ): Credentials | Promise<Credentials> {
    const purpose: Purpose = { ...attempt, refused, ...(challengeScope && { challengeScope }) }
    return abortable(find(purpose), attempt.request)
  }

  /** A refusal that stands: joins to its error what is known of it. */
  function explain(error: unknown): never {
    const errand = errandBehind(error)
    const failure = error as IgwnAxiosError
    if (errand && !failure.igwnAuth) {
      const refusal = refusalIn(error, failure.response, triedBy(errand))
      if (refusal) failure.igwnAuth = refusal
      if (refusal)
        tell(errand, { type: 'refused', status: failure.response?.status, summary: refusal.summary })
    }
    throw error
  }

  /** One that the caller's `validateStatus` takes for good is no error to join anything to. */
  function note(response: AxiosResponse): AxiosResponse {
    const errand = errandBehind(response)
    if (!errand || !isRefusal(response) || !hasListeners(errand.attempt.options.onEvent)) return response
    const summary = refusalIn(undefined, response, triedBy(errand))?.summary ?? ''
    tell(errand, { type: 'refused', status: response.status, summary })
    return response
  }

  /** After a redirect to another origin: the rest of the way is a request of its own. */
  function follow(error: unknown): Promise<AxiosResponse> {
    const departure = causeIn(error, Departure)
    const errand = errandBehind(error)
    if (!departure || !errand) throw causeIn(error, IgwnAuthError) ?? error
    const { attempt: left, credentials } = errand
    const { request } = departure
    const url = new URL(request.url ?? '')
    const downgraded = left.url.protocol === 'https:' && url.protocol === 'http:'
    // A network proxy may send a request anywhere, and is nobody who could say where credentials belong.
    const isBare = downgraded || isOfNetworkProxy(error, left.url, left.request.proxy)
    const options = isBare ? { ...left.options, forceNoAuth: true } : left.options
    const trusted = !isBare && isTrusted(left, url)
    const isElsewhere = url.origin !== left.url.origin
    if (isElsewhere) tell(errand, { type: 'redirected', to: urlWithoutSecrets(url), trusted })
    const next: Attempt = {
      ...left,
      request,
      url,
      options,
      // What the caller's own hook put on the redirect is theirs.
      authenticated: left.authenticated || isAuthenticated(request, url),
      // A scheme has every redirect end its send, also one that leads nowhere else.
      astray: left.astray || (!trusted && isElsewhere),
      carried: trusted ? credentials : undefined,
    }
    return go(left.answered ? again : client, next)
  }
}

function triedBy({ last, credentials = { reasons: [] }, unanswered, sent }: Errand): Tried {
  return { purpose: last, credentials, unanswered, sent }
}

/** Without the text: it may hold a password. */
function notHttp(): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    'The URL is no absolute one of http or https; give one, as https://host.example.org/path.',
  )
}

/** What there is to answer a refusal with; without credentials, why there is nothing. */
interface Reply {
  readonly credentials?: Credentials
  readonly reasons: readonly Reason[]
}

function failedReply(failure: unknown): Reply {
  if (axios.isCancel(failure)) throw failure
  return { reasons: reasonsOf(failure) }
}

/** Options of the request over those of the instance. */
function optionsFor(instanceOptions: IgwnAuthOptions, { igwnAuth }: Request): IgwnAuthOptions {
  if (igwnAuth === undefined || igwnAuth === false) return instanceOptions
  return mergeOptions(instanceOptions, checkOptions(igwnAuth, 'igwnAuth'))
}

/** Whether the caller authenticates: an `Authorization` of theirs, even one set to false or null, `auth`, or a URL with userinfo. */
function isAuthenticated({ headers, auth }: Request, { username, password }: URL): boolean {
  return auth != null || username !== '' || password !== '' || headers.has('Authorization')
}

function outcome(response: AxiosResponse | undefined, error: unknown): AxiosResponse {
  if (error !== undefined || !response) throw error
  return response
}

/** Why a challenge cannot be answered, whatever else there is; undefined when it can. */
function obstacleTo({ last, credentials }: Errand, challenge: BearerChallenge): Reason | undefined {
  if (!canResend(last.request)) return CANNOT_RESEND
  // Of a request without a token it is said too, by Apache.
  if (challenge.error === 'invalid_request' && credentials?.token !== undefined)
    return {
      code: 'refused',
      source: 'token',
      message: 'The server takes the request itself for wrong (invalid_request): another token mends nothing',
    }
  return undefined
}

const CANNOT_RESEND: Reason = {
  code: 'unsupported',
  source: 'body',
  message: 'The body of the request is a stream, which cannot be sent a second time',
}
