import {
  parametersOf,
  percentEncode,
  reencode,
  signatureBaseString,
} from '../../lib/oauth1/signature-base-string'

const uriOf = (url: string) =>
  decodeURIComponent(signatureBaseString('GET', new URL(url), []).split('&')[1] ?? '')

const normalizedOf = (form: string) =>
  decodeURIComponent(
    signatureBaseString('GET', new URL('http://example.com'), parametersOf(form)).split('&')[2] ?? '',
  )

const protocol = (parameters: Record<string, string>) =>
  Object.entries(parameters).map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)

describe('RFC 5849 section 3.4.1', () => {
  const url = new URL('http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b')
  const parameters = [
    ...parametersOf(url.search.slice(1)),
    ...protocol({
      oauth_consumer_key: '9djdj82h48djs9d2',
      oauth_token: 'kkk9d7dh3k39sjv7',
      oauth_signature_method: 'HMAC-SHA1',
      oauth_timestamp: '137131201',
      oauth_nonce: '7d8f3e4a',
    }),
    ...parametersOf('c2&a3=2+q'),
  ]

  it('3.4.1.1: returns the base string of the RFC', () => {
    expect(signatureBaseString('post', url, parameters)).toBe(
      'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q' +
        '%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_' +
        'key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m' +
        'ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk' +
        '9d7dh3k39sjv7',
    )
  })

  it.each([
    ['http://EXAMPLE.COM:80/r%20v/X?id=123', 'http://example.com/r%20v/X'],
    ['https://www.example.net:8080/?q=1', 'https://www.example.net:8080/'],
  ])('3.4.1.2: returns the base string URI of %s', (given, uri) => {
    expect(uriOf(given)).toBe(uri)
  })

  it('3.4.1.3.1: decodes the parameters of the RFC and encodes them as in 3.4.1.3.2', () => {
    expect(parameters).toEqual([
      ['b5', '%3D%253D'],
      ['a3', 'a'],
      ['c%40', ''],
      ['a2', 'r%20b'],
      ['oauth_consumer_key', '9djdj82h48djs9d2'],
      ['oauth_token', 'kkk9d7dh3k39sjv7'],
      ['oauth_signature_method', 'HMAC-SHA1'],
      ['oauth_timestamp', '137131201'],
      ['oauth_nonce', '7d8f3e4a'],
      ['c2', ''],
      ['a3', '2%20q'],
    ])
  })

  it('3.4.1.3.2: sorts and joins them as the RFC does', () => {
    expect(decodeURIComponent(signatureBaseString('POST', url, parameters).split('&')[2] ?? '')).toBe(
      'a2=r%20b&a3=2%20q&a3=a&b5=%3D%253D&c%40=&c2=&oauth_consumer_key=9dj' +
        'dj82h48djs9d2&oauth_nonce=7d8f3e4a&oauth_signature_method=HMAC-SHA1' +
        '&oauth_timestamp=137131201&oauth_token=kkk9d7dh3k39sjv7',
    )
  })
})

// "Normalize Request Parameters (section 9.1.1)", http://wiki.oauth.net/w/page/12238556/TestCases
it.each([
  ['name', 'name='],
  ['a=b', 'a=b'],
  ['a=b&c=d', 'a=b&c=d'],
  ['a=x!y&a=x+y', 'a=x%20y&a=x%21y'],
  ['x!y=a&x=a', 'x=a&x%21y=a'],
])('normalizes %s as in the OAuth wiki', (form, normalized) => {
  expect(normalizedOf(form)).toBe(normalized)
})

// "Concatenate Request Elements (section 9.1.2)" of the same page.
it.each([
  ['GET', 'http://example.com/', 'n=v', 'GET&http%3A%2F%2Fexample.com%2F&n%3Dv'],
  ['GET', 'http://example.com', 'n=v', 'GET&http%3A%2F%2Fexample.com%2F&n%3Dv'],
  [
    'POST',
    'https://photos.example.net/request_token',
    'oauth_version=1.0&oauth_consumer_key=dpf43f3p2l4k3l03&oauth_timestamp=1191242090&oauth_nonce=hsu94j3884jdopsl&oauth_signature_method=PLAINTEXT',
    'POST&https%3A%2F%2Fphotos.example.net%2Frequest_token&oauth_consumer_key%3Ddpf43f3p2l4k3l03%26oauth_nonce%3Dhsu94j3884jdopsl%26oauth_signature_method%3DPLAINTEXT%26oauth_timestamp%3D1191242090%26oauth_version%3D1.0',
  ],
])('concatenates %s %s with %s as in the OAuth wiki', (method, url, form, base) => {
  expect(signatureBaseString(method, new URL(url), parametersOf(form))).toBe(base)
})

it.each([
  ['https://EXAMPLE.org:443/', 'https://example.org/'],
  ['http://example.org:443/', 'http://example.org:443/'],
  ['https://example.org:80/', 'https://example.org:80/'],
  ['http://[2001:DB8::1]:80/x', 'http://[2001:db8::1]/x'],
  ['https://[::1]:8443/x;v=1/y', 'https://[::1]:8443/x;v=1/y'],
  ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
  ['https://example.org', 'https://example.org/'],
  ['https://example.org/?q#f', 'https://example.org/'],
])('uses the host of %s as in the Host header', (url, uri) => {
  expect(uriOf(url)).toBe(uri)
})

it('sorts by name before joining, and equal names by value', () => {
  expect(normalizedOf('a1=x&a=y&a%20=z&a=&a=10&a=9')).toBe('a=&a=10&a=9&a=y&a%20=z&a1=x')
})

it('keeps parameters of any name', () => {
  expect(normalizedOf('__proto__=1&constructor=2&toString&=nameless&==&a==b')).toBe(
    '=%3D&=nameless&__proto__=1&a=%3Db&constructor=2&toString=',
  )
})

it('finds no parameter in an empty form', () => {
  expect(parametersOf('')).toEqual([])
  expect(parametersOf('&&')).toEqual([])
  expect(parametersOf('a=1&&b=2&')).toHaveLength(2)
})

it('keeps the octets of any character set, in text and in bytes', () => {
  expect(parametersOf('q=%FC&é=ü')).toEqual([
    ['q', '%FC'],
    ['%C3%A9', '%C3%BC'],
  ])
  expect(parametersOf(Buffer.from('q=\xfc', 'latin1'))).toEqual([['q', '%FC']])
})

it('encodes a custom HTTP method', () => {
  expect(signatureBaseString('m/x', new URL('http://example.com'), [])).toMatch(/^M%2FX&/)
})

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
])('encodes %j of a form again', (octets, encoded) => {
  expect(reencode(octets)).toBe(encoded)
})
