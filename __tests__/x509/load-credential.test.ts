import { spawnSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import { IgwnAuthError } from '../../lib/errors'
import { processEnvironment } from '../../lib/environment'
import { describeCertificates, timeLeftOf } from '../../lib/x509/describe-certificates'
import { findX509Credentials, x509Discovery } from '../../lib/x509/find-x509-credentials'
import { X509Credential } from '../../lib/x509/x509-credential'
import { createAuthority, secondsFromNow, type Authority, type Issued } from '../support/pki'
import { thrownBy } from '../support/thrown-by'

let authority: Authority
let alice: Issued
let proxy: Issued

beforeAll(async () => {
  authority = await createAuthority()
  alice = await authority.issueUser('Alice Adams', { notAfter: secondsFromNow(13 * 3600) })
  proxy = await authority.issueProxy(alice)
})

let files = 0
function write(name: string, content: string | Buffer): string {
  const file = path.join(process.env.TMPDIR!, `${++files}-${name}`)
  fs.writeFileSync(file, content, { mode: 0o600 })
  return file
}

const der = (pem: string) => Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64')

async function problemOf(
  cert: string | [string, string],
  passphrase?: string,
): Promise<{ code: string; message: string }> {
  const error: unknown = await findX509Credentials({ cert, passphrase }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'ERR_IGWN_CERT_UNUSABLE' })
  const { message, reasons } = error as IgwnAuthError
  expect(message.startsWith(`${reasons[0]?.message}. `)).toBe(true)
  return reasons[0]!
}

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const hasLegacy = spawnSync('openssl', ['list', '-providers', '-provider', 'legacy']).status === 0
const onlyIf = (has: boolean, what: string) => (name: string, run: () => Promise<void>) => {
  if (has) it(name, run)
  else it.skip(`${name} (skipped: no ${what} on this host)`, run)
}

/** Runs the command that a message suggests; the passphrases are given as options instead of at the terminal. */
function convert(message: string, passphrase: string): string {
  const [, command = ''] = /convert it: (openssl .+)$/.exec(message) ?? []
  const passwords = /pkcs12|-aes256/.test(command)
    ? ['-passin', `pass:${passphrase}`, '-passout', `pass:${passphrase}`]
    : []
  const [program = '', ...args] = [...command.split(' '), ...passwords]
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  expect([command, stderr, status]).toEqual([command, expect.any(String), 0])
  return args[args.indexOf('-out') + 1]!
}

describe('a binary file', () => {
  const key = () => createPrivateKey(alice.key)

  it.each<[string, () => Buffer, string]>([
    ['certificate', () => der(alice.certificate), 'x509'],
    ['certificate of 1.5 KiB', () => Buffer.from('30820610308205f8a003020102', 'hex'), 'x509'],
    ['PKCS#8 key', () => key().export({ format: 'der', type: 'pkcs8' }), 'pkey'],
    ['SEC1 key', () => key().export({ format: 'der', type: 'sec1' }), 'pkey'],
    ['encrypted key', () => der(alice.encryptedKey('open sesame')), 'pkey'],
  ])('in DER (%s) is named, with the command that converts it', async (_, bytes, command) => {
    const file = write('credential.der', bytes())
    const output = file.replace('.der', '.pem')
    expect(await problemOf(file)).toEqual({
      code: 'malformed',
      source: `${file} (cert)`,
      message: `${file} (cert) is a DER file, not PEM; convert it: openssl ${command} -inform DER -in ${file} -out ${output}`,
    })
  })

  it('in PKCS#12 is named, with the command that converts it', async () => {
    // PFX ::= SEQUENCE { version INTEGER (3), authSafe ContentInfo, ... } (RFC 7292 section 4)
    const file = write('alice.p12', Buffer.from('308209a80201033082096e06092a864886f70d010701a082', 'hex'))
    expect((await problemOf(file)).message).toBe(
      `${file} (cert) is a PKCS#12 file, not PEM; convert it: openssl pkcs12 -in ${file} -out ${file.replace('.p12', '.pem')}`,
    )
  })

  it.each(['0', '0 is no certificate', '\x30\x82', '000000'])('is not assumed for %j', async (text) => {
    expect((await problemOf(write('text', text))).message).toMatch(
      / holds no certificate and no key in PEM form$/,
    )
  })

  onlyIf(hasOpenssl, 'openssl')('in PKCS#12 is usable after the command', async () => {
    const output = path.join(process.env.TMPDIR!, 'exported.p12')
    const pem = write('both.pem', alice.bundle + authority.certificate)
    const exported = ['pkcs12', '-export', '-in', pem, '-out', output, '-passout', 'pass:open sesame']
    expect(spawnSync('openssl', exported).status).toBe(0)
    const cert = convert((await problemOf(output)).message, 'open sesame')
    const found = await findX509Credentials({ cert, passphrase: 'open sesame' })
    expect(found.subject).toBe('/DC=org/DC=example/CN=Alice Adams')
  })

  it('has that command as the fix of its finding, a missing one has none', () => {
    const file = write('alice.der', der(alice.certificate))
    const fixOf = (cert: string) => describeCertificates(cert, {}, processEnvironment)[0]?.fix
    expect(fixOf(file)).toBe(`openssl x509 -inform DER -in ${file} -out ${file.replace('.der', '.pem')}`)
    expect(fixOf('/nowhere/alice.pem')).toBeUndefined()
  })

  onlyIf(hasOpenssl, 'openssl')('in DER is usable after the commands', async () => {
    const cert = convert((await problemOf(write('cert.der', der(alice.certificate)))).message, '')
    const key = convert((await problemOf(write('key.der', der(alice.key)))).message, '')
    const found = await findX509Credentials({ cert: [cert, key] })
    expect(found.subject).toBe('/DC=org/DC=example/CN=Alice Adams')
  })
})

