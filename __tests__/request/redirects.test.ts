import { Readable } from 'node:stream'
import axios, { AxiosHeaders, HttpStatusCode, type AxiosError, type AxiosRequestConfig } from 'axios'
import { newContext } from '../../lib/request/context'
import type { ObjectTarget } from '../../lib/request/object-requests'
import {
  redirectedContext,
  redirectHook,
  redirectOf,
  scrubRedirect,
  type RedirectOptions,
} from '../../lib/request/redirects'
import { applyIgwnAuth, type IgwnAuthEvent, type IgwnAuthOptions } from '../support/all'
import { createAuthority } from '../support/pki'
import { mint } from '../support/tokens'
import { challenge, serverGroup, type Seen } from '../support/server'

const servers = serverGroup()
afterEach(servers.close)
beforeEach(() => {
  for (const name of ['BEARER_TOKEN', 'SCITOKEN']) delete process.env[name]
})

/** A server that redirects to another one, and a discovered token for each of them. */
async function pair({ status = 302, host = 'localhost', target = (_: Seen): object => ({}) } = {}) {
  const to = await servers.serve(target, { host })
  const from = await servers.serve(() => ({ status, headers: { location: `${to.origin}/there?q=1` } }))
  const tokens = { from: mint({ aud: from.origin, jti: 'from' }), to: mint({ aud: to.origin, jti: 'to' }) }
  process.env.SCITOKEN = tokens.from
  process.env.BEARER_TOKEN = tokens.to
  return { from, to, tokens }
}

const instanceWith = (options?: IgwnAuthOptions, config?: AxiosRequestConfig) =>
  applyIgwnAuth(axios.create({ proxy: false, ...config }), options)
const failure = async (request: Promise<unknown>): Promise<AxiosError & { cause?: { cause?: unknown } }> =>
  request.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error: unknown) => error as AxiosError,
  )

describe('a 401 after a redirect on the same origin', () => {
  const behind = (status: number) => {
    let refused = false
    return servers.serve(({ url }) => {
      if (url === '/create') return { status, headers: { location: '/result?x=1' } }
      if (refused) return {}
      refused = true
      return challenge('error="invalid_token"')
    })
  }
  beforeEach(() => {
    process.env.SCITOKEN = mint({ aud: 'ANY', jti: 'a' })
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', jti: 'b' })
  })

  it('is retried at the target, and the accepted request is not sent twice', async () => {
    const server = await behind(303)
    await instanceWith().post(`${server.origin}/create`, { event: 1 })
    expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /create',
      'GET /result?x=1',
      'GET /result?x=1',
    ])
    expect(new Set(server.authorizations).size).toBe(2)
  })

  it('keeps the body where the redirect keeps it', async () => {
    const server = await behind(307)
    const { status } = await instanceWith().post(`${server.origin}/create`, { event: 1 })
    expect(status).toBe(200)
    expect(server.seen.map(({ method, body }) => `${method} ${body}`)).toEqual([
      'POST {"event":1}',
      'POST {"event":1}',
      'POST {"event":1}',
    ])
  })

  it('is retried also when the redirect dropped a body that was a stream', async () => {
    const server = await behind(303)
    const { status } = await instanceWith().post(`${server.origin}/create`, Readable.from(['x']))
    expect(status).toBe(200)
    expect(server.seen.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET'])
  })
})

describe('a redirect on the same origin (trap 9)', () => {
  it.each([301, 302, 303, 307, 308])('%d keeps the token', async (status) => {
    const server = await servers.serve(({ url }) =>
      url === '/a' ? { status, headers: { location: '/b' } } : {},
    )
    await instanceWith({ token: 'abc' }).post(`${server.origin}/a`, { x: 1 })
    expect(server.authorizations).toEqual(['Bearer abc', 'Bearer abc'])
    expect(server.seen[1]!.method).toBe(status < 304 ? 'GET' : 'POST')
    expect(server.seen[1]!.body).toBe(status < 304 ? '' : '{"x":1}')
  })
})

