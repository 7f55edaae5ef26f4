/** `igwnFetch` sends by the rules of `applyIgwnAuth`: over real connections, with the fetch of this Node.js. */
import http from 'node:http'
import { authorize, createIgwnFetch, explanationOf, igwnFetch } from '../../lib/fetch'
import type { IgwnAuthEvent } from '../../lib/events'
import type { SchemeRequest } from '../../lib/schemes/auth-scheme'
import { reuse } from '../../lib/tokens/reuse'
import { listen } from '../support/listen'
import { expectNoUnhandledRejection } from '../support/record-events'
import { challenge, serve } from '../support/server'
import { emptyPlaces, mint, ours, put, room } from '../support/tokens'

expectNoUnhandledRejection()
beforeEach(emptyPlaces)
afterEach(() => {
  delete process.env.NETRC
})

const TOKEN = 'token-of-alice'

describe('a request', () => {
  it('carries the token that is found for its URL', async () => {
    const server = await serve(() => ({}))
    process.env.BEARER_TOKEN = mint({ aud: server.origin })
    const response = await igwnFetch(`${server.origin}/x`)
    expect(await response.json()).toEqual({ ok: true })
    expect(server.authorizations).toEqual([`Bearer ${process.env.BEARER_TOKEN}`])
  })

  it.each([
    ['a URL', (url: string) => new URL(url)],
    ['a Request', (url: string) => new Request(url)],
  ])('is sent to %s', async (_, input) => {
    const server = await serve(() => ({}))
    const response = await createIgwnFetch({ token: TOKEN })(input(`${server.origin}/x?y=1`))
    expect(response.status).toBe(200)
    expect(server.seen).toMatchObject([{ method: 'GET', url: '/x?y=1' }])
    expect(server.authorizations).toEqual([`Bearer ${TOKEN}`])
  })

  it('carries username and password of netrc, where there is no token', async () => {
    const server = await serve(() => ({}))
    process.env.NETRC = put(room('netrc'), 'machine 127.0.0.1 login albert password secret-of-albert\n')
    await createIgwnFetch()(server.origin)
    expect(server.authorizations).toEqual([
      `Basic ${Buffer.from('albert:secret-of-albert').toString('base64')}`,
    ])
  })

  it('has the options of its own over those of the instance, and none with false', async () => {
    const server = await serve(() => ({}))
    const get = createIgwnFetch({ token: TOKEN })
    await get(server.origin, { igwnAuth: { token: 'another-token' } })
    await get(server.origin, { igwnAuth: false })
    expect(server.authorizations).toEqual(['Bearer another-token', undefined])
  })

  it.each([
    ['an object', { authorization: 'Bearer mine' }],
    ['a list', [['AUTHORIZATION', 'Bearer mine']] as [string, string][]],
    ['Headers', new Headers({ Authorization: 'Bearer mine' })],
  ])("keeps the caller's own Authorization in %s", async (_, headers) => {
    const server = await serve(() => challenge())
    const response = await createIgwnFetch({ token: TOKEN })(server.origin, { headers })
    expect(response.status).toBe(401)
    expect(server.authorizations).toEqual(['Bearer mine'])
  })

  it('is not sent without the credential that its options require', async () => {
    const server = await serve(() => ({}))
    const get = createIgwnFetch()
    await expect(get(server.origin, { igwnAuth: { token: true } })).rejects.toMatchObject({
      name: 'IgwnAuthError',
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
    })
    await expect(get(server.origin, { igwnAuth: { failIfNoAuth: true } })).rejects.toMatchObject({
      code: 'ERR_IGWN_NO_CREDENTIAL',
    })
    expect(server.seen).toEqual([])
  })

  it('with a given token is not sent over plain HTTP to another host', async () => {
    await expect(createIgwnFetch({ token: TOKEN })('http://host.example.org/')).rejects.toThrow(
      ours(
        'ERR_IGWN_INSECURE_TRANSPORT',
        'host.example.org is reached over plain HTTP, where others can read a token. Nothing was sent. Use https, or set allowInsecureHttp on a network that only you can read.',
      ),
    )
  })

  it('with userinfo in the URL is an error that does not repeat it', async () => {
    await expect(igwnFetch('https://albert:secret@host.example.org/')).rejects.toThrow(
      ours(
        'ERR_IGWN_INVALID_URL',
        'The URL has a username or password, which fetch does not accept. Put them into netrc, or set the Authorization header.',
      ),
    )
  })

  it('of another protocol is left to fetch', async () => {
    expect(await (await igwnFetch('data:text/plain,hello')).text()).toBe('hello')
    await expect(igwnFetch('/relative')).rejects.toThrow('Failed to parse URL')
  })

  it('is checked: an unknown option is an error', async () => {
    expect(() => createIgwnFetch({ tokn: TOKEN } as never)).toThrow('options has no option "tokn"')
    expect(() => createIgwnFetch({}, { fetch: 'fetch' } as never)).toThrow(
      'settings.fetch must be a function, not a string.',
    )
    await expect(igwnFetch('https://host.example.org', { igwnAuth: { tokn: 1 } as never })).rejects.toThrow(
      'igwnAuth has no option "tokn"',
    )
  })

  it('goes through the fetch of the caller, and does not change its options', async () => {
    const sent: unknown[] = []
    const get = createIgwnFetch(
      { token: TOKEN },
      {
        fetch: async (url, init) => {
          sent.push(url, new Headers(init?.headers).get('authorization'), init?.redirect)
          return new Response('ok')
        },
      },
    )
    const init = { headers: { accept: 'text/plain' } }
    expect(await (await get('https://host.example.org/x', init)).text()).toBe('ok')
    expect(sent).toEqual(['https://host.example.org/x', `Bearer ${TOKEN}`, 'manual'])
    expect(init).toEqual({ headers: { accept: 'text/plain' } })
  })

  it('has no options with null, and no signal with null', async () => {
    const server = await serve(() => ({}))
    const get = createIgwnFetch({ token: TOKEN })
    expect((await get(server.origin, null)).status).toBe(200)
    const aborted = new Request(server.origin, { signal: AbortSignal.abort() })
    expect((await get(aborted, { signal: null })).status).toBe(200)
  })

  it('has everything of a Request that its options do not replace', async () => {
    const server = await serve(() => ({}))
    const get = createIgwnFetch({ token: TOKEN })
    const referrer = `${server.origin}/page`
    const post = { method: 'POST', body: 'abc', headers: { 'X-Own': '1' }, referrer }
    await get(new Request(server.origin, post), { body: null })
    await get(new Request(server.origin, post), { headers: { 'X-Other': '2' }, body: 'def' })
    expect(server.seen.map(({ body }) => body)).toEqual(['abc', 'def'])
    expect(server.seen[0]!.headers).toMatchObject({ 'x-own': '1', referer: referrer })
    expect(server.seen[1]!.headers).toMatchObject({ 'x-other': '2' })
    expect(server.seen[1]!.headers).not.toHaveProperty('x-own')
  })

  it('whose body was read is an error of fetch, and is not sent', async () => {
    const server = await serve(() => ({}))
    const request = new Request(server.origin, { method: 'POST', body: 'abc' })
    const get = createIgwnFetch({ token: TOKEN })
    await get(request)
    await expect(get(request)).rejects.toMatchObject({ name: 'TypeError' })
    expect(server.seen).toHaveLength(1)
  })

  it.each<[string, (url: string) => Parameters<typeof igwnFetch>]>([
    ['its options', (url) => [url, { credentials: 'omit' }]],
    ['a Request', (url) => [new Request(url, { credentials: 'omit' })]],
  ])("carries no credential of ours with credentials: 'omit' in %s", async (_, call) => {
    const server = await serve(() => ({}))
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    await createIgwnFetch({ token: TOKEN })(...call(server.origin))
    await createIgwnFetch()(...call(server.origin))
    expect(server.authorizations).toEqual([undefined, undefined])
    await expect(createIgwnFetch({ failIfNoAuth: true })(...call(server.origin))).rejects.toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
    })
  })

  it('rejects with the reason of its signal, also while a source is waited for', async () => {
    const server = await serve(() => ({}))
    const get = createIgwnFetch({ token: () => new Promise<string>(() => undefined) })
    const aborted = AbortSignal.abort(new Error('before'))
    await expect(get(server.origin, { signal: aborted })).rejects.toThrow('before')
    const controller = new AbortController()
    const waiting = get(server.origin, { signal: controller.signal })
    controller.abort(new Error('meanwhile'))
    await expect(waiting).rejects.toThrow('meanwhile')
    expect(server.seen).toEqual([])
  })
})