describe('a key under a retired cipher', () => {
  /** An object as DER; less than 128 bytes. */
  const object = (tag: number, ...parts: Buffer[]) => {
    const content = Buffer.concat(parts)
    return Buffer.concat([Buffer.from([tag, content.length]), content])
  }

  /** EncryptedPrivateKeyInfo (RFC 5958 section 3) under PBES1 (RFC 8018 appendix A.3). */
  const pkcs8 = (oid: string) => {
    const parameters = object(0x30, object(0x04, Buffer.alloc(8)), object(0x02, Buffer.from([8, 0])))
    const algorithm = object(0x30, Buffer.from(oid, 'hex'), parameters)
    const base64 = object(0x30, algorithm, object(0x04, Buffer.alloc(64))).toString('base64')
    return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END ENCRYPTED PRIVATE KEY-----\n`
  }
  const traditional = (cipher: string) =>
    `-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: ${cipher},0011223344556677\n\n` +
    `${Buffer.alloc(48).toString('base64')}\n-----END EC PRIVATE KEY-----\n`

  it.each([
    ['DES-CBC', traditional('DES-CBC')],
    ['RC2-CBC', traditional('RC2-CBC')],
    ['PBE-MD5-DES', pkcs8('06092a864886f70d010503')],
    ['PBE-SHA1-RC2-40', pkcs8('060a2a864886f70d010c0106')],
  ])('%s is named, with the command that converts it', async (cipher, key) => {
    const file = write('userkey.pem', key)
    expect(await problemOf([write('usercert.pem', alice.certificate), file], 'open sesame')).toEqual({
      code: 'unsupported',
      source: `${file} (cert)`,
      message:
        `${file} (cert) holds a private key encrypted with ${cipher}, which OpenSSL 3 no longer supports; ` +
        `convert it: openssl pkey -provider legacy -provider default -in ${file} -aes256 -out ${file}.new`,
    })
  })

  it('needs its passphrase first', async () => {
    const cert: [string, string] = [write('c.pem', alice.certificate), write('k.pem', traditional('DES-CBC'))]
    expect((await problemOf(cert)).code).toBe('passphrase')
  })

  onlyIf(hasLegacy, 'openssl with the legacy provider')('is usable after the command', async () => {
    const providers = ['-provider', 'legacy', '-provider', 'default']
    const key = write('plain.pem', alice.key)
    for (const args of [
      ['pkcs8', '-topk8', '-v1', 'PBE-MD5-DES'],
      ['pkcs8', '-topk8', '-v2', 'des-cbc'],
      ['ec', '-des'],
    ]) {
      const output = path.join(process.env.TMPDIR!, 'retired.pem')
      const made = [...args, ...providers, '-in', key, '-out', output, '-passout', 'pass:open sesame']
      expect(spawnSync('openssl', made).status).toBe(0)
      const cert = write('cert.pem', alice.certificate)
      const { code, message } = await problemOf([cert, output], 'open sesame')
      expect(code).toBe('unsupported')
      const converted = convert(message, 'open sesame')
      const found = await findX509Credentials({ cert: [cert, converted], passphrase: 'open sesame' })
      expect(found.pem().key).toBe(alice.key)
    }
  })
})

describe('CA certificates in the file', () => {
  const old = { notBefore: secondsFromNow(-7200), notAfter: secondsFromNow(-3600) }
  const future = { notBefore: secondsFromNow(3600), notAfter: secondsFromNow(7200) }
  const soon = { notBefore: secondsFromNow(-7200), notAfter: secondsFromNow(60) }

  it.each([
    ['expired', old],
    ['not valid yet', future],
    ['about to expire', soon],
  ])('that are %s do not bound the lifetime of a user certificate or a proxy', async (_, dates) => {
    const ca = await createAuthority('Odd CA', undefined, dates)
    const bob = await ca.issueUser('Bob Brown', { notAfter: secondsFromNow(13 * 3600) })
    const hisProxy = await ca.issueProxy(bob)
    for (const issued of [bob, hisProxy]) {
      const found = await findX509Credentials({
        cert: write('bundle.pem', issued.bundle + ca.certificate + authority.certificate),
        minTimeLeft: 3600,
      })
      const [own] = found.certificates
      expect([found.notBefore, found.expiresAt]).toEqual([own?.notBefore, own?.expiresAt])
      expect(found.certificates.at(-2)?.subject).toBe('/DC=org/DC=example/CN=Odd CA')
      expect(found.pem().cert).toContain(ca.certificate)
    }
  })

  it('do not keep the user certificate of a proxy from bounding it', async () => {
    const bob = await authority.issueUser('Bob Brown', { notAfter: secondsFromNow(1800) })
    const cert = write('bundle.pem', (await authority.issueProxy(bob)).bundle + authority.certificate)
    const found = await findX509Credentials({ cert })
    expect(found.expiresAt).toBe(found.certificates[1]?.expiresAt)
    process.env.X509_USER_PROXY = cert
    const { reasons } = x509Discovery()({ minTimeLeft: 3600 })
    delete process.env.X509_USER_PROXY
    expect(reasons[1]?.message).toMatch(
      / expires in 29 minutes, and at least 60 minutes are required \(certificate 2 of 3, .*\/CN=Bob Brown, /,
    )
  })
})

describe('X509Credential', () => {
  it('takes subject and dates from its PEM text', () => {
    const pem = { cert: proxy.certificate + proxy.chain + authority.certificate, key: proxy.key }
    const credential = new X509Credential({ cert: 'proxy.pem', source: 'a test' }, pem)
    expect(credential.subject).toMatch(/^\/DC=org\/DC=example\/CN=Alice Adams\/CN=\d+$/)
    expect(credential.certificates).toHaveLength(3)
    expect(credential.expiresAt).toBe(credential.certificates[0]?.expiresAt)
    expect(credential.pem()).toEqual(pem)
  })

  it.each(['', 'no PEM', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'])(
    'rejects %j as certificates, without repeating it',
    (cert) => {
      const error = thrownBy(() => new X509Credential({ cert: '', source: 'a test' }, { cert, key: '' }))
      expect(error).toMatchObject({
        code: 'ERR_IGWN_CERT_UNUSABLE',
        message:
          'a test is not an X.509 credential: cert must hold certificates in PEM form, the one to present first.',
      })
    },
  )

  it('has whole seconds as time left, counted when they are read', async () => {
    const found = await findX509Credentials({ cert: write('proxy.pem', proxy.bundle) })
    const [{ timeLeft, expiresAt } = { timeLeft: 0, expiresAt: 0 }] = found.certificates
    expect(Number.isInteger(timeLeft)).toBe(true)
    jest.spyOn(Date, 'now').mockReturnValue((expiresAt + 1.5) * 1000)
    expect(found.certificates[0]?.timeLeft).toBe(-2)
    expect(JSON.parse(JSON.stringify(found))).toMatchObject({ certificates: [{ timeLeft: -2 }, {}] })
    jest.restoreAllMocks()
  })

  it('has no control characters or bidirectional marks in its names', async () => {
    const name = 'Eve\u0085\u009b2J\u202e\u2066\u200f'
    const ca = await createAuthority(`${name} CA`)
    const eve = await ca.issueUser(name)
    const shown = /^\/DC=org\/DC=example\/CN=Eve\?\?2J\?\?\?$/
    const found = await findX509Credentials({ cert: write('eve.pem', eve.bundle) })
    expect(found.subject).toMatch(shown)
    expect(found.certificates[0]?.issuer).toBe('/DC=org/DC=example/CN=Eve??2J??? CA')
    const { message } = await problemOf([write('c.pem', eve.certificate), write('k.pem', alice.key)])

    for (const text of [inspect(found), message]) expect(text).not.toMatch(/[\x80-\x9f\u200b-\u206f]/)
  })
})

it('a certificate that cannot be parsed is named by its number', async () => {
  const broken = '-----BEGIN CERTIFICATE-----\nMIIBAA==\n-----END CERTIFICATE-----\n'
  const file = write('bundle.pem', proxy.certificate + broken + proxy.key)
  expect(await problemOf(file)).toMatchObject({
    code: 'malformed',
    message: `${file} (cert) holds a certificate (number 2 of 2) that cannot be parsed`,
  })
  const single = write('single.pem', broken + proxy.key)
  expect((await problemOf(single)).message).toBe(`${single} (cert) holds a certificate that cannot be parsed`)
})

it('a certificate that is not valid yet is fixed by waiting', async () => {
  const later = await authority.issueProxy(alice, { notBefore: secondsFromNow(3600) })
  const cert = write('later.pem', later.bundle)
  expect(describeCertificates(cert, {}, processEnvironment)).toMatchObject([
    { verdict: 'skipped', code: 'not-yet-valid', fix: 'wait, or set the clock of this host' },
  ])
})

it('a credential that has expired since it was loaded is described so', async () => {
  const found = await findX509Credentials({ cert: write('expiring.pem', proxy.bundle) })
  expect(timeLeftOf(found)).toMatch(/^expires in 1[12] hours$/)
  const clock = jest.spyOn(Date, 'now').mockReturnValue((found.expiresAt + 3630) * 1000)
  try {
    expect(timeLeftOf(found)).toBe('expired 60 minutes ago')
  } finally {
    clock.mockRestore()
  }
})
