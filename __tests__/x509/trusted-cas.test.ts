import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import tls from 'node:tls'
import { IgwnAuthError } from '../../lib/errors'
import { trustedCasFinder } from '../../lib/x509/trusted-cas'
import { certificateServer } from '../support/certificate-server'
import { createAuthority, secondsFromNow } from '../support/pki'
import type { Authority } from '../support/pki'

const isRoot = process.getuid?.() === 0

let one: Authority
let other: Authority
let third: Authority

beforeAll(async () => {
  one = await createAuthority('One CA')
  other = await createAuthority('Other CA')
  third = await createAuthority('Third CA')
})

const folder = () => process.env.TMPDIR!

afterEach(() => {
  jest.restoreAllMocks()
  delete process.env.REQUESTS_CA_BUNDLE
  delete process.env.CURL_CA_BUNDLE
  delete process.env.SSL_CERT_FILE
  delete process.env.X509_CERT_DIR
  delete process.env.NODE_EXTRA_CA_CERTS
  fs.rmSync(folder(), { recursive: true, force: true })
  fs.mkdirSync(folder())
})

/** Writes a file and its folder; old enough for a stat to identify their content. */
function write(name: string, text: string, seconds = -60): string {
  const file = path.join(folder(), name)
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text)
  for (const changed of [file, path.dirname(file)])
    fs.utimesSync(changed, secondsFromNow(seconds), secondsFromNow(seconds))
  return file
}

/** From Node.js 22.15, and its value when the process started, whatever NODE_EXTRA_CA_CERTS is now. */
const atStart =
  (tls as { getCACertificates?: (type: string) => string[] }).getCACertificates?.('extra').map(nameOf) ?? []

/** The common names of the CAs that are not among the roots of Node.js, or those that the process started with. */
function added(ca: readonly string[] = []): string[] {
  return ca
    .filter((text) => !tls.rootCertificates.includes(text))
    .map(nameOf)
    .filter((name) => !atStart.includes(name))
}

function nameOf(text: string): string {
  return /CN=(.*)/.exec(new X509Certificate(text).subject)?.[1] ?? ''
}

const keepsRoots = (ca: readonly string[] = []) => tls.rootCertificates.every((root) => ca.includes(root))

function errorOf(): IgwnAuthError {
  try {
    trustedCasFinder()()
  } catch (error) {
    expect(error).toBeInstanceOf(IgwnAuthError)
    return error as IgwnAuthError
  }
  throw new Error('it did not throw')
}

describe('the environment', () => {
  it('leaves the roots of Node.js when no variable is set, or all are empty', () => {
    expect(trustedCasFinder()()).toBeUndefined()
    const empty = { REQUESTS_CA_BUNDLE: '', CURL_CA_BUNDLE: '', SSL_CERT_FILE: '', X509_CERT_DIR: '' }
    Object.assign(process.env, empty, { NODE_EXTRA_CA_CERTS: write('extra.pem', one.certificate) })
    expect(trustedCasFinder()()).toBeUndefined()
  })

  it('replaces the roots with REQUESTS_CA_BUNDLE, else CURL_CA_BUNDLE, else SSL_CERT_FILE', () => {
    process.env.SSL_CERT_FILE = write('ssl.pem', third.certificate)
    expect(trustedCasFinder()()?.ca).toEqual([third.certificate])
    process.env.CURL_CA_BUNDLE = write('curl.pem', other.certificate)
    expect(trustedCasFinder()()?.ca).toEqual([other.certificate])
    process.env.REQUESTS_CA_BUNDLE = write('requests.pem', one.certificate)
    expect(trustedCasFinder()()?.ca).toEqual([one.certificate])
    process.env.REQUESTS_CA_BUNDLE = ''
    expect(trustedCasFinder()()?.ca).toEqual([other.certificate])
  })

  it('adds the folder X509_CERT_DIR to the roots', () => {
    process.env.X509_CERT_DIR = path.dirname(write('grid/one.pem', one.certificate))
    const found = trustedCasFinder()()
    expect(added(found?.ca)).toEqual(['One CA'])
    expect(keepsRoots(found?.ca)).toBe(true)
  })

  it('keeps NODE_EXTRA_CA_CERTS, and ignores it when it cannot be read', () => {
    process.env.X509_CERT_DIR = path.dirname(write('grid/one.pem', one.certificate))
    process.env.NODE_EXTRA_CA_CERTS = write('extra.pem', other.certificate)
    expect(added(trustedCasFinder()()?.ca).sort()).toEqual(['One CA', 'Other CA'])
    process.env.NODE_EXTRA_CA_CERTS = path.join(folder(), 'none.pem')
    expect(added(trustedCasFinder()()?.ca)).toEqual(['One CA'])
  })

  it('adds X509_CERT_DIR to a bundle, without the roots that the bundle replaces', () => {
    process.env.X509_CERT_DIR = path.dirname(write('grid/one.pem', one.certificate))
    process.env.REQUESTS_CA_BUNDLE = write('bundle.pem', other.certificate)
    expect(trustedCasFinder()()?.ca).toEqual([other.certificate, one.certificate])
  })

  it('may name a folder in REQUESTS_CA_BUNDLE, as for requests', () => {
    process.env.REQUESTS_CA_BUNDLE = path.dirname(write('cas/0a1b2c3d.0', one.certificate))
    expect(trustedCasFinder()()?.ca).toEqual([one.certificate])
  })
})

