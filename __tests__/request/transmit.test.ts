/** A request behaves as in plain axios in everything but the credential. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import path from 'node:path'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import axios, {
  AxiosError,
  AxiosHeaders,
  CanceledError,
  type AxiosAdapter,
  type AxiosProgressEvent,
  type AxiosRequestConfig,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import FormDataPackage from 'form-data'
import type { Credentials } from '../../lib/schemes/credentials'
import { applyIgwnAuth, type AuthScheme } from '../support/all'
import type { Refusal } from '../../lib/explain/refusal'
import { newContext, type RequestContext } from '../../lib/request/context'
import { RedirectToFollow } from '../../lib/request/redirects'
import { ReplayedForm } from '../../lib/request/resend'
import { transmit } from '../../lib/request/transmit'
import type { SchemeRequest } from '../../lib/schemes/auth-scheme'
import { wrapAgent } from '../../lib/secrets/wrap-agent'
import { listen } from '../support/listen'
import { challenge, serverGroup, type Answer } from '../support/server'

const servers = serverGroup()
afterEach(servers.close)

/** A source that returns token-1, token-2, … */
function counting() {
  let calls = 0
  return () => `token-${(calls += 1)}`
}

const failure = async (request: Promise<unknown>) =>
  request.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error: unknown) => error as AxiosError,
  )

describe('an error of an adapter', () => {
  const rejecting = (error: unknown) => {
    const adapter: AxiosAdapter = () => Promise.reject(error)
    return failure(applyIgwnAuth(axios.create({ adapter }), { token: 'abc' }).get('https://127.0.0.1/'))
  }

  it('that is frozen passes unchanged', async () => {
    const frozen = Object.freeze(new AxiosError('frozen', 'ECONNRESET'))
    expect(await rejecting(frozen)).toBe(frozen)
  })

  it.each([undefined, null, 'text', 7])('that is %j passes unchanged', async (thrown) => {
    expect(await rejecting(thrown)).toBe(thrown)
  })

  it('that has an explanation, from an instance beneath, keeps it', async () => {
    const response = { status: 401, statusText: '', headers: {}, data: '' } as AxiosResponse
    const inner = { summary: 'from beneath', reasons: [] }
    const error = new AxiosError('refused', 'ERR_BAD_REQUEST', undefined, undefined, response)
    expect(await rejecting(Object.assign(error, { igwnAuth: inner }))).toBe(error)
    expect(error).toHaveProperty('igwnAuth', inner)
  })

  it('has its explanation in its JSON, unless the caller removes it', async () => {
    const response = { status: 401, statusText: '', headers: {}, data: '' } as AxiosResponse
    const error = new AxiosError('refused', 'ERR_BAD_REQUEST', undefined, undefined, response)
    const { igwnAuth } = (await rejecting(error)) as { igwnAuth?: Refusal }
    expect(igwnAuth?.summary).toContain('the server refused with 401')
    const { summary, reasons } = igwnAuth!
    expect(error.toJSON()).toMatchObject({ message: 'refused', summary, reasons })
    Reflect.deleteProperty(error, 'igwnAuth')
    expect(JSON.parse(JSON.stringify(error))).not.toHaveProperty('summary')
  })

  it('that is not one of axios gets no property', async () => {
    const own = Object.assign(new TypeError('own'), { response: { status: 403, headers: {} } })
    expect(await rejecting(own)).toBe(own)
    expect(own).not.toHaveProperty('igwnAuth')
    expect(Object.keys(own)).toEqual(['response'])
  })
})

describe('timeout', () => {
  it('covers both sends, and the message has the value of the caller', async () => {
    // The clock of the test: the first send takes 9.8 seconds.
    let now = 0
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now)
    const server = await servers.serve((_, index) => {
      if (index === 0) return {}
      if (index > 1) return new Promise<Answer>(() => undefined)
      now += 9800
      return challenge()
    })
    const http = axios.getAdapter('http')
    const timeouts: unknown[] = []
    const adapter: AxiosAdapter = (config) => {
      timeouts.push(config.timeout)
      return http(config)
    }
    try {
      const instance = applyIgwnAuth(axios.create({ adapter }), { token: counting() })
      await instance.get(server.origin)
      const error = await failure(instance.get(server.origin, { timeout: 10_000 }))
      expect([error.code, error.message]).toEqual(['ECONNABORTED', 'timeout of 10000ms exceeded'])
      expect(timeouts).toEqual([0, 10_000, 200])
    } finally {
      clock.mockRestore()
    }
  })

  it('after a redirect to another origin has the value of the caller in its message', async () => {
    const target = await servers.serve(() => new Promise<Answer>(() => undefined), { host: 'localhost' })
    const server = await servers.serve(() => ({ status: 302, headers: { Location: target.origin } }))
    const error = await failure(
      applyIgwnAuth(axios.create(), { token: 'abc' }).get(server.origin, { timeout: 300 }),
    )
    expect(error.message).toBe('timeout of 300ms exceeded')
    expect(error.config?.timeout).toBe(300)
  })
})

