import { secretsOfBasic, secretsOfHeader, SentSecrets } from '../../lib/secrets/sent-secrets'

const base64 = (text: string) => Buffer.from(text).toString('base64')

it('the secrets of a Bearer header are its credentials', () => {
  expect(secretsOfHeader('Bearer abcdef')).toEqual(['abcdef'])
  expect(secretsOfHeader('')).toEqual([''])
})

it('those of a Basic header are the credentials and the password, also form-encoded (RFC 6749 section 2.3.1)', () => {
  const credentials = base64('me:a%2Bb:c+d')
  expect(secretsOfHeader(`basic ${credentials}`)).toEqual([credentials, 'a%2Bb:c+d', 'a+b:c d'])
})

it('those of a username and password are the password and both as Basic credentials', () => {
  expect(secretsOfBasic('me', 'hunter2')).toEqual(['hunter2', base64('me:hunter2')])
  expect(secretsOfBasic()).toEqual(['', base64(':')])
})

it('secrets that were sent are removed from a text of the server', () => {
  const sent = new SentSecrets()
  sent.addOf(new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'refresh-1' }), undefined)
  sent.addOf(new URLSearchParams(), 'Bearer access-1')
  sent.add('cookie-1', undefined)
  expect(sent.hide('refresh_token: refresh-1, access-1, cookie-1')).toBe(
    'refresh_token: [hidden], [hidden], [hidden]',
  )
  expect(sent.redact('no refresh-1\u001b[31m')).not.toContain('\u001b')
})
