import { inspect } from 'node:util'
import { oauth1Flow, OAuth1Token } from '../../lib/oauth1/index'
import { expectNoSecret } from '../support/expect-no-secret'
import { thrownBy } from '../support/thrown-by'

const pair = { token: 'the-token-itself', tokenSecret: 'the-secret-of-it' }

it('returns its values to code and prints none', () => {
  const token = new OAuth1Token(pair, { user_id: '7', oauth_session_handle: 'another-secret' })
  expect([token.token, token.tokenSecret]).toEqual([pair.token, pair.tokenSecret])
  expect(token.parameters).toEqual({ user_id: '7', oauth_session_handle: 'another-secret' })
  expectNoSecret(token, [...Object.values(pair), 'another-secret'])
  expect(inspect(token)).toBe("OAuth1Token { parameters: [ 'user_id', 'oauth_session_handle' ] }")
  expect(JSON.stringify(token)).toBe('{"parameters":["user_id","oauth_session_handle"]}')
})

it('is created from a stored token', () => {
  const { token, tokenSecret } = new OAuth1Token(pair)
  expect(new OAuth1Token(JSON.parse(JSON.stringify({ token, tokenSecret })) as typeof pair).tokenSecret).toBe(
    pair.tokenSecret,
  )
  expect(new OAuth1Token({ token }).tokenSecret).toBe('')
})

it.each([
  [{ oauth_token: 'x' }, 'token of an OAuth 1 token must be a string, not undefined.'],
  [{ token: 7 }, 'token of an OAuth 1 token must be a string, not a number.'],
  [{ token: 'a', tokenSecret: null }, 'tokenSecret of an OAuth 1 token must be a string, not null.'],
  [{ token: '' }, 'token of an OAuth 1 token must not be empty.'],
])('rejects %j', (given, message) => {
  const error = { code: 'ERR_IGWN_INVALID_OPTION', message }
  expect(thrownBy(() => new OAuth1Token(given as never))).toMatchObject(error)
  const flow = oauth1Flow({ clientId: 'console' })
  expect(thrownBy(() => (flow.token = given as never))).toMatchObject(error)
})
