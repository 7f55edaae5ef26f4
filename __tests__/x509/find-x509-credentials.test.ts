import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import { IgwnAuthError } from '../../lib/errors'
import { processEnvironment } from '../../lib/environment'
import { findX509Credentials, x509Discovery } from '../../lib/x509/find-x509-credentials'
import type { FindX509Options } from '../../lib/x509/find-x509-credentials'
import { createAuthority, secondsFromNow } from '../support/pki'
import type { Authority, Issued } from '../support/pki'

const isRoot = process.getuid?.() === 0

let authority: Authority
let alice: Issued
let proxy: Issued

beforeAll(async () => {
  authority = await createAuthority()
  // Longer than her proxy, even if a second passes between the two.
  alice = await authority.issueUser('Alice Adams', { notAfter: secondsFromNow(13 * 3600) })
  proxy = await authority.issueProxy(alice)
})

const folder = () => process.env.TMPDIR!
const globus = () => path.join(process.env.HOME!, '.globus')
const defaultProxy = () => path.join(processEnvironment.temporaryFolder, `x509up_u${process.getuid!()}`)

afterEach(() => {
  jest.restoreAllMocks()
  delete process.env.X509_USER_CERT
  delete process.env.X509_USER_KEY
  delete process.env.X509_USER_PROXY
  for (const made of [folder(), globus(), processEnvironment.temporaryFolder])
    fs.rmSync(made, { recursive: true, force: true })
  fs.mkdirSync(folder(), { mode: 0o700 })
  fs.mkdirSync(processEnvironment.temporaryFolder)
  // As /tmp is: other users can create files in it.
  fs.chmodSync(processEnvironment.temporaryFolder, 0o1777)
})

/** Writes a file that only its owner can read; old enough for its stat to identify its content. */
function write(text: string, file = path.join(folder(), 'credential.pem'), mode = 0o600): string {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text, { mode })
  fs.utimesSync(file, secondsFromNow(-60), secondsFromNow(-60))
  return file
}

function writeInto(name: string, text: string, mode?: number): string {
  return write(text, path.join(folder(), name), mode)
}

/** A search that has read nothing before. */
const searchOnce = (options?: FindX509Options) => x509Discovery()(options)

/** The only reason that is not `absent`. */
function reasonOf(options?: FindX509Options) {
  const { credential, reasons } = searchOnce(options)
  expect(credential).toBeUndefined()
  const [reason, ...more] = reasons.filter(({ code }) => code !== 'absent')
  expect(more).toEqual([])
  return reason!
}

async function errorOf(options?: FindX509Options): Promise<IgwnAuthError> {
  const error: unknown = await findX509Credentials(options).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(IgwnAuthError)
  return error as IgwnAuthError
}

// The credential found for given files is in conformance/x509-selection.json too, there without messages.