describe('header names', () => {
  /** The names as they crossed the wire. XRootD before 5.7 compares them by case. */
  async function namesFor(request: (url: string) => Promise<Response>): Promise<string[]> {
    const server = http.createServer(({ rawHeaders }, response) => response.end(JSON.stringify(rawHeaders)))
    const response = await request(`http://127.0.0.1:${(await listen(server)).port}`)
    return ((await response.json()) as string[]).filter((_, index) => index % 2 === 0)
  }
  const FIELDS = { 'Want-Digest': 'adler32', TransferHeaderX: '1' }

  it.each<[string, (url: string) => Parameters<typeof igwnFetch>]>([
    ['an object', (url) => [url, { headers: FIELDS }]],
    ['a list', (url) => [url, { headers: Object.entries(FIELDS) }]],
    ['Headers', (url) => [url, { headers: new Headers(FIELDS) }]],
    ['a Request', (url) => [new Request(url, { headers: FIELDS })]],
  ])('keep the spelling of %s, and ours is Authorization', async (_, call) => {
    const get = createIgwnFetch({ token: TOKEN })
    const names = await namesFor((url) => get(...call(url)))
    expect(names).toEqual(expect.arrayContaining(['Want-Digest', 'TransferHeaderX', 'Authorization']))
  })
})

