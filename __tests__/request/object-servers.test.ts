/** Which server of a federation gets a request, and what each of them gets: the rules of `object-requests.ts` without a connection. */
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import axios, {
  AxiosError,
  AxiosHeaders,
  CanceledError,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import { IgwnAuthError, type IgwnAuthErrorCode } from '../../lib/errors'
import type { IgwnAuthEvent } from '../../lib/events'
import { resolveOptions, type IgwnAuthOptions } from '../../lib/options'
import { newContext, type RequestContext } from '../../lib/request/context'
import { objectRequests } from '../../lib/request/object-requests'

type Request = InternalAxiosRequestConfig

const OBJECT = 'pelican://f.test/ns/frames/f'
const PATH = '/ns/frames/f'
const PRIVATE = {
  'x-pelican-namespace': 'namespace=/ns, require-token=true',
  'x-pelican-token-generation':
    'issuer=https://issuer.test, base-path=/ns, max-scope-depth=1, vault-server=vault.test',
}

interface Federation {
  /** The servers that the director names. */
  readonly hosts?: readonly string[]
  readonly status?: number
  readonly hints?: Record<string, string>
  readonly options?: IgwnAuthOptions
  /** What a server responds; a thrown error is its failure. */
  readonly respond?: (context: RequestContext, index: number) => Partial<AxiosResponse>
  /** What the director responds, or throws. */
  readonly direct?: (context: RequestContext) => Partial<AxiosResponse> | undefined
}

const responseTo = ({ request }: RequestContext, response: Partial<AxiosResponse>): AxiosResponse => ({
  status: 200,
  statusText: '',
  headers: {},
  data: 'a frame',
  config: request,
  ...response,
})

/** Requests by an exchange that sends nothing, and the contexts that it got. */
function federationOf({
  hosts = ['a.test', 'b.test', 'c.test'],
  status = 307,
  hints = {},
  options = {},
  respond = () => ({}),
  direct = () => undefined,
}: Federation = {}) {
  const asked: RequestContext[] = []
  const sent: RequestContext[] = []
  const events: IgwnAuthEvent[] = []
  const resolved = resolveOptions({ onEvent: (event) => events.push(event), ...options }, 'options')
  const link = hosts.map((host, at) => `<https://${host}${PATH}>; rel="duplicate"; pri=${at + 1}`).join(', ')
  const { send, look } = objectRequests({
    contextOf: (caller, adapter, url) => newContext(caller, adapter, url, resolved, false),
    send: async (context) => {
      await Promise.resolve()
      const { url } = context
      if (url.host === 'f.test') {
        asked.push(context)
        return responseTo(context, { data: '{"director_endpoint":"https://d.test"}' })
      }
      if (url.host === 'd.test') {
        asked.push(context)
        const headers = { server: 'pelican/7', ...hints, ...(hosts.length > 0 && { link }) }
        return responseTo(context, { status, headers, data: '{"msg":"said"}', ...direct(context) })
      }
      sent.push(context)
      return responseTo(context, respond(context, sent.length - 1))
    },
  })
  const requestOf = (config: Partial<Request> = {}): Request => ({
    url: OBJECT,
    method: 'get',
    headers: new AxiosHeaders(),
    validateStatus: (one) => one >= 200 && one < 300,
    ...config,
  })
  return {
    asked,
    sent,
    events,
    send: (config?: Partial<Request>, adapter: Request['adapter'] = 'http') =>
      send(requestOf(config), adapter, OBJECT),
    look: (config?: Partial<Request>) => look(requestOf(config), 'http', OBJECT),
    hosts: () => sent.map(({ url }) => url.host),
    warnings: () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
  }
}

const failureOf = (request: Promise<unknown>) =>
  request.then(
    () => {
      throw new Error('nothing was thrown')
    },
    (error: unknown) => error,
  )

/** Fails at the first server. */
const failing = (outcome: Partial<AxiosResponse> | Error, federation: Federation = {}) =>
  federationOf({
    ...federation,
    respond: (_, index) => {
      if (index > 0) return {}
      if (outcome instanceof Error) throw outcome
      return outcome
    },
  })

const refusedBy = (status: number, message = 'refused'): AxiosError =>
  new AxiosError(message, 'ERR_BAD_RESPONSE', undefined, undefined, { status } as AxiosResponse)

describe('the next server', () => {
  it.each([404, 408, 410, 429, 500, 502, 599])(
    'is tried after status %i, as a response or an error',
    async (status) => {
      for (const outcome of [{ status }, refusedBy(status)]) {
        const { send, hosts, warnings } = failing(outcome)
        expect((await send()).data).toBe('a frame')
        expect(hosts()).toEqual(['a.test', 'b.test'])
        expect(warnings()).toEqual([`a.test failed (status ${status}); trying b.test`])
      }
    },
  )

  it.each([200, 206, 304, 399, 400, 401, 403, 405, 409, 416, 428, 430, 499])(
    'is not tried after status %i',
    async (status) => {
      const { send, hosts, warnings } = failing({ status })
      expect((await send()).status).toBe(status)
      const error = refusedBy(status)
      const other = failing(error)
      expect(await failureOf(other.send())).toBe(error)
      expect([hosts(), other.hosts(), warnings()]).toEqual([['a.test'], ['a.test'], []])
    },
  )

  it.each<[what: string, error: Error, why: string | undefined]>([
    ['no connection', new AxiosError('refused', 'ECONNREFUSED'), 'ECONNREFUSED'],
    ['an error without a code', new AxiosError('odd'), 'no response'],
    ['a body that was cut off', refusedBy(200, 'stream has been aborted'), 'status 200'],
    ['the body of a refusal that was cut off', refusedBy(400, 'stream has been aborted'), undefined],
    ['a body that is too long', new AxiosError('maxContentLength', 'ERR_BAD_RESPONSE'), undefined],
    ['another error after a response', refusedBy(200, 'maxContentLength exceeded'), undefined],
    ['an abort by the caller', new CanceledError(), undefined],
    ['a fault of a program', new TypeError('a fault'), undefined],
    ...(['ERR_IGWN_INSECURE_TRANSPORT', 'ERR_IGWN_INTEGRITY'] as const).map(
      (code): [string, Error, string] => [code, new IgwnAuthError(code, 'no'), code],
    ),
    ...(['ERR_IGWN_TOKEN_NOT_FOUND', 'ERR_IGWN_NO_CREDENTIAL'] satisfies IgwnAuthErrorCode[]).map(
      (code): [string, Error, undefined] => [code, new IgwnAuthError(code, 'no'), undefined],
    ),
  ])('after %s', async (_, error, why) => {
    const { send, hosts, warnings } = failing(error)
    const outcome: unknown = await send().catch((one: unknown) => one)
    if (why === undefined) expect(outcome).toBe(error)
    else expect(outcome).toMatchObject({ data: 'a frame' })
    expect(hosts()).toEqual(why === undefined ? ['a.test'] : ['a.test', 'b.test'])
    expect(warnings()).toEqual(why === undefined ? [] : [`a.test failed (${why}); trying b.test`])
  })

  it('is tried until none is left: the failure of the last one is the result', async () => {
    const { send, hosts } = federationOf({ respond: () => ({ status: 500 }) })
    expect((await send()).status).toBe(500)
    expect(hosts()).toEqual(['a.test', 'b.test', 'c.test'])
    const error = new AxiosError('refused', 'ECONNREFUSED')
    const alone = failing(error, { hosts: ['a.test'] })
    expect(await failureOf(alone.send())).toBe(error)
    expect(alone.warnings()).toEqual([])
  })

  it.each<[what: string, config: Partial<Request>, isTried: boolean]>([
    ['HEAD', { method: 'head' }, true],
    ['OPTIONS', { method: 'OPTIONS' }, true],
    ['PROPFIND with a text', { method: 'propfind', data: '<a/>' }, true],
    ['PROPFIND with a stream', { method: 'propfind', data: Readable.from(['<a/>']) }, false],
    ['PUT', { method: 'put', data: 'x' }, false],
    ['DELETE', { method: 'delete' }, false],
    ['no method', { method: undefined as never }, true],
  ])('is tried for %s only where it can be sent again', async (_, config, isTried) => {
    const { send, hosts } = failing({ status: 503 })
    await send(config)
    expect(hosts()).toEqual(isTried ? ['a.test', 'b.test'] : ['a.test'])
  })

  it('is the first one from then on, and the response that is not used is released', async () => {
    const data = Readable.from(['else'])
    const { send, hosts, asked } = failing({ status: 503, data })
    await send()
    await send()
    expect(hosts()).toEqual(['a.test', 'b.test', 'b.test'])
    expect(asked).toHaveLength(2)
    await new Promise((resolve) => setImmediate(resolve))
    expect(data.destroyed).toBe(true)
    const response = { status: 503, data: Readable.from(['else']) } as AxiosResponse
    await failing(new AxiosError('no', 'ERR_BAD_RESPONSE', undefined, undefined, response)).send()
    await new Promise((resolve) => setImmediate(resolve))
    expect((response.data as Readable).destroyed).toBe(true)
  })

  it('is the first one after a stream that was cut off', async () => {
    const streams = [new Readable({ read: () => undefined }), new Readable({ read: () => undefined })]
    const { send, hosts } = federationOf({ respond: (_, index) => ({ data: streams[index] }) })
    await send()
    streams[0]?.on('error', () => undefined).destroy(new Error('cut off'))
    await new Promise((resolve) => setImmediate(resolve))
    await send()
    streams[1]?.destroy()
    await send()
    expect(hosts()).toEqual(['a.test', 'b.test', 'b.test'])
  })

  it('is not the first one after a stream that the caller aborted', async () => {
    const data = new Readable({ read: () => undefined })
    const { send, hosts } = federationOf({ respond: () => ({ data }) })
    await send()
    data.on('error', () => undefined).destroy(new CanceledError())
    await new Promise((resolve) => setImmediate(resolve))
    await send()
    expect(hosts()).toEqual(['a.test', 'a.test'])
  })

  it('is the first one after a stream of fetch that was cut off, and not after one that ended or was cancelled', async () => {
    const cancelled: unknown[] = []
    const streams = ['ends', 'is cancelled', 'is cut off', 'ends'].map((what) => {
      const parts = [Buffer.from('a '), Buffer.from('frame')]
      return new ReadableStream<Buffer>(
        {
          pull(controller) {
            const part = parts.shift()
            if (part) controller.enqueue(part)
            else if (what === 'ends') controller.close()
            else controller.error(new Error('cut off'))
          },
          cancel: (reason) => void cancelled.push(reason),
        },
        { highWaterMark: 0 },
      )
    })
    const { send, hosts } = federationOf({ respond: (_, index) => ({ data: streams[index] }) })
    const next = async () =>
      (await send({ responseType: 'stream' }, 'fetch')).data as ReadableStream<Uint8Array>
    expect(await text(await next())).toBe('a frame')
    await (await next()).cancel('enough')
    expect(cancelled).toEqual(['enough'])
    await expect(text(await next())).rejects.toThrow('cut off')
    expect(await text(await next())).toBe('a frame')
    expect(hosts()).toEqual(['a.test', 'a.test', 'a.test', 'b.test'])
  })
})

describe('a server that sends nothing', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] }))
  afterEach(() => jest.useRealTimers())

  const proxy = { host: 'proxy.test', port: 3128 }

  it.each<
    [
      what: string,
      config: Partial<Request> & { httpVersion?: number },
      adapter: Request['adapter'],
      isNative: boolean,
    ]
  >([
    ['the http adapter', {}, ['xhr', 'http'], true],
    ['HTTP/2', { httpVersion: 2 }, 'http', false],
    ['a network proxy', { proxy }, 'http', false],
    ['the fetch adapter', {}, 'fetch', false],
    ['an adapter of the caller', {}, () => Promise.reject(new Error('not called')), false],
  ])(
    'is watched by its agent or by a signal, and the last one is waited for: %s',
    async (_, config, adapter, isNative) => {
      const { send, sent } = federationOf({ respond: () => ({ status: 503 }) })
      await send(config, adapter)
      expect(sent.map(({ watchAgent }) => watchAgent !== undefined)).toEqual([isNative, isNative, false])
      expect(sent.map(({ request }) => request.signal !== undefined)).toEqual([!isNative, !isNative, false])
      expect(jest.getTimerCount()).toBe(0)
    },
  )

  it('is left for the next one after 10 seconds, unless the caller aborts', async () => {
    const caller = new AbortController()
    for (const isLate of [true, false]) {
      const error = new CanceledError()
      const { send, hosts, warnings } = federationOf({
        respond: (_, index) => {
          if (index > 0) return {}
          if (isLate) jest.advanceTimersByTime(10_000)
          else caller.abort()
          throw error
        },
      })
      const outcome: unknown = await send({ signal: caller.signal }, 'fetch').catch((one: unknown) => one)
      if (isLate) expect(outcome).toMatchObject({ data: 'a frame' })
      else expect(outcome).toBe(error)
      expect(hosts()).toEqual(isLate ? ['a.test', 'b.test'] : ['a.test'])
      expect(warnings()).toEqual(isLate ? ['a.test failed (ERR_CANCELED); trying b.test'] : [])
    }
  })
})

