import { AxiosHeaders, type AxiosError, type InternalAxiosRequestConfig } from 'axios'
import { retryAfter } from 'axios-retry'
import type { IgwnAxiosError } from '../explain/refusal'
import { failuresIn, hungUp } from '../formats/error-causes'
import { tlsRefusal } from '../x509/tls-refusal'

/** What is worth another try, and after how long. Times are in seconds. */
export interface RetryPolicy {
  readonly retries: number
  readonly codes: ReadonlySet<number>
  readonly backoff: number
  readonly maxRetryAfter: number
  readonly timeout: number
  readonly retryNonIdempotent: boolean
}

/**
 * Those of Bitfount (404, 500, 502, 503, 504): 404 too, for what was made a moment ago may not be seen everywhere yet; and
 * those that ask for another try (RFC 9110 section 15.5.9, RFC 8470, RFC 6585).
 */
export const RETRY_CODES = [404, 408, 425, 429, 500, 502, 503, 504]

/**
 * Whether a failure may pass, so that the request is worth another try.
 *
 * @param isCarriedOut - the request itself was answered, by a redirect to look elsewhere; what failed is the look
 */
export function mayPass(
  error: AxiosError,
  request: InternalAxiosRequestConfig,
  policy: RetryPolicy,
  isCarriedOut: boolean,
): boolean {
  const canRepeat = policy.retryNonIdempotent || isIdempotent(request)
  if (isCarriedOut && !canRepeat) return false
  const { response } = error
  if (response && !isCutShort(error))
    return (
      policy.codes.has(response.status) &&
      (canRepeat || NOTHING_DONE.has(response.status)) &&
      waitAskedFor(error) <= policy.maxRetryAfter
    )
  if (isCertificateRefused(error, request)) return false
  const failures = failuresIn(error)
  if (failures.some(({ code, syscall }) => syscall === 'connect' || NOT_CONNECTED.has(code))) return true
  return canRepeat && (isCutShort(error) || failures.some(({ code }) => ON_THE_WAY.has(code)))
}

/**
 * The seconds after which a server would be asked again (RFC 9110 section 10.2.3); 0 when it does not say.
 */
export function waitAskedFor(error: AxiosError): number {
  // Adapters of others give names in any case.
  const field = AxiosHeaders.from(error.response?.headers as AxiosHeaders | undefined).get('Retry-After')
  const headers = { 'retry-after': field }
  return retryAfter({ response: { headers } } as unknown as AxiosError) / 1000
}

/** RFC 9110 section 9.2.2; and what a key makes so (draft-ietf-httpapi-idempotency-key-header). */
function isIdempotent({ method = 'get', headers }: InternalAxiosRequestConfig): boolean {
  return IDEMPOTENT.has(method.toLowerCase()) || headers.has('Idempotency-Key')
}

const IDEMPOTENT = new Set(['get', 'head', 'options', 'trace', 'query', 'put', 'delete'])

/**
 * Statuses that say that the request was not carried out: there is nothing here, it did not arrive in time, too early, too
 * many, not able to now. After 500, 502 and 504 nobody knows.
 */
const NOTHING_DONE = new Set([404, 408, 425, 429, 503])

/** The connection was cut in the middle of the answer, which has a good status then. */
function isCutShort({ code, message }: AxiosError): boolean {
  return code === 'ERR_BAD_RESPONSE' && message === 'stream has been aborted'
}

/** No connection was made: nobody was there, or no way. (A name that does not exist is not there in a second either.) */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** A connection that was cut, or silent for too long. (`ECONNABORTED` is how axios says that.) */
const ON_THE_WAY = new Set([
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
 * Whether a certificate was refused, which it will be the next time too. That of the server is no failure on the way; that of
 * the client is an alert, or, in the middle of a body, a connection that is cut.
 */
function isCertificateRefused(error: AxiosError, { data, httpsAgent }: InternalAxiosRequestConfig): boolean {
  if (tlsRefusal(error, undefined)) return true
  const { igwnAuth } = error as IgwnAxiosError
  const presented =
    igwnAuth?.reasons.some(({ code, source }) => code === 'refused' && source === 'certificate') === true ||
    hasCertificate(httpsAgent)
  return presented && data != null && hungUp(error) !== undefined
}

function hasCertificate(agent: unknown): boolean {
  const { cert, pfx, secureContext } =
    (agent as { options?: Record<string, unknown> } | undefined)?.options ?? {}
  return cert !== undefined || pfx !== undefined || secureContext !== undefined
}
