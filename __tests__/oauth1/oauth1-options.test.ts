import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import axios from 'axios'
import { applyOAuth1, oauth1, oauth1Flow, OAuth1Token, type OAuth1Options } from '../../lib/oauth1/index'
import { thrownBy } from '../support/thrown-by'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const encrypted = privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'open sesame' })
  .toString()
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

const good = { clientId: 'console', clientSecret: 'secret' }

const invalid: [string, object, string][] = [
  [
    'no clientId',
    {},
    'options.clientId is missing; the server issues it when you register your application.',
  ],
  ['an empty clientId', { clientId: '' }, 'options.clientId must not be empty.'],
  ['a clientId that is not a string', { clientId: 7 }, 'options.clientId must be a string, not a number.'],
  ['a name in snake case', { client_id: 'x' }, 'options has no option "client_id"; there are clientId, '],
  [
    'a secret that is not a string',
    { ...good, clientSecret: null },
    'options.clientSecret must be a string, not null.',
  ],
  ['an empty token', { ...good, token: '' }, 'options.token must not be empty.'],
  ['a token of another type', { ...good, token: {} }, 'options.token must be a string, not an object.'],
  [
    'a token secret without a token',
    { ...good, tokenSecret: 'x' },
    'options.tokenSecret is set without options.token; set both or none.',
  ],
  [
    'two token secrets',
    { ...good, token: new OAuth1Token({ token: 'a' }), tokenSecret: 'x' },
    'options.tokenSecret and options.token contradict each other: an OAuth1Token includes its secret.',
  ],
  [
    'an unknown method',
    { ...good, signatureMethod: 'HMAC-MD5' },
    'options.signatureMethod must be one of HMAC-SHA1, HMAC-SHA256, RSA-SHA1, PLAINTEXT, or an object with a name and a function sign.',
  ],
  [
    'a method without a name',
    { ...good, signatureMethod: { sign: () => 'x' } },
    'options.signatureMethod must be one of',
  ],
  [
    'the name of an inherited property',
    { ...good, signatureMethod: 'toString' },
    'options.signatureMethod must be one of',
  ],
  [
    'an unknown hash',
    { ...good, signatureMethod: { name: 'X', sign: () => 'x', bodyHash: 'md17' } },
    'options.signatureMethod has a bodyHash that this Node.js does not support; see crypto.getHashes().',
  ],
  [
    'a signature type as in Python',
    { ...good, signatureType: 'HEADER' },
    'options.signatureType must be one of header, query, body.',
  ],
  [
    'RSA without a key',
    { ...good, signatureMethod: 'RSA-SHA1' },
    'options.rsaKey is missing; RSA-SHA1 requires it.',
  ],
  [
    'a key without RSA',
    { ...good, rsaKey: pem },
    'options.rsaKey and options.signatureMethod contradict each other: HMAC-SHA1 does not use a key. Set signatureMethod to RSA-SHA1.',
  ],
  [
    'the path of a key',
    { ...good, signatureMethod: 'RSA-SHA1', rsaKey: '/home/albert/key.pem' },
    'options.rsaKey is not PEM; pass the content of the key file, not its path.',
  ],
  [
    'an encrypted key',
    { ...good, signatureMethod: 'RSA-SHA1', rsaKey: encrypted },
    'options.rsaKey is encrypted; pass crypto.createPrivateKey({ key, passphrase }).',
  ],
  [
    'half a key',
    { ...good, signatureMethod: 'RSA-SHA1', rsaKey: pem.slice(0, 200) + pem.slice(-30) },
    'options.rsaKey cannot be read as a private key (',
  ],
  [
    'a public key',
    { ...good, signatureMethod: 'RSA-SHA1', rsaKey: createPublicKey(privateKey) },
    'options.rsaKey must be a private key, not a public key.',
  ],
  [
    'an elliptic curve key',
    { ...good, signatureMethod: 'RSA-SHA1', rsaKey: curve },
    'options.rsaKey must be an RSA key, not one of type ec.',
  ],
  [
    'a key of another type',
    { ...good, signatureMethod: 'RSA-SHA1', rsaKey: true },
    'options.rsaKey must be a private key as PEM text or as a KeyObject, not a boolean.',
  ],
  [
    'a realm with a line break',
    { ...good, realm: 'a\r\nX-Injected: 1' },
    'options.realm must be printable ASCII.',
  ],
  [
    'a flag that is not a boolean',
    { ...good, forceIncludeBody: 'yes' },
    'options.forceIncludeBody must be true or false, not a string.',
  ],
]

describe.each([
  ['oauth1', (options: object) => oauth1(options as OAuth1Options)],
  ['applyOAuth1', (options: object) => applyOAuth1(axios.create(), options as OAuth1Options)],
  ['oauth1Flow', (options: object) => oauth1Flow(options as OAuth1Options)],
])('%s rejects', (_, use) => {
  it.each(invalid)('%s', (_name, options, message) => {
    const error = thrownBy(() => use(options)) as Error
    expect(error).toMatchObject({ name: 'IgwnAuthError', code: 'ERR_IGWN_INVALID_OPTION' })
    expect(error.message.slice(0, message.length)).toBe(message)
    const shown = inspect(error, { depth: null })
    for (const line of pem.split('\n').slice(1, -2)) expect(shown).not.toContain(line)
  })
})

it('rejects missing options', () => {
  const missing = {
    code: 'ERR_IGWN_INVALID_OPTION',
    message: expect.stringContaining('options.clientId is missing'),
  }
  expect(thrownBy(() => applyOAuth1(axios.create(), undefined as unknown as OAuth1Options))).toMatchObject(
    missing,
  )
  expect(thrownBy(() => oauth1Flow(undefined as unknown as OAuth1Options))).toMatchObject(missing)
  expect(thrownBy(() => oauth1(undefined as unknown as OAuth1Options))).toMatchObject({
    code: 'ERR_IGWN_INVALID_OPTION',
    message: 'options must be an object, not undefined.',
  })
})

it('accepts a key as PKCS#8, PKCS#1, bytes and KeyObject', () => {
  const keys = [pem, privateKey.export({ type: 'pkcs1', format: 'pem' }), Buffer.from(pem), privateKey]
  for (const rsaKey of keys)
    expect(oauth1({ clientId: 'console', signatureMethod: 'RSA-SHA1', rsaKey }).name).toBe('OAuth 1.0')
})

it('treats undefined options as absent', () => {
  const nothing = {
    clientSecret: undefined,
    token: undefined,
    tokenSecret: undefined,
    rsaKey: undefined,
    realm: undefined,
  }
  expect(oauth1({ clientId: 'console', ...nothing }).allowOverHttp).toBe(true)
})