describe('a server gets', () => {
  it.each<[isSentTwice: boolean, what: string, config: object]>([
    [true, 'a range', { headers: { Range: 'bytes=1-' } }],
    [false, 'no range', {}],
    [false, 'a range of false', { headers: { Range: false } }],
    [false, 'a change', { method: 'put', headers: { Range: 'bytes=1-' }, data: 'a frame' }],
    [
      false,
      'a stream as body',
      { method: 'propfind', headers: { Range: 'bytes=1-' }, data: Readable.from([]) },
    ],
    [false, 'a choice of the caller', { headers: { Range: 'bytes=1-' }, insecureHTTPParser: false }],
  ])(
    'the request again (%s) when a line of its response ends with a bare LF: %s',
    async (isSentTwice, _, config) => {
      const failure = new AxiosError('Parse Error', 'HPE_CR_EXPECTED')
      const { send, sent } = failing(failure, { hosts: ['a.test'] })
      const headers = AxiosHeaders.from((config as { headers?: AxiosHeaders }).headers)
      const outcome: unknown = await send({ ...config, headers }).catch((error: unknown) => error)
      if (isSentTwice) expect(outcome).toMatchObject({ data: 'a frame' })
      else expect(outcome).toBe(failure)
      const { insecureHTTPParser } = config as Partial<Request>
      expect(sent.map(({ request }) => request.insecureHTTPParser)).toEqual([
        insecureHTTPParser,
        ...(isSentTwice ? [true] : []),
      ])
    },
  )

  it('no token that a director repeats in a parameter of its URL', async () => {
    const token = 'eyJ-of-another-user'
    const { send, sent } = federationOf({
      direct: (context) => {
        const headers = { server: 'pelican/7', ...PRIVATE }
        if (context.options.forceNoAuth) return { status: 403, headers }
        context.secrets = [token]
        const link = `<https://a.test${PATH}?access_token=Bearer%20${token}&x=1>; rel="duplicate"; pri=1`
        return { headers: { ...headers, link } }
      },
    })
    for (let count = 0; count < 2; count += 1) await send()
    expect(sent.map(({ request }) => request.url)).toEqual(Array(2).fill(`https://a.test${PATH}?x=1`))
  })

  it('the request of the caller at its own URL, and the same objects in each', async () => {
    const { send, sent } = federationOf({ hints: PRIVATE })
    const config = { baseURL: 'pelican://f.test/ns', params: { a: 1 }, data: undefined }
    await send(config)
    await send(config)
    const [first, second] = sent
    expect(first?.request).toMatchObject({ url: `https://a.test${PATH}`, method: 'get', params: { a: 1 } })
    expect(first?.request).not.toHaveProperty('baseURL')
    expect(first?.caller).toMatchObject({ url: OBJECT, ...config })
    expect(first?.url.href).toBe(`https://a.test${PATH}`)
    expect(second?.url).toBe(first?.url)
    expect(second?.object).toBe(first?.object)
    expect(second?.options).toBe(first?.options)
  })

  it('no certificate and no password that was not asked for', async () => {
    const { sent, send } = federationOf()
    await send()
    expect(sent[0]?.options).toMatchObject({ cert: false, netrc: false })
    expect(Object.getPrototypeOf(sent[0]?.options)).toBeNull()
    process.env.IGWN_AUTH_UTILS_FIND_X509 = 'yes'
    await send()
    delete process.env.IGWN_AUTH_UTILS_FIND_X509
    await send()
    expect(sent.slice(1).map(({ options }) => options.cert)).toEqual([true, false])
    const named = federationOf({ options: { cert: true, netrc: '/n', token: 'abc' } })
    await named.send()
    expect(named.sent[0]?.options).toMatchObject({ cert: true, netrc: '/n' })
    expect(named.sent[0]?.options.token).toBeDefined()
  })

  it.each<[hints: Record<string, string>, method: string, needsToken: boolean]>([
    [PRIVATE, 'get', true],
    [{}, 'get', false],
    [{}, 'head', false],
    [{}, 'put', true],
  ])('with the hints %j, a %s request that needs a token: %s', async (hints, method, needsToken) => {
    const { sent, send } = federationOf({ hints })
    await send({ method })
    expect(sent[0]?.object?.needsToken).toBe(needsToken)
  })

  it('what a token has to satisfy, with the scope to request: that of the WLCG profile, for IGWN that of SciTokens', async () => {
    const { sent, send } = federationOf({ hints: PRIVATE })
    await send()
    const { object, scopePath } = sent[0]?.object ?? {}
    expect([object?.path, scopePath]).toEqual([PATH, '/frames/f'])
    expect(sent[0]?.object?.requirements.object).toEqual({
      scope: ['storage.read:/frames/f', 'read:/frames/f'],
      issuer: ['https://issuer.test'],
      audience: ['https://f.test', 'https://a.test', 'https://b.test', 'https://c.test'],
      scopeToRequest: 'storage.read:/frames',
      vaultServer: 'vault.test',
      tokenName: undefined,
    })
    const ofIgwn = { 'x-pelican-token-generation': 'issuer=https://cilogon.org/igwn, base-path=/ns' }
    const igwn = federationOf({ hints: { ...PRIVATE, ...ofIgwn } })
    await igwn.send()
    expect(igwn.sent[0]?.object?.requirements.object.scopeToRequest).toMatch(/^read:\/frames/)
    const open = federationOf()
    await open.send()
    expect(open.sent[0]?.object?.requirements.object).toMatchObject({ scope: [], scopeToRequest: undefined })
  })
})