describe('files', () => {
  it('may hold several certificates, with CRLF, other text and broken ones', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
    const text = `# One\r\n${one.certificate}\r\n${broken}# Other\n${other.certificate}`.replaceAll(
      '\n',
      '\r\n',
    )
    process.env.SSL_CERT_FILE = write('bundle.pem', text)
    expect(trustedCasFinder()()?.ca).toEqual([one.certificate, other.certificate])
  })

  it('of a folder are read when named *.pem or by hash, each certificate once', () => {
    write('grid/0a1b2c3d.0', one.certificate)
    write('grid/ffeeddcc.0', one.certificate)
    write('grid/0a1b2c3d.1', other.certificate)
    write('grid/One.pem', one.certificate)
    write('grid/0a1b2c3d.r0', third.certificate)
    write('grid/One.signing_policy', third.certificate)
    write('grid/notes.txt', third.certificate)
    write('grid/broken.pem', 'nothing')
    fs.mkdirSync(path.join(folder(), 'grid/folder.pem'))
    process.env.REQUESTS_CA_BUNDLE = path.join(folder(), 'grid')
    expect(added(trustedCasFinder()()?.ca)).toEqual(['One CA', 'Other CA'])
  })

  it.each([
    ['that do not exist', () => path.join(folder(), 'none.pem'), 'absent', 'does not exist'],
    ['that are empty', () => write('bundle.pem', ''), 'empty', 'is empty'],
    [
      'without a certificate',
      () => write('bundle.pem', 'none'),
      'malformed',
      'holds no CA certificate in PEM form',
    ],
    [
      'of a folder without a certificate',
      () => path.dirname(write('cas/notes.txt', one.certificate)),
      'malformed',
      'holds no CA certificate in a *.pem file or a hashed one (*.0)',
    ],
    ['that are devices', () => '/dev/zero', 'not-a-file', 'is a FIFO, socket or device, not a file'],
  ])('%s are an error that names the variable, the file and the problem', (_, make, code, what) => {
    for (const name of ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE', 'X509_CERT_DIR']) {
      const location = make()
      process.env[name] = location
      const error = errorOf()
      expect(error.code).toBe('ERR_IGWN_CA_UNUSABLE')
      expect(error.message).toBe(
        `${location} (${name}) ${what}. Set ${name} to the path of a PEM file or folder of CA certificates, or unset it.`,
      )
      expect(error.reasons).toEqual([
        { code, source: `${location} (${name})`, message: `${location} (${name}) ${what}` },
      ])
      process.env[name] = ''
    }
  })

  it('without read permission are an error, except as root', () => {
    const file = (process.env.REQUESTS_CA_BUNDLE = write('bundle.pem', one.certificate))
    fs.chmodSync(file, 0)
    if (isRoot) expect(trustedCasFinder()()?.ca).toEqual([one.certificate])
    else expect(errorOf().message).toContain(`${file} (REQUESTS_CA_BUNDLE) cannot be read (EACCES).`)
  })
})

describe('caching', () => {
  it('of a finder reads an unchanged bundle and folder once', () => {
    process.env.REQUESTS_CA_BUNDLE = write('bundle.pem', one.certificate)
    process.env.X509_CERT_DIR = path.dirname(write('grid/other.pem', other.certificate))
    const find = trustedCasFinder()
    const [open, list] = [jest.spyOn(fs, 'openSync'), jest.spyOn(fs, 'readdirSync')]
    const first = find()
    expect(find()).toBe(first)
    expect(open).toHaveBeenCalledTimes(2)
    expect(list).toHaveBeenCalledTimes(1)
  })

  it('ends when the bundle or the folder changes', () => {
    process.env.REQUESTS_CA_BUNDLE = write('bundle.pem', one.certificate)
    process.env.X509_CERT_DIR = path.dirname(write('grid/other.pem', other.certificate))
    const find = trustedCasFinder()
    const first = find()
    write('bundle.pem', third.certificate, -30)
    const second = find()
    expect(second?.ca).toEqual([third.certificate, other.certificate])
    expect(second?.version).not.toBe(first?.version)
    write('grid/one.pem', one.certificate, -20)
    expect(find()?.ca).toEqual([third.certificate, one.certificate, other.certificate])
  })

  it('keeps the version of a bundle that was only touched', () => {
    process.env.REQUESTS_CA_BUNDLE = write('bundle.pem', one.certificate)
    const find = trustedCasFinder()
    const first = find()
    write('bundle.pem', one.certificate, -30)
    expect(find()).not.toBe(first)
    expect(find()?.version).toBe(first?.version)
  })
})

it('a server of that CA is trusted, and no other', async () => {
  process.env.REQUESTS_CA_BUNDLE = write('bundle.pem', one.certificate)
  const { ca } = trustedCasFinder()()!
  for (const [authority, accepted] of [
    [one, true],
    [other, false],
  ] as const) {
    const server = await certificateServer({ authority, server: await authority.issueServer() })
    const socket = tls.connect({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: [...ca] })
    const [error] = (await Promise.race([once(socket, 'secureConnect'), once(socket, 'error')]).catch(
      (thrown: unknown) => [thrown],
    )) as [{ code?: string }?]
    expect(error?.code).toBe(accepted ? undefined : 'SELF_SIGNED_CERT_IN_CHAIN')
    socket.destroy()
    await server.close()
  }
})
