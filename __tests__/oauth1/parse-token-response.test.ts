import { assertCallbackConfirmed, parseTokenAnswer } from '../../lib/oauth1/parse-token-response'
import { OAuth1Token } from '../../lib/oauth1/oauth1-token'
import { expectNoSecret } from '../support/expect-no-secret'
import { thrownBy } from '../support/thrown-by'

const PLACE = 'https://photos.example.net/token'

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
])('reads %j', (text, token, tokenSecret, parameters) => {
  const read = parseTokenAnswer(text, PLACE)
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
  ['{"oauth_token":"canary1"', 'begins as JSON and is none'],
  ['[{"oauth_token":"canary1"}]', 'has no oauth_token'],
])('refuses %j and repeats nothing of it', (text, what) => {
  const error = thrownBy(() => parseTokenAnswer(text, PLACE))
  expect(error).toMatchObject({
    code: 'ERR_IGWN_OAUTH1_RESPONSE',
    message: `The answer of ${PLACE} ${what}. Check the URL against the documentation of the server.`,
  })
  expectNoSecret(error, ['canary1'])
})

it.each(['true', true])('takes %p for a callback that is confirmed', (confirmed) => {
  const token = new OAuth1Token({ token: 'a' }, { oauth_callback_confirmed: confirmed })
  expect(() => {
    assertCallbackConfirmed(token, PLACE)
  }).not.toThrow()
})

it.each([undefined, 'false', false, 'TRUE', '1'])('does not take %p for one', (confirmed) => {
  const token = new OAuth1Token({ token: 'canary1' }, { oauth_callback_confirmed: confirmed })
  const error = thrownBy(() => {
    assertCallbackConfirmed(token, PLACE)
  })
  expect(error).toMatchObject({
    code: 'ERR_IGWN_OAUTH1_RESPONSE',
    message: `The answer of ${PLACE} does not confirm the callback (oauth_callback_confirmed), as OAuth 1.0 revision A and RFC 5849 section 2.1 demand, and could be used to take over a login. Check the URL against the documentation of the server.`,
  })
  expectNoSecret(error, ['canary1'])
})
