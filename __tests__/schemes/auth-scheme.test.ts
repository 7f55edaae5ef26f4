/** A scheme that signs method, URL, body and a counter, and a server that checks the signature of what arrives. */
import { createHmac } from 'node:crypto'
import { Readable } from 'node:stream'
import axios, { type AxiosInstance } from 'axios'
import { applyIgwnAuth, type AuthScheme, type IgwnAxiosError, type SchemeRequest } from '../../lib/index'
import { expectNoSecret } from '../support/expect-no-secret'
import { challenge, serve, type Answer, type Seen } from '../support/server'
import { ours, put, room } from '../support/tokens'

const SECRET = 'sosecretkey'

function mac(method: string, url: string, body: string, count: string): string {
  return createHmac('sha256', SECRET).update([method, url, body, count].join('\n')).digest('hex')
}

/** The requests that the scheme was called with, in order. */
let asked: SchemeRequest[]
let retries: number

function signing(more: Partial<AuthScheme> = {}): AuthScheme {
  return {
    name: 'Counting MAC',
    allowOverHttp: true,
    authorize(request) {
      asked.push(request)
      const count = String(asked.length)
      const body = Buffer.from(request.body ?? '').toString('latin1')
      const signature = mac(request.method, request.url.pathname + request.url.search, body, count)
      return { headers: { Authorization: `MAC ${count}:${signature}`, 'X-Count': count } }
    },
    ...more,
  }
}

/** Whether a request arrived as it was signed. */
function isSigned({ method, url, body, headers }: Seen): boolean {
  const [, count = '', signature] = /^MAC (\d+):(\w+)$/.exec(headers.authorization ?? '') ?? []
  return headers['x-count'] === count && signature === mac(method, url, body, count)
}

const verifying = (seen: Seen): Answer => (isSigned(seen) ? {} : { status: 403 })

beforeEach(() => {
  asked = []
  retries = 0
})

const withScheme = (scheme: AuthScheme, instance: AxiosInstance = axios.create()) =>
  applyIgwnAuth(instance, { scheme })

it('sees the final URL and body, after all interceptors and transforms', async () => {
  const { origin, seen } = await serve(verifying)
  const instance = withScheme(signing(), axios.create({ baseURL: `${origin}/api`, params: { key: 'a b' } }))
  instance.interceptors.request.use((config) => ({ ...config, url: `${config.url}/more` }))
  const { status } = await instance.post(
    'things',
    { ä: 1 },
    { transformRequest: (data: unknown) => `wrapped ${JSON.stringify(data)}`, params: { q: ['x', 'y'] } },
  )
  expect(status).toBe(200)
  expect(seen[0]?.url).toBe('/api/things/more?key=a+b&q%5B%5D=x&q%5B%5D=y')
  expect(asked[0]).toMatchObject({ method: 'POST', isStream: false, body: 'wrapped {"ä":1}' })
})

it('gets the bytes of a body, and of a stream only isStream', async () => {
  const { origin, seen } = await serve(() => ({}))
  const instance = withScheme(signing())
  await instance.put(origin, Buffer.from([1, 2, 3]))
  await instance.put(origin, new Uint8Array([1, 2, 3]).buffer)
  await instance.put(origin, Readable.from(['abc']))
  await instance.get(origin)
  expect(asked.map(({ body, isStream }) => [body && Array.from(body as Uint8Array), isStream])).toEqual([
    [[1, 2, 3], false],
    [[1, 2, 3], false],
    [undefined, true],
    [undefined, false],
  ])
  expect(seen[2]?.body).toBe('abc')
  expect(isSigned(seen[0] as Seen)).toBe(true)
})

it('gets the requirements of a token in its query', async () => {
  const { origin } = await serve(() => ({}))
  await withScheme(signing()).get(origin, { igwnAuth: { tokenScope: 'gracedb.read', tokenAudience: 'a' } })
  expect(asked[0]?.query).toMatchObject({ scope: ['gracedb.read'], audience: ['a'], minTimeLeft: 60 })
})

