import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import { igwnAxios } from '../../lib/index'
import { createAuthority, RSA, type Authority } from '../support/pki'
import { caFolder } from './support/ca-folder'
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
import { startSServer, type SServer } from './support/s-server'

/** OpenSSL verifies chains as servers that accept proxies do. Its alerts arrive differently under TLS 1.2. */
let authority: Authority
let alice: CredentialFiles
let certificates: string
beforeAll(async () => {
  authority = await createAuthority('Interop CA', RSA)
  alice = userFiles(await authority.issueUser('Alice Adams'))
  certificates = caFolder(newFolder('certificates'), authority)
  process.env.X509_CERT_DIR = certificates
})

/** A proxy file, or a certificate and its key. */
type Credential = string | [string, string]

const DAY = 86_400

describe.each(['1.2', '1.3'] as const)('under TLS %s, openssl s_server', (tls) => {
  let now: SServer
  let tomorrow: SServer
  let yesterday: SServer
  beforeAll(async () => {
    ;[now, tomorrow, yesterday] = await Promise.all([
      startSServer({ authority, tls }),
      startSServer({ authority, tls, ahead: DAY }),
      startSServer({ authority, tls, ahead: -DAY }),
    ])
  })

  const get = (url: string, cert?: Credential) =>
    igwnAxios.create({ igwnAuth: cert ? { cert } : {} }).get<string>(url)

  it.each<[what: string, make: () => Credential | Promise<Credential>]>([
    ['a user certificate', () => [alice.cert, alice.key]],
    ['a proxy by grid-proxy-init', () => gridProxyInit(alice, certificates)],
    ['a limited proxy', () => gridProxyInit(alice, certificates, '-limited')],
    ['a proxy by voms-proxy-init', () => vomsProxyInit(alice, certificates)],
    [
      'a proxy with attributes of VOMS',
      async () =>
        vomsProxyFake(alice, certificates, {
          vo: 'testvo',
          issuer: userFiles(await authority.issueServer()),
        }),
    ],
    ['a proxy by openssl', () => opensslProxy(alice)],
    [
      'a proxy of a proxy of a proxy',
      () => opensslProxy(ofProxy(gridProxyInit(ofProxy(vomsProxyInit(alice, certificates)), certificates))),
    ],
  ])('verifies %s', async (_what, make) => {
    const cert = await make()
    const { data } = await get(now.url, cert)
    expect(data).toContain(`TLSv${tls}`)
    const [, shown = ''] = /^Client certificate\n([^]*-----END CERTIFICATE-----)/m.exec(data) ?? []
    const presented = new X509Certificate(fs.readFileSync(typeof cert === 'string' ? cert : cert[0]))
    expect(new X509Certificate(shown).fingerprint256).toBe(presented.fingerprint256)
  })

  it.each<[what: string, make: () => Promise<string> | string, server: () => SServer, alert: string]>([
    [
      'has expired by its clock',
      () => gridProxyInit(alice, certificates),
      () => tomorrow,
      'certificate_expired: a certificate has expired',
    ],
    [
      'is not valid yet by its clock',
      () => gridProxyInit(alice, certificates),
      () => yesterday,
      'bad_certificate: .*not valid yet',
    ],
    [
      'is from an unknown CA',
      async () =>
        opensslProxy(userFiles(await (await createAuthority('Foreign CA', RSA)).issueUser('Mallory'))),
      () => now,
      'unknown_ca: the CA of the certificate is not known',
    ],
    [
      'is a legacy proxy from before RFC 3820',
      () => gridProxyInit(alice, certificates, '-old'),
      () => now,
      'unknown_ca: .*or a certificate of the chain is missing',
    ],
    [
      'exceeds the path length of its chain',
      () => opensslProxy(ofProxy(opensslProxy(alice, { pathLength: 0 }))),
      () => now,
      'certificate_unknown: .*or the path of the proxy is too long',
    ],
  ])('refuses a certificate that %s, and the refusal says so', async (_what, make, server, alert) => {
    const cert = await make()
    const error = await refusalOf(get(server().url, cert))
    expect(error.code).toMatch(tls === '1.2' ? /^EPROTO$/ : /^ERR_SSL_.*ALERT/)
    expectExplained(
      error,
      'refused',
      new RegExp(
        `TLS alert ${alert}.* The certificate presented was /DC=org/DC=example/CN=.*, from ${cert} \\(cert\\)`,
      ),
    )
  })

  it('refuses a client without a certificate, and the refusal says so', async () => {
    const error = await refusalOf(get(now.url))
    const alert =
      tls === '1.2'
        ? 'handshake_failure: .*under TLS 1\\.2 also because no certificate'
        : 'certificate_required: it requires a certificate'
    expectExplained(error, 'refused', new RegExp(`TLS alert ${alert}.* No certificate was presented`))
  })
})
