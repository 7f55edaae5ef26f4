import { IgwnAuthError, type Reason } from '../../errors'
import type { IgwnAxiosError } from '../../explain/refusal'
import { retryAfterIn } from '../../formats/retry-after'
import { parseChallenges } from '../../formats/www-authenticate'
import { sanitize } from '../../secrets/sanitize'
import { OAuthError, type OAuthRefusal } from '../errors'
import { MAX_BYTES } from './axios-transport'
import type { ParsedResponse } from './normalize-response'
import type { Transport } from './openid-client-transport'
import type { Redact, SentSecrets } from '../../secrets/sent-secrets'

/** Facts about a request, for the advice in an error. */
export interface RequestFacts {
  /** The name of the server. */
  readonly issuer: string
  /** The client authentication method. */
  readonly authentication: string
  /** The audience that was requested. */
  readonly audience?: string | undefined
}

/**
 * Our error for a failed call of openid-client. Errors of openid-client and axios are not passed on: they hold responses, claims and
 * requests.
 */
export function oauthFailure(
  error: unknown,
  { failure, lastResponse, secrets }: Transport,
  facts: RequestFacts,
): unknown {
  const sending = failure()
  if (sending !== undefined) return sending
  // Thrown by this package or by a function of the caller.
  if (error instanceof IgwnAuthError) return error
  const response = lastResponse()
  const refusal = response && refusalIn(response)
  if (!refusal) return unusableResponse(error, response, facts, secrets.redact)
  const { status } = response
  return refusalError({ ...refusal, status, retryAfter: retryAfterOf(response) }, facts, secrets.redact)
}

/**
 * The error in the body, else in the challenge (RFC 6750 section 3). A 400, 401 or 403 is a refusal also without an error code:
 * some servers send an empty body, `{}`, or a message of their own.
 */
function refusalIn({ json, headers, status, body }: ParsedResponse): OAuthRefusal | undefined {
  const said = json?.error === undefined ? challengeIn(headers['www-authenticate']) : json
  if (said === undefined)
    return [400, 401, 403].includes(status) && (json !== undefined || body.trim() === '') ? {} : undefined
  const { error, error_description: errorDescription, error_uri: errorUri } = said
  return { error: text(error), errorDescription: text(errorDescription), errorUri: text(errorUri) }
}

function challengeIn(field: string | undefined): Readonly<Record<string, unknown>> | undefined {
  const challenges = parseChallenges(field)
  return (challenges.find(({ params }) => params.error !== undefined) ?? challenges[0])?.params
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** Milliseconds to wait when the failure is temporary, see {@link OAuthRefusal}; else undefined. */
function retryAfterOf({ status, json, headers }: ParsedResponse): number | undefined {
  const isTemporary =
    status === 408 ||
    status === 429 ||
    status >= 500 ||
    json?.error === 'temporarily_unavailable' ||
    // HTML of a gateway. With these codes it is the wrong URL.
    (json === undefined && ![404, 405, 410].includes(status))
  return isTemporary ? retryAfterIn(headers['retry-after']) : undefined
}

/** The error for a refusal. */
export function refusalError(
  { error, errorDescription, errorUri, status, retryAfter }: OAuthRefusal,
  facts: RequestFacts,
  redact: Redact,
): OAuthError {
  const explanation = errorDescription === undefined ? '' : `: ${redact(errorDescription).replace(/\.$/, '')}`
  const code = error === undefined ? 'no error code' : redact(error)
  const by = status === undefined ? '' : ` (status ${status})`
  return new OAuthError(
    'ERR_IGWN_OAUTH_REFUSED',
    `${facts.issuer} refused the request${by}: ${code}${explanation}. ${adviceOn(error, facts)}`.trim(),
    {
      error: error && redact(error),
      errorDescription: errorDescription && redact(errorDescription),
      // Programs may show it as a link.
      errorUri: errorUri !== undefined && /^https?:/i.test(errorUri) ? redact(errorUri) : undefined,
      status,
      retryAfter,
    },
  )
}

/** Advice for the codes of RFC 6749 section 5.2, RFC 7591 section 3.2.2, RFC 8628 section 3.5 and RFC 8707 section 2. */
function adviceOn(error = '', { authentication, audience }: RequestFacts): string {
  switch (error) {
    case 'invalid_client':
      return `Check clientId and its credentials; the client authenticated with ${authentication}.`
    case 'invalid_grant':
      return 'The code, refresh token or assertion has expired, was revoked, or was used before. Log in again.'
    case 'unauthorized_client':
    case 'unsupported_grant_type':
      return 'Register the client for this grant, or use another grant.'
    case 'invalid_scope':
      return 'Request scopes that the client and the login have.'
    case 'invalid_target':
    case 'invalid_request':
      return audience === undefined
        ? ''
        : `The request was for the audience ${sanitize(audience)}. Set audience, or set audienceParameter to the one that this server supports, or to false.`
    case 'invalid_client_metadata':
    case 'invalid_redirect_uri':
      return 'Set registration.metadata to what this server accepts.'
    case 'access_denied':
      return 'The user or the server denied the request.'
    case 'expired_token':
      return 'The user did not log in before the code expired. Start again.'
    case 'server_error':
    case 'temporarily_unavailable':
      return 'Try again later.'
    default:
      return ''
  }
}

/** A response that cannot be parsed, or that contains something invalid. */
function unusableResponse(
  error: unknown,
  response: ParsedResponse | undefined,
  { issuer }: RequestFacts,
  redact: Redact,
): OAuthError {
  const {
    code = '',
    message = '',
    cause,
  } = (error ?? {}) as { code?: string; message?: string; cause?: unknown }
  // Messages of openid-client are fixed and name members and claims, not values; that of the cause is more precise.
  const said = cause instanceof Error ? cause.message : message
  if (code === 'OAUTH_MISSING_SERVER_METADATA' || code === 'OAUTH_INVALID_SERVER_METADATA')
    return new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `The metadata of ${issuer} has no valid URL for ${/"as\.(.+)"/.exec(said)?.[1] ?? 'this endpoint'}. Set it in metadata, or use another flow.`,
    )
  const status = response?.status
  return new OAuthError(
    'ERR_IGWN_OAUTH_RESPONSE',
    `The response of ${issuer}${status === undefined ? '' : ` (status ${status})`} cannot be used: ${whyUnusable(code, said, response, redact)}. Check the URL, and that it belongs to an authorization server.`,
    { status, retryAfter: response && retryAfterOf(response) },
  )
}

