import { parseAuthorizationResponse } from '../../lib/oauth1/index'
import { expectNoSecret } from '../support/expect-no-secret'
import { thrownBy } from '../support/thrown-by'

it('reads the callback of RFC 5849 section 1.2', () => {
  expect(
    parseAuthorizationResponse(
      'http://printer.example.com/ready?oauth_token=hh5s93j4hdidpola&oauth_verifier=hfdp7dh39dks9884',
    ),
  ).toEqual({ token: 'hh5s93j4hdidpola', verifier: 'hfdp7dh39dks9884' })
})

it.each([
  ['of a request of Node', '/cb?x=1&oauth_token=hdk48Djdsa&oauth_verifier=473f82d3'],
  ['as a URL', new URL('https://client.example.net/cb?x=1&oauth_token=hdk48Djdsa&oauth_verifier=473f82d3#_')],
  ['of an application', 'myapp://cb?oauth_token=hdk48Djdsa&oauth_verifier=473f82d3'],
])('reads one %s', (_, url) => {
  expect(parseAuthorizationResponse(url)).toEqual({ token: 'hdk48Djdsa', verifier: '473f82d3' })
})

it('decodes what is encoded', () => {
  expect(parseAuthorizationResponse('/?oauth_token=a%2Fb%2B&oauth_verifier=c+d')).toEqual({
    token: 'a/b+',
    verifier: 'c d',
  })
})

it.each([
  // http://wiki.oauth.net/w/page/12238543/ProblemReporting
  ['oauth_problem=user_refused', ': user_refused. The user, or the server, does not allow it now'],
  [
    'oauth_token=canary1&oauth_problem=permission_denied',
    ': permission_denied. The user, or the server, does not allow it',
  ],
  ['oauth_problem=canary1', ': the callback URL reports a problem'],
  // X
  ['denied=canary1', ': the user refused'],
  // Servers of Atlassian
  ['oauth_token=canary1&oauth_verifier=denied', ': the user refused'],
])('says that the user refused, after %s', (query, how) => {
  const error = thrownBy(() => parseAuthorizationResponse(`/cb?${query}`))
  expect(error).toMatchObject({
    code: 'ERR_IGWN_OAUTH1_DENIED',
    message: `The authorization was denied${how}. Ask the user again, beginning with requestToken.`,
  })
  expectNoSecret(error, ['canary1'])
})

it.each([
  [
    '/cb',
    'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
    'The callback URL has no oauth_token. Give the URL to which the server sent the user back, with its whole query.',
  ],
  [
    '/cb?oauth_token=&oauth_verifier=canary1',
    'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
    'The callback URL has no oauth_token.',
  ],
  [
    '/cb?oauth_token=canary1',
    'ERR_IGWN_OAUTH1_NO_VERIFIER',
    'The callback URL has no oauth_verifier, so the server may know the first OAuth 1.0 only. Give accessToken the verifier',
  ],
  ['http://[canary1', 'ERR_IGWN_INVALID_URL', 'The callback URL cannot be read.'],
  [undefined, 'ERR_IGWN_OAUTH1_REQUEST_TOKEN', 'The callback URL has no oauth_token.'],
])('refuses %s', (url, code, message) => {
  const error = thrownBy(() => parseAuthorizationResponse(url as string))
  expect(error).toMatchObject({ code, message: expect.stringContaining(message) })
  expectNoSecret(error, ['canary1'])
})
