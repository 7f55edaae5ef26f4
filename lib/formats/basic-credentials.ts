import { IgwnAuthError } from '../errors'

/** A login, as axios' `auth` takes it. */
export interface BasicCredentials {
  /** The user name (`user-id`); without a colon. */
  readonly username: string
  /** A secret. */
  readonly password: string
}

/**
 * The value for `Authorization` that carries a login: `Basic` and the base64 of user name, colon and password in UTF-8.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_NETRC_UNUSABLE` (the logins we send are those of netrc files; axios' own `auth`
 *   is axios' own) when there is a colon in the user name or a control character in either, which could not be sent
 * @see RFC 7617 sections 2 and 2.1
 */
export function formatBasicCredentials({ username, password }: BasicCredentials): string {
  // "a user-id containing a colon character is invalid": the server would end it there.
  if (username.includes(':')) throw unusable('user name', 'a colon')
  if (CONTROL.test(username)) throw unusable('user name', 'a control character')
  if (CONTROL.test(password)) throw unusable('password', 'a control character')
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}

/** `CTL = %x00-1F / %x7F` (RFC 5234 appendix B.1): "MUST NOT contain any control characters". */
const CONTROL = /[\x00-\x1f\x7f]/ // eslint-disable-line no-control-regex

/** Without the login: it is a secret. */
function unusable(part: string, character: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_NETRC_UNUSABLE',
    `The ${part} of the login has ${character}, which RFC 7617 section 2 does not allow in Basic authentication. ` +
      'Correct the entry in the netrc file.',
  )
}