describe('progress', () => {
  it('hooks get the response of the caller only, and each uploaded byte once', async () => {
    const server = await servers.serve((_, index) =>
      index === 0 ? { ...challenge(), body: 'refused'.repeat(100) } : { body: 'x'.repeat(5000) },
    )
    const [uploads, downloads]: AxiosProgressEvent[][] = [[], []]
    await applyIgwnAuth(axios.create(), { token: counting() }).post(server.origin, 'b'.repeat(1000), {
      onUploadProgress: (event) => uploads!.push(event),
      onDownloadProgress: (event) => downloads!.push(event),
    })
    const uploaded = uploads!.map(({ loaded }) => loaded)
    expect(uploaded).toEqual([...new Set(uploaded)].sort((a, b) => a - b))
    expect(uploaded.at(-1)).toBe(1000)
    expect(downloads!.at(-1)?.loaded).toBe(5000)
    for (const { total } of downloads!) expect(total ?? 5000).toBe(5000)
  })

  it('hooks get the body of a refusal that is returned', async () => {
    const server = await servers.serve(() => ({ status: 403, body: 'x'.repeat(300) }))
    const loaded: number[] = []
    await failure(
      applyIgwnAuth(axios.create(), { token: 'abc' }).get(server.origin, {
        onDownloadProgress: (event) => loaded.push(event.loaded),
      }),
    )
    expect(loaded.at(-1)).toBe(300)
  })
})

describe('a scheme', () => {
  const adapter: AxiosAdapter = (config) =>
    Promise.resolve({ status: 200, statusText: '', data: '', headers: {}, config })
  /** What a scheme gets of a POST with this body. */
  const schemeRequestFor = async (data: unknown, headers = {}) => {
    const seen: SchemeRequest[] = []
    const scheme: AuthScheme = {
      name: 'Recording',
      authorize: (request) => {
        seen.push(request)
        return undefined
      },
    }
    await applyIgwnAuth(axios.create({ adapter }), { scheme }).post('http://127.0.0.1/', data, { headers })
    expect(seen).toHaveLength(1)
    return seen[0]!
  }

  it.each<[string, unknown, string]>([
    ['a native form', new FormData(), 'multipart/form-data'],
    ['a Blob with a type', new Blob(['a'], { type: 'text/csv' }), 'text/csv'],
    ['a Blob without a type', new Blob(['a']), 'application/octet-stream'],
    ['an empty Blob', new Blob([], { type: 'text/csv' }), 'text/own'],
    ['a string', 'a', 'text/own'],
  ])('gets the content type that the http adapter sends with %s', async (_, data, contentType) => {
    expect(await schemeRequestFor(data, { 'Content-Type': 'text/own' })).toMatchObject({
      method: 'POST',
      contentType,
    })
  })

  it('gets the bytes and the boundary of a form of the form-data package', async () => {
    const form = new FormDataPackage()
    form.append('a', '1')
    const { body, contentType, isStream } = await schemeRequestFor(form)
    expect(contentType).toBe(`multipart/form-data; boundary=${form.getBoundary()}`)
    expect([Buffer.from(body!).toString(), isStream]).toEqual([form.getBuffer().toString(), false])
  })

  it.each<[string, AuthScheme['authorize']]>([
    ['nothing', () => undefined],
    ['nothing, later', () => Promise.resolve(undefined)],
  ])('that changes %s leaves the request as it is', async (_, authorize) => {
    const instance = applyIgwnAuth(axios.create({ adapter }), { scheme: { name: 'Idle', authorize } })
    const params = { q: '1' }
    const { config } = await instance.post('http://127.0.0.1/a', 'text', { params })
    expect(config).toMatchObject({ url: 'http://127.0.0.1/a', params, data: 'text' })
    expect(config.headers.has('Authorization')).toBe(false)
  })
})

const OURS = { authorization: 'Bearer abc-secret', token: 'abc-secret', reasons: [] } as const
const contextOf = (config: AxiosRequestConfig = {}, more: Partial<RequestContext> = {}) => {
  const request = { url: 'https://x.example.org/', method: 'get', ...config, headers: new AxiosHeaders() }
  return { ...newContext(request, 'http', new URL(request.url), {}, false), ...more }
}