it('may put a token into the URL or the body, and no result or error shows it', async () => {
  const { origin, seen } = await serve(({ url }) => ({ status: url.startsWith('/no') ? 403 : 200 }))
  const inUrl = signing({
    authorize: ({ url }) => {
      url.searchParams.set('access_token', SECRET)
      return { url }
    },
  })
  const inBody = signing({ authorize: ({ body }) => ({ body: `${String(body)}&access_token=${SECRET}` }) })
  const form = new URLSearchParams({ a: '1' })
  for (const path of ['/yes', '/no']) {
    const results = [
      await withScheme(inUrl).get(`${origin}${path}?a=1`, { validateStatus: null }),
      await withScheme(inBody).post(`${origin}${path}`, form, {
        validateStatus: null,
        headers: { 'Content-Length': '3' },
      }),
      await withScheme(inUrl)
        .get(`${origin}${path}?a=1`)
        .catch((error: unknown) => error),
      await withScheme(inUrl)
        .get(`http://127.0.0.1:1${path}?a=1`)
        .catch((error: unknown) => error),
    ]
    for (const result of results) expectNoSecret(result, [SECRET])
  }
  expect(seen[0]?.url).toBe(`/yes?a=1&access_token=${SECRET}`)
  expect(seen[1]?.body).toBe(`a=1&access_token=${SECRET}`)
  expect(seen[1]?.headers['content-length']).toBe(String(seen[1]?.body.length))
})

it('is called again after a redirect on the same origin, with the method of the redirected request', async () => {
  const { origin, seen } = await serve((one) => {
    if (!isSigned(one)) return { status: 403 }
    return one.url === '/begin' ? { status: 303, headers: { Location: '/end?x=1' } } : {}
  })
  const { status } = await withScheme(signing()).post(`${origin}/begin`, 'body')
  expect(status).toBe(200)
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /begin', 'GET /end?x=1'])
  expect(asked).toHaveLength(2)
})

it('is called again with the body that a redirect keeps', async () => {
  const { origin, seen } = await serve((one) => {
    if (!isSigned(one)) return { status: 403 }
    return one.url === '/begin' ? { status: 307, headers: { Location: '/end' } } : {}
  })
  expect((await withScheme(signing()).post(`${origin}/begin`, { a: 1 })).status).toBe(200)
  expect(seen.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}'])
})

it('is not applied after a redirect to another origin, and none of its fields is sent there', async () => {
  const target = await serve(() => ({}))
  const { origin } = await serve(() => ({ status: 307, headers: { Location: `${target.origin}/x` } }))
  await withScheme(signing()).post(origin, 'text')
  await withScheme(signing()).post(origin, Readable.from(['text']))
  expect(asked).toHaveLength(2)
  for (const { headers, body } of target.seen) {
    expect(body).toBe('text')
    expect(headers).not.toHaveProperty('authorization')
    expect(headers).not.toHaveProperty('x-count')
  }
})

it('is not sent to another origin with white space around its value', async () => {
  const target = await serve(() => ({}))
  const { origin, seen } = await serve(() => ({ status: 302, headers: { Location: target.origin } }))
  const scheme = signing({
    authorize: () => ({ headers: { Authorization: ` MAC ${SECRET} `, 'X-Proof': `${SECRET}\t` } }),
  })
  await withScheme(scheme).get(origin)
  expect(seen[0]?.headers).toMatchObject({ authorization: `MAC ${SECRET}`, 'x-proof': SECRET })
  expect(JSON.stringify(target.seen)).not.toContain(SECRET)
  expect(target.seen).toHaveLength(1)
})

it('adds nothing that a beforeRedirect hook can see', async () => {
  const { origin } = await serve(({ url }) =>
    url.startsWith('/begin') ? { status: 302, headers: { Location: '/end' } } : {},
  )
  const shown: unknown[] = []
  const scheme = signing({
    authorize({ url }) {
      url.searchParams.set('access_token', SECRET)
      return { url, headers: { 'X-Proof': SECRET } }
    },
  })
  await withScheme(scheme).get(`${origin}/begin`, {
    params: { a: 1 },
    beforeRedirect: ({ headers }: { headers?: unknown }, _response, details) =>
      shown.push(JSON.stringify([headers, details])),
  })
  expect(shown).toHaveLength(1)
  expect(shown[0]).toContain('/begin?a=1')
  expect(String(shown[0])).not.toContain(SECRET)
})

