import { IgwnAuthError } from '../errors'
import { OAuth1Token } from './oauth1-token'

/**
 * Reads the answer of a server that gives a token: a form, as RFC 5849 says, or JSON, as some servers have it.
 *
 * @param place - where it came from, for the message
 * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_RESPONSE` when there is no token in it; without anything of the answer, which
 *   may hold a secret
 * @see RFC 5849 sections 2.1 and 2.3
 */
export function parseTokenAnswer(text: string, place: string): OAuth1Token {
  const { oauth_token: token, oauth_token_secret: tokenSecret, ...others } = membersOf(text.trim(), place)
  if (typeof token !== 'string' || token === '') throw unusable(place, 'has no oauth_token')
  if (typeof tokenSecret !== 'string') throw unusable(place, 'has no oauth_token_secret')
  return new OAuth1Token({ token, tokenSecret }, others)
}

function membersOf(text: string, place: string): Record<string, unknown> {
  if (!text.startsWith('{')) return Object.fromEntries(new URLSearchParams(text))
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    throw unusable(place, 'begins as JSON and is none')
  }
}

/** A server of the first OAuth 1.0 says nothing of the callback: whoever starts a login there can have another end it. */
export function assertCallbackConfirmed({ parameters }: OAuth1Token, place: string): void {
  if (String(parameters.oauth_callback_confirmed) === 'true') return
  throw unusable(
    place,
    'does not confirm the callback (oauth_callback_confirmed), as OAuth 1.0 revision A and RFC 5849 section 2.1 demand, and could be used to take over a login',
  )
}

function unusable(place: string, what: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_RESPONSE',
    `The answer of ${place} ${what}. Check the URL against the documentation of the server.`,
  )
}
