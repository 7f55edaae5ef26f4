import type { Challenge } from '../formats/www-authenticate'

/**
 * What servers say went wrong (`oauth_problem`), and what to do about it. Only these words: whatever else stands there may
 * be anything, a token too.
 *
 * @see http://wiki.oauth.net/w/page/12238543/ProblemReporting; `verifier_invalid` is Magento's
 */
const ADVICE: Readonly<Record<string, string>> = {
  version_rejected: 'The server knows no OAuth 1.0',
  parameter_absent: 'It wants a parameter that was not sent',
  parameter_rejected: 'It does not know a parameter that was sent',
  timestamp_refused: 'Set the clock of this machine',
  nonce_used: 'Something on the way may have sent the request twice',
  signature_method_rejected: 'Use another signatureMethod',
  signature_invalid: 'Check clientSecret, or rsaKey, and the secret of the token',
  consumer_key_unknown: 'Check clientId',
  consumer_key_rejected: 'Check clientId, and whether the server still has your application',
  consumer_key_refused: 'Wait, then try again; the server takes no more of your application for now',
  token_used: 'Begin again with requestToken',
  token_expired: 'Begin again with requestToken',
  token_revoked: 'Begin again with requestToken',
  token_rejected: 'Begin again with requestToken',
  verifier_invalid: 'Check the verifier',
  additional_authorization_required: 'Wait until the user has authorized the request token',
  permission_unknown: 'Wait until the user has decided',
  permission_denied: 'The user, or the server, does not allow it',
  user_refused: 'The user, or the server, does not allow it now',
}

/** A problem by its word, with advice for people; undefined for what is none of the known words. */
export function describeProblem(word: unknown): string | undefined {
  const known = typeof word === 'string' && Object.hasOwn(ADVICE, word) ? ADVICE[word] : undefined
  return known && `${String(word)}. ${known}`
}

/** The word in a challenge: `WWW-Authenticate: OAuth oauth_problem=timestamp_refused`. */
export function problemIn(challenges: readonly Challenge[]): string | undefined {
  return challenges.find(({ scheme }) => scheme === 'oauth')?.params.oauth_problem
}