describe('the config that the adapter gets', () => {
  /** What an adapter gets, as it is then and afterwards. The adapter sends nothing. */
  const transmitted = async (context: RequestContext, credentials: Credentials) => {
    const seen: InternalAxiosRequestConfig[] = []
    const adapter: AxiosAdapter = (config) => {
      seen.push(config, { ...config, headers: new AxiosHeaders(config.headers) })
      return Promise.resolve({ status: 200, statusText: '', data: '', headers: {}, config })
    }
    const getAdapter = jest.spyOn(axios, 'getAdapter').mockReturnValue(adapter)
    const response = await transmit(context, credentials)
    getAdapter.mockRestore()
    expect(response.config).toBe(context.caller)
    const [after, then] = seen
    return { after: after!, then: then! }
  }
  const own = new https.Agent()
  const wrapped = wrapAgent(https.globalAgent)
  const scheme: AuthScheme = { name: 'Idle', authorize: () => undefined }

  it.each<[string, unknown, AxiosRequestConfig, Credentials, Partial<RequestContext>]>([
    ['the global agent, wrapped', wrapped, {}, OURS, {}],
    ['the agent of the caller, wrapped', wrapAgent(own), { httpsAgent: own }, OURS, {}],
    [
      'the agent with our certificate, wrapped',
      wrapAgent(own),
      {},
      { ...OURS, tls: { agent: own, reasons: [] } },
      {},
    ],
    ['the agent with our certificate', own, {}, { tls: { agent: own, reasons: [] }, reasons: [] }, {}],
    ['the global agent, wrapped, with a scheme', wrapped, {}, { scheme, reasons: [] }, {}],
    ['an agent that is watched', 'watched', {}, { reasons: [] }, { watchAgent: () => 'watched' as never }],
    ['no agent without a credential', undefined, {}, { reasons: [] }, {}],
    ['no agent through a network proxy', undefined, { proxy: { host: 'proxy.test', port: 1 } }, OURS, {}],
    ['no agent over HTTP/2', undefined, { httpVersion: 2 } as object, OURS, {}],
    ['no agent with the fetch adapter', undefined, {}, OURS, { adapter: 'fetch' }],
  ])('has %s', async (_, expected, config, credentials, more) => {
    const { then, after } = await transmitted(contextOf({ proxy: false, ...config }, more), credentials)
    expect(then.httpsAgent).toBe(expected)
    expect(then).not.toHaveProperty('httpAgent')
    expect(after.httpsAgent).toBe(config.httpsAgent)
  })

  it('has the agent for plain HTTP with such a URL', async () => {
    const context = contextOf({ url: 'http://localhost/', proxy: false })
    const { then } = await transmitted(context, OURS)
    expect(then.httpAgent).toBe(wrapAgent(http.globalAgent))
    expect(then).not.toHaveProperty('httpsAgent')
  })

  it('has our options for HTTP/2 under those of the caller, and none where there are none', async () => {
    const tls = { http2Options: { ca: 'ours', identity: 'ours' }, reasons: [] }
    const both = await transmitted(contextOf({ http2Options: { ca: 'own' } } as object), { tls, reasons: [] })
    expect(both.then).toHaveProperty('http2Options', { identity: 'ours', ca: 'own' })
    expect(both.after).toHaveProperty('http2Options', { ca: 'own' })
    const alone = await transmitted(contextOf(), { tls, reasons: [] })
    expect(alone.then).toHaveProperty('http2Options', tls.http2Options)
    for (const { then, after } of [alone, await transmitted(contextOf(), OURS)])
      for (const one of then === alone.then ? [after] : [then, after])
        expect(one).not.toHaveProperty('http2Options')
  })

  it('has the credential only while it is sent, and all properties of the request', async () => {
    const symbol = Symbol('of an interceptor')
    const context = contextOf({ [symbol]: 'kept', params: { a: 1 }, maxRedirects: 3 } as object)
    const { then, after } = await transmitted(context, OURS)
    expect(then).toMatchObject({ [symbol]: 'kept', params: { a: 1 }, maxRedirects: 3 })
    expect(then.headers.get('Authorization')).toBe(OURS.authorization)
    expect(then.beforeRedirect).toBeInstanceOf(Function)
    expect(after.headers.has('Authorization')).toBe(false)
    expect(Reflect.ownKeys(after)).toEqual(Reflect.ownKeys(context.request))
    expect(context.request.headers.has('Authorization')).toBe(false)
  })

  it('has a form as the caller gave it, and again in a later send, with the rest of the timeout', async () => {
    const now = jest.spyOn(performance, 'now')
    const form = new FormDataPackage()
    form.append('a', '1')
    const context = contextOf({ data: form, timeout: 1000 })
    const spent = [100, 350.4, 400, 1500, 1600, 1600]
    for (const [data, timeout] of [
      [form, 1000],
      [expect.any(ReplayedForm), 750],
      [expect.any(ReplayedForm), 1],
    ]) {
      now.mockReturnValueOnce(spent.shift()!).mockReturnValueOnce(spent.shift()!)
      const { then, after } = await transmitted(context, OURS)
      expect(then).toMatchObject({ data, timeout })
      expect(then.data === form).toBe(data === form)
      expect(after).toMatchObject({ data: form, timeout: 1000 })
    }
    now.mockRestore()
    const text = contextOf({ data: 'text' }, { sends: 1 })
    expect((await transmitted(text, OURS)).then).toMatchObject({ data: 'text' })
    expect((await transmitted(text, OURS)).then.timeout).toBeUndefined()
  })
})

