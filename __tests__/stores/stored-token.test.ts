import { storedToken, tokenResponse } from '../../lib/stores/stored-token'
import { mint } from '../support/tokens'

const AT = 1_700_000_000

describe('a token response is stored', () => {
  it.each<[string, object, object]>([
    ['with the end of expires_in', { expires_in: 600 }, { expires_at: AT + 600 }],
    ['with the end of expires_in in digits', { expires_in: ' 600 ' }, { expires_at: AT + 600 }],
    ['with the time of expires_at', { expires_at: AT + 5 }, { expires_at: AT + 5 }],
    ['with the time of expires_at in milliseconds', { expires_at: (AT + 5) * 1000 }, { expires_at: AT + 5 }],
    [
      'with the time of expires_at as a date',
      { expires_at: new Date(AT * 1000).toISOString() },
      { expires_at: AT },
    ],
    ['with expires_in rather than expires_at', { expires_in: 600, expires_at: AT }, { expires_at: AT + 600 }],
    ['without an end that cannot be read', { expires_in: 'soon', expires_at: {} }, {}],
    ['without a negative lifetime', { expires_in: -1 }, {}],
    ['without an infinite lifetime', { expires_in: 1e10 }, {}],
    ['without members that must be text and are not', { refresh_token: 7, scope: '', id_token: null }, {}],
    ['with other members', { custom: { a: [1] } }, { custom: { a: [1] } }],
  ])('%s', (_, response, expected) => {
    expect(tokenResponse({ access_token: 'abc', ...response }, AT)).toEqual({
      access_token: 'abc',
      ...expected,
    })
  })

  it('with the exp claim where that is earlier', () => {
    const access_token = mint({ exp: AT + 60 })
    expect(tokenResponse({ access_token, expires_in: 600 }, AT).expires_at).toBe(AT + 60)
    expect(tokenResponse({ access_token, expires_in: 30 }, AT).expires_at).toBe(AT + 30)
  })
})

describe('a stored value', () => {
  it.each([[undefined], [null]])('%p is no token', (value) => {
    expect(storedToken(value)).toBeUndefined()
  })

  it.each([[7], ['abc'], [{}], [{ access_token: '' }], [{ access_token: 'a b' }], [{ access_token: 'é' }]])(
    '%j is malformed',
    (value) => {
      expect(storedToken(value)).toBe('malformed')
    },
  )

  it.each<[unknown, object]>([
    [undefined, {}],
    [null, {}],
    [AT, { expires_at: AT }],
    [new Date(AT * 1000), { expires_at: AT }],
    ['unknown', { expires_at: 0 }],
  ])('with expires_at %p has %j; one that cannot be read has expired', (expires_at, expected) => {
    expect(storedToken({ access_token: 'abc', scope: 'a', expires_at })).toEqual({
      access_token: 'abc',
      scope: 'a',
      ...expected,
    })
  })
})
