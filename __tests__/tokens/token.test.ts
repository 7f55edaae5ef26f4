import { inspect } from 'node:util'
import { SciToken } from '../../lib/tokens/scitoken'
import { staticToken } from '../../lib/tokens/static-token'
import { tokenAuthorizationHeader, tokenText, type Token } from '../../lib/tokens/token'
import { mint, ours, signatureOf } from '../support/tokens'

const malformed = (message: string) => ours('ERR_IGWN_TOKEN_MALFORMED', message)

describe('the text of a token for a header', () => {
  it('is the same from a string, bytes and a SciToken', () => {
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
    'need not be a JWT: %.20s',
    (token) => {
      expect(tokenText(token)).toBe(token)
    },
  )
})

it.each(['\n', '\r\n', '\n\n'])('line breaks at the end of a token are removed: %j', (end) => {
  expect(tokenText(`abc${end}`)).toBe('abc')
  expect(tokenText(Buffer.from(`abc${end}`))).toBe('abc')
  expect(tokenAuthorizationHeader(`abc${end}`)).toBe('Bearer abc')
  expect(() => tokenText(`${end}abc`)).toThrow('character 1')
})

describe('a token that cannot be sent in a header is rejected without repeating it:', () => {
  it.each<[string, string, number, string]>([
    ['a carriage return', 'secret\rX', 7, 'a carriage return'],
    ['a line feed', 'secret\nX', 7, 'a line feed'],
    ['both', 'secret\r\nX-Evil: 1', 7, 'a carriage return'],
    ['a space', 'secret secret', 7, 'a space'],
    ['a prefix', 'Bearer secret', 7, 'a space'],
    ['a tab', 'secret\t', 7, 'a control character'],
    ['NUL', '\0secret', 1, 'a control character'],
    ['DEL', 'secret\x7f', 7, 'a control character'],
    ['Latin-1', 'secreté', 7, 'not a letter, a digit or one of -._~+/'],
    ['a letter outside Latin-1', 'secret\u0142', 7, 'outside Latin-1'],
    ['an emoji', 'secret\u{1f511}', 7, 'outside Latin-1'],
    ['a line separator', 'secret\u2028', 7, 'outside Latin-1'],
    ['a comma', 'secret,secret', 7, 'not a letter, a digit or one of -._~+/'],
    ['a quotation mark', '"secret"', 1, 'not a letter, a digit or one of -._~+/'],
    ['an equals sign in the middle', 'secret==secret', 8, 'a misplaced equals sign'],
    ['an equals sign alone', '=', 1, 'a misplaced equals sign'],
  ])('%s', (_, token, at, what) => {
    const error = malformed(
      `the token is not a bearer token: character ${at} of ${token.length} is ${what}, which RFC 6750 section 2.1 does not ` +
        'allow. Give the token alone, without "Bearer" and white space.',
    )
    expect(() => tokenText(token)).toThrow(error)
    expect(() => tokenAuthorizationHeader(token)).toThrow(error)
  })

  it('bytes that are not ASCII', () => {
    expect(() => tokenText(new Uint8Array([0x61, 0x80]))).toThrow('character 2 of 2 is not a letter')
    expect(() => tokenText(Buffer.from('a', 'utf16le'))).toThrow('character 2 of 2 is a control character')
  })

  it('an empty text', () => {
    for (const token of ['', new Uint8Array()])
      expect(() => tokenText(token)).toThrow(malformed('the token is empty.'))
    expect(() => tokenText('\n', 'the token option')).toThrow(
      malformed('the token option is empty. Leave it out to search for a token.'),
    )
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

  it('a long text, in linear time', () => {
    expect(() => tokenText(`a${'='.repeat(60_000)}b`)).toThrow(
      'character 60001 of 60002 is a misplaced equals sign',
    )
  })
})

describe('a static token', () => {
  it('is always the same', () => {
    const text = mint()
    const source = staticToken(Buffer.from(text))
    expect([source.getToken({}), source.getToken({ audience: 'x' })]).toEqual([text, text])
  })

  it('is rejected at once if it cannot be sent', () => {
    expect(() => staticToken('a b')).toThrow(
      'the static token is not a bearer token: character 2 of 3 is a space',
    )
  })

  it('is not shown by inspect and JSON', () => {
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

it('the path of a file is an error that says so', () => {
  expect(() => staticToken(__filename)).toThrow(
    'the static token is the path of a file. Set BEARER_TOKEN_FILE to it and leave the option out, or give the content of the file.',
  )
  expect(staticToken('/no/such/file')).toBeDefined()
})