describe('the director', () => {
  it('is asked with the connection of the caller, without a credential and without what the caller sends', async () => {
    const proxy = { host: 'proxy.test', port: 3128 }
    const own = { proxy, timeout: 7, auth: { username: 'me', password: 'sosecret' }, params: { a: 1 } }
    const { asked, send } = federationOf({ options: { token: 'sosecret' } })
    await send({ ...own, headers: new AxiosHeaders({ Authorization: 'Bearer sosecret' }) })
    expect(asked.map(({ url }) => url.href)).toEqual([
      'https://f.test/.well-known/pelican-configuration',
      `https://d.test${PATH}`,
    ])
    for (const { request, options, authenticated, adapter } of asked) {
      expect([options, authenticated, adapter, request.proxy]).toEqual([
        { forceNoAuth: true },
        false,
        'http',
        proxy,
      ])
      expect(request).not.toHaveProperty('auth')
      expect(request).not.toHaveProperty('params')
      expect(request.headers.toJSON()).toEqual({ Accept: '*/*' })
      expect(request.timeout).toBe(20_000)
    }
  })

  it('that names servers only to a token is asked with one', async () => {
    const { asked, sent, send } = federationOf({
      hints: PRIVATE,
      direct: ({ object }) => (object ? undefined : { status: 403, headers: PRIVATE }),
    })
    await send({ method: 'head' })
    const [, , shown] = asked
    expect(asked).toHaveLength(3)
    expect(shown?.object?.needsToken).toBe(true)
    expect(shown?.request).toMatchObject({ method: 'GET', url: `https://d.test${PATH}`, maxRedirects: 0 })
    expect(shown?.caller).toBe(shown?.request)
    expect(sent.map(({ url }) => url.host)).toEqual(['a.test'])
  })

  it('that names no server of a public object is asked once', async () => {
    const { asked, send } = federationOf({ hosts: [], status: 404 })
    await failureOf(send())
    expect(asked).toHaveLength(2)
  })

  it('that cannot be asked is an error of axios with the config of the caller, any other error is itself', async () => {
    const request = { socket: undefined }
    const failure = new AxiosError('refused', 'ECONNREFUSED', {} as Request, request)
    const fail = (error: Error) =>
      federationOf({
        direct: () => {
          throw error
        },
      })
    const error = (await failureOf(fail(failure).send({ params: { a: 1 } }))) as AxiosError
    expect(axios.isAxiosError(error)).toBe(true)
    expect(error).toMatchObject({
      message: 'refused',
      code: 'ECONNREFUSED',
      config: { url: OBJECT, params: { a: 1 } },
    })
    expect(error.request).toBe(request)
    const fault = new TypeError('a fault')
    expect(await failureOf(fail(fault).send())).toBe(fault)
  })

  it('is not waited for when the caller aborts', async () => {
    const controller = new AbortController()
    const { send, sent } = federationOf({
      direct: () => {
        controller.abort()
        return undefined
      },
    })
    expect(await failureOf(send({ signal: controller.signal }))).toMatchObject({ code: 'ERR_CANCELED' })
    expect(sent).toEqual([])
  })
})

