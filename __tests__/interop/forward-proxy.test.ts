import axios from 'axios'
import { HTTPSciTokenAuth, igwnAxios } from '../../lib/index'
import { expectNoSecret } from '../support/expect-no-secret'
import { createAuthority, RSA, type Authority } from '../support/pki'
import { emptyPlaces } from '../support/tokens'
import { startApache, type Apache } from './support/apache'
import { caFolder } from './support/ca-folder'
import { createIssuer } from './support/issuer'
import { gridProxyInit, userFiles, type CredentialFiles } from './support/proxies'
import { expectExplained, refusalOf } from './support/refusal'
import { newFolder } from './support/room'
import { subjectOf } from './support/subject-of'
import { startTinyproxy, type Tinyproxy } from './support/tinyproxy'
import { startXrootd, type Xrootd } from './support/xrootd'

/** tinyproxy between this package and the servers. It can read plain HTTP, but not what passes through its tunnels. */
const issuer = createIssuer()
let authority: Authority
let alice: CredentialFiles
let certificates: string
let apache: Apache
let xrootd: Xrootd
let proxy: Tinyproxy

beforeAll(async () => {
  authority = await createAuthority('Interop CA', RSA)
  const user = await authority.issueUser('Alice Adams')
  alice = userFiles(user)
  certificates = caFolder(newFolder('certificates'), authority)
  ;[apache, xrootd, proxy] = await Promise.all([
    startApache({ authority, issuer }),
    startXrootd({
      authority,
      issuer,
      gridmap: { [subjectOf(user.certificate)]: 'alice' },
      authorizations: ['u alice /grid rl'],
      files: { 'data/f.txt': 'secret data', 'grid/f.txt': 'grid data' },
    }),
    startTinyproxy(),
  ])
})

beforeEach(async () => {
  emptyPlaces()
  for (const name of Object.keys(process.env)) if (/_PROXY$/i.test(name)) delete process.env[name]
  process.env.X509_CERT_DIR = certificates
  process.env.HTTPS_PROXY = proxy.url
  proxy.requests()
  await apache.requests()
})

const tunnelTo = (url: string) => `CONNECT ${new URL(url).host} HTTP/1.1`

it('tunnels a token, and does not see it', async () => {
  const token = (process.env.BEARER_TOKEN = issuer.mint())
  const before = proxy.output().length
  const { data } = await igwnAxios.create().get<string>(`${apache.origin}/token/file`)
  expect(data).toBe('a file in token')
  expect(proxy.requests()).toEqual([tunnelTo(apache.origin)])
  expect(proxy.output().slice(before)).not.toContain(token)
})

it('tunnels a certificate', async () => {
  const instance = igwnAxios.create({ igwnAuth: { cert: [alice.cert, alice.key] } })
  const door = `https://localhost:${apache.ports.certificates}`
  expect((await instance.get(`${door}/open/file`)).status).toBe(200)
  expect(proxy.requests()).toEqual([tunnelTo(door)])
  expect(await apache.requests()).toMatchObject([{ subject: 'CN=Alice Adams,DC=example,DC=org' }])
})

it('tunnels a grid proxy and a token to XRootD', async () => {
  process.env.X509_USER_PROXY = gridProxyInit(alice, certificates)
  expect((await igwnAxios.create().get(`${xrootd.origin}/grid/f.txt`)).data).toBe('grid data')
  process.env.BEARER_TOKEN = issuer.mint()
  expect((await igwnAxios.create().get(`${xrootd.origin}/data/f.txt`)).data).toBe('secret data')
  delete process.env.X509_USER_PROXY
  expect(proxy.requests()).toEqual([tunnelTo(xrootd.origin), tunnelTo(xrootd.origin)])
})

it('passes on the refusal of a certificate, which names what was presented', async () => {
  const mallory = userFiles(await (await createAuthority('Foreign CA')).issueUser('Mallory'))
  const instance = igwnAxios.create({ igwnAuth: { cert: [mallory.cert, mallory.key] } })
  const error = await refusalOf(instance.get(`https://localhost:${apache.ports.certificates}/open/file`))
  expectExplained(
    error,
    'refused',
    /TLS alert unknown_ca.*The certificate presented was \/DC=org\/DC=example\/CN=Mallory/,
  )
})

