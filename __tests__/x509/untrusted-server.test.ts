import { untrustedServer } from '../../lib/x509/untrusted-server'

/** As Node.js names what OpenSSL finds wrong with a certificate, and what it finds wrong itself. */
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
])('%s says that the server is not to be trusted, also as the cause of another error', (code) => {
  const cause = Object.assign(new Error('below'), { code })
  const said = new RegExp(`^the certificate of host\\.example\\.org is not to be trusted \\(${code}\\)`)
  expect(untrustedServer(cause, 'host.example.org')).toMatch(said)
  expect(untrustedServer(new Error('above', { cause }), 'host.example.org')).toMatch(said)
})

it.each(['ECONNRESET', 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'ERR_SSL_WRONG_VERSION_NUMBER', ''])(
  'a failure with the code "%s" does not say so',
  (code) => {
    expect(untrustedServer(Object.assign(new Error('x'), { code }), 'host.example.org')).toBeUndefined()
  },
)
