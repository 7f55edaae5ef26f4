import { processEnvironment } from '../../lib/environment'
import { untrustedServer, type TlsOwner } from '../../lib/x509/untrusted-server'

const HOST = 'host.example.org'

/** The codes of Node.js for errors of OpenSSL in a certificate, and for errors that it finds itself. */
it.each([
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'CERT_SIGNATURE_FAILURE',
  'CRL_HAS_EXPIRED',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CRL_LAST_UPDATE_FIELD',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])('%s means that the server is not trusted, also as the cause of another error', (code) => {
  const cause = Object.assign(new Error('below'), { code })
  const message = new RegExp(
    `^the certificate of host\\.example\\.org is not trusted \\(${code}\\); nothing was sent\\. `,
  )
  expect(untrustedServer(cause, HOST)).toMatch(message)
  expect(untrustedServer(new Error('above', { cause }), HOST)).toMatch(message)
})

it.each(['ECONNRESET', 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'ERR_SSL_WRONG_VERSION_NUMBER', ''])(
  'the code "%s" does not mean that',
  (code) => {
    expect(untrustedServer(Object.assign(new Error('x'), { code }), HOST)).toBeUndefined()
  },
)

describe('the advice', () => {
  const advice = (code: string, env: Record<string, string>, tlsOf?: TlsOwner) =>
    untrustedServer(Object.assign(new Error('x'), { code }), HOST, {
      tlsOf,
      environment: { ...processEnvironment, env },
    })!.split('; nothing was sent. ')[1]

  it.each<[Record<string, string>, string]>([
    [{}, 'Name the file of its CA in SSL_CERT_FILE, or the folder of grid CAs in X509_CERT_DIR.'],
    [
      { X509_CERT_DIR: '/etc/grid-security/certificates' },
      'Name the file of its CA in SSL_CERT_FILE, or add it to X509_CERT_DIR=/etc/grid-security/certificates.',
    ],
    [
      { SSL_CERT_FILE: '/etc/ssl/ca.pem', REQUESTS_CA_BUNDLE: '' },
      'SSL_CERT_FILE=/etc/ssl/ca.pem is in use. Add the CA there, or unset it.',
    ],
    [
      { SSL_CERT_FILE: '/a', CURL_CA_BUNDLE: '/etc/ssl/ca.pem' },
      'CURL_CA_BUNDLE=/etc/ssl/ca.pem is in use and overrides SSL_CERT_FILE. Add the CA there, or unset it.',
    ],
    [
      { SSL_CERT_FILE: '/a', CURL_CA_BUNDLE: '/b', REQUESTS_CA_BUNDLE: '/etc/ssl/ca.pem' },
      'REQUESTS_CA_BUNDLE=/etc/ssl/ca.pem is in use and overrides SSL_CERT_FILE. Add the CA there, or unset it.',
    ],
  ])('names the variable in use: %j', (env, text) => {
    expect(advice('SELF_SIGNED_CERT_IN_CHAIN', env)).toBe(text)
  })

  it('is about the agent of the request, or about Node.js, when those make the connection', () => {
    const env = { REQUESTS_CA_BUNDLE: '/etc/ssl/ca.pem' }
    expect(advice('SELF_SIGNED_CERT_IN_CHAIN', env, 'httpsAgent')).toBe(
      "Add its CA to the `ca` option of the request's own httpsAgent.",
    )
    expect(advice('SELF_SIGNED_CERT_IN_CHAIN', env, 'dispatcher')).toBe(
      "Add its CA to the request's own dispatcher.",
    )
    expect(advice('SELF_SIGNED_CERT_IN_CHAIN', env, 'fetch')).toBe(
      'Name the file of its CA in NODE_EXTRA_CA_CERTS before Node.js starts.',
    )
  })

  it('is not about CAs for a wrong host name or date', () => {
    expect(advice('ERR_TLS_CERT_ALTNAME_INVALID', {})).toMatch(/^It is for other host names/)
    expect(advice('CERT_HAS_EXPIRED', {})).toMatch(/^Check the clock of this host/)
  })

  it('shows no credential that was set instead of a path', () => {
    const env = { SSL_CERT_FILE: '-----BEGIN PRIVATE KEY-----' }
    expect(advice('SELF_SIGNED_CERT_IN_CHAIN', env)).not.toContain('PRIVATE KEY')
  })
})
