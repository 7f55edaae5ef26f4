import { IgwnAuthError } from '../errors'

/** Username and password, as in the `auth` option of axios. */
export interface BasicCredentials {
  /** The user name (`user-id` of RFC 7617), without a colon. */
  readonly username: string
  /** Secret. */
  readonly password: string
}

/**
 * The value of `Authorization` for Basic credentials: `Basic` and the Base64 form of username, colon and password in UTF-8.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_NETRC_UNUSABLE` when the username contains a colon, or either a control character;
 *   this package sends Basic credentials of netrc files only
 * @see RFC 7617 sections 2 and 2.1
 */
export function formatBasicCredentials({ username, password }: BasicCredentials): string {
  // A server would end the username at the colon.
  if (username.includes(':')) throw unusable('username', 'a colon')
  if (CONTROL.test(username)) throw unusable('username', 'a control character')
  if (CONTROL.test(password)) throw unusable('password', 'a control character')
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}

/** `CTL = %x00-1F / %x7F` (RFC 5234 appendix B.1), which RFC 7617 section 2 forbids. */
const CONTROL = /[\x00-\x1f\x7f]/ // eslint-disable-line no-control-regex

/** The message does not repeat the credentials. */
function unusable(part: string, character: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_NETRC_UNUSABLE',
    `The ${part} contains ${character}, which RFC 7617 section 2 does not allow in Basic authentication. ` +
      'Correct the entry in the netrc file.',
  )
}
