import { IgwnAuthError } from '../errors'
import { OAuth1Token } from './oauth1-token'
import { describeProblem } from './problem'

/** The parameters of a callback URL after the user authorized a request token. Both are secret. */
export interface AuthorizationResponse {
  /** `oauth_token`: the request token that was authorized. */
  readonly token: string
  /** `oauth_verifier`: shows that the user who authorized the token is the one who came back. */
  readonly verifier: string
}

/**
 * Parses the callback URL to which the server redirected the user (RFC 5849 section 2.2). Also accepts a URL without a host,
 * such as `request.url` of a Node.js server.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_DENIED` when the user denied the request, `ERR_IGWN_OAUTH1_REQUEST_TOKEN`
 *   without `oauth_token`, `ERR_IGWN_OAUTH1_NO_VERIFIER` without `oauth_verifier`, `ERR_IGWN_INVALID_URL` for an invalid URL
 */
export function parseAuthorizationResponse(callbackUrl: string | URL): AuthorizationResponse {
  const parameters = queryOf(callbackUrl)
  const token = parameters.get('oauth_token')
  const verifier = parameters.get('oauth_verifier')
  const problem = parameters.get('oauth_problem') ?? parameters.get('error')
  if (problem !== null) throw denied(describeProblem(problem) ?? 'the callback URL reports a problem')
  // X sends `denied=<token>`, Atlassian sends `oauth_verifier=denied`.
  if (parameters.has('denied') || verifier === 'denied') throw denied('the user denied the request')
  if (!token)
    throw new IgwnAuthError(
      'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
      'The callback URL has no oauth_token. Pass the URL to which the server redirected the user, with its whole query.',
    )
  if (!verifier)
    throw noVerifier(
      'The callback URL has no oauth_verifier; the server may support only OAuth 1.0, not 1.0a',
    )
  return { token, verifier }
}

function queryOf(callbackUrl: string | URL): URLSearchParams {
  // Only the query is read, so any base will do.
  const text = String(callbackUrl)
  if (!URL.canParse(text, 'http://localhost'))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_URL',
      'The callback URL is invalid. Pass the URL to which the server redirected the user.',
    )
  return new URL(text, 'http://localhost').searchParams
}

function denied(why: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_DENIED',
    `The authorization was denied: ${why}. Start again with requestToken().`,
  )
}

export function noVerifier(why: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_NO_VERIFIER',
    `${why}. Pass accessToken() the verifier that the server shows the user, or the URL to which it redirects the user as callbackUrl.`,
  )
}

/**
 * Parses a token response: a form as in RFC 5849, or JSON, which some servers send.
 *
 * @param endpoint - where the response came from, for the message
 * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_RESPONSE` without a token; the message repeats nothing of the response
 * @see RFC 5849 sections 2.1 and 2.3
 */
export function parseTokenResponse(text: string, endpoint: string): OAuth1Token {
  const { oauth_token: token, oauth_token_secret: tokenSecret, ...others } = membersOf(text.trim(), endpoint)
  if (typeof token !== 'string' || token === '') throw unusable(endpoint, 'has no oauth_token')
  if (typeof tokenSecret !== 'string') throw unusable(endpoint, 'has no oauth_token_secret')
  return new OAuth1Token({ token, tokenSecret }, others)
}

function membersOf(text: string, endpoint: string): Record<string, unknown> {
  if (!text.startsWith('{')) return Object.fromEntries(new URLSearchParams(text))
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    throw unusable(endpoint, 'starts like JSON and is not valid JSON')
  }
}

/**
 * Servers of the first OAuth 1.0 do not confirm the callback: an attacker could start a login and have another user finish it.
 * Authlib's server sends `True`.
 */
export function assertCallbackConfirmed({ parameters }: OAuth1Token, endpoint: string): void {
  if (/^(?:true|1)$/i.test(String(parameters.oauth_callback_confirmed))) return
  throw unusable(
    endpoint,
    'does not confirm the callback (oauth_callback_confirmed=true), which OAuth 1.0a and RFC 5849 section 2.1 require; an attacker could take over the login',
  )
}

function unusable(endpoint: string, problem: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_RESPONSE',
    `The response of ${endpoint} ${problem}. Check the URL in the documentation of the server.`,
  )
}
