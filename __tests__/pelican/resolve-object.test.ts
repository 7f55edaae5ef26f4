import axios from 'axios'
import { federationOf, resolveObject } from '../../lib/pelican'
import { expectNoSecret } from '../support/expect-no-secret'
import { createFederation, type TestFederation } from '../support/federation'
import { mint } from '../support/tokens'
import { createAuthority } from '../support/pki'
import fs from 'node:fs'
import path from 'node:path'

let federation: TestFederation

beforeAll(async () => {
  const authority = await createAuthority()
  const { certificate: cert, key } = await authority.issueServer()
  const bundle = path.join(process.env.HOME ?? '', 'ca.pem')
  fs.writeFileSync(bundle, authority.certificate)
  process.env.REQUESTS_CA_BUNDLE = bundle
  federation = await createFederation({ cert, key })
})
beforeEach(() => {
  federation.director.seen.length = 0
})

const rejected = (act: () => Promise<unknown>): Promise<unknown> => act().catch((error: unknown) => error)

it('says where an object is, and which token it needs', async () => {
  const { caches, host, issuer, source } = federation
  const object = await resolveObject(federation.url('/igwn/frames/f.txt'))
  expect(object).toEqual({
    url: `pelican://${host}/igwn/frames/f.txt`,
    federation: await federationOf(federation.url('/')),
    path: '/igwn/frames/f.txt',
    method: 'GET',
    tokenName: undefined,
    servers: caches.map(({ origin }, at) => ({ url: `${origin}/igwn/frames/f.txt`, priority: at + 1 })),
    namespace: '/igwn',
    requiresToken: true,
    collectionsUrl: `${source.origin}/`,
    issuers: [issuer],
    basePaths: ['/igwn'],
    maxScopeDepth: 3,
    vaultServer: undefined,
    scopes: ['storage.read:/frames/f.txt', 'read:/frames/f.txt'],
  })
})

it('needs no token for a public object, and names the origin for other methods', async () => {
  const open = await resolveObject(new URL(federation.url('/public/p.txt')), { method: 'head' })
  expect(open).toMatchObject({ requiresToken: false, issuers: [], scopes: [], method: 'GET' })
  const put = await resolveObject(federation.url('/igwn/new.txt'), { method: 'put' })
  expect(put.servers).toEqual([{ url: `${federation.source.origin}/igwn/new.txt`, priority: 0 }])
})

it('sends no credential to the discovery host and the director, even with an instance that has one', async () => {
  const token = mint({ aud: 'ANY' })
  process.env.BEARER_TOKEN = token
  const instance = axios.create({ auth: { username: 'me', password: 'secret-password' } })
  instance.defaults.headers.common.Authorization = `Bearer ${token}`
  const object = await resolveObject(federation.url('/igwn/frames/f.txt'), { axios: instance })
  delete process.env.BEARER_TOKEN
  expect(federation.director.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
  expectNoSecret(object, [token, 'secret-password'])
})

it('keeps nothing between calls', async () => {
  await resolveObject(federation.url('/public/p.txt'))
  await resolveObject(federation.url('/public/p.txt'))
  expect(federation.director.seen).toHaveLength(4)
})

it('names the issuer where the director wants a token to name servers', async () => {
  federation.director.closed.add('/igwn')
  const object = await resolveObject(federation.url('/igwn/frames/f.txt'))
  federation.director.closed.clear()
  expect(object).toMatchObject({ servers: [], issuers: [federation.issuer] })
})

it('fails with the words of the director where no server has the object', async () => {
  const error = await rejected(() => resolveObject(federation.url('/igwn/none.txt')))
  expect(error).toMatchObject({
    code: 'ERR_IGWN_FEDERATION',
    message: `The director of ${federation.host} names no server for GET /igwn/none.txt (status 404: No sources reported possession of the object: Request ID: 1f2e). Check the path, and whether the namespace allows GET.`,
  })
})

it('fails for a host that is no federation, and for one that cannot be reached', async () => {
  const cache = new URL(federation.caches[0].origin).host
  expect(await rejected(() => federationOf(`pelican://${cache}/x`))).toMatchObject({
    code: 'ERR_IGWN_FEDERATION',
    message: expect.stringContaining('cannot be fetched (status 404)'),
  })
  expect(await rejected(() => resolveObject('pelican://localhost:1/x'))).toMatchObject({
    code: 'ECONNREFUSED',
  })
})

it.each([
  [{ method: '' }, 'method must be an HTTP method, not a string'],
  [{ axios: {} }, 'axios must be an axios instance, not an object'],
  [{ timeout: 1 }, 'timeout'],
])('refuses the options %j', async (options, message) => {
  const error = await rejected(() => resolveObject(federation.url('/x'), options as never))
  expect(error).toMatchObject({ code: 'ERR_IGWN_INVALID_OPTION', message: expect.stringContaining(message) })
})