describe('a 401 with a Bearer challenge', () => {
  const refusesFirst = () => serve((_, index) => (index === 0 ? challenge('error="invalid_token"') : {}))

  it('is retried once with another token that is found', async () => {
    const server = await refusesFirst()
    process.env.SCITOKEN = mint({ aud: server.origin, jti: 'a' })
    process.env.BEARER_TOKEN = mint({ aud: server.origin, jti: 'b' })
    expect((await createIgwnFetch()(server.origin)).status).toBe(200)
    expect(server.authorizations).toEqual([
      `Bearer ${process.env.SCITOKEN}`,
      `Bearer ${process.env.BEARER_TOKEN}`,
    ])
  })

  it('is retried with a renewed token of a source', async () => {
    const server = await refusesFirst()
    let issued = 0
    const get = createIgwnFetch({ token: reuse({ getToken: () => `token-${(issued += 1)}` }) })
    expect((await get(server.origin)).status).toBe(200)
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2'])
  })

  const form = new FormData()
  form.set('name', 'value')
  it.each<[string, RequestInit, string]>([
    ['text', { body: 'text' }, 'text'],
    ['bytes', { body: new TextEncoder().encode('bytes') }, 'bytes'],
    ['a Blob', { body: new Blob(['blob']) }, 'blob'],
    ['a form', { body: new URLSearchParams({ a: '1' }) }, 'a=1'],
    ['a multipart form', { body: form }, 'name="name"'],
  ])('sends %s whole twice', async (_, init, expected) => {
    const server = await refusesFirst()
    let issued = 0
    const get = createIgwnFetch({ token: () => `token-${(issued += 1)}` })
    const response = await get(server.origin, { method: 'POST', ...init })
    expect(response.status).toBe(200)
    expect(server.seen).toHaveLength(2)
    for (const { body, headers } of server.seen) {
      expect(body).toContain(expected)
      expect(headers['content-length']).toBe(String(body.length))
    }
    expect(server.seen[1]!.headers['content-type']?.split(';')[0]).toBe(
      server.seen[0]!.headers['content-type']?.split(';')[0],
    )
  })

  it('sends the body of a Request whole twice, with its length and type', async () => {
    const server = await refusesFirst()
    let issued = 0
    const request = new Request(server.origin, {
      method: 'PUT',
      body: '{"a":1}',
      headers: { 'Content-Type': 'application/json' },
    })
    await createIgwnFetch({ token: () => `token-${(issued += 1)}` })(request)
    expect(
      server.seen.map(({ method, body, headers }) => [
        method,
        body,
        headers['content-length'],
        headers['content-type'],
      ]),
    ).toEqual(Array(2).fill(['PUT', '{"a":1}', '7', 'application/json']))
  })

  it('is not retried for a stream, and says so', async () => {
    const server = await refusesFirst()
    let issued = 0
    const response = await createIgwnFetch({ token: () => `token-${(issued += 1)}` })(server.origin, {
      method: 'POST',
      body: new Blob(['once']).stream(),
      duplex: 'half',
    })
    expect(response.status).toBe(401)
    expect(server.seen).toHaveLength(1)
    expect(explanationOf(response)?.reasons).toMatchObject([
      { code: 'unsupported', source: 'body', message: expect.stringContaining('is a stream') as string },
    ])
  })

  it('that stands has an explanation, and its body can be read', async () => {
    const server = await serve(() => challenge('error="insufficient_scope", scope="storage.modify:/"'))
    process.env.BEARER_TOKEN = mint({ aud: server.origin })
    const response = await createIgwnFetch()(server.origin)
    expect(await response.json()).toEqual({ error: 'refused' })
    const { summary, reasons, explanation } = explanationOf(response)!
    expect(summary).toMatch(/requires .*storage\.modify:\/.*BEARER_TOKEN/)
    expect(reasons.map(({ code }) => code)).toContain('scope')
    expect(explanation.url).toBe(`${server.origin}/`)
  })

  it('keeps no connection when it is retried, whatever its size', async () => {
    const body = 'x'.repeat(300_000)
    const server = http.createServer(({ headers }, response) => {
      const isGood = headers.authorization === 'Bearer good'
      response.writeHead(isGood ? 200 : 401, { 'WWW-Authenticate': 'Bearer' }).end(body)
    })
    const { port, open } = await listen(server)
    let issued = 0
    const get = createIgwnFetch({ token: () => ((issued += 1) % 2 === 1 ? 'refused' : 'good') })
    for (let count = 0; count < 20; count += 1)
      expect(await (await get(`http://127.0.0.1:${port}`)).text()).toBe(body)
    expect(issued).toBe(40)
    expect(open.size).toBeLessThan(10)
  })

  it('is not explained when it is no refusal', async () => {
    const server = await serve(() => ({ status: 404 }))
    expect(explanationOf(await createIgwnFetch({ token: TOKEN })(server.origin))).toBeUndefined()
    expect(explanationOf(undefined)).toBeUndefined()
  })

  it('is retried where a redirect led, and not at the start again', async () => {
    const server = await serve(({ url }, index) =>
      url === '/create' ? { status: 303, headers: { location: '/result' } } : index === 1 ? challenge() : {},
    )
    process.env.SCITOKEN = mint({ aud: server.origin, jti: 'a' })
    process.env.BEARER_TOKEN = mint({ aud: server.origin, jti: 'b' })
    const response = await createIgwnFetch()(`${server.origin}/create`, { method: 'POST', body: 'x' })
    expect([response.status, response.redirected, response.url]).toEqual([
      200,
      true,
      `${server.origin}/result`,
    ])
    expect(server.seen.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/create', 'x'],
      ['GET', '/result', ''],
      ['GET', '/result', ''],
    ])
  })
})