describe('the response of a director that names no server', () => {
  const BODY = '{"msg":"said"}'

  it.each([
    [404, 'ERR_BAD_REQUEST'],
    [499, 'ERR_BAD_REQUEST'],
    [500, 'ERR_BAD_RESPONSE'],
    [501, 'ERR_BAD_RESPONSE'],
  ])('with status %i is the error %s of the request', async (status, code) => {
    const { send, sent } = federationOf({ hosts: [], status })
    const error = (await failureOf(send())) as AxiosError
    expect(error).toMatchObject({
      name: 'AxiosError',
      code,
      message: `The director of f.test names no server for GET ${PATH} (status ${status}: said). Check the path, and whether the namespace allows GET.`,
      config: { url: OBJECT },
      response: { status, statusText: '', data: BODY, config: { url: OBJECT }, request: undefined },
    })
    expect(error.response?.config).toBe(error.config)
    expect(error.response?.headers).toBeInstanceOf(AxiosHeaders)
    expect(error.response?.headers).toMatchObject({ server: 'pelican/7' })
    expect(sent).toEqual([])
  })

  it.each<[what: string, validateStatus: NonNullable<Request['validateStatus']> | null]>([
    ['null', null],
    ['undefined', undefined as never],
    ['a function that accepts it', (status) => status === 404],
  ])('is the response where validateStatus is %s', async (_, validateStatus) => {
    expect(await federationOf({ hosts: [], status: 404 }).send({ validateStatus })).toMatchObject({
      status: 404,
      data: BODY,
    })
  })

  it('has the type that the caller asked for', async () => {
    const config = { validateStatus: null }
    const get = async (responseType: NonNullable<Request['responseType']>) =>
      (await federationOf({ hosts: [], status: 404 }).send({ ...config, responseType })).data as unknown
    expect(await get('arraybuffer')).toEqual(Buffer.from(BODY))
    expect(await get('text')).toBe(BODY)
    const chunks = await ((await get('stream')) as Readable).toArray()
    expect(Buffer.concat(chunks as Buffer[]).toString()).toBe(BODY)
  })
})

describe('an explanation', () => {
  it('is of the first server, or of the director where there is none', async () => {
    const { context, error } = await federationOf({ hints: PRIVATE }).look()
    expect([context.url.href, context.object?.needsToken, error]).toEqual([
      `https://a.test${PATH}`,
      true,
      undefined,
    ])
    expect((await federationOf().look()).error).toBeUndefined()
    const none = await federationOf({ hosts: [], status: 404 }).look()
    expect(none.context.url.href).toBe(`https://d.test${PATH}`)
    expect(none.error).toMatchObject({
      code: 'ERR_IGWN_FEDERATION',
      message: expect.stringContaining('(status 404: said)'),
    })
    const closed = await federationOf({ hosts: [], status: 403, hints: PRIVATE }).look()
    expect([closed.context.url.host, closed.error]).toEqual(['d.test', undefined])
  })
})