describe('an error of the adapter', () => {
  const rejected = async (error: unknown, config?: AxiosRequestConfig, adapter?: AxiosAdapter) => {
    const context = contextOf(config, { adapter: adapter ?? (() => Promise.reject(error)) })
    expect(await failure(transmit(context, OURS))).toBe(error)
    return context.caller
  }
  /** What the http adapter of axios passes: a native request that leads to follow-redirects' copy of the header fields. */
  const nativeRequest = () => {
    const headers: Record<string, string> = { Authorization: OURS.authorization, 'X-Own': 'kept' }
    return { headers, request: { _redirectable: { _options: { headers } } } }
  }

  it.each<[string, () => { config?: unknown }, boolean]>([
    ['of axios', () => new AxiosError('x', 'ECONNRESET', contextOf().caller), true],
    ['that a cancellation is', () => new CanceledError('x', contextOf().caller), true],
    ['of axios without a config', () => new AxiosError('x', 'ECONNRESET'), false],
    ['of others', () => Object.assign(new Error('x'), { config: contextOf().caller }), false],
  ])('%s gets the config of the caller where it had one: %s', async (_, makeError, isReplaced) => {
    const error = makeError()
    const { config } = error
    const caller = await rejected(error)
    expect(error.config).toBe(isReplaced ? caller : config)
  })

  it('has no credential in the options of its native request, nor that of its response', async () => {
    for (const isOfResponse of [false, true]) {
      const { headers, request } = nativeRequest()
      const response = { status: 404, headers: {}, data: Readable.from(['x']), request }
      const error = new AxiosError('x', 'ERR_BAD_REQUEST', contextOf().caller)
      const caller = await rejected(Object.assign(error, isOfResponse ? { response } : { request }))
      expect(headers).toEqual({ 'X-Own': 'kept' })
      expect(inspect(request._redirectable)).toBe('Object {}')
      if (isOfResponse) expect(error.response?.config).toBe(caller)
    }
    const { headers, request } = nativeRequest()
    await rejected(Object.assign(new Error('x'), { request: request._redirectable }))
    expect(headers).toEqual({ 'X-Own': 'kept' })
    for (const odd of [null, {}, { _redirectable: {} }, { _options: {} }])
      await rejected(Object.assign(new Error('x'), { request: odd }))
  })

  it.each([null, 'text', undefined])('may have %j in place of a response', async (response) => {
    const error = Object.assign(new AxiosError('x'), { response })
    await rejected(error)
    expect(error.response).toBe(response)
  })

  it('repeats no secret in its message', async () => {
    const error = new Error(`cannot send ${OURS.authorization}`)
    await rejected(error)
    expect(error.message).not.toContain(OURS.token)
  })

  it('has the timeout of the caller in its message in place of the rest of it', async () => {
    const error = new AxiosError('')
    const adapter: AxiosAdapter = ({ timeout }) => {
      error.message = `timeout of ${timeout}ms exceeded, timeout of 2000ms exceeded`
      return Promise.reject(error)
    }
    const context = contextOf({ timeout: 1000 }, { adapter, sends: 1, spent: 300 })
    await failure(transmit(context, OURS))
    expect(error.message).toBe('timeout of 1000ms exceeded, timeout of 2000ms exceeded')
  })

  it('keeps its message after a first send, and where the caller set no timeout', async () => {
    const message = 'timeout of 5ms exceeded'
    const error = Object.defineProperty(new AxiosError(message), 'message', { writable: false })
    await rejected(error, { timeout: 5 })
    const adapter: AxiosAdapter = (config) => {
      config.timeout = 5
      return Promise.reject(error)
    }
    await rejected(error, {}, adapter)
    expect(error.message).toBe(message)
  })
})

