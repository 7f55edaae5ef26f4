import { redact, redactSecrets, repeatsSecret } from '../../lib/secrets/redact'
import { printable } from '../../lib/secrets/sanitize'
import { SentSecrets } from '../../lib/secrets/sent-secrets'
import { mint } from '../support/tokens'

const jwt = mint()

it.each([
  [`token ${jwt} was refused`, 'token [hidden] was refused'],
  [`cut off: ${jwt.slice(0, 40)}`, 'cut off: [hidden]'],
  ['{"access_token":"abc","scope":"read"}', '{"access_token":"[hidden]","scope":"read"}'],
  ['refresh_token = r1', 'refresh_token = [hidden]'],
  ['Authorization: Basic YWxiZXJ0', 'Authorization: Basic [hidden]'],
  ['X-Vault-Token: s.abc', 'X-Vault-Token: [hidden]'],
  ['PASSWORD="it is"', 'PASSWORD="[hidden] is"'],
  ['redis://user:pw@127.0.0.1:6379/0', 'redis://[hidden]@127.0.0.1:6379/0'],
  ['rediss://pw@host', 'rediss://[hidden]@host'],
  ['hvs.CAESIJ0123456789abcdefghij', 'hvs.[hidden]'],
  ['-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY----- and more', '[hidden] and more'],
  ['-----BEGIN PRIVATE KEY-----\nMIIabc', '[hidden]'],
])('removes what may be a secret: %j', (text, shown) => {
  expect(redact(text)).toBe(shown)
})

it.each([
  'htgettoken: Initiating authentication to https://vault.ligo.org:8200 failed',
  'failure getting token from https://vault.ligo.org:8200/v1/secret/oauth/creds/igwn/albert.einstein:default',
  'no such option: --badkwarg',
  'connect ECONNREFUSED 127.0.0.1:6379',
  'no token found in /run/user/1000/bt_u1000',
  'the token has expired',
  'No way left to get a vault token: oidc is disabled',
])('keeps what users need: %j', (text) => {
  expect(redact(text)).toBe(text)
})

it('removes known secrets anywhere in the text', () => {
  expect(redact('say friend1 and friend1!', ['friend1', 'and', ''])).toBe('say [hidden] and [hidden]!')
})

