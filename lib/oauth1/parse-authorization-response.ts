import { IgwnAuthError } from '../errors'
import { describeProblem } from './problem'

/** What a callback URL says when the user has authorized a request token. Both are secret. */
export interface AuthorizationResponse {
  /** `oauth_token`: the request token that was authorized. */
  readonly token: string
  /** `oauth_verifier`: shows that who authorized it is who came back. */
  readonly verifier: string
}

/**
 * Reads the URL to which the server sent the user back (RFC 5849 section 2.2). The `url` of a request as Node's server has
 * it, without a host, will do.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_DENIED` when the user refused, `ERR_IGWN_OAUTH1_REQUEST_TOKEN` when it names no
 *   token, `ERR_IGWN_OAUTH1_NO_VERIFIER` when it has no verifier, `ERR_IGWN_INVALID_URL` when it is no URL
 */
export function parseAuthorizationResponse(callbackUrl: string | URL): AuthorizationResponse {
  const parameters = queryOf(callbackUrl)
  const token = parameters.get('oauth_token')
  const verifier = parameters.get('oauth_verifier')
  const problem = parameters.get('oauth_problem')
  if (problem !== null) throw denied(`: ${describeProblem(problem) ?? 'the callback URL reports a problem'}`)
  // X says so with `denied`, and Atlassian's servers with a word in the place of the verifier.
  if (parameters.has('denied') || verifier === 'denied') throw denied(': the user refused')
  if (!token)
    throw new IgwnAuthError(
      'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
      'The callback URL has no oauth_token. Give the URL to which the server sent the user back, with its whole query.',
    )
  if (!verifier)
    throw noVerifier(
      'The callback URL has no oauth_verifier, so the server may know the first OAuth 1.0 only',
    )
  return { token, verifier }
}

function queryOf(callbackUrl: string | URL): URLSearchParams {
  // Only the query counts; the host is whatever the application has.
  const text = String(callbackUrl)
  if (!URL.canParse(text, 'http://localhost'))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_URL',
      'The callback URL cannot be read. Give the URL to which the server sent the user back.',
    )
  return new URL(text, 'http://localhost').searchParams
}

function denied(how: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_DENIED',
    `The authorization was denied${how}. Ask the user again, beginning with requestToken.`,
  )
}

/** There is nothing to show that the user authorized it. */
export function noVerifier(why: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_NO_VERIFIER',
    `${why}. Give accessToken the verifier that the server shows the user, or as callbackUrl the URL to which it sends the user back.`,
  )
}