describe('a response', () => {
  it('with a stream has no credential in the options of its native request: the stream may fail later', async () => {
    const headers: Record<string, string> = { Authorization: OURS.authorization, 'X-Own': 'kept' }
    const request = { _redirectable: { _options: { headers } } }
    const adapter: AxiosAdapter = (config) =>
      Promise.resolve({
        status: 200,
        statusText: '',
        data: Readable.from(['x']),
        headers: {},
        config,
        request,
      })
    await transmit(contextOf({}, { adapter }), OURS)
    expect(headers).toEqual({ 'X-Own': 'kept' })
  })

  it.each<[string, boolean, object, boolean]>([
    ['of the http adapter', false, {}, true],
    ['of an adapter that leaves redirects', true, { redirect: 'manual' }, true],
    ['of a network proxy, which made no tunnel', false, { redirect: 'manual' }, false],
  ])('that is a redirect, %s, is followed here: %s', async (_, isFollowed, property, encrypted) => {
    const adapter: AxiosAdapter = (config) => {
      const headers = { location: 'https://x.example.org/b' }
      const request = { socket: { encrypted } }
      return Promise.resolve({ status: 302, statusText: '', data: '', headers, config, request })
    }
    const proxy = { host: 'proxy.test', port: 3128 }
    const sending = transmit(contextOf({ proxy }, { adapter: Object.assign(adapter, property) }), OURS)
    if (isFollowed) await expect(sending).rejects.toBeInstanceOf(RedirectToFollow)
    else expect((await sending).status).toBe(302)
  })

  it.each<[string, object | undefined, string]>([
    ['manual', undefined, 'manual'],
    ['manual', { redirect: 'follow', keepalive: true }, 'manual'],
    ['as the caller says', { redirect: 'error' }, 'error'],
  ])('of the fetch adapter: redirects are %s with %j', async (_, fetchOptions, redirect) => {
    const seen: unknown[] = []
    jest.spyOn(axios, 'getAdapter').mockReturnValueOnce((config) => {
      seen.push((config as { fetchOptions?: unknown }).fetchOptions)
      return Promise.resolve({ status: 200, statusText: '', data: '', headers: {}, config })
    })
    const context = contextOf(fetchOptions && ({ fetchOptions } as object), { adapter: 'fetch' })
    await transmit(context, OURS)
    expect(seen).toEqual([{ ...fetchOptions, redirect }])
  })
})

it("a custom adapter gets the caller's own agents", async () => {
  const httpAgent = new http.Agent()
  const seen: unknown[] = []
  const adapter: AxiosAdapter = (config) => {
    seen.push(config.httpAgent, config.httpsAgent, config.headers.Authorization)
    return Promise.resolve({ status: 200, statusText: '', data: '', headers: {}, config })
  }
  const instance = applyIgwnAuth(axios.create({ adapter, httpAgent }), { token: 'abc', cert: false })
  await instance.get('http://127.0.0.1/')
  expect(seen).toEqual([httpAgent, undefined, 'Bearer abc'])
  expect(seen[0]).toBe(httpAgent)
})

it('the body of a 401 that never ends does not keep the process alive', async () => {
  const server = http.createServer((request, response) => {
    if (request.headers.authorization === 'Bearer token-2') return response.end('ok')
    response.writeHead(401, { 'WWW-Authenticate': 'Bearer' })
    return response.write('x')
  })
  const { port } = await listen(server)
  // The response is closed after a second, which is 40 seconds here: a slow host needs less to end the process.
  const program = `
    const { setTimeout: wait } = globalThis
    globalThis.setTimeout = (act, delay, ...rest) => wait(act, delay * 40, ...rest)
    const axios = require('axios')
    const { applyIgwnAuth } = require('axios-igwn-auth')
    let calls = 0
    const instance = applyIgwnAuth(axios.create({ responseType: 'stream', proxy: false }), { token: () => 'token-' + (calls += 1) })
    instance.get(process.argv[1]).then(({ data }) => data.on('end', () => process.stdout.write('done')).resume())`
  const argv = ['--eval', program, `http://127.0.0.1:${port}`]
  const child = spawn(process.execPath, argv, { cwd: path.join(__dirname, '../..') })
  try {
    expect(String((await once(child.stdout, 'data'))[0])).toBe('done')
    const begin = performance.now()
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(performance.now() - begin).toBeLessThan(30_000)
  } finally {
    child.kill()
  }
})
