import path from 'node:path'
import { igwnAuth, slashTmp } from '../support/command'
import { createAuthority, secondsFromNow, type Authority, type Issued } from '../support/pki'
import { emptyPlaces, put, room } from '../support/tokens'

let authority: Authority
let alice: Issued
let proxy: Issued
beforeAll(async () => {
  authority = await createAuthority()
  alice = await authority.issueUser('Alice Adams')
  proxy = await authority.issueProxy(alice)
})
beforeEach(emptyPlaces)

const proxyFile = () => path.join(slashTmp(), 'x509up_u1000')

it('shows the chain in the order of presentation: subject, issuer and lifetime of each certificate', async () => {
  put(proxyFile(), proxy.bundle)
  const { code, stdout, stderr } = await igwnAuth(['x509'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(
    new RegExp(
      [
        '^/tmp/x509up_u1000',
        'certificate 1 of 2',
        '  subject     (/.*/CN=Alice Adams)/CN=\\d+',
        '  issuer      \\1',
        '  valid from  [-\\dT:]+Z, .* ago',
        '  expires     [-\\dT:]+Z, in \\d+ hours',
        'certificate 2 of 2',
        '  subject     \\1',
        '  issuer      /.*',
        '  valid from  [-\\dT:]+Z, .* ago',
        '  expires     [-\\dT:]+Z, in \\d+ hours',
        'The credential expires [-\\dT:]+Z, in \\d+ hours\\.\n$',
      ].join('\n'),
    ),
  )
})

it('--json prints the same as JSON', async () => {
  put(proxyFile(), proxy.bundle)
  const { code, stdout } = await igwnAuth(['x509', '--json'])
  expect(code).toBe(0)
  const { certificates, ...data } = JSON.parse(stdout) as {
    source: string
    timeLeft: number
    certificates: { subject: string; issuer: string }[]
  }
  expect(data.source).toBe('/tmp/x509up_u1000')
  expect(data.timeLeft).toBeGreaterThan(3600)
  expect(certificates).toHaveLength(2)
  expect(certificates[0]?.issuer).toBe(certificates[1]?.subject)
})

it('shows the certificate that --cert names', async () => {
  put(room('cert.pem'), alice.certificate)
  put(room('key.pem'), alice.encryptedKey('open sesame'))
  put(room('passphrase'), 'open sesame')
  const words = ['x509', '--cert', room('cert.pem'), '--key', room('key.pem')]
  const { code, stdout } = await igwnAuth([...words, '--passphrase-file', room('passphrase')])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^certificate 1 of 1\n {2}subject {5}\/.*\/CN=Alice Adams$/m)
  const locked = await igwnAuth(words)
  expect(locked).toMatchObject({ code: 1, stdout: '' })
  expect(locked.stderr.replace(/\s+/g, ' ')).toContain('encrypted')
})

it('lists why each certificate was skipped, and how to create one; exit code 1', async () => {
  const none = await igwnAuth(['x509'])
  expect(none).toMatchObject({ code: 1, stdout: '' })
  expect(none.stderr).toMatch(/^igwn-auth: no suitable certificate found\n\n {2}Certificates\n/)
  expect(none.stderr).toMatch(/^ +absent +X509_USER_PROXY is not set$/m)
  expect(none.stderr).toMatch(/^ +To fix: grid-proxy-init, or voms-proxy-init -rfc\n$/m)

  const expired = await authority.issueProxy(alice, {
    notBefore: secondsFromNow(-18 * 3600),
    notAfter: secondsFromNow(-6 * 3600 - 60),
  })
  put(proxyFile(), expired.bundle)
  const late = await igwnAuth(['x509'])
  expect(late).toMatchObject({ code: 1, stdout: '' })
  expect(late.stderr.replace(/\s+/g, ' ')).toContain('skipped /tmp/x509up_u1000 expired 6 hours ago')
})

it('requires the lifetime of --min-time-left', async () => {
  put(proxyFile(), proxy.bundle)
  expect(await igwnAuth(['x509', '--min-time-left', '60'])).toMatchObject({ code: 0 })
  const { code, stderr } = await igwnAuth(['x509', '--min-time-left', '8640000'])
  expect(code).toBe(1)
  expect(stderr.replace(/\s+/g, ' ')).toContain('and at least 100 days are required')
})