describe('a redirect to another origin (trap 9)', () => {
  it.each([301, 302, 303, 307, 308])(
    '%d drops the header, and the token of the other origin is found',
    async (status) => {
      const { from, to, tokens } = await pair({ status })
      const { config, request } = await instanceWith().post(
        from.origin,
        { x: 1 },
        { headers: { 'X-Own': 'kept' } },
      )
      expect(from.authorizations).toEqual([`Bearer ${tokens.from}`])
      expect(to.authorizations).toEqual([`Bearer ${tokens.to}`])
      const kept = status > 303
      expect(to.seen[0]).toMatchObject({
        method: kept ? 'POST' : 'GET',
        url: '/there?q=1',
        body: kept ? '{"x":1}' : '',
      })
      expect(to.seen[0]!.headers['x-own']).toBe('kept')
      expect(to.seen[0]!.headers['content-type']).toBe(kept ? 'application/json' : undefined)
      expect(to.seen[0]!.headers.host).toBe(to.origin.slice(7))
      expect(config.url).toBe(from.origin)
      expect((request as { res: { responseUrl: string } }).res.responseUrl).toBe(`${to.origin}/there?q=1`)
    },
  )

  it('is also one to another port of the same host', async () => {
    const { from, to, tokens } = await pair({ host: '127.0.0.1' })
    await instanceWith().get(from.origin)
    expect([...from.authorizations, ...to.authorizations]).toEqual([
      `Bearer ${tokens.from}`,
      `Bearer ${tokens.to}`,
    ])
  })

  it.each<[string, IgwnAuthOptions]>([
    ['a given token', { token: 'abc' }],
    ['a token function', { token: () => 'abc' }],
    ['a token for tokenAudience', { tokenAudience: 'https://service' }],
  ])('never carries %s', async (_, options) => {
    const { from, to } = await pair()
    process.env.SCITOKEN = mint({ aud: 'https://service' })
    delete process.env.BEARER_TOKEN
    await instanceWith(options).get(from.origin)
    expect(from.authorizations[0]).toMatch(/^Bearer /)
    expect(to.authorizations).toEqual([undefined])
  })

  it('and back does not restore a given token', async () => {
    const to = await servers.serve(() => ({ status: 302, headers: { location: `${from.origin}/back` } }), {
      host: 'localhost',
    })
    const from = await servers.serve(({ url }) =>
      url === '/back' ? {} : { status: 302, headers: { location: to.origin } },
    )
    await instanceWith({ token: 'abc' }).get(from.origin)
    expect([...from.authorizations, ...to.authorizations]).toEqual(['Bearer abc', undefined, undefined])
  })

  it('continues without a token where the first request required one', async () => {
    const { from, to } = await pair()
    delete process.env.BEARER_TOKEN
    await instanceWith({ token: true, failIfNoAuth: true }).get(from.origin)
    expect(to.authorizations).toEqual([undefined])
  })

  it('carries the credentials between trustedOrigins, also a token that was found for the first', async () => {
    const { from, to, tokens } = await pair()
    const trustedOrigins = [from.origin, to.origin]
    await instanceWith({ token: 'abc', trustedOrigins }).get(from.origin)
    await instanceWith({ token: 'abc', trustedOrigins: [to.origin] }).get(from.origin)
    await instanceWith({ trustedOrigins }).get(from.origin)
    expect(to.authorizations).toEqual(['Bearer abc', undefined, `Bearer ${tokens.from}`])
  })

  it('ignores userinfo in Location', async () => {
    const to = await servers.serve(() => ({}), { host: 'localhost' })
    const from = await servers.serve(() => ({
      status: 302,
      headers: { location: to.origin.replace('//', '//a:b@') },
    }))
    await instanceWith({ token: 'abc' }).get(from.origin)
    expect(to.authorizations).toEqual([undefined])
  })

  it('with a stream as body continues without a token', async () => {
    const { from, to } = await pair({ status: 307 })
    await instanceWith().post(from.origin, Readable.from([Buffer.from('streamed')]))
    expect(to.seen[0]).toMatchObject({ method: 'POST', body: 'streamed' })
    expect(to.authorizations).toEqual([undefined])
  })

  it('drops the Authorization and auth of the caller, as axios does', async () => {
    const { from, to } = await pair()
    await instanceWith().get(from.origin, { headers: { Authorization: 'Own x' } })
    await instanceWith().get(from.origin, { auth: { username: 'a', password: 'b' } })
    expect(to.authorizations).toEqual([undefined, undefined])
  })

  it('in a loop ends after maxRedirects', async () => {
    const to = await servers.serve(() => ({ status: 302, headers: { location: from.origin } }), {
      host: 'localhost',
    })
    const from = await servers.serve(() => ({ status: 302, headers: { location: to.origin } }))
    const error = await failure(instanceWith({ token: 'abc' }, { maxRedirects: 5 }).get(from.origin))
    expect(error.message).toMatch(/302|redirects/)
    expect(from.seen.length + to.seen.length).toBeLessThanOrEqual(6)
  })
})