const SECRET = `it's a-secret.x_y/z+=&<\u00e9>"%`
const percent = (text: string) =>
  text.replace(/[^A-Za-z0-9]/g, (sign) =>
    Array.from(Buffer.from(sign), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  )
const base64 = (text: string) => Buffer.from(text).toString('base64')
const html = (text: string, quote: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", quote)
const json = JSON.stringify(SECRET).slice(1, -1)

it.each<[string, string]>([
  ['as it is', SECRET],
  ['encodeURIComponent', encodeURIComponent(SECRET)],
  ['encodeURI', encodeURI(SECRET)],
  ['a form', new URLSearchParams([['', SECRET]]).toString().slice(1)],
  ['percent encoding of all signs in lower case, as openid-client encodes client secrets', percent(SECRET)],
  ['the same in upper case', percent(SECRET).replace(/%../g, (one) => one.toUpperCase())],
  ['percent encoding twice', encodeURIComponent(encodeURIComponent(SECRET))],
  ['percent encoding three times', encodeURIComponent(encodeURIComponent(percent(SECRET)))],
  ['JSON', json],
  ['JSON of PHP', json.replaceAll('/', '\\/')],
  ['JSON of Go', json.replaceAll('&', '\\u0026').replaceAll('<', '\\u003c').replaceAll('>', '\\u003E')],
  ['JSON of Python', json.replaceAll('\u00e9', '\\u00e9')],
  ['JSON in JSON', JSON.stringify(json).slice(1, -1)],
  ['JavaScript', SECRET.replace(/[^A-Za-z0-9\u00e9]/g, (sign) => `\\x${sign.charCodeAt(0).toString(16)}`)],
  ['HTML', html(SECRET, '&#39;')],
  ['HTML of PHP', html(SECRET, '&#039;')],
  ['HTML of Python', html(SECRET, '&#x27;')],
  ['HTML of lodash', html(SECRET, '&#39;').replaceAll('/', '&#x2F;').replaceAll('=', '&#x3D;')],
  ['HTML twice', html(html(SECRET, '&#39;'), '')],
  ['Base64', base64(SECRET)],
  ['Base64 without padding', base64(SECRET).replace(/=/g, '')],
  ['Base64 in a URL', encodeURIComponent(base64(SECRET))],
  ['base64url', Buffer.from(SECRET).toString('base64url')],
  ['hexadecimal', Buffer.from(SECRET).toString('hex')],
  ['UTF-8 read as Latin-1, as Node.js reads header fields', Buffer.from(SECRET).toString('latin1')],
])('removes a known secret in this encoding: %s', (_, text) => {
  expect(redactSecrets(`no ${text} yes`, [SECRET])).toBe('no [hidden] yes')
  expect(repeatsSecret(`no ${text} yes`, [SECRET])).toBe(true)
})

it('removes a known secret that is a part of a text in Base64', () => {
  for (const before of ['', 'm', 'me', 'me:'])
    for (const after of ['', ':', ':x']) {
      const shown = redactSecrets(base64(`${before}hunter2hunter2${after}`), ['hunter2hunter2'])
      expect(shown).toContain('[hidden]')
      expect(shown.replace('[hidden]', '').length).toBeLessThan(10)
    }
})

it('leaves texts that repeat no secret', () => {
  const text = `not a-secret.x_y/z, ${encodeURIComponent(SECRET.slice(1, -3))}`
  expect(redactSecrets(text, [SECRET, 'short'])).toBe(text)
  expect(repeatsSecret(text, [SECRET, 'short'])).toBe(false)
})

it('removes the password of Basic credentials with colons', () => {
  const sent = new SentSecrets()
  sent.addOf(new URLSearchParams(), `Basic ${base64('me:one:two-three')}`)
  expect(sent.redact('no one:two-three')).toBe('no [hidden]')
})

it.each(
  [
    '\u001b',
    '\u0085',
    '\u009b',
    '\u00ad',
    '\u061c',
    '\u180e',
    '\u200b',
    '\u202e',
    '\u2066',
    '\u206f',
    '\u2028',
  ]
    .concat(['\u115f', '\u3164', '\ufe0f', '\ufeff', '\ufff9', '\u{e0001}', '\u{e0041}'])
    .map((character) => [character.codePointAt(0)!.toString(16), character]),
)('replaces the invisible character U+%s', (_, character) => {
  expect(printable(`a${character}b \u00e9\u4e2d`)).toBe('a?b \u00e9\u4e2d')
})

it('removes a word that would be truncated', () => {
  expect(redact('x'.repeat(5000))).toBe('[hidden]')
})

it('gives one line without control characters, and the end of a long text', () => {
  expect(redact(' a\n\tb\u001b[2Jc ')).toBe('a b?[2Jc')
  expect(redact('begin ' + 'x y '.repeat(200) + 'end')).toMatch(/^\.\.\.[xy ]{297}end$/)
})

it('takes linear time', () => {
  const begin = process.cpuUsage()
  for (const text of [
    'a'.repeat(100_000),
    'eyJ'.repeat(30_000),
    'token '.repeat(20_000),
    '://'.repeat(30_000),
  ])
    redact(text)
  const { user, system } = process.cpuUsage(begin)
  // Microseconds of processor time.
  expect(user + system).toBeLessThan(2_000_000)
})

it.each(['pass☃word', 'pass\\u2603word', 'pass%E2%98%83word', 'pass&#9731;word'])(
  'a secret with a character outside of Latin-1 is hidden in %s',
  (text) => {
    expect(redactSecrets(`no ${text}.`, ['pass☃word'])).toBe('no [hidden].')
  },
)
