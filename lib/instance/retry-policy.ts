import type { AxiosError, AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import type { IgwnAxiosError } from '../explain/refusal'
import { failuresIn, hungUp } from '../formats/error-causes'
import { retryAfterIn } from '../formats/retry-after'
import { schemeResponse } from '../request/retry-after-401'
import { tlsRefusal } from '../x509/tls-refusal'

/** What is retried automatically, and when. Durations are milliseconds. */
export interface RetryPolicy {
  readonly retries: number
  readonly codes: ReadonlySet<number>
  readonly backoff: number
  readonly maxRetryAfter: number
  readonly timeout: number
  readonly retryNonIdempotent: boolean
}

/**
 * Those of Bitfount (404, 500, 502, 503, 504): 404 because a new resource may not be visible everywhere yet; and those that ask
 * for another try (RFC 9110 section 15.5.9, RFC 8470, RFC 6585).
 */
export const RETRY_CODES = [404, 408, 425, 429, 500, 502, 503, 504]

/** One failed try. */
export interface FailedTry {
  readonly request: InternalAxiosRequestConfig
  /** Undefined for a response that the caller's `validateStatus` accepts. */
  readonly error: AxiosError | undefined
  readonly response: AxiosResponse | undefined
  /** The server answered the request itself with a redirect to its result; what failed is fetching that. */
  readonly isCarriedOut: boolean
}

/** Whether a failure may be temporary and another try does no harm. */
export function isRetryable(
  { request, error, response, isCarriedOut }: FailedTry,
  policy: RetryPolicy,
): boolean {
  const canRepeat = policy.retryNonIdempotent || isIdempotent(request)
  if (isCarriedOut && !canRepeat) return false
  if (response && !(error && isTruncated(error)))
    return (
      policy.codes.has(response.status) &&
      (canRepeat || NOT_CARRIED_OUT.has(response.status)) &&
      retryAfterOf(response) <= policy.maxRetryAfter
    )
  if (!error || isCertificateRefused(error, request)) return false
  const failures = failuresIn(error)
  if (failures.some(({ code, syscall }) => syscall === 'connect' || NOT_CONNECTED.has(code))) return true
  return canRepeat && (isTruncated(error) || failures.some(({ code }) => INTERRUPTED.has(code)))
}

/** Milliseconds to wait before a try: exponential, with up to a fifth added at random, and at least what the server asks for. */
export function delayBefore(
  tries: number,
  { backoff }: RetryPolicy,
  response: AxiosResponse | undefined,
): number {
  const delay = backoff * 2 ** (tries - 1)
  return Math.max(delay + Math.random() * delay * 0.2, response ? retryAfterOf(response) : 0)
}

function retryAfterOf(response: AxiosResponse): number {
  return retryAfterIn(schemeResponse(response).header('Retry-After'))
}

/** RFC 9110 section 9.2.2; and with a key (draft-ietf-httpapi-idempotency-key-header). */
function isIdempotent({ method = 'get', headers }: InternalAxiosRequestConfig): boolean {
  return IDEMPOTENT.has(method.toLowerCase()) || headers.has('Idempotency-Key')
}

const IDEMPOTENT = new Set(['get', 'head', 'options', 'trace', 'query', 'put', 'delete'])

/** Statuses of requests that had no effect. After 500, 502 and 504 that is unknown. */
const NOT_CARRIED_OUT = new Set([404, 408, 425, 429, 503])

/** The connection was closed in the middle of the body, after a good status. */
function isTruncated({ code, message }: AxiosError): boolean {
  return code === 'ERR_BAD_RESPONSE' && message === 'stream has been aborted'
}

/** No connection was made. (A name that does not exist is not worth another try.) */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** A connection that was closed, or idle for too long. (`ECONNABORTED` is the timeout of axios.) */
const INTERRUPTED = new Set([
  'ECONNABORTED',
  'ECONNRESET',
  'ENETRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_HTTP2_GOAWAY_SESSION',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_STREAM_ERROR',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
])

/**
 * Whether a certificate was refused, which another try does not change. A server refuses a client certificate by an alert or, in
 * the middle of a body, by closing the connection.
 */
function isCertificateRefused(error: AxiosError, { data, httpsAgent }: InternalAxiosRequestConfig): boolean {
  if (tlsRefusal(error, undefined)) return true
  const { igwnAuth } = error as IgwnAxiosError
  const isPresented =
    igwnAuth?.reasons.some(({ code, source }) => code === 'refused' && source === 'certificate') === true ||
    hasCertificate(httpsAgent)
  return isPresented && data != null && hungUp(error) !== undefined
}

function hasCertificate(agent: unknown): boolean {
  const { cert, pfx, secureContext } =
    (agent as { options?: Record<string, unknown> } | undefined)?.options ?? {}
  return cert !== undefined || pfx !== undefined || secureContext !== undefined
}