describe('a redirect from https to http (trap 9)', () => {
  it('drops every credential, whatever the options say', async () => {
    const authority = await createAuthority()
    const { certificate, key } = await authority.issueServer()
    const { Agent } = await import('node:https')
    const to = await servers.serve(() => ({}))
    const from = await servers.serve(() => ({ status: 302, headers: { location: to.origin } }), {
      tls: { cert: certificate, key },
    })
    process.env.SCITOKEN = mint({ aud: 'ANY' })
    const httpsAgent = new Agent({ ca: authority.certificate })
    await instanceWith({ allowInsecureHttp: true }, { httpsAgent }).get(from.origin)
    expect(from.authorizations[0]).toMatch(/^Bearer /)
    expect(to.authorizations).toEqual([undefined])
  })
})

describe('a 401 after a redirect to another origin (trap 10)', () => {
  it('of a request whose body was a stream asks for no other token', async () => {
    const elsewhere = await servers.serve(() => challenge('scope="admin"'))
    const server = await servers.serve(({ url }) => ({
      status: url === '/create' ? 303 : 302,
      headers: { location: url === '/create' ? '/result' : `${elsewhere.origin}/` },
    }))
    let calls = 0
    const token = () => `token-${(calls += 1)}`
    const error = await failure(
      instanceWith({ token }).post(`${server.origin}/create`, Readable.from(['body'])),
    )
    expect(error.response?.status).toBe(401)
    expect(calls).toBe(1)
    expect(server.seen).toHaveLength(2)
    expect(elsewhere.seen.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  it('is retried there, with a token for that origin', async () => {
    const { from, to } = await pair({ target: () => (to_seen() === 1 ? challenge() : {}) })
    const to_seen = () => to.seen.length
    const second = mint({ aud: to.origin, jti: 'second' })
    process.env.BEARER_TOKEN_FILE = ''
    process.env.SCITOKEN = mint({ aud: [from.origin, to.origin], jti: 'both' })
    process.env.BEARER_TOKEN = second
    const { status } = await instanceWith().get(from.origin)
    expect(status).toBe(200)
    expect(from.seen).toHaveLength(1)
    expect(to.authorizations.at(-1)).toBe(`Bearer ${second}`)
  })

  it('of the second send is not retried', async () => {
    const to = await servers.serve(() => challenge(), { host: 'localhost' })
    const from = await servers.serve((_, index) =>
      index === 0 ? challenge() : { status: 302, headers: { location: to.origin } },
    )
    process.env.SCITOKEN = mint({ aud: 'ANY', jti: 'a' })
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', jti: 'b' })
    const error = await failure(instanceWith().get(from.origin))
    expect(error.response?.status).toBe(401)
    expect([from.seen.length, to.seen.length]).toEqual([2, 1])
  })
})

describe('between trustedOrigins', () => {
  // Resolves to loopback, so that the server would see a credential that must not be sent.
  const lookup = (_: string, __: object, done: (...args: unknown[]) => void) => {
    done(null, [{ address: '127.0.0.1', family: 4 }])
  }

  it('a token is not carried over plain HTTP', async () => {
    const to = await servers.serve(() => ({}))
    const far = `http://far.example.org:${to.port}`
    const from = await servers.serve(() => ({ status: 302, headers: { location: far } }))
    process.env.SCITOKEN = mint({ aud: 'ANY' })
    const instance = instanceWith({ trustedOrigins: [from.origin, far] })
    await instance.get(from.origin, { lookup: lookup as never })
    expect(from.authorizations[0]).toMatch(/^Bearer /)
    expect(to.authorizations).toEqual([undefined])
  })

  it('the second origin gets its own token where the first had none', async () => {
    const { from, to, tokens } = await pair()
    delete process.env.SCITOKEN
    await instanceWith({ trustedOrigins: [from.origin, to.origin] }).get(from.origin)
    expect([...from.authorizations, ...to.authorizations]).toEqual([undefined, `Bearer ${tokens.to}`])
  })
})

describe('timeout', () => {
  it('covers all redirects, as in axios', async () => {
    const slowly = async () => {
      await new Promise((resolve) => setTimeout(resolve, 150))
      return {}
    }
    const to = await servers.serve(slowly, { host: 'localhost' })
    const from = await servers.serve(async () => ({
      ...(await slowly()),
      status: 302,
      headers: { location: to.origin },
    }))
    const error = await failure(instanceWith({ token: 'abc' }).get(from.origin, { timeout: 220 }))
    expect(error.code).toBe('ECONNABORTED')
  })
})

describe('beforeRedirect and maxRedirects of the caller (trap 11)', () => {
  it('the hook sees every redirect and may change what follows', async () => {
    const { from, to } = await pair()
    const seen: unknown[] = []
    const beforeRedirect = (options: Record<string, unknown>, response: { statusCode: number }) => {
      seen.push([
        options.href,
        response.statusCode,
        (options.headers as Record<string, string>).Authorization,
      ])
      ;(options.headers as Record<string, string>)['X-Hook'] = 'yes'
    }
    await instanceWith().get(from.origin, { beforeRedirect: beforeRedirect as never })
    expect(seen).toEqual([[`${to.origin}/there?q=1`, 302, undefined]])
    expect(to.seen[0]!.headers['x-hook']).toBe('yes')
  })

  it('a hook that throws ends the request as in plain axios', async () => {
    const { from, to } = await pair()
    const no = new Error('not there')
    const beforeRedirect = () => {
      throw no
    }
    const ours = await failure(instanceWith().get(from.origin, { beforeRedirect }))
    const plain = await failure(axios.create({ proxy: false }).get(from.origin, { beforeRedirect }))
    expect([ours.code, ours.message]).toEqual([plain.code, plain.message])
    expect(ours.cause?.cause).toBe(no)
    expect(to.seen).toHaveLength(0)
  })

  it('the hook does not see our credential, and what it sets is sent', async () => {
    const { from, to } = await pair()
    const same = await servers.serve(({ url }) =>
      url === '/a'
        ? { status: 302, headers: { location: '/b' } }
        : { status: 302, headers: { location: from.origin } },
    )
    const shown: string[] = []
    const beforeRedirect = (...args: unknown[]) => {
      shown.push(JSON.stringify([(args[0] as { headers: unknown }).headers, args[2]]))
      if (shown.length === 3) (args[0] as { auth: string }).auth = 'me:mine:too'
    }
    await instanceWith({ token: 'sosecret' }).get(`${same.origin}/a`, { beforeRedirect })
    expect(shown).toHaveLength(3)
    expect(shown.join()).not.toContain('sosecret')
    expect(same.authorizations).toEqual(['Bearer sosecret', 'Bearer sosecret'])
    expect(to.authorizations).toEqual([`Basic ${Buffer.from('me:mine:too').toString('base64')}`])
  })

  it('an Authorization that the hook sets on the same origin is sent in place of ours, in any case', async () => {
    for (const name of ['Authorization', 'authorization', 'AUTHORIZATION']) {
      const server = await servers.serve(({ url }) =>
        url === '/a' ? { status: 302, headers: { location: '/b' } } : {},
      )
      const beforeRedirect = ({ headers }: { headers?: unknown }) => {
        Object.assign(headers as object, { [name]: 'Own x' })
      }
      await instanceWith({ token: 'abc' }).get(`${server.origin}/a`, { beforeRedirect })
      expect(server.authorizations).toEqual(['Bearer abc', 'Own x'])
    }
  })

  it('what the hook kept has no credential afterwards, also not in parts of the URL', () => {
    const kept = {
      href: 'https://x.example.org/sosecrettoken/f?authz=Bearer%20sosecrettoken',
      path: '/sosecrettoken/f?authz=Bearer%20sosecrettoken',
      pathname: '/sosecrettoken/f',
      search: '?authz=Bearer%20sosecrettoken',
      query: null,
      hash: '#x',
      method: 'GET',
      headers: { authorization: 'Bearer sosecrettoken', 'x-own': 'kept', 'x-own-field-3': 'kept' },
    }
    const request = { url: 'https://x.example.org/', headers: new AxiosHeaders() }
    const context = newContext(request, undefined, new URL(request.url), {}, false)
    context.secrets = ['sosecrettoken']
    scrubRedirect(kept, context, { authorization: 'Bearer sosecrettoken', reasons: [] })
    expect(JSON.stringify(kept)).not.toContain('sosecrettoken')
    expect(kept).toMatchObject({
      query: null,
      hash: '#x',
      method: 'GET',
      headers: { 'x-own': 'kept', 'x-own-field-3': 'kept' },
    })
    expect(kept.href).toMatch(/^https:\/\/x\.example\.org\//)
    expect(kept).not.toHaveProperty('headers.authorization')
  })

  it('headers that the caller switched off stay off', async () => {
    const { from, to } = await pair()
    for (const value of [false, null]) {
      await instanceWith().get(from.origin, { headers: { 'User-Agent': value } })
      expect(to.seen.at(-1)!.headers['user-agent']).toBeUndefined()
    }
  })

  it('maxRedirects: 0 returns the redirect', async () => {
    const { from, to } = await pair()
    const error = await failure(instanceWith().get(from.origin, { maxRedirects: 0 }))
    expect(error.response?.status).toBe(302)
    expect(to.seen).toHaveLength(0)
  })
})

describe('the redirect in a response of an adapter that follows none', () => {
  const ORIGIN = 'https://x.example.org'
  const headers = {
    Authorization: 'Own x',
    Cookie: 'a=b',
    Host: 'x.example.org',
    'Content-Type': 'text/plain',
    'Content-Length': '4',
    'X-Own': 'kept',
  }
  const follow = (
    config: AxiosRequestConfig,
    { status, location }: { status: number; location: string | undefined } = { status: 307, location: '/b' },
    allowInsecureHttp = false,
  ) => {
    const request = { url: `${ORIGIN}/a`, ...config, headers: new AxiosHeaders(headers) }
    const context = newContext(request, undefined, new URL(ORIGIN), { allowInsecureHttp }, false)
    context.secrets = ['sosecrettoken']
    return redirectOf(context, { reasons: [] }, { status, location })?.request
  }

  it.each<[string, number, string]>([
    ['get', 301, 'get'],
    ['post', 301, 'get'],
    ['POST', 302, 'get'],
    ['put', 302, 'put'],
    ['postx', 302, 'postx'],
    ['xpost', 302, 'xpost'],
    ['head', 303, 'head'],
    ['GET', 303, 'get'],
    ['put', 303, 'get'],
    ['xget', 303, 'get'],
    ['getx', 303, 'get'],
    ['post', 307, 'post'],
    ['post', 308, 'post'],
  ])('turns %s after a %i into %s, with the body only where the method stays', (method, status, expected) => {
    const next = follow({ method, data: 'body' }, { status, location: '/b' })
    const isSame = expected === method.toLowerCase()
    expect(next).toMatchObject({ url: `${ORIGIN}/b`, method: expected, data: isSame ? 'body' : undefined })
    expect(next?.headers.has('Content-Type')).toBe(isSame)
    expect(next?.headers.get('X-Own')).toBe('kept')
    expect(next?.headers.has('Content-Length')).toBe(false)
  })

  it.each<[number, string | undefined]>([
    [200, '/b'],
    [304, '/b'],
    [302, undefined],
    [302, 'https://['],
    [302, 'file:///etc/passwd'],
    [302, 'data:,x'],
  ])('is none for status %i to %s', (status, location) => {
    expect(follow({}, { status, location })).toBeUndefined()
  })

  it('may repeat a secret over https and to loopback, over other plain HTTP only with allowInsecureHttp', () => {
    const to = (origin: string) => ({ status: 302, location: `${origin}/f?authz=sosecrettoken` })
    for (const origin of ['https://y.example.org', 'http://localhost:8080'])
      expect(follow({}, to(origin))?.url).toMatch(origin)
    const insecure = to('http://y.example.org')
    expect(() => follow({}, insecure)).toThrow('over plain HTTP with a credential in the URL')
    expect(follow({}, insecure, true)?.url).toBe(insecure.location)
    expect(follow({}, { status: 302, location: 'http://y.example.org/' })?.url).toBe('http://y.example.org/')
  })

  it('is none for a maxRedirects of 0, and counts otherwise', () => {
    expect(follow({ maxRedirects: 0 })).toBeUndefined()
    expect([follow({ maxRedirects: 1 }), follow({})].map((next) => next?.maxRedirects)).toEqual([0, 19])
  })

  it('is relative to the URL of the request, without its base and parameters', () => {
    const to = { status: 302, location: '../b?c' }
    const next = follow({ baseURL: `${ORIGIN}/api/`, url: 'v1/a', params: { q: 1 } }, to)
    expect(next).toMatchObject({ url: `${ORIGIN}/api/b?c` })
    for (const name of ['baseURL', 'params', 'auth']) expect(next).not.toHaveProperty(name)
  })

  it("keeps the caller's credentials on the same origin only", () => {
    const auth = { username: 'me', password: 'a:b' }
    const elsewhere = { status: 307, location: 'https://you:own@y.example.org/b' }
    expect(follow({ auth })).toMatchObject({ auth, headers: { Authorization: 'Own x', Cookie: 'a=b' } })
    expect(follow({ url: `https://me:a%3Ab@x.example.org/a` })).toMatchObject({ url: `${ORIGIN}/b`, auth })
    expect(follow({ url: `https://me:100%@x.example.org/a` })?.auth).toEqual({
      username: 'me',
      password: '100%',
    })
    expect(follow({ url: `https://me@x.example.org/a` })?.auth).toEqual({ username: 'me', password: '' })
    expect(follow({})).not.toHaveProperty('auth')
    const next = follow({ auth }, elsewhere)
    expect(next).toMatchObject({ url: 'https://y.example.org/b' })
    expect(next).not.toHaveProperty('auth')
    expect(Object.keys(next!.headers)).toEqual(['Content-Type', 'X-Own'])
  })
})

describe('the hook for redirects of the http adapter', () => {
  const OURS = { authorization: 'Bearer abc', token: 'abc', reasons: [] }
  /** Follows a redirect on the same origin as follow-redirects does it. */
  const redirect = (config: AxiosRequestConfig, details?: unknown) => {
    const request = { url: 'https://x.example.org/a', method: 'get', ...config, headers: new AxiosHeaders() }
    const context = newContext(request, undefined, new URL(request.url), {}, false)
    const options: RedirectOptions = {
      href: 'https://x.example.org/b',
      method: 'GET',
      headers: { Authorization: 'Bearer abc' },
    }
    redirectHook(context, OURS)(options, { headers: {}, statusCode: HttpStatusCode.Found }, details as never)
    return { options, context }
  }

  it("shows the caller's hook the previous request without our field, or an empty one where a custom adapter passes none", () => {
    const seen: unknown[] = []
    const beforeRedirect: AxiosRequestConfig['beforeRedirect'] = (options, _, details) =>
      seen.push({ ...options.headers }, details)
    const { options } = redirect({ beforeRedirect })
    redirect(
      { beforeRedirect },
      { url: 'https://x.example.org/a', headers: { authorization: 'Bearer abc', a: 'b' } },
    )
    expect(seen).toEqual([{}, { headers: {} }, {}, { url: 'https://x.example.org/a', headers: { a: 'b' } }])
    expect(options.headers).toEqual({ Authorization: 'Bearer abc' })
  })

  it("keeps the Authorization that the caller's hook sets", () => {
    const { options, context } = redirect({
      beforeRedirect: ({ headers }) => {
        Object.assign(headers as object, { authorization: 'Own x' })
      },
    })
    expect(options.headers).toEqual({ authorization: 'Own x' })
    expect(context.redirected?.headers.get('Authorization')).toBe('Own x')
  })

  it.each([
    ['me:a:b', { username: 'me', password: 'a:b' }],
    ['me:', { username: 'me', password: '' }],
    ['me', { username: 'me', password: '' }],
    [':pw', { username: '', password: 'pw' }],
  ])('gives the redirected request the username and the password of %s', (auth, expected) => {
    const { context } = redirect({
      beforeRedirect: (options) => {
        options.auth = auth
      },
    })
    expect(context.redirected?.auth).toEqual(expected)
  })
})

describe('the request that a redirect leads to', () => {
  const [X, Y, INSECURE, OTHER] = [
    'https://x.example.org',
    'https://y.example.org',
    'http://x.example.org',
    'https://z.example.org',
  ] as const
  const OURS = { authorization: 'Bearer abc', token: 'abc', reasons: [] }
  const object = { needsToken: true } as ObjectTarget
  const events: IgwnAuthEvent[] = []
  const options = {
    trustedOrigins: [X, Y, INSECURE, 'http://localhost:1'],
    onEvent: (event: IgwnAuthEvent) => events.push(event),
  }
  /** What a redirect from one URL to another makes of a request. */
  const redirected = (
    from: string,
    to: string,
    {
      previous = {},
      isProxy = false,
      own = false,
    }: { previous?: object; isProxy?: boolean; own?: boolean } = {},
  ) => {
    events.length = 0
    const headers = new AxiosHeaders()
    const context = newContext({ url: from, headers }, undefined, new URL(from), options, false)
    const before = { ...context, object, redirected: context.request, notRetried: [], ...previous }
    const isAuthenticated = jest.fn(() => own)
    const request = { url: `${to}/b`, headers }
    const after = redirectedContext(before, OURS, request, isProxy, isAuthenticated)
    if (isAuthenticated.mock.calls.length > 0)
      expect(isAuthenticated).toHaveBeenCalledWith(request, new URL(`${to}/b`))
    return after
  }

  it.each<[string, string, string, object, { isTrusted?: true; isOther?: true; without?: true }]>([
    ['on the same origin', OTHER, OTHER, {}, {}],
    ['on a trusted origin', X, X, {}, { isTrusted: true }],
    ['between trusted origins', X, Y, {}, { isTrusted: true }],
    ['from a trusted origin to another', X, OTHER, {}, { isOther: true }],
    ['to a trusted origin', OTHER, X, {}, { isOther: true }],
    ['from HTTP to HTTPS', INSECURE, Y, {}, { isTrusted: true }],
    ['from HTTP to HTTP', INSECURE, 'http://localhost:1', {}, { isTrusted: true }],
    ['from HTTPS to HTTP', X, INSECURE, {}, { isOther: true, without: true }],
    ['of a network proxy', X, Y, { isProxy: true }, { isOther: true, without: true }],
    ['of a network proxy on the same origin', X, X, { isProxy: true }, { without: true }],
    [
      'after one from HTTPS to HTTP',
      X,
      Y,
      { previous: { withoutCredentials: true } },
      { isOther: true, without: true },
    ],
  ])('%s (%s to %s) carries what the rule says', (_, from, to, more, { isTrusted, isOther, without }) => {
    expect(redirected(from, to, more)).toMatchObject({
      url: new URL(`${to}/b`),
      request: { url: `${to}/b` },
      withoutCredentials: without === true,
      crossOrigin: isOther === true,
      carriedOver: isTrusted ? OURS : undefined,
      object: isOther ? undefined : object,
      authenticated: false,
      redirected: undefined,
      notRetried: undefined,
    })
    const event = { type: 'redirected', to: `${to}/b`, trusted: isTrusted === true }
    expect(events).toEqual(from === to ? [] : [expect.objectContaining(event)])
  })

  it('stays one to another origin when it returns, and one of the caller', () => {
    const previous = { crossOrigin: true, authenticated: true }
    expect(redirected(OTHER, OTHER, { previous })).toMatchObject(previous)
    expect(redirected(X, Y, { previous })).toMatchObject(previous)
  })

  it('is of the caller where the hook of the caller gave it a credential', () => {
    expect(redirected(X, OTHER, { own: true }).authenticated).toBe(true)
  })
})
