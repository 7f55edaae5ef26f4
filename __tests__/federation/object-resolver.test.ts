import type { Ask, Question, Reply } from '../../lib/federation/ask'
import { objectResolver } from '../../lib/federation/object-resolver'

const DOCUMENT = { director_endpoint: 'https://director.example.org/' }
const FOUND: Reply = {
  status: 307,
  body: '',
  headers: {
    server: 'pelican/7.20.0',
    link: '<https://a.example.org/igwn/f>; rel="duplicate"; pri=1, <https://b.example.org/igwn/f>; rel="duplicate"; pri=2',
    'x-pelican-namespace': 'namespace=/igwn, require-token=true',
    'x-pelican-authorization': 'issuer=https://issuer.test',
  },
}
const refusal = (status: number, headers = { server: 'pelican/7.20.0' }): Reply => ({
  status,
  headers,
  body: '{"status":"error","msg":"No sources reported possession"}',
})

/** A resolver that gets these replies, and what it asked. */
function resolver(replies: readonly (Reply | Error)[], document: object = DOCUMENT) {
  const asked: string[] = []
  const pauses: number[] = []
  let index = 0
  const ask: Ask = async ({ method, url }: Question) => {
    asked.push(`${method} ${url}`)
    if (url.includes('/.well-known/')) return { status: 200, headers: {}, body: JSON.stringify(document) }
    const reply = replies[Math.min(index++, replies.length - 1)]
    if (reply instanceof Error || !reply) throw reply
    return reply
  }
  const pause = async (delay: number) => void pauses.push(delay)
  const { resolve, known, federationOf, demote, replace } = objectResolver(pause)
  return {
    asked,
    pauses,
    demote,
    replace,
    known,
    resolve: (url: string, method: string) => resolve(url, method, ask),
    federationOf: (url: string) => federationOf(url, ask),
  }
}

const at = (seconds: number) => jest.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000 + seconds * 1000)
beforeEach(() => at(0))
afterEach(() => jest.restoreAllMocks())

const WELL_KNOWN = '/.well-known/pelican-configuration'

const rejected = (act: () => Promise<unknown>): Promise<unknown> => act().catch((error: unknown) => error)

it('asks the discovery host, then the director with the method of the request', async () => {
  const { resolve, asked } = resolver([FOUND])
  const { object } = await resolve('osdf:///igwn/f', 'PUT')
  expect(asked).toEqual([`GET https://osg-htc.org${WELL_KNOWN}`, 'PUT https://director.example.org/igwn/f'])
  expect(object).toMatchObject({
    url: 'pelican://osg-htc.org/igwn/f',
    path: '/igwn/f',
    method: 'PUT',
    federation: { host: 'osg-htc.org', director: 'https://director.example.org' },
    requiresToken: true,
    issuers: ['https://issuer.test'],
    scopes: ['storage.create:/f', 'write:/f'],
  })
  expect(object.servers.map(({ url }) => url)).toEqual([
    'https://a.example.org/igwn/f',
    'https://b.example.org/igwn/f',
  ])
})

it('asks for origins with directread, and passes parameters on to the director', async () => {
  const { resolve, asked } = resolver([FOUND])
  await resolve('osdf:///igwn/f?directread&skipstat', 'GET')
  expect(asked[1]).toBe('GET https://director.example.org/api/v1.0/director/origin/igwn/f?skipstat')
})

it('asks once for concurrent look-ups, and for HEAD and GET together', async () => {
  const { resolve, asked } = resolver([FOUND])
  const all = await Promise.all([
    resolve('osdf:///igwn/f', 'GET'),
    resolve('osdf:///igwn/f', 'HEAD'),
    resolve('osdf:///igwn/f', 'GET'),
  ])
  expect(new Set(all).size).toBe(1)
  expect(asked).toHaveLength(2)
})

it('keeps an object for 5 minutes and a federation for 30', async () => {
  const { resolve, asked } = resolver([FOUND])
  const count = async (seconds: number) => {
    at(seconds)
    await resolve('osdf:///igwn/f', 'GET')
    return asked.length
  }
  expect([await count(0), await count(299), await count(301), await count(1799), await count(2100)]).toEqual([
    2, 2, 3, 4, 6,
  ])
})

it('has a resolved object at once, for GET and HEAD, until it has to be resolved again', async () => {
  const { resolve, known, demote } = resolver([FOUND])
  const pending = resolve('osdf:///igwn/f', 'GET')
  expect(known('osdf:///igwn/f', 'GET')).toBeUndefined()
  const found = await pending
  expect(known('osdf:///igwn/f', 'HEAD')).toBe(found)
  expect(known('osdf:///igwn/f', 'PUT')).toBeUndefined()
  demote(found, found.object.servers[0]!)
  expect(known('osdf:///igwn/f', 'GET')?.object.servers.map(({ priority }) => priority)).toEqual([2, 1])
  at(301)
  expect(known('osdf:///igwn/f', 'GET')).toBeUndefined()
  const failing = resolver([new Error('no response')])
  await rejected(() => failing.resolve('osdf:///igwn/f', 'GET'))
  expect(failing.known('osdf:///igwn/f', 'GET')).toBeUndefined()
})

it('remembers failures for 10 seconds: an unknown object, and a host that cannot be reached', async () => {
  const unreachable = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  for (const failure of [refusal(404), unreachable]) {
    const { resolve, asked } = resolver([failure])
    const look = () => resolve('osdf:///igwn/f', 'GET').catch((error: unknown) => error)
    at(0)
    await look()
    at(9)
    await look()
    expect(asked).toHaveLength(2)
    at(11)
    await look()
    expect(asked).toHaveLength(3)
  }
})

