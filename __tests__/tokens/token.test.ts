import { inspect } from 'node:util'
import { SciToken } from '../../lib/tokens/scitoken'
import { staticToken } from '../../lib/tokens/static-token'
import { tokenAuthorizationHeader, tokenText, type Token } from '../../lib/tokens/token'
import { mint, ours, signatureOf } from '../support/tokens'

const malformed = (message: string) => ours('ERR_IGWN_TOKEN_MALFORMED', message)

describe('a token goes into a header', () => {
  it('as a text, as bytes and as a SciToken, and always the same', () => {
    const text = mint()
    const bytes = Buffer.from(`xx${text}xx`)
    for (const token of [
      text,
      SciToken.deserialize(text),
      Buffer.from(text),
      new TextEncoder().encode(text),
      // A view of a part of something larger.
      new Uint8Array(bytes.buffer, bytes.byteOffset + 2, text.length),
    ]) {
      expect(tokenAuthorizationHeader(token)).toBe(`Bearer ${text}`)
      expect(tokenAuthorizationHeader(token, 'DPoP')).toBe(`DPoP ${text}`)
    }
  })

  it.each(['a', 'abc', 'A-Z._~+/9', 'a=', 'a==', `a${'='.repeat(60_000)}`])(
    'though it is no JWT: %.20s',
    (token) => {
      expect(tokenText(token)).toBe(token)
    },
  )
})

describe('what could not be sent is refused, and not repeated:', () => {
  it.each<[string, string, number, string]>([
    ['a carriage return', 'secret\rX', 7, 'a carriage return'],
    ['a line feed', 'secret\n', 7, 'a line feed'],
    ['both', 'secret\r\nX-Evil: 1', 7, 'a carriage return'],
    ['a space', 'secret secret', 7, 'a space'],
    ['a prefix', 'Bearer secret', 7, 'a space'],
    ['a tab', 'secret\t', 7, 'a control character'],
    ['NUL', '\0secret', 1, 'a control character'],
    ['DEL', 'secret\x7f', 7, 'a control character'],
    ['Latin-1', 'secreté', 7, 'none of the letters, digits and marks of a token'],
    ['a letter outside Latin-1', 'secret\u0142', 7, 'outside Latin-1'],
    ['an emoji', 'secret\u{1f511}', 7, 'outside Latin-1'],
    ['a line separator', 'secret\u2028', 7, 'outside Latin-1'],
    ['a comma', 'secret,secret', 7, 'none of the letters, digits and marks of a token'],
    ['a quotation mark', '"secret"', 1, 'none of the letters, digits and marks of a token'],
    ['an equals sign in the middle', 'secret==secret', 8, 'an equals sign out of place'],
    ['an equals sign alone', '=', 1, 'an equals sign out of place'],
  ])('%s', (_, token, at, what) => {
    const error = malformed(
      `the token is no bearer token: character ${at} of ${token.length} is ${what}, which RFC 6750 section 2.1 does not ` +
        'allow. Give the token alone, without "Bearer" and without white space.',
    )
    expect(() => tokenText(token)).toThrow(error)
    expect(() => tokenAuthorizationHeader(token)).toThrow(error)
  })

  it('bytes that are no ASCII', () => {
    expect(() => tokenText(new Uint8Array([0x61, 0x80]))).toThrow('character 2 of 2 is none of the letters')
    expect(() => tokenText(Buffer.from('a', 'utf16le'))).toThrow('character 2 of 2 is a control character')
  })

  it('nothing', () => {
    for (const token of ['', new Uint8Array()])
      expect(() => tokenText(token)).toThrow(malformed('the token is empty; leave it out to search for one.'))
  })

  it.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [7, 'a number'],
    [true, 'a boolean'],
    [['secret'], 'an array'],
    [{ token: 'secret' }, 'an object'],
    [() => 'secret', 'a function'],
    [Symbol('secret'), 'a symbol'],
    [new ArrayBuffer(4), 'an object'],
  ])('%p', (token, kind) => {
    expect(() => tokenText(token as Token, 'the token function')).toThrow(
      malformed(`the token function must be a string, a Uint8Array or a SciToken, not ${kind}.`),
    )
  })

  it('a long text, in no time', () => {
    expect(() => tokenText(`a${'='.repeat(60_000)}b`)).toThrow(
      'character 60001 of 60002 is an equals sign out of place',
    )
  })
})

describe('a static token', () => {
  it('is always the same', () => {
    const text = mint()
    const source = staticToken(Buffer.from(text))
    expect([source.getToken({}), source.getToken({ audience: 'x' })]).toEqual([text, text])
  })

  it('is refused at once when it could not be sent', () => {
    expect(() => staticToken('a b')).toThrow(
      'the static token is no bearer token: character 2 of 3 is a space',
    )
  })

  it('does not show when its source is printed', () => {
    const text = mint()
    const source = staticToken(text)
    const shown = [
      inspect(source, { showHidden: true, depth: null }),
      JSON.stringify(source),
      inspect({ ...source }),
    ]
    expect(shown.join()).not.toContain(signatureOf(text))
  })
})

it('a path of a file where a token belongs is an error that says so', () => {
  expect(() => staticToken(__filename)).toThrow(
    'the static token is the path of a file. Name the file in BEARER_TOKEN_FILE and leave the option out, or give what it holds.',
  )
  expect(staticToken('/no/such/file')).toBeDefined()
})
