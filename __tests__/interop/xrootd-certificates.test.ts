import fs from 'node:fs'
import path from 'node:path'
import { igwnAxios, type IgwnAuthError } from '../../lib/index'
import { processEnvironment } from '../../lib/environment'
import { createAuthority, RSA, secondsFromNow, type Authority, type Issued } from '../support/pki'
import { emptyPlaces, passTime, put, stopClock } from '../support/tokens'
import { caFolder } from './support/ca-folder'
import { createIssuer } from './support/issuer'
import {
  gridProxyInit,
  ofProxy,
  opensslProxy,
  userFiles,
  vomsProxyFake,
  vomsProxyInit,
  type CredentialFiles,
} from './support/proxies'
import { expectExplained, refusalOf } from './support/refusal'
import { newFolder } from './support/room'
import { subjectOf } from './support/subject-of'
import { startXrootd, type Xrootd } from './support/xrootd'

/** XRootD accepts RFC 3820 proxies; mapped users may read `/grid`. */
const issuer = createIssuer()
let authority: Authority
let alice: Issued
let files: CredentialFiles
let certificates: string
let attributes: CredentialFiles
let xrootd: Xrootd

beforeAll(async () => {
  // Globus and VOMS require RSA.
  authority = await createAuthority('Interop CA', RSA)
  alice = await authority.issueUser('Alice Adams')
  files = userFiles(alice)
  const ofAttributes = await authority.issueServer()
  attributes = userFiles(ofAttributes)
  certificates = caFolder(newFolder('certificates'), authority)
  xrootd = await startXrootd({
    authority,
    issuer,
    gridmap: { [subjectOf(alice.certificate)]: 'alice' },
    authorizations: ['u alice /grid a', 'g /testvo /vo rl', 'u * /public rl'],
    files: { 'grid/f.txt': 'grid data', 'vo/f.txt': 'VO data', 'data/f.txt': 'secret data' },
    vo: { name: 'testvo', issuer: ofAttributes },
  })
})

beforeEach(() => {
  emptyPlaces()
  for (const name of Object.keys(process.env)) if (name.startsWith('X509_USER_')) delete process.env[name]
  process.env.X509_CERT_DIR = certificates
})

/** A new instance has connections of its own: an existing one was made with another certificate. */
const get = (file: string, options = {}) =>
  igwnAxios.create({ igwnAuth: options }).get<string>(`${xrootd.origin}${file}`)

describe('a proxy', () => {
  it.each<[by: string, make: () => string]>([
    ['grid-proxy-init', () => gridProxyInit(files, certificates)],
    ['grid-proxy-init -limited', () => gridProxyInit(files, certificates, '-limited')],
    ['voms-proxy-init', () => vomsProxyInit(files, certificates)],
    ['voms-proxy-init -limited', () => vomsProxyInit(files, certificates, '-limited')],
    ['voms-proxy-fake', () => vomsProxyFake(files, certificates, { vo: 'testvo', issuer: attributes })],
    ['openssl', () => opensslProxy(files)],
    ['openssl, limited', () => opensslProxy(files, { limited: true })],
    [
      'grid-proxy-init, of a proxy',
      () => gridProxyInit(ofProxy(gridProxyInit(files, certificates)), certificates),
    ],
    ['openssl, of one by voms-proxy-init', () => opensslProxy(ofProxy(vomsProxyInit(files, certificates)))],
  ])('made by %s reads a file', async (_by, make) => {
    process.env.X509_USER_PROXY = make()
    expect((await get('/grid/f.txt', { cert: true })).data).toBe('grid data')
  })

  it('of VOMS has its attributes', async () => {
    process.env.X509_USER_PROXY = vomsProxyInit(files, certificates)
    expect((await refusalOf(get('/vo/f.txt'))).response?.status).toBe(403)
    process.env.X509_USER_PROXY = vomsProxyFake(files, certificates, { vo: 'testvo', issuer: attributes })
    expect((await get('/vo/f.txt')).data).toBe('VO data')
  })

  it('writes a file', async () => {
    const cert = gridProxyInit(files, certificates)
    const { status } = await igwnAxios.put(`${xrootd.origin}/grid/new.txt`, 'by proxy', {
      igwnAuth: { cert },
    })
    expect(status).toBeLessThan(300)
    expect(xrootd.read('/grid/new.txt').toString()).toBe('by proxy')
  })

  it('that was renewed is presented by the next request', async () => {
    const place = path.join(processEnvironment.temporaryFolder, `x509up_u${process.getuid?.() ?? 0}`)
    put(place, (await authority.issueProxy(alice, { notAfter: secondsFromNow(-60) })).bundle)
    const instance = igwnAxios.create({ baseURL: xrootd.origin })
    expectExplained(
      await refusalOf(instance.get('/grid/f.txt')),
      'expired',
      /expired \d+ seconds ago/,
      /no token was sent/,
    )
    fs.renameSync(gridProxyInit(files, certificates), place)
    expect((await instance.get<string>('/grid/f.txt')).data).toBe('grid data')
  })
})

