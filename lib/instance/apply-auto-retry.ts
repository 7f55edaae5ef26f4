import axios, {
  AxiosError,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosRequestConfig,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import axiosRetry, { exponentialDelay } from 'axios-retry'
import { checkValues, flag, seconds, type Check } from '../check-values'
import { detour, onRequest, type Way } from './install'
import { mayPass, RETRY_CODES, waitAskedFor, type RetryPolicy } from './retry-policy'
import { kindOf } from '../tokens/token'
import { abortable } from '../request/abort'
import { canResend, discard, withBodyToKeep } from '../request/resend'
import { callAdapter, copyOf } from '../request/transmit'

type Request = InternalAxiosRequestConfig

/** What {@link applyAutoRetry} tries again, how often and how soon. */
export interface AutoRetryOptions {
  /** Tries after the first. Default is 3. */
  readonly retries?: number | undefined
  /** Status codes that are worth another try. Default is 404, 408, 425, 429, 500, 502, 503 and 504: those of Bitfount, and those that ask for another try. */
  readonly retryCodes?: readonly number[] | undefined
  /** Status codes that are not, out of the others; Bitfount's `do_not_retry_codes`. Default is none. */
  readonly doNotRetryCodes?: readonly number[] | undefined
  /** Seconds before the second try; they double for each one after it, and up to a fifth is added by chance. Default is 1. */
  readonly backoff?: number | undefined
  /**
   * Seconds that a server may ask to be left alone (`Retry-After`, RFC 9110 section 10.2.3). When it asks for more, there is no
   * other try. Default is 120.
   */
  readonly maxRetryAfter?: number | undefined
  /**
   * Seconds after which a try fails, for requests whose `timeout` is not set; 0 for never. Each try has them in full, as it has a
   * `timeout` of axios. Default is 20, as in Bitfount.
   */
  readonly timeout?: number | undefined
  /**
   * Retry methods that are not idempotent (POST and PATCH) like all others, as Bitfount does, though what failed may have
   * been done. Default is false: then they are retried only when nothing can have been done, see {@link applyAutoRetry}.
   */
  readonly retryNonIdempotent?: boolean | undefined
}

declare module 'axios' {
  interface AxiosRequestConfig {
    /** Automatic retry of this request: options over those of the instance, or `false` for none. */
    igwnRetry?: AutoRetryOptions | false | undefined
  }
}

const installed = new WeakMap<AxiosInstance, number>()

/**
 * Retries the requests of an instance that fail for a reason that may pass: connections that could not be made or were cut,
 * time-outs, and some status codes. It waits longer each time, and as long as a `Retry-After` says. Each try has
 * credentials of its own, in whichever order this and `applyIgwnAuth` were installed; whatever others installed on the
 * instance sees one request, and the last answer. Installing again replaces the options. Returns the instance.
 *
 * Not retried are
 * - a request whose body is a stream, which cannot be sent again; it has no time-out of ours either
 * - a certificate that is refused, by either side. With a certificate and a body, a connection that is cut is taken for that
 *   too: servers hang up so when they refuse one in the middle of a body
 * - a POST or PATCH that may have been done (RFC 9110 section 9.2.2): only when no connection was made, or the server said
 *   404, 408, 425, 429 or 503, it is sent again; with an `Idempotency-Key`, or `nonIdempotent`, like the others. One that a
 *   server answered with a redirect to look elsewhere (303, or 301 and 302 after POST) was done, whatever becomes of the look;
 *   the fetch adapter does not tell of redirects
 * - what did not fail at the server or on the way there: an abort, an `IgwnAuthError`, a wrong URL
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used
 * @see Bitfount: `_auto_retry_request`; axios-retry
 */
export function applyAutoRetry<Instance extends AxiosInstance>(
  instance: Instance,
  options: AutoRetryOptions = {},
): Instance {
  const send = retrying(checked(options, 'options'))
  removeAutoRetry(instance)
  const id = onRequest(instance, (request) =>
    request.igwnRetry === false ? request : detour(request, 'retries', send),
  )
  installed.set(instance, id)
  return instance
}

/** Takes automatic retry off an instance again. Without it, nothing happens. */
export function removeAutoRetry<Instance extends AxiosInstance>(instance: Instance): Instance {
  const id = installed.get(instance)
  if (id !== undefined) instance.interceptors.request.eject(id)
  installed.delete(instance)
  return instance
}

/**
 * Sends requests by an axios of our own that axios-retry is installed on: there it repeats the sending and nothing else, while
 * on the instance of the caller it would run their interceptors and transforms for each try.
 */
function retrying(ofInstance: AutoRetryOptions): Way {
  const core = new axios.Axios({})
  const client = Object.assign((config: Request) => core.request(config), core)
  axiosRetry(client as unknown as AxiosInstance, {
    retryCondition(error) {
      const attempt = attemptBehind(error)
      return attempt !== undefined && mayPass(error, attempt.request, attempt.policy, attempt.isCarriedOut)
    },
    retryDelay(count, error) {
      const { backoff = 0 } = attemptBehind(error)?.policy ?? {}
      // The library doubles before the first wait too.
      const growing = exponentialDelay(count, undefined, (backoff * 1000) / 2)
      return Math.max(growing, waitAskedFor(error) * 1000)
    },
    onRetry(_, { response }) {
      if (response) discard(response)
    },
  })

  return async (caller, goesOn) => {
    const { igwnRetry } = caller
    const request = withBodyToKeep(caller)
    // An interceptor that ran after ours may have said false.
    if (igwnRetry === false || !canResend(request)) return callAdapter(goesOn, caller)
    const policy = policyOf({ ...ofInstance, ...(igwnRetry && checked(igwnRetry, 'igwnRetry')) })
    try {
      const sending = core.request(configOf(new Attempt(request, goesOn, policy)))
      return belongingTo(caller, await abortable(sending, caller))
    } catch (error) {
      if (!axios.isAxiosError(error)) throw error
      error.config = caller
      if (error.response) belongingTo(caller, error.response)
      if (error instanceof Accepted) return error.accepted
      throw error
    }
  }
}

/** A request, and how it is tried. Being of a class, it passes axios by identity. */
class Attempt {
  /** A server has answered it with a redirect to something else, which is what failed then. */
  isCarriedOut = false

  constructor(
    readonly request: Request,
    readonly goesOn: Request['adapter'],
    readonly policy: RetryPolicy,
  ) {}
}

/** What goes through our own axios: not the request, only the attempt at it. */
function configOf(attempt: Attempt): AxiosRequestConfig {
  const { method, signal, cancelToken } = attempt.request
  const config: Record<string, unknown> = {
    method,
    attempt,
    adapter: tryOnce,
    'axios-retry': { retries: attempt.policy.retries },
  }
  // Looked at before each try; the http adapter itself sends what was aborted before.
  if (signal) config.signal = signal
  if (cancelToken) config.cancelToken = cancelToken
  return config
}

function attemptOf(config: Request | undefined): Attempt | undefined {
  return (config as { attempt?: Attempt } | undefined)?.attempt
}

function attemptBehind({ config }: AxiosError): Attempt | undefined {
  return attemptOf(config)
}

/** The adapter of our own axios: sends a copy of the request, for adapters write into what they are given. */
async function tryOnce(config: Request): Promise<AxiosResponse> {
  const attempt = attemptOf(config) as Attempt
  const { request, goesOn, policy } = attempt
  const copy = copyOf(request)
  copy.headers = Object.assign(new AxiosHeaders(), request.headers)
  copy.timeout = request.timeout || policy.timeout * 1000
  copy.beforeRedirect = (redirect, ...details) => {
    // With the method kept nothing was done yet (RFC 9110 section 15.4).
    if (redirect.method !== request.method?.toUpperCase()) attempt.isCarriedOut = true
    request.beforeRedirect?.(redirect, ...details)
  }
  try {
    const response = await callAdapter(goesOn, copy)
    if (policy.codes.has(response.status)) throw new Accepted(response)
    return response
  } catch (error) {
    // By which axios-retry finds its state, and we the attempt.
    if (axios.isAxiosError(error)) error.config = config
    throw error
  }
}

/** A status that is worth another try, in an answer that `validateStatus` of the caller accepts: in the end it is theirs. */
class Accepted extends AxiosError {
  constructor(readonly accepted: AxiosResponse) {
    super('The answer is worth another try', undefined, undefined, undefined, accepted)
  }
}

function belongingTo(caller: Request, response: AxiosResponse): AxiosResponse {
  response.config = caller
  return response
}

function policyOf(options: AutoRetryOptions): RetryPolicy {
  const { retryCodes = RETRY_CODES, doNotRetryCodes = [] } = options
  const { retries = 3, backoff = 1, maxRetryAfter = 120, timeout = 20, retryNonIdempotent = false } = options
  const codes = new Set(retryCodes.filter((code) => !doNotRetryCodes.includes(code)))
  return { retries, codes, backoff, maxRetryAfter, timeout, retryNonIdempotent }
}

function checked(options: unknown, owner: string): AutoRetryOptions {
  return checkValues(options, OPTIONS, owner)
}

const statusCodes: Check = (value) =>
  Array.isArray(value) && value.every((one) => Number.isInteger(one) && one >= 100 && one <= 599)
    ? undefined
    : 'must be a list of status codes, each a whole number from 100 to 599'

const OPTIONS: Record<keyof AutoRetryOptions, Check> = {
  retries: (value) =>
    Number.isInteger(value) && (value as number) >= 0
      ? undefined
      : `must be a whole number, 0 or more, not ${typeof value === 'number' ? value : kindOf(value)}`,
  retryCodes: statusCodes,
  doNotRetryCodes: statusCodes,
  backoff: seconds,
  maxRetryAfter: seconds,
  timeout: seconds,
  retryNonIdempotent: flag,
}
