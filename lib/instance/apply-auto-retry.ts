import axios, {
  AxiosHeaders,
  type AxiosInstance,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import {
  checkValues,
  flag,
  kindOf,
  milliseconds,
  timeoutMilliseconds,
  type Check,
  ownProperties,
} from '../check-values'
import { pause } from '../clock'
import { abortable, throwIfAborted } from '../request/abort'
import { canResend, discard, formParts, ReplayedForm } from '../request/resend'
import { callAdapter, copyOf } from '../request/transmit'
import { install, type Send } from './install'
import { delayBefore, isRetryable, RETRY_CODES, type FailedTry, type RetryPolicy } from './retry-policy'

type Request = InternalAxiosRequestConfig

/** What {@link applyAutoRetry} retries, how often and when. */
export interface AutoRetryOptions {
  /** Tries after the first. Default is 3. */
  readonly retries?: number | undefined
  /**
   * Status codes that are retried. Default is 404, 408, 425, 429, 500, 502, 503 and 504: those of Bitfount, and those that ask for
   * another try.
   */
  readonly retryCodes?: readonly number[] | undefined
  /** Status codes that are not retried, out of the others; Bitfount's `do_not_retry_codes`. Default is none. */
  readonly doNotRetryCodes?: readonly number[] | undefined
  /** Milliseconds before the second try; doubled for each further one, with up to a fifth added at random. Default is 1000. */
  readonly backoff?: number | undefined
  /**
   * The longest `Retry-After` that is waited for, in milliseconds (RFC 9110 section 10.2.3). A longer one ends the tries. Default
   * is 120000.
   */
  readonly maxRetryAfter?: number | undefined
  /**
   * Milliseconds after which a try fails, for requests without a `timeout`; 0 for none. Each try has it in full, as it has the
   * `timeout` of axios. Default is 20000, as in Bitfount.
   */
  readonly timeout?: number | undefined
  /**
   * Retry POST and PATCH like all other methods, as Bitfount does, although a failed one may have had its effect. Default is false:
   * they are retried only when it had none, see {@link applyAutoRetry}.
   */
  readonly retryNonIdempotent?: boolean | undefined
}

declare module 'axios' {
  interface AxiosRequestConfig {
    /** Automatic retry of this request: options over those of the instance, or `false` for none. */
    igwnRetry?: AutoRetryOptions | false | undefined
  }
}

/**
 * Retries requests of an instance that fail for a temporary reason: connections that could not be made or were closed, timeouts,
 * and some status codes. It waits longer each time, and as long as a `Retry-After` says. Each try finds its own credentials,
 * whether `applyIgwnAuth` was called before or after this. Interceptors of others see one request and the last response. Installing
 * again replaces the options. Returns the instance.
 *
 * It does not retry
 * - a request whose body is a stream, which cannot be sent again; such a request gets no timeout either
 * - a certificate that either side refused. A closed connection counts as that when a certificate was presented with a body: this
 *   is how servers refuse one
 * - a POST or PATCH that may have had its effect (RFC 9110 section 9.2.2): only when no connection was made, or the status is
 *   404, 408, 425, 429 or 503, it is sent again; with an `Idempotency-Key` or `retryNonIdempotent`, like the others. A redirect to
 *   its result (303, or 301 and 302 after POST) shows that it had its effect; the fetch adapter does not report redirects
 * - what did not fail at the server or on the way: an abort, an `IgwnAuthError`, a wrong URL
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option is invalid
 * @see Bitfount: `_auto_retry_request`
 */
export function applyAutoRetry<Instance extends AxiosInstance>(
  instance: Instance,
  options: AutoRetryOptions = {},
): Instance {
  const checked = checkValues(options, OPTIONS, 'options')
  install(instance, { retry: retrying(checked) })
  return instance
}

/** Removes automatic retry from an instance. An instance without it is not changed. */
export function removeAutoRetry<Instance extends AxiosInstance>(instance: Instance): Instance {
  install(instance, { retry: undefined })
  return instance
}

function retrying(instanceOptions: AutoRetryOptions): Send {
  return async (caller, next) => {
    const { igwnRetry } = caller
    const parts = formParts(caller.data)
    if (!canResend(caller.data, parts)) return callAdapter(next, caller)
    const own = igwnRetry ? checkValues(igwnRetry, OPTIONS, 'igwnRetry') : undefined
    const policy = policyOf(Object.assign(ownProperties(instanceOptions), own))
    for (let tries = 1; ; tries++) {
      const data: unknown = parts && tries > 1 ? new ReplayedForm(caller.data, parts) : caller.data
      const result = await tryOnce(caller, data, next, policy)
      if (!('isCarriedOut' in result)) return result
      const { response } = result
      if (tries > policy.retries || !isRetryable(result, policy)) return outcome(result)
      if (response) discard(response)
      await abortable(pause(delayBefore(tries, policy, response)), caller)
      throwIfAborted(caller)
    }
  }
}

/** Sends a copy of the request, as adapters write into theirs. The result has the caller's config. */
async function tryOnce(
  caller: Request,
  data: unknown,
  next: Request['adapter'],
  policy: RetryPolicy,
): Promise<AxiosResponse | FailedTry> {
  let isCarriedOut = false
  const copy = copyOf(caller)
  copy.headers = Object.assign(new AxiosHeaders(), caller.headers)
  copy.data = data
  copy.timeout = caller.timeout || policy.timeout
  copy.beforeRedirect = (redirect, ...details) => {
    // A redirect that keeps the method had no effect yet (RFC 9110 section 15.4).
    if (redirect.method !== caller.method?.toUpperCase()) isCarriedOut = true
    caller.beforeRedirect?.(redirect, ...details)
  }
  try {
    const response = await callAdapter(next, copy)
    response.config = caller
    return policy.codes.has(response.status)
      ? { request: caller, error: undefined, response, isCarriedOut }
      : response
  } catch (error) {
    if (!axios.isAxiosError(error)) throw error
    const { response } = error
    if (Object.isExtensible(error)) error.config = caller
    if (response) response.config = caller
    return { request: caller, error, response, isCarriedOut }
  }
}

function outcome({ error, response }: FailedTry): AxiosResponse {
  if (error || !response) throw error
  return response
}

function policyOf(options: AutoRetryOptions): RetryPolicy {
  const { retryCodes = RETRY_CODES, doNotRetryCodes = [] } = options
  const { retries = 3, backoff = 1000, maxRetryAfter = 120_000 } = options
  const { timeout = 20_000, retryNonIdempotent = false } = options
  const codes = new Set(retryCodes.filter((code) => !doNotRetryCodes.includes(code)))
  return { retries, codes, backoff, maxRetryAfter, timeout, retryNonIdempotent }
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
  backoff: milliseconds,
  maxRetryAfter: milliseconds,
  timeout: timeoutMilliseconds,
  retryNonIdempotent: flag,
}