describe('a certificate and its key', () => {
  it('from X509_USER_CERT and X509_USER_KEY read a file', async () => {
    process.env.X509_USER_CERT = files.cert
    process.env.X509_USER_KEY = files.key
    expect((await get('/grid/f.txt', { cert: true })).data).toBe('grid data')
  })

  it.each(['pkcs8', 'traditional'] as const)(
    'from ~/.globus read a file, with a passphrase (%s)',
    async (form) => {
      const folder = path.join(String(process.env.HOME), '.globus')
      put(path.join(folder, 'usercert.pem'), alice.certificate, 0o644)
      put(path.join(folder, 'userkey.pem'), alice.encryptedKey('pass word', form), 0o400)
      expect((await get('/grid/f.txt', { cert: true, passphrase: 'pass word' })).data).toBe('grid data')
      const error = await refusalOf(get('/grid/f.txt', { passphrase: 'wrong' }))
      expect(error.response?.status).toBe(403)
      expectExplained(
        error,
        'passphrase',
        /userkey\.pem holds an encrypted private key that the passphrase does not decrypt/,
      )
    },
  )
})

describe('beside a token', () => {
  it('is presented too, and is sufficient if no suitable token is found', async () => {
    process.env.X509_USER_PROXY = gridProxyInit(files, certificates)
    process.env.BEARER_TOKEN = issuer.mint({ aud: xrootd.origin })
    expect((await get('/data/f.txt')).data).toBe('secret data')
    process.env.BEARER_TOKEN = issuer.mint({ aud: 'https://elsewhere.example.org' })
    expect((await get('/grid/f.txt')).data).toBe('grid data')
  })
})

describe('an unsuitable certificate', () => {
  it.each<[problem: string, make: () => Promise<Issued>, says: RegExp]>([
    [
      'has expired',
      () =>
        authority.issueProxy(alice, { notBefore: secondsFromNow(-9000), notAfter: secondsFromNow(-7200) }),
      /x509up expired 2 hours ago \(certificate 1 of 2, \/DC=org\/DC=example\/CN=Alice Adams\/CN=\d+, /,
    ],
    [
      'has a user certificate that has expired',
      async () =>
        authority.issueProxy(await authority.issueUser('Alice Adams', { notAfter: secondsFromNow(-90) })),
      /x509up expired \d+ seconds ago \(certificate 2 of 2, \/DC=org\/DC=example\/CN=Alice Adams, /,
    ],
  ])('that %s is not presented, and the refusal says so', async (_problem, make, says) => {
    const file = put(path.join(newFolder('proxy'), 'x509up'), (await make()).bundle)
    process.env.X509_USER_PROXY = file
    const refused = await refusalOf(get('/grid/f.txt'))
    expect(refused.response?.status).toBe(403)
    expectExplained(
      refused,
      'expired',
      new RegExp(says.source.replace('x509up', 'x509up \\(X509_USER_PROXY\\)')),
    )

    const before = xrootd.output()
    const stopped = await refusalOf<IgwnAuthError>(get('/grid/f.txt', { cert: file }))
    expect(stopped).toMatchObject({ name: 'IgwnAuthError', code: 'ERR_IGWN_CERT_UNUSABLE' })
    expectExplained(stopped, 'expired', new RegExp(says.source.replace('x509up', 'x509up \\(cert\\)')))
    expect(xrootd.output()).toBe(before)
  })

  it.each<[problem: string, make: () => Promise<string>, alert: string]>([
    [
      'is from a CA that the server does not know',
      async () =>
        gridProxyInit(
          userFiles(await (await createAuthority('Foreign CA', RSA)).issueUser('Mallory')),
          certificates,
        ),
      'unknown_ca: the CA of the certificate is not known, or a certificate of the chain is missing',
    ],
    [
      'is a legacy proxy from before RFC 3820',
      async () => gridProxyInit(files, certificates, '-old'),
      'unknown_ca: the CA of the certificate is not known, or a certificate of the chain is missing',
    ],
    [
      'exceeds the path length of its chain',
      async () => opensslProxy(ofProxy(opensslProxy(files, { pathLength: 0 }))),
      'certificate_unknown: a certificate is not accepted; .* or the path of the proxy is too long',
    ],
  ])('that %s is refused, and the refusal names what was presented', async (_problem, make, alert) => {
    const cert = await make()
    const error = await refusalOf(get('/grid/f.txt', { cert }))
    expect(error.response).toBeUndefined()
    expectExplained(
      error,
      'refused',
      new RegExp(`The server refused the connection with the TLS alert ${alert}`),
    )
    expectExplained(
      error,
      'refused',
      new RegExp(
        `The certificate presented was /DC=org/DC=example/CN=.*, from ${cert} \\(cert\\), which expires in \\d+ hours`,
      ),
    )
  })

  it('has expired by the clock of the server and is refused; the refusal says when it expires by the clock of this host', async () => {
    const user = await authority.issueUser('Alice Adams', { notBefore: secondsFromNow(-86_400) })
    const expired = await authority.issueProxy(user, {
      notBefore: secondsFromNow(-7200),
      notAfter: secondsFromNow(-1770),
    })
    const cert = put(path.join(newFolder('proxy'), 'x509up'), expired.bundle)
    stopClock()
    passTime(-3600)
    const error = await refusalOf(get('/grid/f.txt', { cert }))
    jest.useRealTimers()
    expectExplained(
      error,
      'refused',
      /with the TLS alert certificate_expired: a certificate has expired\. The certificate presented was .*, which expires in 30 minutes/,
    )
  })
})
