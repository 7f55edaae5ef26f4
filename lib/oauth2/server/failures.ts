import { parseChallenges } from '../../formats/www-authenticate'
import { IgwnAuthError } from '../../errors'
import { sanitize } from '../../secrets/sanitize'
import type { Conversation } from './openid-client-transport'
import type { ReadAnswer } from './normalize-response'
import { OAuthError, type OAuthRefusal } from '../errors'
import type { Cleaner } from './redact-response'

/** What was asked, for the advice in an error. */
export interface Asked {
  /** Of the server, for people. */
  readonly issuer: string
  /** How the client authenticated. */
  readonly authentication: string
  /** Whether the request named an audience. */
  readonly audience?: string | undefined
}

/**
 * The error for what openid-client, or the way to the server, failed with. Theirs are not passed on: they hold answers, claims
 * and requests.
 */
export function failed(
  error: unknown,
  { failure, lastAnswer, secrets }: Conversation,
  asked: Asked,
): unknown {
  const sending = failure()
  if (sending !== undefined) return sending
  // From us, or from a function of the caller's.
  if (error instanceof IgwnAuthError) return error
  const answer = lastAnswer()
  const refusal = answer && refusalIn(answer)
  if (refusal) return refused({ ...refusal, status: answer.status }, asked, secrets.clean)
  return unusable(error, answer, asked, secrets.clean)
}

/** The refusal in an answer: an error in its body, else in its challenge (RFC 6750 section 3). */
function refusalIn({ json, headers }: ReadAnswer): OAuthRefusal | undefined {
  const said = json?.error === undefined ? challengeIn(headers['www-authenticate']) : json
  if (said === undefined) return undefined
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

/** The error for a refusal in the server's own words. */
export function refused(
  { error, errorDescription, errorUri, status }: OAuthRefusal,
  asked: Asked,
  clean: Cleaner,
): OAuthError {
  const said = errorDescription === undefined ? '' : `: ${clean(errorDescription).replace(/\.$/, '')}`
  const code = error === undefined ? 'without saying why' : clean(error)
  const by = status === undefined ? '' : ` (status ${status})`
  return new OAuthError(
    'ERR_IGWN_OAUTH_REFUSED',
    `${asked.issuer} refuses${by}: ${code}${said}. ${adviceOn(error, asked)}`.trim(),
    {
      error: error && clean(error),
      errorDescription: errorDescription && clean(errorDescription),
      errorUri: errorUri && clean(errorUri),
      status,
    },
  )
}

/** What to do about a code of RFC 6749 section 5.2, RFC 8628 section 3.5 or RFC 8707 section 2. */
function adviceOn(error = '', { authentication, audience }: Asked): string {
  const target =
    audience === undefined
      ? ''
      : `The request was for ${sanitize(audience)}: set audience, or audienceParameter to how this server is told, or to false.`
  switch (error) {
    case 'invalid_client':
      return `Check clientId and what it authenticates with; it did so by ${authentication}.`
    case 'invalid_grant':
      return 'What was to be exchanged for a token has ended, was revoked, or was used before: log in again.'
    case 'unauthorized_client':
    case 'unsupported_grant_type':
      return 'Have the client registered for this grant, or use another.'
    case 'invalid_scope':
      return 'Ask for scopes that the client and the login have.'
    case 'invalid_target':
    case 'invalid_request':
      return target
    case 'access_denied':
      return 'Whoever was asked said no.'
    case 'expired_token':
      return 'Nobody logged in in time: begin again.'
    case 'server_error':
    case 'temporarily_unavailable':
      return 'Try again later.'
    default:
      return ''
  }
}

/** An answer that is none, or one that says what it must not. */
function unusable(
  error: unknown,
  answer: ReadAnswer | undefined,
  { issuer }: Asked,
  clean: Cleaner,
): OAuthError {
  const {
    code = '',
    message = '',
    cause,
  } = (error ?? {}) as { code?: string; message?: string; cause?: unknown }
  // The sentences of openid-client are fixed, and name members and claims, not their values; the inner one says more.
  const said = cause instanceof Error ? cause.message : message
  if (code.startsWith('OAUTH_JWT_') || /\bJWT\b|ID Token/.test(said))
    return new OAuthError(
      'ERR_IGWN_OAUTH_ID_TOKEN',
      `The id_token of ${issuer} is not to be trusted: ${said}. Do not let anybody in by it.`,
    )
  if (code === 'OAUTH_MISSING_SERVER_METADATA' || code === 'OAUTH_INVALID_SERVER_METADATA')
    return new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `${issuer} has no ${/"as\.(.+)"/.exec(said)?.[1] ?? 'such endpoint'} that is a URL. Give it in metadata, or use another flow.`,
    )
  const status = answer?.status
  return new OAuthError(
    'ERR_IGWN_OAUTH_RESPONSE',
    `${issuer} gave an answer${status === undefined ? '' : ` (status ${status})`} that cannot be used: ${whyUnusable(code, said, answer, clean)}. Check the URL, and whether it is that of an authorization server.`,
    { status },
  )
}

function whyUnusable(code: string, said: string, answer: ReadAnswer | undefined, clean: Cleaner): string {
  switch (code) {
    case 'OAUTH_RESPONSE_IS_NOT_CONFORM':
      return 'its status says neither yes nor no'
    case 'OAUTH_RESPONSE_IS_NOT_JSON':
    case 'OAUTH_PARSE_ERROR':
      return 'it is no JSON'
    case 'OAUTH_UNSUPPORTED_OPERATION': {
      const type = answer?.json?.token_type
      if (typeof type === 'string')
        return `its token_type is ${clean(type)}, and Bearer and DPoP are all that is known here`
    }
  }
  return said.replace(/"response" body "(\w+)" property/, '$1').replace(/^"response" body/, 'it')
}
