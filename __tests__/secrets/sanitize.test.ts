import { pathName, printable, sanitize, shellWord } from '../../lib/secrets/sanitize'

it.each([
  ['a line break', 'a\nb', 'a?b'],
  ['an escape sequence', '\u001b[2Jx', '?[2Jx'],
  ['a change of direction', 'a\u202eb', 'a?b'],
  ['a line separator', 'a\u2028b', 'a?b'],
  ['what is invisible', 'a\u200b\u{e0041}b', 'a??b'],
  ['letters of any language', 'Größe 東京 é', 'Größe 東京 é'],
])('%s: %j is printed as %j', (_, text, expected) => {
  expect(printable(text)).toBe(expected)
  expect(sanitize(text)).toBe(expected)
})

it('a text of more than 300 characters is cut, and its length is named', () => {
  expect(sanitize('x'.repeat(300))).toBe('x'.repeat(300))
  expect(sanitize('x'.repeat(301))).toBe(`${'x'.repeat(300)}... (301 characters)`)
})

const HIDDEN = '[not shown: more like a credential than a path]'

it.each([
  ['a JWT', 'eyJhbGciOiJFUzI1NiJ9.e30.x'],
  ['a PEM key', '-----BEGIN PRIVATE KEY-----'],
  ['a line of a netrc file', 'machine x login me password secret'],
  ['a word of 61 characters', 'x'.repeat(61)],
])('%s instead of a path is not shown', (_, path) => {
  expect(pathName(path)).toBe(HIDDEN)
  expect(shellWord(path)).toBe(`'${HIDDEN}'`)
})

it('a path is shown whole', () => {
  const path = `/${'folder/'.repeat(100)}file`
  expect(pathName(path)).toBe(path)
  expect(pathName('x'.repeat(60))).toBe('x'.repeat(60))
})

it.each([
  ['/tmp/x509up_u1000', '/tmp/x509up_u1000'],
  ['-rf', './-rf'],
  ['my file', "'my file'"],
  ["it's", "'it'\\''s'"],
  ['$(reboot)', "'$(reboot)'"],
])('%j is the word %s of a shell', (path, expected) => {
  expect(shellWord(path)).toBe(expected)
})