it('is called again once after a 401 when shouldRetry returns true, with the scope of the challenge apart', async () => {
  const { origin, seen } = await serve(() => challenge('realm="x", scope="a b"'))
  const refusals: unknown[] = []
  const scheme = signing({
    shouldRetry: ({ status, challenges, header }, sent) => {
      refusals.push([status, challenges[0]?.scheme, header('CONTENT-TYPE'), sent.headers?.['X-Count']])
      return (retries += 1) > 0
    },
  })
  const error = (await withScheme(scheme)
    .get(origin)
    .catch((one: unknown) => one)) as IgwnAxiosError
  expect(error.response?.status).toBe(401)
  expect(refusals).toEqual([[401, 'bearer', 'application/json', '1']])
  expect(seen).toHaveLength(2)
  expect(asked.map(({ query }) => [query.scope, query.challengeScope])).toEqual([
    [[], undefined],
    [[], ['a', 'b']],
  ])
})

it.each<[string, Partial<AuthScheme>, string]>([
  ['false', { shouldRetry: () => false }, 'Counting MAC was refused by the server'],
  [
    'an error',
    { shouldRetry: () => Promise.reject(new Error('no nonce')) },
    'Finding another credential failed: no nonce',
  ],
])(
  'is not called again when shouldRetry gives %s, and the error of the 401 has the reason',
  async (_, more, message) => {
    const { origin, seen } = await serve(() => challenge())
    const failing = withScheme(signing(more)).get(origin)
    const error = (await failing.catch((one: unknown) => one)) as IgwnAxiosError
    expect(error.response?.status).toBe(401)
    expect(error.igwnAuth?.reasons.map((reason) => reason.message)).toContain(message)
    expect(seen).toHaveLength(1)
  },
)

it('is not called again for a body that is a stream, or without shouldRetry', async () => {
  const { origin, seen } = await serve(() => challenge())
  const answering = signing({ shouldRetry: () => true })
  const error = (await withScheme(answering)
    .post(origin, Readable.from(['x']))
    .catch((one: unknown) => one)) as IgwnAxiosError
  expect(error.igwnAuth?.reasons.map(({ code }) => code)).toEqual(['unsupported'])
  await expect(withScheme(signing()).get(origin)).rejects.toMatchObject({ response: { status: 401 } })
  expect(seen).toHaveLength(2)
})

it('gets every response in onResponse', async () => {
  const { origin } = await serve(({ url }) => ({
    status: Number(url.slice(1)),
    headers: { 'DPoP-Nonce': url },
  }))
  const responses: unknown[] = []
  const scheme = signing({
    onResponse: ({ status, header }, sent) =>
      responses.push([status, header('dpop-nonce'), sent.headers?.['X-Count']]),
  })
  const instance = withScheme(scheme, axios.create({ validateStatus: (status) => status < 400 }))
  for (const status of [200, 404]) await instance.get(`${origin}/${status}`).catch(() => undefined)
  expect(responses).toEqual([
    [200, '/200', '1'],
    [404, '/404', '2'],
  ])
})

it('is applied instead of a password that netrc names too', async () => {
  const { origin, seen } = await serve(verifying)
  const netrc = put(room('netrc'), 'machine 127.0.0.1 login albert password sosecret')
  await applyIgwnAuth(axios.create(), { scheme: signing(), netrc }).get(origin)
  expect(seen.map(isSigned)).toEqual([true])
})

it('is not applied to a request with its own Authorization, withholdToken or igwnAuth: false', async () => {
  const { origin, authorizations } = await serve(() => ({}))
  const instance = withScheme(signing())
  await instance.get(origin, { headers: { authorization: 'Mine' } })
  await instance.get(origin, { igwnAuth: { withholdToken: true } })
  await instance.get(origin, { igwnAuth: false })
  expect(authorizations).toEqual(['Mine', undefined, undefined])
  expect(asked).toHaveLength(0)
})