describe('a redirect', () => {
  async function redirecting(status = 307, path = '') {
    const elsewhere = await serve(() => ({}))
    const server = await serve(() => ({ status, headers: { location: elsewhere.origin + path } }))
    return { elsewhere, server }
  }

  it.each([301, 302, 303, 307, 308])(
    'with status %d to another origin carries neither the token nor the Authorization and cookies of the caller',
    async (status) => {
      const { elsewhere, server } = await redirecting(status)
      const method = status < 304 ? 'GET' : 'POST'
      for (const headers of [
        { Cookie: 'a=b', 'X-Own': '1' },
        { Authorization: 'Bearer mine', 'X-Own': '1' },
      ])
        await createIgwnFetch({ token: TOKEN })(server.origin, { method: 'POST', body: 'a=1', headers })
      expect(elsewhere.seen.map((one) => [one.method, one.body])).toEqual(
        Array(2).fill([method, method === 'GET' ? '' : 'a=1']),
      )
      for (const { headers } of elsewhere.seen) {
        expect(headers).not.toHaveProperty('authorization')
        expect(headers).not.toHaveProperty('cookie')
        expect(headers).toHaveProperty('x-own', '1')
      }
    },
  )

  it('to another origin carries a token that is found for it', async () => {
    const { elsewhere, server } = await redirecting()
    process.env.SCITOKEN = mint({ aud: server.origin })
    process.env.BEARER_TOKEN = mint({ aud: elsewhere.origin })
    await createIgwnFetch()(server.origin)
    expect([...server.authorizations, ...elsewhere.authorizations]).toEqual([
      `Bearer ${process.env.SCITOKEN}`,
      `Bearer ${process.env.BEARER_TOKEN}`,
    ])
  })

  it('between trusted origins keeps the token', async () => {
    const { elsewhere, server } = await redirecting()
    await createIgwnFetch({ token: TOKEN, trustedOrigins: [server.origin, elsewhere.origin] })(server.origin)
    expect(elsewhere.authorizations).toEqual([`Bearer ${TOKEN}`])
  })

  it.each(['patch', 'PATCH', 'PROPFIND'])('keeps the method %s as it is written', async (method) => {
    const { elsewhere, server } = await redirecting()
    await createIgwnFetch({ token: TOKEN })(server.origin, { method })
    expect(elsewhere.seen.map((one) => one.method)).toEqual(server.seen.map((one) => one.method))
  })

  it('is returned with redirect: manual, and is an error with redirect: error', async () => {
    const { elsewhere, server } = await redirecting()
    const get = createIgwnFetch({ token: TOKEN })
    const response = await get(server.origin, { redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([307, elsewhere.origin])
    await expect(get(server.origin, { redirect: 'error' })).rejects.toThrow('fetch failed')
    await expect(get(new Request(server.origin, { redirect: 'error' }))).rejects.toThrow('fetch failed')
    expect(elsewhere.seen).toEqual([])
  })

  it('in a loop ends after 20 as a failure of fetch', async () => {
    const server = await serve(() => ({ status: 302, headers: { location: '/' } }))
    await expect(createIgwnFetch({ token: TOKEN })(server.origin)).rejects.toThrow(
      new TypeError('fetch failed', { cause: new Error('the redirect cannot be followed') }),
    )
    expect(server.seen).toHaveLength(21)
  })

  it.each(['file:///etc/hostname', 'data:text/plain,hello', 'http://[', 'ftp://127.0.0.1/'])(
    'to %s is a failure of fetch that does not repeat it',
    async (location) => {
      const server = await serve(() => ({ status: 302, headers: { location } }))
      const failure: unknown = await createIgwnFetch({ token: TOKEN })(server.origin).catch(
        (error: unknown) => error,
      )
      expect(failure).toBeInstanceOf(TypeError)
      expect(failure).toMatchObject({
        message: 'fetch failed',
        cause: { message: 'the redirect cannot be followed' },
      })
    },
  )

  it('without Location is a response', async () => {
    const server = await serve(() => ({ status: 302 }))
    expect((await createIgwnFetch({ token: TOKEN })(server.origin)).status).toBe(302)
  })

  it('of a stream with its body is an error', async () => {
    const { elsewhere, server } = await redirecting()
    const body = new Blob(['once']).stream()
    await expect(
      createIgwnFetch({ token: TOKEN })(server.origin, { method: 'POST', body, duplex: 'half' }),
    ).rejects.toMatchObject({ code: 'ERR_IGWN_UNSUPPORTED' })
    expect(elsewhere.seen).toEqual([])
  })
})

describe('a scheme', () => {
  it('gets the request as it is sent, and changes header, URL and body', async () => {
    const server = await serve((_, index) =>
      index === 0 ? { status: 307, headers: { location: '/there' } } : {},
    )
    const asked: unknown[] = []
    const scheme = {
      name: 'signature',
      authorize: ({ method, url, body, contentType, isStream }: SchemeRequest) => {
        asked.push([method, url.pathname, body, contentType, isStream])
        const signed = new URL(url)
        signed.searchParams.set('signed', '1')
        return { headers: { 'X-Signature': 'of it' }, url: signed, body: `${String(body)}&b=2` }
      },
    }
    await createIgwnFetch({ scheme })(`${server.origin}/here`, {
      method: 'POST',
      body: new URLSearchParams({ a: '1' }),
    })
    const form = 'application/x-www-form-urlencoded;charset=UTF-8'
    expect(asked).toEqual([
      ['POST', '/here', 'a=1', form, false],
      ['POST', '/there', 'a=1', form, false],
    ])
    expect(
      server.seen.map(({ url, body, headers }) => [
        url,
        body,
        headers['x-signature'],
        headers['content-type'],
      ]),
    ).toEqual([
      ['/here?signed=1', 'a=1&b=2', 'of it', form],
      ['/there?signed=1', 'a=1&b=2', 'of it', form],
    ])
  })

  it('cannot lead the request to another origin', async () => {
    const scheme = { name: 'bad', authorize: () => ({ url: new URL('https://elsewhere.example.org') }) }
    await expect(createIgwnFetch({ scheme })('https://host.example.org')).rejects.toThrow(
      'The scheme bad changes the URL to another origin. Nothing was sent.',
    )
  })
})

it('emits the same events as a request of axios', async () => {
  const server = await serve((_, index) => (index === 0 ? challenge() : { status: 403 }))
  const events: IgwnAuthEvent[] = []
  let issued = 0
  const get = createIgwnFetch({
    token: () => `token-${(issued += 1)}`,
    cert: false,
    onEvent: (event) => void events.push(event),
  })
  await get(`${server.origin}/x?secret=1`)
  expect(events.map(({ type }) => type)).toEqual([
    'selected',
    'attached',
    'challenged',
    'retrying',
    'selected',
    'attached',
    'refused',
  ])
  expect(new Set(events.map((event) => 'url' in event && event.url))).toEqual(new Set([`${server.origin}/x`]))
})

describe('authorize', () => {
  it('returns the header fields for a URL, and does not print them', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'https://host.example.org' })
    const found = await authorize('wss://host.example.org/feed')
    expect(found.headers).toEqual({ Authorization: `Bearer ${process.env.BEARER_TOKEN}` })
    expect(found.expiresAt).toBeGreaterThan(Date.now() / 1000)
    expect(found.certificate).toBeUndefined()
    expect(JSON.parse(JSON.stringify(found))).toMatchObject({ headers: ['Authorization'] })
  })

  it('returns no header where there is no credential, and says why', async () => {
    const { headers, reasons } = await authorize('https://host.example.org')
    expect(headers).toEqual({})
    expect(reasons.map(({ code }) => code)).toContain('absent')
  })

  it('is an error as the request would be', async () => {
    await expect(authorize('https://host.example.org', { token: true })).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
    })
    await expect(authorize('host.example.org')).rejects.toMatchObject({ code: 'ERR_IGWN_INVALID_URL' })
    await expect(
      authorize('https://host.example.org', { scheme: { name: 'DPoP', authorize: () => undefined } }),
    ).rejects.toThrow(
      ours(
        'ERR_IGWN_UNSUPPORTED',
        'DPoP has to see each request as it is sent. Use igwnFetch or applyIgwnAuth.',
      ),
    )
  })
})