it('waits for a director that restarts: 3, 6 and 9 seconds, longer where Retry-After says so', async () => {
  const gateway = refusal(502, { server: 'nginx' })
  const busy: Reply = { status: 429, headers: { Server: 'pelican/7.20.0', 'Retry-After': '8' }, body: '' }
  const { resolve, pauses } = resolver([refusal(404, { server: '' }), busy, gateway, FOUND])
  expect((await resolve('osdf:///igwn/f', 'GET')).object.servers).toHaveLength(2)
  expect(pauses).toEqual([3000, 8000, 9000])
})

it('gives up after three waits, and waits for no response that is of Pelican', async () => {
  const restarting = resolver([refusal(429)])
  expect((await restarting.resolve('osdf:///igwn/f', 'GET')).reply.status).toBe(429)
  expect(restarting.pauses).toEqual([3000, 6000, 9000])
  for (const status of [400, 404, 405, 500]) {
    const { resolve, pauses } = resolver([refusal(status)])
    const { object, reply } = await resolve('osdf:///igwn/f', 'GET')
    expect([object.servers, reply.status, pauses]).toEqual([[], status, []])
  }
})

it('puts a server that failed behind the others, for as long as the object is kept', async () => {
  const { resolve, demote, asked } = resolver([FOUND])
  const first = await resolve('osdf:///igwn/f', 'GET')
  demote(first, first.object.servers[0]!)
  const { object } = await resolve('osdf:///igwn/f', 'GET')
  expect(object.servers.map(({ priority }) => priority)).toEqual([2, 1])
  expect(asked).toHaveLength(2)
})

it('puts each server that failed behind the others, also of requests that began with the same order', async () => {
  const link = [1, 2, 3]
    .map((n) => `<https://c${n}.example.org/igwn/f>; rel="duplicate"; pri=${n}`)
    .join(', ')
  const { resolve, demote } = resolver([{ status: 307, headers: { link }, body: '' }])
  const begun = await resolve('osdf:///igwn/f', 'GET')
  const [first, second] = begun.object.servers
  for (const failed of [first!, first!, second!]) demote(begun, failed)
  const { object } = await resolve('osdf:///igwn/f', 'GET')
  expect(object.servers.map(({ priority }) => priority)).toEqual([3, 1, 2])
})

it('keeps what replaces a failure for as long as any object', async () => {
  const { resolve, replace, asked } = resolver([{ status: 403, headers: {}, body: '' }])
  const refused = await resolve('osdf:///igwn/f', 'GET')
  at(5)
  const servers = [{ url: 'https://c.example.org/igwn/f', priority: 1 }]
  replace(refused, { ...refused, object: { ...refused.object, servers } })
  at(304)
  expect((await resolve('osdf:///igwn/f', 'GET')).object.servers).toEqual(servers)
  expect(asked).toHaveLength(2)
  at(306)
  await resolve('osdf:///igwn/f', 'GET')
  expect(asked).toHaveLength(3)
})

it('lists at collections-url where the director names no server for PROPFIND', async () => {
  const headers = { 'x-pelican-namespace': 'namespace=/igwn, collections-url=https://o.example.org:1094/' }
  const { resolve } = resolver([{ status: 200, headers, body: '' }])
  const { object } = await resolve('osdf:///igwn/', 'PROPFIND')
  expect(object.servers).toEqual([{ url: 'https://o.example.org:1094/igwn/', priority: 1 }])
})

it('asks an origin that stands alone by HEAD, and sends requests to it', async () => {
  const headers = { 'x-pelican-authorization': 'issuer=https://issuer.test' }
  const { resolve, asked } = resolver([{ status: 403, headers, body: '' }], {})
  const { object } = await resolve('pelican://o.example.org:8443/x/f', 'DELETE')
  expect(asked[1]).toBe('HEAD https://o.example.org:8443/x/f')
  expect(object.servers).toEqual([{ url: 'https://o.example.org:8443/x/f', priority: 1 }])
  expect(object.issuers).toEqual(['https://issuer.test'])
})

it.each([
  ['PUT', 1],
  ['DELETE', 0],
  ['GET', 0],
])(
  'sends %s of an object that an origin which stands alone does not have to %d servers',
  async (method, count) => {
    const { resolve } = resolver([{ status: 404, headers: { server: 'pelican/7.20.0' }, body: '' }], {})
    const { object } = await resolve('pelican://o.example.org/x/new', method)
    expect(object.servers).toHaveLength(count)
  },
)

it.each([
  ['that is no object', [], 'Its discovery document is not a JSON object'],
  [
    'with a director without https',
    { director_endpoint: 'http://d.example.org' },
    'Its discovery document names a director without https, or with a password',
  ],
  [
    'with a director with a password',
    { director_endpoint: 'https://user:password@d.example.org' },
    'Its discovery document names a director without https, or with a password',
  ],
])('refuses a discovery document %s', async (_, document, problem) => {
  const error = await rejected(() => resolver([FOUND], document).federationOf('pelican://h.example.org/x'))
  expect(error).toMatchObject({
    code: 'ERR_IGWN_FEDERATION',
    message: `h.example.org is no Pelican federation that can be used. ${problem}. Check the host in the URL.`,
  })
})

it('takes the host that was asked, whatever the document names', async () => {
  const { federationOf } = resolver([FOUND], {
    ...DOCUMENT,
    discovery_endpoint: 'https://elsewhere.example.org',
    jwks_uri: 'https://h.example.org/jwks',
    namespace_registration_endpoint: 'https://r.example.org',
  })
  expect(await federationOf('pelican://h.example.org/x')).toEqual({
    host: 'h.example.org',
    director: 'https://director.example.org',
    jwksUri: 'https://h.example.org/jwks',
    registry: 'https://r.example.org',
  })
})