it('is used again for the retry after a 401', async () => {
  process.env.BEARER_TOKEN = issuer.mint()
  const waiting = new HTTPSciTokenAuth().apply(axios.create())
  expect((await waiting.get(`${apache.origin}/token/file`)).status).toBe(200)
  expect((await apache.requests()).map(({ status }) => status)).toEqual([401, 200])
  for (const request of proxy.requests()) expect(request).toBe(tunnelTo(apache.origin))
})

it('is used for the target of a redirect, with the token for that host', async () => {
  process.env.SCITOKEN = issuer.mint({ aud: apache.origin })
  process.env.BEARER_TOKEN = issuer.mint({ aud: `https://127.0.0.1:${apache.ports.tls}` })
  const { data } = await igwnAxios.create().get<string>(`${apache.origin}/other/token/file`)
  expect(data).toBe('a file in token')
  expect(proxy.requests()).toEqual([
    tunnelTo(apache.origin),
    tunnelTo(`https://127.0.0.1:${apache.ports.tls}`),
  ])
  expect(await apache.requests()).toMatchObject([
    { authorization: `Bearer ${process.env.SCITOKEN}` },
    { authorization: `Bearer ${process.env.BEARER_TOKEN}` },
  ])
})

it.each([
  ['localhost', []],
  ['elsewhere.example.org,localhost', []],
  ['.localhost', ['CONNECT']],
  ['*', []],
  ['elsewhere.example.org', ['CONNECT']],
])('is not used for hosts in NO_PROXY: %s', async (noProxy, expected) => {
  process.env.NO_PROXY = noProxy
  const instance = igwnAxios.create({ igwnAuth: { cert: [alice.cert, alice.key] } })
  expect((await instance.get(`https://localhost:${apache.ports.certificates}/open/file`)).status).toBe(200)
  expect(proxy.requests().map((line) => line.split(' ')[0])).toEqual(expected)
})

it('gets no token with a plain HTTP request, not even to a loopback address', async () => {
  const token = (process.env.BEARER_TOKEN = issuer.mint())
  process.env.HTTP_PROXY = proxy.url
  const url = `http://localhost:${apache.ports.clear}/token/file`
  expectExplained(await refusalOf(igwnAxios.create().get(url)), 'insecure-transport', /can read a token/)
  expect(proxy.requests()).toEqual([`GET ${url} HTTP/1.1`])
  expect(await apache.requests()).toMatchObject([{ status: 401, authorization: '' }])

  // Without a proxy, the request does not leave this host.
  delete process.env.HTTP_PROXY
  expect((await igwnAxios.create().get(url)).status).toBe(200)
  expect(await apache.requests()).toMatchObject([{ authorization: `Bearer ${token}` }])
})

describe('with a username and password', () => {
  let guarded: Tinyproxy
  beforeAll(async () => {
    guarded = await startTinyproxy({ login: 'proxyuser:proxy-password', connectPorts: [apache.ports.tls] })
  })

  it('gets them from the URL of the proxy, in addition to the token for the server', async () => {
    process.env.HTTPS_PROXY = guarded.url.replace('//', '//proxyuser:proxy-password@')
    process.env.BEARER_TOKEN = issuer.mint()
    const response = await igwnAxios.create().get(`${apache.origin}/token/file`)
    expect(response.status).toBe(200)
    expectNoSecret(response, ['proxy-password', process.env.BEARER_TOKEN])
    expect(await apache.requests()).toMatchObject([{ authorization: `Bearer ${process.env.BEARER_TOKEN}` }])
  })

  it('refuses wrong ones, and nothing that can be printed contains them or the token', async () => {
    process.env.HTTPS_PROXY = guarded.url.replace('//', '//proxyuser:wrong-password@')
    process.env.BEARER_TOKEN = issuer.mint()
    const error = await refusalOf(igwnAxios.create().get(`${apache.origin}/token/file`))
    expect(error.response?.headers.server).toMatch(/^tinyproxy/)
    expectNoSecret(error, ['wrong-password', process.env.BEARER_TOKEN])
    expect(await apache.requests()).toEqual([])
  })

  it('refuses a tunnel to another port, which is not reported as a refusal by the server', async () => {
    process.env.HTTPS_PROXY = guarded.url.replace('//', '//proxyuser:proxy-password@')
    const instance = igwnAxios.create({ igwnAuth: { cert: [alice.cert, alice.key] } })
    const error = await refusalOf(instance.get(`https://localhost:${apache.ports.certificates}/open/file`))
    expectNoSecret(error, ['proxy-password'])
    expect(error.igwnAuth?.summary).toMatch(
      /^the network proxy answered with 403; the request did not reach localhost/,
    )
  })
})
