import { authorizationOf, isForm, placements } from '../../lib/oauth1/placement'
import type { EncodedParameter } from '../../lib/oauth1/signature-base-string'
import type { SchemeRequest } from '../../lib/schemes/auth-scheme'
import { thrownBy } from '../support/thrown-by'

const FORM = 'application/x-www-form-urlencoded'

/** The parameters of RFC 5849 section 3.5, in the order of the RFC. */
const parameters: EncodedParameter[] = [
  ['oauth_consumer_key', '0685bd9184jfhq22'],
  ['oauth_token', 'ad180jjd733klru7'],
  ['oauth_signature_method', 'HMAC-SHA1'],
  ['oauth_signature', 'wOJIO9A2W5mFwDgiDvZbTSMK%2FPY%3D'],
  ['oauth_timestamp', '137131200'],
  ['oauth_nonce', '4572616e48616d6d65724c61686176'],
  ['oauth_version', '1.0'],
]

const AS_FORM =
  'oauth_consumer_key=0685bd9184jfhq22&oauth_token=ad180jjd733klr' +
  'u7&oauth_signature_method=HMAC-SHA1&oauth_signature=wOJIO9A2W5' +
  'mFwDgiDvZbTSMK%2FPY%3D&oauth_timestamp=137131200&oauth_nonce=4' +
  '572616e48616d6d65724c61686176&oauth_version=1.0'

function request(more: Partial<SchemeRequest> = {}): SchemeRequest {
  return {
    method: 'POST',
    url: new URL('https://server.example.com/example/path'),
    contentType: undefined,
    body: undefined,
    isStream: false,
    query: {},
    ...more,
  }
}

function placed(type: keyof typeof placements, leaving: SchemeRequest) {
  const placement = placements[type]
  return placement.place(placement.prepare(leaving), parameters, 'Example')
}

it('RFC 5849 section 3.5.1: the header of the RFC', () => {
  expect(placed('header', request())).toEqual({
    headers: {
      Authorization:
        'OAuth realm="Example", ' +
        'oauth_consumer_key="0685bd9184jfhq22", ' +
        'oauth_token="ad180jjd733klru7", ' +
        'oauth_signature_method="HMAC-SHA1", ' +
        'oauth_signature="wOJIO9A2W5mFwDgiDvZbTSMK%2FPY%3D", ' +
        'oauth_timestamp="137131200", ' +
        'oauth_nonce="4572616e48616d6d65724c61686176", ' +
        'oauth_version="1.0"',
    },
  })
})

it('RFC 5849 section 3.5.2: the body of the RFC', () => {
  expect(placed('body', request())).toEqual({ headers: { 'Content-Type': FORM }, body: AS_FORM })
})

it('RFC 5849 section 3.5.3: the query of the RFC', () => {
  expect(placed('query', request()).url?.href).toBe(`https://server.example.com/example/path?${AS_FORM}`)
})

it('has no realm by default, and escapes quotes in one', () => {
  expect(authorizationOf([['a', 'b']], undefined)).toBe('OAuth a="b"')
  expect(authorizationOf([['a', 'b']], 'say "\\"')).toBe('OAuth realm="say \\"\\\\\\"", a="b"')
})

it('appends the parameters and keeps existing ones as they are written', () => {
  const url = new URL('https://server.example.com/?b=%7e+x&a[]=%c3%a4&c')
  expect(placed('query', request({ url })).url?.search).toBe(`?b=%7e+x&a[]=%c3%a4&c&${AS_FORM}`)
  const contentType = `${FORM};charset=utf-8`
  expect(placed('body', request({ contentType, body: 'b=%7e+x&c' }))).toEqual({
    body: `b=%7e+x&c&${AS_FORM}`,
  })
})

it('removes the parameters of an earlier signature in any encoding, and nothing else', () => {
  const old = 'a=1&oauth_signature=x&oauth%5Fnonce=y&oauth_token=z&oauth_version=1.0&oauth_callback=c&b='
  const url = new URL(`https://server.example.com/?${old}`)
  expect(placed('query', request({ url })).url?.search).toBe(`?a=1&oauth_callback=c&b=&${AS_FORM}`)
  expect(placed('body', request({ contentType: FORM, body: old })).body).toBe(
    `a=1&oauth_callback=c&b=&${AS_FORM}`,
  )
})

it('does not change the request object', () => {
  const url = new URL('https://server.example.com/?oauth_nonce=1')
  placed('query', request({ url }))
  expect(url.search).toBe('?oauth_nonce=1')
})

it('keeps a form of bytes, also beyond ASCII', () => {
  const body = Buffer.from('q=\xfc&x=1', 'latin1')
  expect(placed('body', request({ contentType: FORM, body })).body).toBe(`q=%FC&x=1&${AS_FORM}`)
})

it.each([
  ['a GET request has no body', { method: 'GET' }],
  ['a HEAD request has no body', { method: 'HEAD' }],
  ['the body is not a form', { contentType: 'application/json', body: '{}' }],
  ['the body is not a form', { body: 'a=1' }],
  ['the body is a stream or is serialized by axios itself', { contentType: FORM, isStream: true }],
])('rejects a request when %s', (why, more) => {
  expect(thrownBy(() => placed('body', request(more)))).toMatchObject({
    code: 'ERR_IGWN_OAUTH1_UNSIGNED',
    message: `signatureType body needs a form body, but ${why}. Use signatureType header or query. Nothing was sent.`,
  })
})

it.each([
  [FORM, true],
  ['Application/X-WWW-Form-URLencoded ; charset=UTF-8', true],
  ['application/x-www-form-urlencoded-not', false],
  ['multipart/form-data; boundary=application/x-www-form-urlencoded', false],
  ['application/json', false],
  [undefined, false],
])('treats a body of type %s as a form: %s', (contentType, is) => {
  expect(isForm(contentType)).toBe(is)
})