function whyUnusable(
  code: string,
  said: string,
  response: ParsedResponse | undefined,
  redact: Redact,
): string {
  switch (code) {
    case 'OAUTH_RESPONSE_IS_NOT_CONFORM':
      return 'its status is neither success nor an OAuth error'
    case 'OAUTH_RESPONSE_IS_NOT_JSON':
    case 'OAUTH_PARSE_ERROR':
      return 'it is not JSON'
    case 'OAUTH_UNSUPPORTED_OPERATION': {
      const type = response?.json?.token_type
      if (typeof type === 'string')
        return `its token_type is ${redact(type)}; only Bearer and DPoP are supported`
    }
  }
  return said.replace(/"response" body "(\w+)" property/, '$1').replace(/^"response" body/, 'it')
}

/**
 * Our error when no response arrived. The error of axios holds the request and is not passed on; one of this package is.
 *
 * @param after - milliseconds of our own deadline, when it passed
 * @param advice - how to wait longer
 */
export function networkError(
  error: unknown,
  { origin }: URL,
  secrets: SentSecrets,
  after: number | undefined,
  advice = 'set client.axios to an instance with a longer timeout',
): IgwnAuthError {
  if (error instanceof IgwnAuthError) return error
  const { code, message = '', igwnAuth } = (error ?? {}) as Partial<IgwnAxiosError>
  if (after !== undefined || code === 'ECONNABORTED' || code === 'ETIMEDOUT')
    return new OAuthError(
      'ERR_IGWN_OAUTH_TIMEOUT',
      `${origin} did not respond ${after === undefined ? 'in time' : `within ${after} ms`}. Try again, or ${advice}.`,
      { retryAfter: 0 },
    )
  if (message.includes('maxContentLength'))
    return new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `The response of ${origin} is larger than ${MAX_BYTES / 1024} KiB, which no authorization server sends. Check the URL.`,
    )
  const reasons: readonly Reason[] = igwnAuth?.reasons ?? []
  const why = [
    secrets.redact(message.trim() || 'the request failed without an error'),
    ...reasons.map((reason) => reason.message),
  ]
  return new OAuthError(
    'ERR_IGWN_OAUTH_UNREACHABLE',
    `${origin} cannot be reached: ${why.join('. ')}. Check the URL, the network, and the trusted CAs.`,
    { reasons, retryAfter: 0 },
  )
}