describe('locations', () => {
  it('are X509_USER_CERT with X509_USER_KEY, X509_USER_PROXY, the default proxy, ~/.globus, in this order', async () => {
    const cert = writeInto('cert.pem', alice.certificate)
    const key = writeInto('key.pem', alice.key)
    const named = writeInto('proxy.pem', proxy.bundle)
    write(proxy.bundle, defaultProxy())
    write(alice.certificate, path.join(globus(), 'usercert.pem'))
    write(alice.key, path.join(globus(), 'userkey.pem'))
    Object.assign(process.env, { X509_USER_CERT: cert, X509_USER_KEY: key, X509_USER_PROXY: named })

    const first = await findX509Credentials()
    expect(first).toMatchObject({ cert, key, source: `${cert} (X509_USER_CERT) with ${key} (X509_USER_KEY)` })
    delete process.env.X509_USER_CERT
    const second = await findX509Credentials()
    expect(second).toMatchObject({ cert: named, source: `${named} (X509_USER_PROXY)` })
    expect(second).not.toHaveProperty('key')
    delete process.env.X509_USER_PROXY
    expect(await findX509Credentials({ cert: true })).toMatchObject({
      cert: defaultProxy(),
      source: defaultProxy(),
    })
    fs.rmSync(defaultProxy())
    expect(await findX509Credentials()).toMatchObject({
      cert: path.join(globus(), 'usercert.pem'),
      key: path.join(globus(), 'userkey.pem'),
    })
  })

  it('are all named in the error when none has a credential', async () => {
    const error = await errorOf()
    expect(error.code).toBe('ERR_IGWN_CERT_NOT_FOUND')
    const userCert = path.join(globus(), 'usercert.pem')
    expect(error.message).toBe(
      'No usable X.509 credential found. ' +
        `Nothing in X509_USER_CERT, X509_USER_PROXY, ${defaultProxy()}, ${userCert}. ` +
        'Make a proxy with grid-proxy-init or voms-proxy-init, or name one in X509_USER_PROXY.',
    )
    expect(error.reasons).toEqual([
      { code: 'absent', source: 'X509_USER_CERT', message: 'X509_USER_CERT is not set' },
      { code: 'absent', source: 'X509_USER_PROXY', message: 'X509_USER_PROXY is not set' },
      { code: 'absent', source: defaultProxy(), message: `${defaultProxy()} does not exist` },
      { code: 'absent', source: userCert, message: `${userCert} does not exist` },
    ])
  })

  it('are skipped with a reason when their credential cannot be used', async () => {
    process.env.X509_USER_PROXY = writeInto('gone.pem', 'no PEM')
    write(proxy.bundle, defaultProxy())
    const { credential, reasons } = searchOnce()
    expect(credential?.cert).toBe(defaultProxy())
    expect(reasons.map(({ code }) => code)).toEqual(['absent', 'malformed'])
  })

  it('with X509_USER_CERT alone, without a key in its file, are reported', () => {
    const cert = (process.env.X509_USER_CERT = writeInto('cert.pem', alice.certificate))
    expect(reasonOf()).toEqual({
      code: 'malformed',
      source: `${cert} (X509_USER_CERT)`,
      message: `${cert} (X509_USER_CERT) holds no private key, and X509_USER_KEY is not set`,
    })
  })

  it('with X509_USER_KEY alone are reported', () => {
    process.env.X509_USER_KEY = writeInto('key.pem', alice.key)
    expect(searchOnce().reasons[0]).toEqual({
      code: 'absent',
      source: 'X509_USER_CERT',
      message: 'X509_USER_CERT is not set, although X509_USER_KEY is',
    })
  })

  it('with one of two files missing name it', () => {
    write(alice.certificate, path.join(globus(), 'usercert.pem'))
    const key = path.join(globus(), 'userkey.pem')
    expect(searchOnce().reasons.at(-1)).toEqual({
      code: 'absent',
      source: key,
      message: `${key} does not exist`,
    })
  })

  it('include a default proxy on Windows', () => {
    const root = path.join(folder(), 'WINDOWS')
    const file = write(proxy.bundle, path.join(root, 'Temp', 'x509up_alice'))
    const env = { SYSTEMROOT: root, USERNAME: 'alice', HOME: process.env.HOME }
    const windows = { env, euid: undefined, uid: undefined, temporaryFolder: '/tmp' }
    expect(x509Discovery(windows)().credential?.cert).toBe(file)
  })
})

