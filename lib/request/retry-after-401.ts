import type { AxiosResponse } from 'axios'
import { IgwnAuthError, type Reason } from '../errors'
import {
  bearerChallenge,
  parseChallenges,
  type BearerChallenge,
  type Challenge,
} from '../formats/www-authenticate'
import type { SchemeResponse } from '../schemes/auth-scheme'
import type { Credentials } from '../schemes/credentials'
import { redactSecrets } from '../secrets/redact'
import { refusedByServer } from '../tokens/validate-claims'
import type { Attacher } from './attach'
import type { RequestContext } from './context'
import { isFromNetworkProxy } from './network-proxy'
import { canResend } from './resend'

type Response = Pick<AxiosResponse, 'status' | 'headers' | 'request'>

/** What a refusal is retried with; without credentials, the reasons why it is not retried. */
export interface Retry {
  readonly credentials?: Credentials
  readonly reasons: readonly Reason[]
}

/**
 * When a request is sent a second time: once, after a 401 with a Bearer challenge (RFC 6750 section 3), with another credential
 * than the refused one, if the body can be sent again. A scheme decides itself whether its retry can succeed. 403 is never
 * retried. Undefined when a retry is not even considered.
 */
export async function retryAfter401(
  context: RequestContext,
  credentials: Credentials,
  response: Response,
  attach: Attacher['attach'],
): Promise<Retry | undefined> {
  if (!isRetryConsidered(context, response)) return undefined
  const challenge = bearerChallenge(challengesOf(response, context.secrets))
  try {
    return await (credentials.scheme
      ? withSameScheme(context, credentials, response, challenge, attach)
      : challenge && withOtherToken(context, credentials, challenge, attach))
  } catch (failure) {
    // An abort ends the request; any other failure leaves the refusal as the result, with the failure as its reason.
    if ((failure as { __CANCEL__?: boolean } | undefined)?.__CANCEL__) throw failure
    return { reasons: reasonsOf(failure) }
  }
}

/** Whether a response is a 401 of the server itself to a credential that is ours to replace. */
export function isRetryConsidered(
  { url, request, authenticated, hasLeft }: RequestContext,
  response: Response,
): boolean {
  if (response.status !== 401 || authenticated || hasLeft) return false
  return !isFromNetworkProxy(response, url, request.proxy)
}

async function withOtherToken(
  context: RequestContext,
  refused: Credentials,
  challenge: BearerChallenge,
  attach: Attacher['attach'],
): Promise<Retry | undefined> {
  if (context.retried) return undefined
  if (!isResendable(context)) return { reasons: [BODY_IS_STREAM] }
  // Apache says it of a request without a token, too.
  if (challenge.error === 'invalid_request' && refused.token !== undefined)
    return { reasons: [INVALID_REQUEST] }
  const { scope: challengeScope, stepUp } = challenge
  const credentials = await attach(context, { credentials: refused, challengeScope, stepUp })
  const { authorization, reasons } = credentials
  return authorization === undefined ? { reasons } : { credentials, reasons }
}

async function withSameScheme(
  context: RequestContext,
  refused: Credentials,
  response: Response,
  challenge: BearerChallenge | undefined,
  attach: Attacher['attach'],
): Promise<Retry | undefined> {
  const { scheme, changes } = refused
  if (context.retried || !scheme?.shouldRetry || !changes) return undefined
  if (!isResendable(context)) return { reasons: [BODY_IS_STREAM] }
  if (!(await scheme.shouldRetry(schemeResponse(response), changes)))
    return { reasons: [refusedByServer(scheme.name)] }
  const { scope: challengeScope = [], stepUp } = challenge ?? {}
  const credentials = await attach(context, { credentials: refused, challengeScope, stepUp })
  return { credentials, reasons: credentials.reasons }
}

function isResendable({ request, formParts }: RequestContext): boolean {
  return canResend(request.data, formParts)
}

const BODY_IS_STREAM: Reason = {
  code: 'unsupported',
  source: 'body',
  message: 'the body of the request is a stream, which cannot be sent a second time',
}

const INVALID_REQUEST: Reason = {
  code: 'refused',
  source: 'token',
  message: 'the server rejects the request itself (invalid_request); another token does not help',
}

/** The challenges of a response, without credentials that the server repeats in them. */
export function challengesOf(
  { headers }: Pick<Response, 'headers'>,
  secrets: readonly string[] = [],
): Challenge[] {
  return parseChallenges(
    fieldsNamed(headers, 'www-authenticate').map((field) => redactSecrets(field, secrets)),
  )
}

/** A response as a scheme sees it. */
export function schemeResponse({ status, headers }: Pick<Response, 'status' | 'headers'>): SchemeResponse {
  const header = (name: string) => {
    const values = fieldsNamed(headers, name.toLowerCase())
    return values.length > 0 ? values.join(', ') : undefined
  }
  return { status, header, challenges: parseChallenges(header('WWW-Authenticate')) }
}

/** Custom adapters give plain objects, with names in any case, or no headers at all. */
function fieldsNamed(headers: unknown, name: string): string[] {
  return Object.entries((headers ?? {}) as Record<string, unknown>)
    .filter(([field, value]) => field.toLowerCase() === name && value != null)
    .flatMap(([, value]) => [value].flat().map(String))
}

/** The reasons in an error of ours, or the message of any other. */
function reasonsOf(error: unknown): readonly Reason[] {
  if (error instanceof IgwnAuthError && error.reasons.length > 0) return error.reasons
  const message = error instanceof Error ? error.message : 'an unknown error'
  return [{ code: 'failed', source: 'token', message: `Finding another credential failed: ${message}` }]
}
