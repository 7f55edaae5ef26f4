import { percentEncode, reencode } from '../../lib/oauth1/percent-encode'

it.each([
  // The table of "Parameter Encoding (section 5.1)", http://wiki.oauth.net/w/page/12238556/TestCases
  ['abcABC123', 'abcABC123'],
  ['-._~', '-._~'],
  ['%', '%25'],
  ['+', '%2B'],
  ['&=*', '%26%3D%2A'],
  ['\u000a', '%0A'],
  ['\u0020', '%20'],
  ['\u007f', '%7F'],
  ['\u0080', '%C2%80'],
  ['\u3001', '%E3%80%81'],
  // "Percent encoding parameters", https://docs.x.com/fundamentals/authentication/oauth-1-0a/percent-encoding-parameters
  ['Ladies + Gentlemen', 'Ladies%20%2B%20Gentlemen'],
  ['An encoded string!', 'An%20encoded%20string%21'],
  ['Dogs, Cats & Mice', 'Dogs%2C%20Cats%20%26%20Mice'],
  ['☃', '%E2%98%83'],
  // What encodeURIComponent leaves as it is, and what it throws at.
  ["!'()*", '%21%27%28%29%2A'],
  ['\ud83d\ude00', '%F0%9F%98%80'],
  ['\ud800', '%EF%BF%BD'],
  ['', ''],
])('encodes %j as %s', (text, encoded) => {
  expect(percentEncode(text)).toBe(encoded)
})

it.each([
  ['a+b', 'a%20b'],
  ['a%20b', 'a%20b'],
  ['a%2bb', 'a%2Bb'],
  ['%41%7e%2d', 'A~-'],
  ['%3D%253D', '%3D%253D'],
  ["'(*)'!", '%27%28%2A%29%27%21'],
  ['\u00e9', '%E9'],
  ['%C3%A9', '%C3%A9'],
  ['%ff', '%FF'],
  ['100%', '100%25'],
  ['%zz%4', '%25zz%254'],
])('encodes anew what stands in a form as %j', (octets, encoded) => {
  expect(reencode(octets)).toBe(encoded)
})
