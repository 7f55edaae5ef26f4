import { bytesOf, checkChanges } from '../../lib/request/scheme-changes'
import type { RequestChanges } from '../../lib/schemes/auth-scheme'
import { ours } from '../support/tokens'

const before = new URL('https://x.example.org/a')
const check = (changes: RequestChanges) => {
  checkChanges({ name: 'MAC', authorize: () => changes }, changes, before)
}

it.each<[RequestChanges]>([
  [{}],
  [{ url: new URL('https://x.example.org:443/b?c=d') }],
  [{ headers: { Authorization: 'MAC a="b"', 'X-Latin': 'a\tb ÿ~' } }],
])('changes on the same origin that can be sent are accepted: %j', (changes) => {
  expect(() => check(changes)).not.toThrow()
})

it.each(['https://y.example.org/a', 'http://x.example.org/a', 'https://x.example.org:8443/a'])(
  'a URL of another origin is rejected: %s',
  (url) => {
    const message = 'The scheme MAC changes the URL to another origin. Nothing was sent.'
    expect(() => check({ url: new URL(url) })).toThrow(ours('ERR_IGWN_INVALID_OPTION', message))
  },
)

it.each([7, undefined, ['a'], 'a\nb', 'a\rb', 'a\u0000b', 'a\u007fb', 'a€b', '\u001f'])(
  'a field with the value %j is rejected',
  (value) => {
    const message =
      'The scheme MAC sets X-Bad to something else than a text that a header field allows (RFC 9110 section 5.5). Nothing was sent.'
    expect(() => check({ headers: { 'X-Good': 'a', 'X-Bad': value as string } })).toThrow(
      ours('ERR_IGWN_INVALID_OPTION', message),
    )
  },
)

it('a string, bytes and an ArrayBuffer can be read in advance, other bodies cannot', () => {
  const bytes = new Uint8Array([1, 2])
  expect(bytesOf('a')).toBe('a')
  expect(bytesOf(bytes)).toBe(bytes)
  expect(bytesOf(bytes.buffer)).toEqual(bytes)
  for (const body of [undefined, null, 7, {}, new Blob(['a']), new FormData()])
    expect(bytesOf(body)).toBeUndefined()
})