describe('lifetime', () => {
  it('ends with the certificate that expires first', async () => {
    const long = await authority.issueProxy(alice, { notAfter: secondsFromNow(30 * 86_400) })
    const cert = write(long.bundle)
    const { expiresAt, notBefore, certificates } = await findX509Credentials({ cert })
    expect(expiresAt).toBe(Date.parse(new X509Certificate(alice.certificate).validTo) / 1000)
    expect(notBefore).toBe(Math.max(...certificates.map((one) => one.notBefore)))
    expect(certificates).toHaveLength(2)
    expect(certificates[1]).toMatchObject({ subject: '/DC=org/DC=example/CN=Alice Adams' })
  })

  it('of an expired proxy is reported', async () => {
    const notAfter = secondsFromNow(-7201)
    const expired = await authority.issueProxy(alice, { notBefore: secondsFromNow(-9000), notAfter })
    const cert = (process.env.X509_USER_PROXY = write(expired.bundle))
    const reason = reasonOf()
    expect(reason).toMatchObject({
      code: 'expired',
      expected: 'at least 600 s left',
      actual: notAfter.getTime() / 1000,
    })
    const end = notAfter.toISOString().replace('.000', '')
    expect(reason.message).toBe(
      `${cert} (X509_USER_PROXY) expired 2 hours ago (certificate 1 of 2, ` +
        `/DC=org/DC=example/CN=Alice Adams/CN=${expired.name.at(-1)!.CN![0]!}, ${end})`,
    )
  })

  it('of a proxy whose issuer has expired is reported with the issuer', async () => {
    const expired = await authority.issueUser('Bob', {
      notBefore: secondsFromNow(-86_400),
      notAfter: secondsFromNow(-60),
    })
    process.env.X509_USER_PROXY = write((await authority.issueProxy(expired)).bundle)
    const reason = reasonOf()
    expect(reason.code).toBe('expired')
    expect(reason.message).toMatch(
      /expired \d+ seconds? ago \(certificate 2 of 2, \/DC=org\/DC=example\/CN=Bob, /,
    )
  })

  it('of a proxy that is not valid yet is reported', async () => {
    const notBefore = secondsFromNow(3600 + 30)
    const future = await authority.issueProxy(alice, { notBefore, notAfter: secondsFromNow(7200) })
    process.env.X509_USER_PROXY = write(future.bundle)
    const reason = reasonOf()
    expect(reason).toMatchObject({ code: 'not-yet-valid', actual: notBefore.getTime() / 1000 })
    expect(reason.message).toMatch(
      / is not valid yet: valid from \d{4}-\S+Z \(in 60 minutes; certificate 1 of 2, /,
    )
  })

  it('may begin a minute in the future: clocks differ', async () => {
    const ahead = await authority.issueProxy(alice, { notBefore: secondsFromNow(50) })
    expect(searchOnce({ cert: write(ahead.bundle) }).credential).toBeDefined()
  })

  it.each([
    [600, undefined, true],
    [599, undefined, false],
    [60, 60, true],
    [59, 60, false],
    [0, 0, true],
  ])('with %s s left and a minimum of %s is enough: %s', async (left, minTimeLeft, found) => {
    process.env.X509_USER_PROXY = write(proxy.bundle)
    const end = new X509Certificate(proxy.certificate).validTo
    jest.spyOn(Date, 'now').mockReturnValue(Date.parse(end) - left * 1000)
    const { credential, reasons } = searchOnce({ minTimeLeft })
    expect(credential !== undefined).toBe(found)
    if (!found)
      expect(reasons[1]!.message).toMatch(
        / expires in \d+ \w+, and at least \d+ \w+ are required \(certificate 1 of 2, /,
      )
  })

  it('of a named certificate may be any, unless a minimum is given', async () => {
    const cert = write((await authority.issueProxy(alice, { notAfter: secondsFromNow(300) })).bundle)
    expect(await findX509Credentials({ cert })).toMatchObject({ cert })
    const error = await errorOf({ cert, minTimeLeft: 600 })
    expect(error.code).toBe('ERR_IGWN_CERT_UNUSABLE')
    expect(error.message).toMatch(
      / expires in 4 minutes, and at least 10 minutes are required .* Make a proxy with grid-proxy-init/,
    )
  })
})

describe('proxies', () => {
  it.each([
    ['limited', { limited: true }],
    ['with a path length', { pathLength: 0 }],
    ['with VOMS attributes', { voms: true }],
  ])('%s are found', async (_, options) => {
    const made = await authority.issueProxy(alice, options)
    expect((await findX509Credentials({ cert: write(made.bundle) })).subject).toMatch(
      /CN=Alice Adams\/CN=\d+$/,
    )
  })

  it('of proxies are found, with all issuers', async () => {
    const below = await authority.issueProxy(proxy)
    const { certificates } = await findX509Credentials({ cert: write(below.bundle) })
    expect(certificates.map(({ subject }) => subject.split('/CN=').length - 1)).toEqual([3, 2, 1])
  })

  it('without the certificate that signed them are rejected', async () => {
    const below = await authority.issueProxy(proxy)
    const file = (process.env.X509_USER_PROXY = write(below.certificate + below.key + alice.certificate))
    const reason = reasonOf()
    expect(reason.code).toBe('broken-chain')
    expect(reason.message).toMatch(
      /credential\.pem \(X509_USER_PROXY\) lacks the certificate that signed the proxy \/DC=org.*\/CN=\d+\/CN=\d+; it must follow in the same file$/,
    )
    expect(reason.source).toBe(`${file} (X509_USER_PROXY)`)
  })
})

describe('files', () => {
  it.each([
    ['CRLF line ends', (text: string) => text.replaceAll('\n', '\r\n')],
    [
      'text between the blocks',
      (text: string) => text.replaceAll('-----BEGIN', 'Bag Attributes\n-----BEGIN'),
    ],
    ['the key first', () => proxy.key + proxy.certificate + proxy.chain],
  ])('with %s are read', async (_, changed) => {
    const found = await findX509Credentials({ cert: write(changed(proxy.bundle)) })
    expect(found.pem()).toEqual({ cert: proxy.certificate + proxy.chain, key: proxy.key })
  })

  it.each([
    ['empty', '\n', 'empty', 'is empty'],
    ['without PEM', 'not a certificate', 'malformed', 'holds no certificate and no key in PEM form'],
    ['over 1 MiB', 'x'.repeat(1024 * 1024 + 1), 'too-large', 'is larger than 1024 KiB'],
    [
      'with a certificate that cannot be parsed',
      '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
      'malformed',
      'holds a certificate that cannot be parsed',
    ],
  ])('%s are skipped', (_, text, code, what) => {
    const cert = (process.env.X509_USER_PROXY = write(text))
    expect(reasonOf()).toMatchObject({ code, message: `${cert} (X509_USER_PROXY) ${what}` })
  })

  it('with a key that cannot be parsed, or without a certificate, are skipped', () => {
    process.env.X509_USER_PROXY = write(
      alice.certificate + '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n',
    )
    expect(reasonOf().message).toMatch(/holds a private key that cannot be parsed \(ERR_\w+\)$/)
    process.env.X509_USER_PROXY = write(alice.key)
    expect(reasonOf()).toMatchObject({
      code: 'malformed',
      message: expect.stringMatching(/holds no certificate$/),
    })
  })

  it('that are folders or devices are skipped without blocking', () => {
    process.env.X509_USER_PROXY = folder()
    expect(reasonOf()).toMatchObject({
      code: 'not-a-file',
      message: expect.stringContaining('is a folder, not a file'),
    })
    process.env.X509_USER_PROXY = '/dev/zero'
    expect(reasonOf()).toMatchObject({
      code: 'not-a-file',
      message: '/dev/zero (X509_USER_PROXY) is a FIFO, socket or device, not a file',
    })
  })

  it('that are FIFOs are skipped without blocking', () => {
    const fifo = path.join(folder(), 'fifo')
    try {
      execFileSync('mkfifo', [fifo])
    } catch {
      return // no mkfifo on this host; /dev/zero above covers devices
    }
    process.env.X509_USER_PROXY = fifo
    expect(reasonOf().code).toBe('not-a-file')
  })

  it('without read permission are skipped, except as root', () => {
    process.env.X509_USER_PROXY = writeInto('secret.pem', proxy.bundle, 0o000)
    if (isRoot) expect(searchOnce().credential).toBeDefined()
    else
      expect(reasonOf()).toMatchObject({ code: 'unreadable', message: expect.stringContaining('(EACCES)') })
  })

  it('of another user in the temporary folder are rejected', () => {
    const otherUser = 54_321
    const uid = process.getuid!()
    const file = path.join(processEnvironment.temporaryFolder, `x509up_u${isRoot ? uid : otherUser}`)
    write(proxy.bundle, file)
    if (isRoot) fs.chownSync(file, otherUser, otherUser)
    // Without root, the search is of the other user and the file is ours.
    const environment = {
      env: process.env,
      euid: isRoot ? uid : otherUser,
      uid: isRoot ? uid : otherUser,
      temporaryFolder: processEnvironment.temporaryFolder,
    }
    const [owner, searcher] = isRoot ? [otherUser, uid] : [uid, otherUser]
    expect(x509Discovery(environment)().reasons[2]).toMatchObject({
      code: 'foreign-owner',
      source: file,
      message: `${file} belongs to user ${owner}, not to user ${searcher}, and others can write to a folder on the path`,
    })
  })

  it('of root in the temporary folder are used', () => {
    write(proxy.bundle, defaultProxy())
    expect(searchOnce().credential?.cert).toBe(defaultProxy())
  })

  it('of ours that a link of another user in the temporary folder leads to are rejected', () => {
    if (!isRoot) return // only root can make a link of another user
    fs.symlinkSync(writeInto('mine.pem', proxy.bundle), defaultProxy())
    expect(searchOnce().credential).toBeDefined()
    fs.lchownSync(defaultProxy(), 54_321, 54_321)
    expect(reasonOf().code).toBe('foreign-owner')
  })

  it('whose key other users can read are used, with a warning', () => {
    const cert = writeInto('cert.pem', alice.certificate, 0o644)
    const key = writeInto('key.pem', alice.key, 0o640)
    const { credential, warning } = searchOnce({ cert: [cert, key] })
    expect(credential).toBeDefined()
    expect(warning).toEqual({
      code: 'open-permissions',
      source: `${key} (cert)`,
      message: `${key} (cert) holds a private key that other users can access (mode 0640); run chmod 600 ${key}`,
      actual: '0640',
      expected: '0600',
    })
  })
})

describe('keys', () => {
  it('of another certificate are rejected', async () => {
    const bob = await authority.issueUser('Bob')
    const cert = (process.env.X509_USER_CERT = writeInto('cert.pem', alice.certificate))
    const key = (process.env.X509_USER_KEY = writeInto('key.pem', bob.key))
    expect(reasonOf()).toEqual({
      code: 'key-mismatch',
      source: `${key} (X509_USER_KEY)`,
      message: `${key} (X509_USER_KEY) holds a private key that does not belong to the certificate /DC=org/DC=example/CN=Alice Adams`,
    })
    const error = await errorOf({ cert: [cert, key] })
    expect(error.code).toBe('ERR_IGWN_CERT_UNUSABLE')
    expect(error.message).toMatch(/Give a certificate and the key that belongs to it\.$/)
  })

  it('of a certificate that is not the first are rejected, with the one that must be first', () => {
    process.env.X509_USER_PROXY = write(alice.certificate + proxy.key + proxy.certificate)
    expect(reasonOf().message).toMatch(
      /to the certificate \/DC=org\/DC=example\/CN=Alice Adams; it belongs to certificate 2, \/DC=.*\/CN=\d+, which must come first$/,
    )
  })

  describe.each(['pkcs8', 'traditional'] as const)('encrypted (%s)', (form) => {
    const PASSPHRASE = 'correct horse battery staple'
    let cert: [string, string]

    beforeEach(() => {
      const key = alice.encryptedKey(PASSPHRASE, form)
      cert = [writeInto('cert.pem', alice.certificate), writeInto('key.pem', key)]
    })

    it('are decrypted with the passphrase, or a function that returns it', async () => {
      for (const passphrase of [PASSPHRASE, () => PASSPHRASE]) {
        const found = await findX509Credentials({ cert, passphrase })
        expect(found.pem().key).toBe(alice.key)
        expect(inspect(found, { depth: null, showHidden: true })).not.toContain(PASSPHRASE)
      }
    })

    it('without a passphrase, with an empty or a wrong one are an error', async () => {
      for (const passphrase of [undefined, '', () => '']) {
        const error = await errorOf({ cert, passphrase })
        expect(error.code).toBe('ERR_IGWN_CERT_UNUSABLE')
        expect(error.message).toBe(
          `${cert[1]} (cert) holds an encrypted private key, and the passphrase option is not set. ` +
            'Set the passphrase option to the passphrase of the key.',
        )
        expect(error.reasons).toMatchObject([{ code: 'passphrase', source: `${cert[1]} (cert)` }])
      }
      const error = await errorOf({ cert, passphrase: 'wrong horse' })
      expect(error.message).toMatch(
        /holds an encrypted private key that the passphrase does not decrypt \(ERR_OSSL_\w+\)\. /,
      )
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain('wrong horse')
    })

    it('are a reason in a search', () => {
      ;[process.env.X509_USER_CERT, process.env.X509_USER_KEY] = cert
      expect(reasonOf().code).toBe('passphrase')
      expect(searchOnce({ passphrase: PASSPHRASE }).credential).toBeDefined()
    })

    it('need the passphrase in each call, although an earlier one has decrypted them', () => {
      const search = x509Discovery()
      expect(search({ cert, passphrase: PASSPHRASE }).credential).toBeDefined()
      expect(() => search({ cert })).toThrow('the passphrase option is not set')
    })

    it('call the function once while they do not change', () => {
      const search = x509Discovery()
      const passphrase = jest.fn(() => PASSPHRASE)
      expect(search({ cert, passphrase }).credential).toBe(search({ cert, passphrase }).credential)
      expect(passphrase).toHaveBeenCalledTimes(1)
    })

    it('call the function again after a wrong passphrase', () => {
      const search = x509Discovery()
      const passphrase = jest.fn(() => PASSPHRASE).mockReturnValueOnce('wrong horse')
      expect(() => search({ cert, passphrase })).toThrow('that the passphrase does not decrypt')
      expect(search({ cert, passphrase }).credential).toBeDefined()
    })

    it('report a function that throws, without its message', async () => {
      const passphrase = () => {
        throw new RangeError(`is it ${PASSPHRASE}?`)
      }
      const error = await errorOf({ cert, passphrase })
      expect(error.message).toContain('is encrypted and the passphrase function failed (RangeError)')
      expect(inspect(error, { depth: null })).not.toContain(PASSPHRASE)
    })
  })

  it('that are not encrypted need no passphrase', () => {
    const passphrase = jest.fn(() => 'never')
    expect(searchOnce({ cert: write(proxy.bundle), passphrase }).credential).toBeDefined()
    expect(passphrase).not.toHaveBeenCalled()
  })
})

describe('the cert option', () => {
  it('is used, whatever the environment names', async () => {
    process.env.X509_USER_PROXY = writeInto('proxy.pem', proxy.bundle)
    const cert = writeInto('cert.pem', alice.certificate)
    const key = writeInto('key.pem', alice.key)
    expect(await findX509Credentials({ cert: [cert, key] })).toMatchObject({ cert, key })
  })

  it('that names a missing file is an error, and no other file is tried', async () => {
    process.env.X509_USER_PROXY = writeInto('proxy.pem', proxy.bundle)
    const cert = path.join(folder(), 'none.pem')
    const error = await errorOf({ cert })
    expect(error.code).toBe('ERR_IGWN_CERT_UNUSABLE')
    expect(error.message).toBe(
      `${cert} (cert) does not exist. Give the path of a proxy file, or [certificate, key].`,
    )
  })

  it('that names a certificate without a key is an error that says what to add', async () => {
    const cert = write(alice.certificate)
    expect((await errorOf({ cert })).message).toMatch(
      /holds no private key; give the key too: \[certificate, key\]\. Give the path of a proxy file/,
    )
  })

  it.each([[''], [[]], [['a', 'b', 'c']], [['a', '']], [7]])('%j is an error', async (cert) => {
    const error = await errorOf({ cert: cert as unknown as string })
    expect(error.code).toBe('ERR_IGWN_INVALID_OPTION')
    expect(error.message).toBe('cert must be the path of a file, [certificate, key], or true.')
  })
})

describe('caching', () => {
  it('belongs to a search: it opens an unchanged file once', () => {
    process.env.X509_USER_PROXY = write(proxy.bundle)
    const open = jest.spyOn(fs, 'openSync')
    const search = x509Discovery()
    expect(search().credential).toBe(search().credential)
    expect(search({ minTimeLeft: 10 }).credential).toBeDefined()
    expect(open).toHaveBeenCalledTimes(1)
  })

  it('does not keep a date check: a clock that is set back counts at once', async () => {
    const future = await authority.issueProxy(alice, { notBefore: secondsFromNow(600) })
    process.env.X509_USER_PROXY = write(future.bundle)
    fs.utimesSync(process.env.X509_USER_PROXY, secondsFromNow(-86_400), secondsFromNow(-86_400))
    const time = Date.now()
    const clock = jest.spyOn(Date, 'now').mockReturnValue(time + 700_000)
    const search = x509Discovery()
    expect(search().credential).toBe(search().credential)
    expect(search().credential).toBeDefined()
    clock.mockReturnValue(time)
    expect(search().reasons[1]?.code).toBe('not-yet-valid')
  })

  it('does not keep a date check: a credential expires', () => {
    process.env.X509_USER_PROXY = write(proxy.bundle)
    const search = x509Discovery()
    expect(search().credential).toBeDefined()
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 13 * 3600 * 1000)
    expect(search().reasons[1]?.code).toBe('expired')
  })

  it.each([
    [
      'replaced by rename',
      (file: string, text: string) => {
        fs.renameSync(writeInto('new.pem', text), file)
      },
    ],
    [
      'overwritten',
      (file: string, text: string) => {
        fs.writeFileSync(file, text)
      },
    ],
  ])('ends when a file was %s', async (_, renew) => {
    const file = write(proxy.bundle)
    const search = x509Discovery()
    const before = search({ cert: file }).credential
    const next = await authority.issueProxy(alice)
    renew(file, next.bundle)
    const after = search({ cert: file }).credential
    expect(after?.pem().cert).toBe(next.certificate + next.chain)
    expect(before?.pem().cert).toBe(proxy.certificate + proxy.chain)
  })

  it('ends when an unusable file was replaced by a usable one', () => {
    const file = (process.env.X509_USER_PROXY = write('half written'))
    const search = x509Discovery()
    expect(search().credential).toBeUndefined()
    write(proxy.bundle, file)
    expect(search().credential).toBeDefined()
  })
})

describe('the result', () => {
  it('shows no key in inspect, JSON or a copy', async () => {
    const found = await findX509Credentials({ cert: write(proxy.bundle) })
    const secret = proxy.key.split('\n')[1]!
    for (const shown of [
      inspect(found, { depth: null, showHidden: true }),
      JSON.stringify(found),
      inspect(Object.assign({}, found), { depth: null }),
    ]) {
      expect(shown).toContain('/DC=org/DC=example/CN=Alice Adams/CN=')
      expect(shown).not.toContain(secret)
      expect(shown).not.toContain('PRIVATE KEY')
    }
  })
})
