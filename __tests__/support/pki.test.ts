import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import tls from 'node:tls'
import { listen } from './listen'
import { createAuthority, secondsFromNow } from './pki'
import type { Authority, Issued } from './pki'

let authority: Authority
let server: Issued
let alice: Issued

beforeAll(async () => {
  authority = await createAuthority()
  server = await authority.issueServer()
  alice = await authority.issueUser('Alice Adams')
})

const decoded = ({ certificate }: Pick<Issued, 'certificate'>) => new X509Certificate(certificate)

it('makes server and user certificates that node:tls accepts on both sides', async () => {
  const listening = tls.createServer({
    cert: server.certificate,
    key: server.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  })
  const { port } = await listen(listening)
  const arrived = once(listening, 'secureConnection') as Promise<[tls.TLSSocket]>

  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    ca: authority.certificate,
    cert: alice.certificate,
    key: alice.key,
  })
  const [accepted] = await arrived
  expect(accepted.authorized).toBe(true)
  expect(accepted.getPeerCertificate().subject.CN).toBe('Alice Adams')
  socket.destroy()
})

it('names localhost, 127.0.0.1 and ::1 in a server certificate', () => {
  const names = decoded(server).subjectAltName
  expect(names).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
})

it('issues proxies of users and of proxies: signed by their issuer, named after it and one CN more', async () => {
  const proxy = await authority.issueProxy(alice, { limited: true, pathLength: 1, voms: true })
  const below = await authority.issueProxy(proxy)
  expect(decoded(below).checkIssued(decoded(proxy))).toBe(true)
  expect(decoded(below).verify(decoded(proxy).publicKey)).toBe(true)
  expect(decoded(proxy).verify(decoded(alice).publicKey)).toBe(true)
  expect(decoded(below).subject).toMatch(/^DC=org\nDC=example\nCN=Alice Adams\nCN=\d+\nCN=\d+$/)
  expect(below.chain).toBe(proxy.certificate + alice.certificate)
  expect(below.bundle).toBe(below.certificate + below.key + below.chain)
})

it('issues certificates with any dates, and encrypted keys in both formats', async () => {
  const notAfter = secondsFromNow(-60)
  const expired = await authority.issueUser('Bob', { notBefore: secondsFromNow(-120), notAfter })
  expect(Date.parse(decoded(expired).validTo)).toBe(notAfter.getTime())
  for (const form of ['pkcs8', 'traditional'] as const) {
    const key = createPrivateKey({ key: expired.encryptedKey('opensesame', form), passphrase: 'opensesame' })
    expect(decoded(expired).checkPrivateKey(key)).toBe(true)
  }
  expect(expired.encryptedKey('opensesame')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
  expect(expired.encryptedKey('opensesame', 'traditional')).toMatch(/Proc-Type: 4,ENCRYPTED/)
})
