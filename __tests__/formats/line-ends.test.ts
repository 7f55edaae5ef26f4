import { withLineFeeds, withoutByteOrderMark, withoutTrailingNewline } from '../../lib/formats/line-ends'

it.each([
  ['a\nb\n', 'a\nb\n'],
  ['a\r\nb\r\n', 'a\nb\n'],
  ['a\rb\r', 'a\nb\n'],
  ['a\r\n\rb\n\r\n', 'a\n\nb\n\n'],
  ['', ''],
])('the lines of %j end with line feeds: %j', (text, expected) => {
  expect(withLineFeeds(text)).toBe(expected)
})

it.each([
  ['a\n', 'a'],
  ['a\r\n\r\n', 'a'],
  ['\na \n', '\na '],
  ['\n\r', ''],
  ['a', 'a'],
])('%j without line breaks at its end is %j', (text, expected) => {
  expect(withoutTrailingNewline(text)).toBe(expected)
})

it('a value that is not text is returned, for the check that follows', () => {
  expect(withoutTrailingNewline(7 as unknown as string)).toBe(7)
})

it('one byte order mark at the beginning is removed', () => {
  expect(withoutByteOrderMark('\ufeffa\ufeff')).toBe('a\ufeff')
  expect(withoutByteOrderMark('\ufeff\ufeffa')).toBe('\ufeffa')
})
