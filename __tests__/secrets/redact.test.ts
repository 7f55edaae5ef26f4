import { redact } from '../../lib/secrets/redact'
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
])('takes out what may be a secret: %j', (text, shown) => {
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
])('leaves what people need: %j', (text) => {
  expect(redact(text)).toBe(text)
})

it('removes known secrets anywhere in the text', () => {
  expect(redact('say friend1 and friend1!', ['friend1', 'and', ''])).toBe('say [hidden] and [hidden]!')
})

it('removes a word that would be truncated', () => {
  expect(redact('x'.repeat(5000))).toBe('[hidden]')
})

it('gives one line without control characters, and the end of a long text', () => {
  expect(redact(' a\n\tb\u001b[2Jc ')).toBe('a b?[2Jc')
  expect(redact('begin ' + 'x y '.repeat(200) + 'end')).toMatch(/^\.\.\.[xy ]{297}end$/)
})

it('takes linear time', () => {
  const begin = performance.now()
  for (const text of [
    'a'.repeat(100_000),
    'eyJ'.repeat(30_000),
    'token '.repeat(20_000),
    '://'.repeat(30_000),
  ])
    redact(text)
  expect(performance.now() - begin).toBeLessThan(2000)
})
