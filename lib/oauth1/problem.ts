import type { Challenge } from '../formats/www-authenticate'

/**
 * Error codes of servers (`oauth_problem`, and `error` as sent by Authlib's server) and what to do about each. Only these are
 * shown: an unknown value may be anything, also a token.
 *
 * @see http://wiki.oauth.net/w/page/12238543/ProblemReporting; `verifier_invalid` is Magento's
 * @see https://docs.authlib.org/en/latest/oauth1/ for the codes of `error`
 */
const ADVICE: Readonly<Record<string, string>> = {
  version_rejected: 'The server does not support OAuth 1.0',
  parameter_absent: 'A parameter that the server requires was not sent',
  parameter_rejected: 'The server does not accept a parameter that was sent',
  timestamp_refused: 'Set the clock of this host',
  nonce_used: 'A proxy may have sent the request twice',
  signature_method_rejected: 'Use another signatureMethod',
  signature_invalid: 'Check clientSecret, or rsaKey, and the token secret',
  consumer_key_unknown: 'Check clientId',
  consumer_key_rejected: 'Check clientId, and whether your application is still registered',
  consumer_key_refused: 'The server accepts no more requests from your application for now; try again later',
  token_used: 'Start again with requestToken()',
  token_expired: 'Start again with requestToken()',
  token_revoked: 'Start again with requestToken()',
  token_rejected: 'Start again with requestToken()',
  verifier_invalid: 'Check the verifier',
  additional_authorization_required: 'Wait until the user has authorized the request token',
  permission_unknown: 'Wait until the user has decided',
  permission_denied: 'The user or the server does not allow it',
  user_refused: 'The user or the server does not allow it now',

  access_denied: 'The user denied the request',
  duplicated_oauth_protocol_parameter:
    'An OAuth parameter was sent twice; remove it from the URL or the body',
  insecure_transport: 'Use https',
  invalid_client: 'Check clientId',
  invalid_nonce: 'A proxy may have sent the request twice',
  invalid_request: 'The server does not accept the parameters of the request',
  invalid_signature: 'Check clientSecret, or rsaKey, and the token secret',
  invalid_token: 'Start again with requestToken()',
  missing_required_parameter: 'A parameter that the server requires was not sent',
  unsupported_parameter: 'The server does not accept a parameter that was sent',
  unsupported_signature_method: 'Use another signatureMethod',
}

/** A known error code with advice; undefined for any other text. */
export function describeProblem(code: unknown): string | undefined {
  const advice = typeof code === 'string' && Object.hasOwn(ADVICE, code) ? ADVICE[code] : undefined
  return advice && `${String(code)}. ${advice}`
}

/** The code in a challenge: `WWW-Authenticate: OAuth oauth_problem=timestamp_refused`. */
export function problemIn(challenges: readonly Challenge[]): string | undefined {
  return challenges.find(({ scheme }) => scheme === 'oauth')?.params.oauth_problem
}