it('is replaced by a token of the request, and replaces a token of the instance', async () => {
  const { origin, authorizations } = await serve(() => ({}))
  await withScheme(signing()).get(origin, { igwnAuth: { token: 'abc' } })
  await applyIgwnAuth(axios.create(), { token: 'abc' }).get(origin, { igwnAuth: { scheme: signing() } })
  expect(authorizations[0]).toBe('Bearer abc')
  expect(authorizations[1]).toMatch(/^MAC /)
  expect(() => applyIgwnAuth(axios.create(), { token: 'abc', scheme: signing() })).toThrow(
    ours(
      'ERR_IGWN_INVALID_OPTION',
      'scheme and token exclude each other: a scheme replaces the token. Set one of them.',
    ),
  )
})

it('is not applied to another server than url names', async () => {
  const { origin, authorizations } = await serve(() => ({}))
  const instance = applyIgwnAuth(axios.create(), { scheme: signing(), url: 'https://gracedb.example.org' })
  await instance.get(origin)
  expect(authorizations).toEqual([undefined])
})

it('is an error over plain HTTP unless it has allowOverHttp', async () => {
  const scheme = signing({ allowOverHttp: false })
  const url = 'http://gracedb.example.org/'
  await expect(withScheme(scheme).get(url)).rejects.toThrow(
    ours(
      'ERR_IGWN_INSECURE_TRANSPORT',
      'gracedb.example.org is reached over plain HTTP, where others can read what Counting MAC adds to a request. ' +
        'Nothing was sent. Use https, or set allowInsecureHttp on a network that only you can read.',
    ),
  )
  expect(asked).toHaveLength(0)
})

it('is sent over plain HTTP to loopback, and elsewhere with its allowOverHttp or the option allowInsecureHttp', async () => {
  const { port, seen } = await serve(verifying)
  const lookup = (_: string, __: object, done: (...values: unknown[]) => void) => {
    done(null, [{ address: '127.0.0.1', family: 4 }])
  }
  const send = (host: string, allowOverHttp: boolean, allowInsecureHttp: boolean) => {
    const options = { scheme: signing({ allowOverHttp }), allowInsecureHttp }
    const config = { lookup: lookup as never, proxy: false } as const
    return applyIgwnAuth(axios.create(config), options).get(`http://${host}:${port}/`)
  }
  await send('127.0.0.1', false, false)
  await send('gracedb.example.org', true, false)
  await send('gracedb.example.org', false, true)
  await expect(send('gracedb.example.org', false, false)).rejects.toThrow('over plain HTTP')
  expect(seen).toHaveLength(3)
})

it.each<[string, AuthScheme['authorize'], string]>([
  [
    'changes the URL to another origin',
    () => ({ url: new URL('https://elsewhere.example.org') }),
    'The scheme Counting MAC changes the URL to another origin. Nothing was sent.',
  ],
  [
    'sets a header with a line break',
    () => ({ headers: { Authorization: `${SECRET}\r\nX-Evil: 1` } }),
    'The scheme Counting MAC sets Authorization to something else than a text that a header field allows (RFC 9110 section 5.5). Nothing was sent.',
  ],
])('sends nothing when it %s', async (_, authorize, message) => {
  const { origin, seen } = await serve(() => ({}))
  const failing = withScheme(signing({ authorize })).get(origin)
  await expect(failing).rejects.toThrow(ours('ERR_IGWN_INVALID_OPTION', message))
  expectNoSecret(await failing.catch((error: unknown) => error), [SECRET])
  expect(seen).toHaveLength(0)
})

it('sends nothing when it throws, or when the request is aborted meanwhile (trap 7)', async () => {
  const { origin, seen } = await serve(() => ({}))
  const broken = signing({ authorize: () => Promise.reject(new Error('no key')) })
  await expect(withScheme(broken).get(origin)).rejects.toThrow('no key')
  for (const wait of [false, true]) {
    const controller = new AbortController()
    const aborting = signing({
      authorize: () => {
        controller.abort()
        return wait ? new Promise(() => undefined) : {}
      },
    })
    await expect(withScheme(aborting).get(origin, { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_CANCELED',
    })
  }
  expect(seen).toHaveLength(0)
})
