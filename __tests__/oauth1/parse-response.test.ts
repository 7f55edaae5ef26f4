import { OAuth1Token } from '../../lib/oauth1/oauth1-token'
import {
  assertCallbackConfirmed,
  parseAuthorizationResponse,
  parseTokenResponse,
} from '../../lib/oauth1/parse-response'
import { expectNoSecret } from '../support/expect-no-secret'
import { thrownBy } from '../support/thrown-by'

it('parses the callback URL of RFC 5849 section 1.2', () => {
  expect(
    parseAuthorizationResponse(
      'http://printer.example.com/ready?oauth_token=hh5s93j4hdidpola&oauth_verifier=hfdp7dh39dks9884',
    ),
  ).toEqual({ token: 'hh5s93j4hdidpola', verifier: 'hfdp7dh39dks9884' })
})

it.each([
  ['of a Node.js request', '/cb?x=1&oauth_token=hdk48Djdsa&oauth_verifier=473f82d3'],
  ['as a URL', new URL('https://client.example.net/cb?x=1&oauth_token=hdk48Djdsa&oauth_verifier=473f82d3#_')],
  ['with the scheme of an application', 'myapp://cb?oauth_token=hdk48Djdsa&oauth_verifier=473f82d3'],
])('parses one %s', (_, url) => {
  expect(parseAuthorizationResponse(url)).toEqual({ token: 'hdk48Djdsa', verifier: '473f82d3' })
})

it('decodes parameters', () => {
  expect(parseAuthorizationResponse('/?oauth_token=a%2Fb%2B&oauth_verifier=c+d')).toEqual({
    token: 'a/b+',
    verifier: 'c d',
  })
})

it.each([
  // http://wiki.oauth.net/w/page/12238543/ProblemReporting
  ['oauth_problem=user_refused', 'user_refused. The user or the server does not allow it now'],
  [
    'oauth_token=canary1&oauth_problem=permission_denied',
    'permission_denied. The user or the server does not allow it',
  ],
  ['oauth_problem=canary1', 'the callback URL reports a problem'],
  // Authlib
  ['oauth_token=canary1&error=access_denied', 'access_denied. The user denied the request'],
  ['error=canary1', 'the callback URL reports a problem'],
  // X
  ['denied=canary1', 'the user denied the request'],
  // Atlassian
  ['oauth_token=canary1&oauth_verifier=denied', 'the user denied the request'],
])('reports the denial in %s', (query, why) => {
  const error = thrownBy(() => parseAuthorizationResponse(`/cb?${query}`))
  expect(error).toMatchObject({
    code: 'ERR_IGWN_OAUTH1_DENIED',
    message: `The authorization was denied: ${why}. Start again with requestToken().`,
  })
  expectNoSecret(error, ['canary1'])
})

it.each([
  [
    '/cb',
    'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
    'The callback URL has no oauth_token. Pass the URL to which the server redirected the user, with its whole query.',
  ],
  [
    '/cb?oauth_token=&oauth_verifier=canary1',
    'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
    'The callback URL has no oauth_token.',
  ],
  [
    '/cb?oauth_token=canary1',
    'ERR_IGWN_OAUTH1_NO_VERIFIER',
    'The callback URL has no oauth_verifier; the server may support only OAuth 1.0, not 1.0a. Pass accessToken() the verifier',
  ],
  ['http://[canary1', 'ERR_IGWN_INVALID_URL', 'The callback URL is invalid.'],
  [undefined, 'ERR_IGWN_OAUTH1_REQUEST_TOKEN', 'The callback URL has no oauth_token.'],
])('rejects %s', (url, code, message) => {
  const error = thrownBy(() => parseAuthorizationResponse(url as string))
  expect(error).toMatchObject({ code, message: expect.stringContaining(message) })
  expectNoSecret(error, ['canary1'])
})

const ENDPOINT = 'https://photos.example.net/token'

it.each([
  // RFC 5849 sections 1.2, 2.1 and 2.3
  [
    'oauth_token=nnch734d00sl2jdk&oauth_token_secret=pfkkdhi9sl3r4s00',
    'nnch734d00sl2jdk',
    'pfkkdhi9sl3r4s00',
    {},
  ],
  [
    'oauth_token=hdk48Djdsa&oauth_token_secret=xyz4992k83j47x0b&oauth_callback_confirmed=true',
    'hdk48Djdsa',
    'xyz4992k83j47x0b',
    { oauth_callback_confirmed: 'true' },
  ],
  [
    'oauth_token=j49ddk933skd9dks&oauth_token_secret=ll399dj47dskfjdk',
    'j49ddk933skd9dks',
    'll399dj47dskfjdk',
    {},
  ],
  [' oauth_token=a%2Fb&oauth_token_secret=&name=%C3%A4+b\r\n', 'a/b', '', { name: 'ä b' }],
  ['{"oauth_token":"a","oauth_token_secret":"b","user_id":7}', 'a', 'b', { user_id: 7 }],
  ['\n {"oauth_token":"a","oauth_token_secret":"","__proto__":{"x":1}}', 'a', '', {}],
])('parses %j', (text, token, tokenSecret, parameters) => {
  const read = parseTokenResponse(text, ENDPOINT)
  expect([read.token, read.tokenSecret]).toEqual([token, tokenSecret])
  expect(read.parameters).toMatchObject(parameters)
})

it.each([
  ['', 'has no oauth_token'],
  ['<html>canary1</html>', 'has no oauth_token'],
  ['oauth_token=&oauth_token_secret=canary1', 'has no oauth_token'],
  ['oauth_token=canary1', 'has no oauth_token_secret'],
  ['{"oauth_token":"canary1"}', 'has no oauth_token_secret'],
  ['{"oauth_token":7,"oauth_token_secret":"canary1"}', 'has no oauth_token'],
  ['{"oauth_token":"canary1"', 'starts like JSON and is not valid JSON'],
  ['[{"oauth_token":"canary1"}]', 'has no oauth_token'],
])('rejects %j without repeating any of it', (text, what) => {
  const error = thrownBy(() => parseTokenResponse(text, ENDPOINT))
  expect(error).toMatchObject({
    code: 'ERR_IGWN_OAUTH1_RESPONSE',
    message: `The response of ${ENDPOINT} ${what}. Check the URL in the documentation of the server.`,
  })
  expectNoSecret(error, ['canary1'])
})

it.each(['true', true, 'True', 'TRUE', '1', 1])('accepts %p as a confirmation', (confirmed) => {
  const token = new OAuth1Token({ token: 'a' }, { oauth_callback_confirmed: confirmed })
  expect(() => {
    assertCallbackConfirmed(token, ENDPOINT)
  }).not.toThrow()
})

it.each([undefined, '', 'false', false, '0', 0, 'yes', '11', ['false']])(
  'does not accept %p as a confirmation',
  (confirmed) => {
    const token = new OAuth1Token({ token: 'canary1' }, { oauth_callback_confirmed: confirmed })
    const error = thrownBy(() => {
      assertCallbackConfirmed(token, ENDPOINT)
    })
    expect(error).toMatchObject({
      code: 'ERR_IGWN_OAUTH1_RESPONSE',
      message: `The response of ${ENDPOINT} does not confirm the callback (oauth_callback_confirmed=true), which OAuth 1.0a and RFC 5849 section 2.1 require; an attacker could take over the login. Check the URL in the documentation of the server.`,
    })
    expectNoSecret(error, ['canary1'])
  },
)
