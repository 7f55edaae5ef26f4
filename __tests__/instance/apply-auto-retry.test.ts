import { getEventListeners } from 'node:events'
import net from 'node:net'
import https from 'node:https'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import axios, {
  AxiosError,
  type AxiosInstance,
  type AxiosRequestConfig,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import MockAdapter from 'axios-mock-adapter'
import NodeFormData from 'form-data'
import * as clock from '../../lib/clock'
import {
  applyAutoRetry,
  applyIgwnAuth,
  igwnAxios,
  removeAutoRetry,
  removeIgwnAuth,
  type AutoRetryOptions,
} from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { listen } from '../support/listen'
import { expectNoUnhandledRejection } from '../support/record-events'
import { createAuthority, type Authority } from '../support/pki'
import { challenge, serve, type Answer } from '../support/server'
import { ours } from '../support/tokens'

/** Automatic retry over the wire; in company, in any order, sees and is seen as one request. */
const made: AxiosInstance[] = []
expectNoUnhandledRejection()
/** Milliseconds of each pause between tries; nothing waits for it. */
const pauses: number[] = []
const pause = jest.spyOn(clock, 'pause')
beforeEach(() => {
  pauses.length = 0
  pause.mockImplementation((delay) => {
    pauses.push(delay)
    return Promise.resolve()
  })
})
afterEach(() => {
  for (const instance of made.splice(0)) removeIgwnAuth(instance)
})

/** Pauses that end when the test says so. */
function heldPause() {
  let end: () => void = () => undefined
  const begun = new Promise<void>((resolve) => {
    pause.mockImplementation(() => {
      resolve()
      return new Promise<void>((over) => (end = over))
    })
  })
  return { begun, end: () => end() }
}

const retrying = (options: AutoRetryOptions = {}, config: AxiosRequestConfig = {}) =>
  applyAutoRetry(axios.create({ proxy: false, ...config }), options)

/** An adapter that records the timeout of each try; the first ones have a short one instead. */
function timing(adapter: 'http' | 'fetch', short = Infinity) {
  const timeouts: unknown[] = []
  return {
    timeouts,
    adapter: (config: InternalAxiosRequestConfig) => {
      const isShort = timeouts.push(config.timeout) <= short
      return axios.getAdapter(adapter)({ ...config, ...(isShort && { timeout: 20 }) })
    },
  }
}

/** Answers one after the other, the last one forever. */
const answering =
  (...answers: Answer[]) =>
  (_: unknown, index: number) =>
    answers[Math.min(index, answers.length - 1)]!

const failureOf = async (request: Promise<unknown>): Promise<AxiosError> =>
  request.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error as AxiosError,
  )

/** A server that cuts each connection when the first bytes of a request have come. */
async function cutting() {
  const server = net.createServer((socket) => {
    socket.once('data', () => socket.destroy())
  })
  const { port, connections } = await listen(server)
  return { origin: `http://127.0.0.1:${port}`, connections }
}

/** An origin whose port is closed, and that no server of another test gets: it is outside of the range of free ports. */
const CLOSED = 'http://127.0.0.1:1'

describe('a status', () => {
  it.each([404, 408, 425, 429, 500, 502, 503, 504])(
    '%d is retried until the server responds with another one',
    async (status) => {
      const server = await serve(answering({ status }, { status }, { status }, {}))
      expect((await retrying().get(server.origin)).status).toBe(200)
      expect(server.seen).toHaveLength(4)
    },
  )

  it.each([400, 401, 403, 409, 410, 501, 505])('%d is not retried', async (status) => {
    const server = await serve(answering({ status }, {}))
    expect((await failureOf(retrying().get(server.origin))).response?.status).toBe(status)
    expect(server.seen).toHaveLength(1)
  })

  it('that remains is the error after three retries', async () => {
    const server = await serve((_, index) => ({ status: 503, body: String(index) }))
    const error = await failureOf(retrying().get(server.origin, { params: { a: 1 } }))
    expect(error).toBeInstanceOf(AxiosError)
    expect([error.code, error.message]).toEqual(['ERR_BAD_RESPONSE', 'Request failed with status code 503'])
    expect(error.response?.data).toBe(3)
    expect(server.seen.map(({ url }) => url)).toEqual(Array(4).fill('/?a=1'))
  })

  it('is not retried when the options of the instance or the request exclude it', async () => {
    const server = await serve(answering({ status: 404 }))
    await failureOf(retrying().get(server.origin, { igwnRetry: { doNotRetryCodes: [404] } }))
    expect(server.seen).toHaveLength(1)
    await failureOf(retrying({ doNotRetryCodes: [404] }).get(server.origin))
    expect(server.seen).toHaveLength(2)
    await failureOf(retrying({ retryCodes: [500] }).get(server.origin))
    expect(server.seen).toHaveLength(3)
    await failureOf(retrying({ retryCodes: [404], retries: 1 }).get(server.origin))
    expect(server.seen).toHaveLength(5)
  })

  it('that validateStatus accepts is retried too, and is the result in the end', async () => {
    const server = await serve((_, index) => ({ status: index < 9 ? 503 : 200, body: String(index) }))
    const instance = retrying({}, { validateStatus: null })
    const { status, data, config } = await instance.get<number>(server.origin)
    expect([status, data, config.validateStatus]).toEqual([503, 3, null])
    expect((await instance.get(server.origin, { igwnRetry: { retries: 7 } })).data).toBe(9)
  })
})

describe('a connection', () => {
  it.each(['http', 'fetch'])('that is closed is retried (%s)', async (adapter) => {
    const server = await cutting()
    const error = await failureOf(retrying({ retries: 2 }, { adapter }).get(server.origin))
    expect(error.response).toBeUndefined()
    expect(server.connections()).toBe(3)
  })

  it('that is refused is retried', async () => {
    let tries = 0
    const instance = retrying({ retries: 2 })
    instance.interceptors.request.use((config) => {
      config.lookup = (_, __, callback) => {
        tries += 1
        ;(callback as (error: null, address: string, family: number) => void)(null, '127.0.0.1', 4)
      }
      return config
    })
    const error = await failureOf(instance.get(CLOSED.replace('127.0.0.1', 'service.invalid')))
    expect(error.code).toBe('ECONNREFUSED')
    expect(tries).toBe(3)
  })

  it('that is closed in the middle of a response is retried', async () => {
    const half = net.createServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', () =>
          setTimeout(() => socket.destroy(), 5),
        )
      })
    })
    const { port, connections } = await listen(half)
    await failureOf(retrying({ retries: 1 }).get(`http://127.0.0.1:${port}`))
    expect(connections()).toBe(2)
  })

  it('to a host name that does not exist is not retried', async () => {
    let tries = 0
    const instance = retrying()
    instance.defaults.adapter = () => {
      tries += 1
      return Promise.reject(new AxiosError('getaddrinfo ENOTFOUND x.invalid', 'ENOTFOUND'))
    }
    await failureOf(instance.get('http://x.invalid'))
    expect(tries).toBe(1)
  })
})

describe('a timeout', () => {
  const silent = () => new Promise<Answer>(() => undefined)

  it.each(['http', 'fetch'] as const)('is retried, and each try has it in full (%s)', async (name) => {
    const { timeouts, adapter } = timing(name, 2)
    const server = await serve(() => (timeouts.length < 3 ? silent() : {}))
    const { status } = await retrying({}, { adapter }).get(server.origin, { timeout: 60_000 })
    expect(status).toBe(200)
    expect(timeouts).toEqual([60_000, 60_000, 60_000])
  })

  it.each<[string, AutoRetryOptions, AxiosRequestConfig, number | undefined]>([
    ['is 20 seconds by default', {}, {}, 20_000],
    ['is that of the options by default', { timeout: 7000 }, {}, 7000],
    ['of the request is kept', {}, { timeout: 300 }, 300],
    ['is none with 0 in the options', { timeout: 0 }, {}, 0],
    ['is none for a stream, which is not retried', {}, { method: 'put', data: Readable.from(['x']) }, 0],
  ])('%s', async (_, options, config, expected) => {
    const seen: unknown[] = []
    const instance = retrying(options, {
      adapter: (request) => {
        seen.push(request.timeout)
        return Promise.resolve({ data: '', status: 200, statusText: 'OK', headers: {}, config: request })
      },
    })
    const { config: theirs } = await instance.request({ url: 'http://x.invalid', ...config })
    expect(seen).toEqual([expected])
    expect(theirs.timeout).toBe(config.timeout ?? 0)
  })

  it('of the options has the error of axios', async () => {
    const server = await serve(silent)
    const error = await failureOf(retrying({ timeout: 500, retries: 0 }).get(server.origin))
    expect([error.code, error.message]).toEqual(['ECONNABORTED', 'timeout of 500ms exceeded'])
  })
})

describe('waiting', () => {
  it('doubles with each try, and adds up to a fifth at random', async () => {
    const server = await serve(() => ({ status: 503 }))
    await failureOf(retrying({ backoff: 100 }).get(server.origin))
    const shares = pauses.map((delay, index) => delay / (100 * 2 ** index))
    expect(shares).toHaveLength(3)
    for (const share of shares) {
      expect(share).toBeGreaterThanOrEqual(1)
      expect(share).toBeLessThanOrEqual(1.2)
    }
    expect(new Set(shares).size).toBe(3)
  })

  it.each([
    ['in seconds', () => '30', 30_000],
    ['as a date', () => new Date(Date.now() + 60_000).toUTCString(), 60_000],
  ])('takes as long as Retry-After requires, %s', async (_, value, most) => {
    const server = await serve((_seen, index) =>
      index === 0 ? { status: 429, headers: { 'Retry-After': value() } } : {},
    )
    expect((await retrying({ backoff: 1 }).get(server.origin)).status).toBe(200)
    expect(pauses).toHaveLength(1)
    expect(pauses[0]).toBeLessThanOrEqual(most)
    // A date has whole seconds, and a slow host takes some.
    expect(pauses[0]).toBeGreaterThan(most - (most === 30_000 ? 1 : 30_000))
  })

  it.each(['soon', '', '-5', 'Mon, 01 Jan 2001 00:00:00 GMT'])(
    'ignores a Retry-After of %j',
    async (value) => {
      const server = await serve(answering({ status: 503, headers: { 'Retry-After': value } }, {}))
      expect((await retrying({ backoff: 1 }).get(server.origin)).status).toBe(200)
      expect(pauses).toHaveLength(1)
      expect(pauses[0]).toBeLessThan(2)
    },
  )

  it('ends with the response when Retry-After is longer than maxRetryAfter', async () => {
    const server = await serve(answering({ status: 503, headers: { 'Retry-After': '130' } }))
    expect((await failureOf(retrying().get(server.origin))).response?.status).toBe(503)
    expect((await failureOf(retrying({ maxRetryAfter: 129_000 }).get(server.origin))).response?.status).toBe(
      503,
    )
    expect(server.seen).toHaveLength(2)
  })

  it('ends at once when the request is aborted, and nothing more is sent', async () => {
    const server = await serve(answering({ status: 503 }))
    const controller = new AbortController()
    const { begun, end } = heldPause()
    const request = failureOf(retrying().get(server.origin, { signal: controller.signal }))
    await begun
    controller.abort()
    const error = await request
    expect(error.code).toBe('ERR_CANCELED')
    expect(axios.isCancel(error)).toBe(true)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    end()
    await wait(50)
    expect(server.seen).toHaveLength(1)
  })

  it('ends at once when a cancel token is canceled', async () => {
    const server = await serve(answering({ status: 503 }))
    const source = axios.CancelToken.source()
    const { begun, end } = heldPause()
    const request = failureOf(retrying().get(server.origin, { cancelToken: source.token }))
    await begun
    source.cancel('enough')
    expect((await request).message).toBe('enough')
    end()
    await wait(50)
    expect(server.seen).toHaveLength(1)
  })

  it('does not start for an aborted request', async () => {
    const server = await serve(() => ({}))
    const error = await failureOf(retrying().get(server.origin, { signal: AbortSignal.abort() }))
    expect(error.code).toBe('ERR_CANCELED')
    expect(server.seen).toEqual([])
  })

  it('leaves no listener on a signal that many requests share', async () => {
    const server = await serve((_, index) => (index % 2 === 0 ? { status: 503 } : {}))
    const { signal } = new AbortController()
    const instance = retrying()
    for (let i = 0; i < 3; i += 1) await instance.get(server.origin, { signal })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('a method that is not idempotent', () => {
  it.each([
    ['post', 404, true],
    ['post', 408, true],
    ['post', 425, true],
    ['post', 429, true],
    ['post', 503, true],
    ['post', 500, false],
    ['post', 502, false],
    ['post', 504, false],
    ['patch', 503, true],
    ['patch', 502, false],
    ['put', 502, true],
    ['delete', 502, true],
    ['head', 502, true],
    ['options', 502, true],
  ])('%s after %d: another try is %j', async (method, status, retried) => {
    const server = await serve(answering({ status }, {}))
    const request = retrying().request({ url: server.origin, method, data: { a: 1 } })
    await (retried ? request : failureOf(request))
    expect(server.seen).toHaveLength(retried ? 2 : 1)
  })

  it('is not retried when the connection is closed: it may have had its effect', async () => {
    const server = await cutting()
    await failureOf(retrying().post(server.origin, { a: 1 }))
    expect(server.connections()).toBe(1)
    await failureOf(retrying().put(server.origin, { a: 1 }))
    expect(server.connections()).toBe(5)
  })

  it('is not retried after a timeout', async () => {
    const server = await serve(() => new Promise(() => undefined))
    const { timeouts, adapter } = timing('http')
    const error = await failureOf(retrying({}, { adapter }).post(server.origin, {}))
    expect([error.code, timeouts.length]).toEqual(['ECONNABORTED', 1])
  })

  it('is retried when no connection was made', async () => {
    await failureOf(retrying({ retries: 2 }).post(CLOSED, { a: 1 }))
    expect(pauses).toHaveLength(2)
  })

  it.each<[string, AutoRetryOptions, AxiosRequestConfig]>([
    ['an Idempotency-Key', {}, { headers: { 'idempotency-key': 'k1' } }],
    ['the option retryNonIdempotent, as in Bitfount', { retryNonIdempotent: true }, {}],
    ['that option of the request', {}, { igwnRetry: { retryNonIdempotent: true } }],
  ])('is retried like others with %s', async (_, options, config) => {
    const server = await serve(answering({ status: 502 }, {}))
    const { status } = await retrying(options).post(server.origin, { a: 1 }, config)
    expect(status).toBe(200)
    expect(server.seen.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}'])
  })
})

describe('a body', () => {
  const form = () => {
    const made = new FormData()
    made.append('file', new Blob(['content']), 'a.txt')
    return made
  }
  const oldForm = () => {
    const made = new NodeFormData()
    made.append('file', Buffer.from('content'), 'a.txt')
    return made
  }

  it.each<[string, () => unknown]>([
    ['an object', () => ({ a: 'content' })],
    ['a string', () => 'content'],
    ['a Buffer', () => Buffer.from('content')],
    ['URLSearchParams', () => new URLSearchParams({ a: 'content' })],
    ['FormData', form],
    ['a form of the form-data package', oldForm],
  ])('that is %s is sent again as it was', async (_, data) => {
    const server = await serve(answering({ status: 503 }, { status: 503 }, {}))
    expect((await retrying().put(server.origin, data())).status).toBe(200)
    const bodies = server.seen.map(({ body, headers }) => {
      const boundary = /boundary=(.*)/.exec(headers['content-type'] ?? '')?.[1]
      expect(Number(headers['content-length'])).toBe(body.length)
      return boundary ? body.replaceAll(boundary, 'boundary') : body
    })
    expect(new Set(bodies).size).toBe(1)
    expect(bodies[0]).toContain('content')
  })

  it('of postForm is sent again as it was, with and without credentials', async () => {
    const server = await serve(answering({ status: 503 }, {}, { status: 503 }, {}))
    const instance = retrying()
    await instance.postForm(server.origin, { a: 'content' })
    await applyIgwnAuth(instance, { token: 'abc' }).postForm(server.origin, { a: 'content' })
    expect(server.seen.map(({ body }) => body.includes('content'))).toEqual(Array(4).fill(true))
  })

  it.each<[string, () => unknown]>([
    ['a stream', () => Readable.from(['content'])],
    [
      'a form with a stream in it',
      () => {
        const made = new NodeFormData()
        made.append('file', Readable.from(['content']), { filename: 'a.txt', knownLength: 7 })
        return made
      },
    ],
  ])('that is %s is not sent again, and not empty', async (_, data) => {
    const server = await serve(answering({ status: 503 }, {}))
    const error = await failureOf(retrying().put(server.origin, data()))
    expect(error.response?.status).toBe(503)
    expect(server.seen.map(({ body }) => body.includes('content'))).toEqual([true])
  })

  it('is transformed once, and its length is right (axios-retry #295, axios #3986)', async () => {
    const server = await serve(answering({ status: 503 }, { status: 503 }, {}))
    const instance = retrying(
      {},
      { transformRequest: [(data: unknown) => `T(${JSON.stringify(data)})`], headers: { a: 'b' } },
    )
    await instance.put(server.origin, { a: 1 })
    expect(server.seen.map(({ body, headers }) => [body, headers['content-length'], headers.a])).toEqual(
      Array(3).fill(['T({"a":1})', '10', 'b']),
    )
  })

  it('of an answer is transformed once', async () => {
    const server = await serve(answering({ status: 503 }, { body: '1' }))
    const instance = retrying({}, { transformResponse: [(data: string) => `T(${data})`] })
    expect((await instance.get(server.origin)).data).toBe('T(1)')
  })
})

it('discards the response of a try, so that its connection is free for the next one', async () => {
  const server = await serve(answering({ status: 503, body: 'x'.repeat(100_000) }, {}))
  const { Agent } = await import('node:http')
  const httpAgent = new Agent({ keepAlive: true, maxSockets: 1 })
  const { data } = await retrying({}, { httpAgent, responseType: 'stream' }).get<Readable>(server.origin)
  data.resume()
  expect(server.seen).toHaveLength(2)
  expect(server.connections()).toBe(1)
  httpAgent.destroy()
})

describe('a certificate', () => {
  let authority: Authority
  beforeAll(async () => {
    authority = await createAuthority()
  })

  it('of the server that is not trusted is not retried', async () => {
    const { certificate, key } = await authority.issueServer()
    const server = await serve(() => ({}), { tls: { cert: certificate, key } })
    const error = await failureOf(retrying().get(server.origin))
    expect(error.code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    expect(server.connections()).toBe(1)
  })

  it('for another host name is not retried', async () => {
    const { certificate, key } = await authority.issueServer({ names: ['other.example.org'] })
    const server = await serve(() => ({}), { tls: { cert: certificate, key } })
    const httpsAgent = new https.Agent({ ca: authority.certificate })
    const error = await failureOf(retrying({}, { httpsAgent }).get(server.origin))
    expect(error.code).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(server.connections()).toBe(1)
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'that is wanted and missing is not tried again (%s)',
    async (version) => {
      const { certificate, key } = await authority.issueServer()
      const tls = {
        cert: certificate,
        key,
        ca: authority.certificate,
        requestCert: true,
        rejectUnauthorized: true,
        maxVersion: version,
      }
      const server = await serve(() => ({}), { tls })
      const httpsAgent = new https.Agent({ ca: authority.certificate })
      for (const instance of [retrying({}, { httpsAgent }), applyIgwnAuth(retrying({}, { httpsAgent }))]) {
        made.push(instance)
        const before = server.connections()
        await failureOf(instance.get(server.origin))
        expect(server.connections() - before).toBe(1)
      }
    },
  )

  it('that is presented counts as refused when the server closes the connection in the middle of a body', async () => {
    const { certificate, key } = await authority.issueServer()
    const user = await authority.issueUser()
    const server = https.createServer({ cert: certificate, key }, (request) => request.socket.destroy())
    const { port, connections } = await listen(server)
    const origin = `https://127.0.0.1:${port}`
    const agent = new https.Agent({ ca: authority.certificate, cert: user.certificate, key: user.key })
    const instance = retrying({ retries: 1 }, { httpsAgent: agent })
    await failureOf(instance.put(origin, 'x'.repeat(1000)))
    expect(connections()).toBe(1)
    // Without a body the alert would have come; this is a connection like others.
    await failureOf(instance.get(origin))
    expect(connections()).toBe(3)
  })
})

const ORDERS = ['retry, then auth', 'auth, then retry'] as const

describe.each(ORDERS)('with applyIgwnAuth (%s)', (order) => {
  function both(token: () => string, more: (instance: AxiosInstance) => void = () => undefined) {
    const instance = axios.create({ proxy: false })
    if (order === 'retry, then auth') applyAutoRetry(instance)
    more(instance)
    applyIgwnAuth(instance, { token })
    if (order === 'auth, then retry') applyAutoRetry(instance)
    made.push(instance)
    return instance
  }
  const counting = () => {
    let calls = 0
    return () => `token-${(calls += 1)}`
  }

  it('each try gets a fresh token (axios-retry #162, #218)', async () => {
    const server = await serve(answering({ status: 503 }, { status: 503 }, {}))
    await both(counting()).get(server.origin)
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2', 'Bearer token-3'])
  })

  it('each try may retry a 401 of its own', async () => {
    const server = await serve(answering(challenge(), { status: 503 }, challenge(), {}))
    expect((await both(counting()).get(server.origin)).status).toBe(200)
    expect(server.authorizations).toEqual([1, 2, 3, 4].map((n) => `Bearer token-${n}`))
  })

  it('interceptors of others see one request and one response (axios-retry #246, #264)', async () => {
    const server = await serve(answering({ status: 503 }, { status: 503 }, {}))
    const log: string[] = []
    const instance = both(counting(), ({ interceptors }) => {
      interceptors.request.use((config) => {
        log.push(`request ${String(config.headers.get('X-Trace'))}`)
        config.headers.set('X-Trace', `${String(config.headers.get('X-Trace') ?? '')}t`)
        return config
      })
      interceptors.response.use(
        (response) => (log.push(`response ${response.status}`), response.data as AxiosResponse),
        (error: unknown) => (log.push('error'), Promise.reject(error)),
      )
    })
    expect(await instance.get(server.origin)).toEqual({ ok: true })
    expect(log).toEqual(['request undefined', 'response 200'])
    expect(server.seen.map(({ headers }) => headers['x-trace'])).toEqual(['t', 't', 't'])
  })

  it('an interceptor that returns a copy of the config changes nothing', async () => {
    const server = await serve(answering({ status: 503 }, {}))
    const instance = both(counting(), ({ interceptors }) => {
      interceptors.request.use((config) => ({ ...config }))
    })
    await instance.get(server.origin)
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2'])
  })

  it('an IgwnAuthError is not retried: nothing was sent', async () => {
    const server = await serve(() => ({}))
    let asked = 0
    const instance = both(() => {
      asked += 1
      throw new Error('vault is down')
    })
    await expect(instance.get(server.origin)).rejects.toThrow('vault is down')
    expect(asked).toBe(1)
    await expect(instance.get(server.origin, { igwnAuth: { token: true } })).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
    })
    expect(server.seen).toEqual([])
  })

  it('no response, error or config shows a token', async () => {
    const server = await serve(answering({ status: 503 }))
    const secret = 'canary-0123456789'
    const instance = both(() => secret)
    const error = await failureOf(instance.get(server.origin))
    expectNoSecret(error, [secret])
    expectNoSecret(error.response, [secret])
    expectNoSecret(error.config, [secret])
    const { status, config } = await instance.get(server.origin, { validateStatus: null })
    expect(status).toBe(503)
    expectNoSecret(config, [secret])
    // And sent again elsewhere, it has none and is not retried.
    server.seen.length = 0
    server.authorizations.length = 0
    await failureOf(axios.request(error.config!))
    expect(server.authorizations).toEqual([undefined])
  })

  it('each can be removed alone', async () => {
    const server = await serve(answering({ status: 503 }))
    const instance = both(() => 'abc')
    await failureOf(removeIgwnAuth(instance).get(server.origin))
    expect(server.authorizations).toEqual(Array(4).fill(undefined))
    server.authorizations.length = 0
    await failureOf(removeAutoRetry(applyIgwnAuth(instance, { token: 'abc' })).get(server.origin))
    expect(server.authorizations).toEqual(['Bearer abc'])
  })

  it('either may be switched off for a request', async () => {
    const server = await serve(answering({ status: 503 }))
    const instance = both(() => 'abc')
    await failureOf(instance.get(server.origin, { igwnRetry: false }))
    expect(server.authorizations).toEqual(['Bearer abc'])
    server.authorizations.length = 0
    await failureOf(instance.get(server.origin, { igwnAuth: false }))
    expect(server.authorizations).toEqual(Array(4).fill(undefined))
  })

  it('an interceptor that runs later can switch it off', async () => {
    const server = await serve(answering({ status: 503 }))
    const instance = both(
      () => 'abc',
      ({ interceptors }) => {
        interceptors.request.use((config) => Object.assign(config, { igwnRetry: false }))
      },
    )
    await failureOf(instance.get(server.origin))
    expect(server.seen).toHaveLength(1)
  })

  it('axios-mock-adapter gets every try, with header names in any case', async () => {
    let mock: MockAdapter | undefined
    const instance = both(counting(), (one) => {
      mock = new MockAdapter(one)
      mock.onGet('https://x.example.org/a').replyOnce(503, '', { 'RETRY-AFTER': '3600' })
      mock.onGet('https://x.example.org/b').replyOnce(503)
      mock.onGet('https://x.example.org/b').replyOnce(200, 'yes')
    })
    expect((await failureOf(instance.get('https://x.example.org/a'))).response?.status).toBe(503)
    expect((await instance.get('https://x.example.org/b')).data).toBe('yes')
    expect(mock!.history.get).toHaveLength(3)
  })
})

describe('the instance', () => {
  it('is returned, also an igwnAxios', () => {
    const instance = igwnAxios.create()
    made.push(instance)
    expect(applyAutoRetry(instance)).toBe(instance)
    expect(removeAutoRetry(removeAutoRetry(instance))).toBe(instance)
  })

  it('has the options of the last call', async () => {
    const server = await serve(answering({ status: 503 }))
    const instance = applyAutoRetry(retrying(), { retries: 1 })
    await failureOf(instance.get(server.origin))
    expect(server.seen).toHaveLength(2)
  })

  it('has nothing added to its responses and configs', async () => {
    const server = await serve(answering({ status: 503 }, {}))
    const instance = retrying()
    const { config } = await instance.get(server.origin, { timeout: 500 })
    expect(config).toMatchObject({ url: server.origin, method: 'get', timeout: 500 })
    expect(Object.keys(config)).not.toEqual(expect.arrayContaining(['attempt']))
    expect(Object.keys(config)).not.toContain('axios-retry')
    expect(config.adapter).toEqual(['xhr', 'http', 'fetch'])
  })

  it('retries a redirected request from its first URL', async () => {
    const target = await serve(answering({ status: 503 }, {}))
    const server = await serve(() => ({ status: 302, headers: { location: target.origin } }))
    const instance = applyIgwnAuth(retrying(), { token: 'abc' })
    made.push(instance)
    expect((await instance.get(server.origin)).status).toBe(200)
    expect([server.seen.length, target.seen.length]).toEqual([2, 2])
    expect(target.authorizations).toEqual([undefined, undefined])
  })

  it.each([
    ['the port there is closed', () => Promise.resolve(CLOSED)],
    ['the server there is busy', async () => (await serve(answering({ status: 503 }))).origin],
  ])('does not repeat a POST after a redirect response, when %s', async (_, elsewhere) => {
    const location = await elsewhere()
    for (const status of [301, 302, 303])
      for (const apply of [(instance: AxiosInstance) => instance, applyIgwnAuth]) {
        const server = await serve(() => ({ status, headers: { location } }))
        const instance = apply(retrying())
        made.push(instance)
        await failureOf(instance.post(server.origin, { a: 1 }))
        expect(server.seen).toHaveLength(1)
        await failureOf(instance.put(server.origin, { a: 1 }))
        expect(server.seen).toHaveLength(5)
      }
  })

  it("retries a POST whose redirect kept the method, because it had no effect yet; the caller's hook sees each redirect", async () => {
    const location = CLOSED
    const server = await serve(() => ({ status: 307, headers: { location } }))
    const hrefs: unknown[] = []
    const beforeRedirect = ({ href }: Record<string, unknown>) => hrefs.push(href)
    await failureOf(retrying().post(server.origin, { a: 1 }, { beforeRedirect }))
    expect(server.seen).toHaveLength(4)
    expect(hrefs).toEqual(Array.from({ length: 4 }, () => `${location}/`))
  })

  it('counts the tries of concurrent requests separately', async () => {
    const tries = new Map<string, number>()
    const server = await serve(({ url }) => {
      const count = (tries.get(url) ?? 0) + 1
      tries.set(url, count)
      return count <= Number(url.slice(1)) % 4 ? { status: 503 } : { body: url.slice(1) }
    })
    const instance = retrying()
    const all = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => instance.get(`${server.origin}/${i}`)),
    )
    expect(all.map(({ data }) => data as number)).toEqual(Array.from({ length: 12 }, (_, i) => i))
  })

  it('does not retry other errors', async () => {
    const server = await serve(() => ({ body: 'x'.repeat(1000) }))
    const instance = retrying()
    expect((await failureOf(instance.get(server.origin, { maxContentLength: 10 }))).message).toMatch(
      /maxContentLength/,
    )
    expect(server.seen).toHaveLength(1)
    await failureOf(instance.get('ftp://x.invalid'))
    await failureOf(
      instance.get(server.origin, {
        transformResponse: () => {
          throw new Error('schema')
        },
      }),
    )
    expect(server.seen).toHaveLength(2)
  })
})

describe('options', () => {
  it.each([
    [{ retries: -1 }, 'retries must be a whole number, 0 or more, not -1.'],
    [{ retries: '3' }, 'retries must be a whole number, 0 or more, not a string.'],
    [
      { retryCodes: [503, '504'] },
      'retryCodes must be a list of status codes, each a whole number from 100 to 599.',
    ],
    [
      { doNotRetryCodes: 404 },
      'doNotRetryCodes must be a list of status codes, each a whole number from 100 to 599.',
    ],
    [{ backoff: -1 }, 'backoff must be a number of milliseconds, 0 or more, not -1.'],
    [{ timeout: 20 }, 'timeout is in milliseconds; 20 is too short. Did you mean 20000?'],
    [{ retryNonIdempotent: 1 }, 'retryNonIdempotent must be true or false, not a number.'],
  ])(
    'that are invalid are an error, of the instance at once, of a request before it is sent: %j',
    async (options, problem) => {
      expect(() => applyAutoRetry(axios.create(), options as object)).toThrow(
        ours('ERR_IGWN_INVALID_OPTION', `options.${problem}`),
      )
      const server = await serve(() => ({}))
      await expect(retrying().get(server.origin, { igwnRetry: options as object })).rejects.toEqual(
        ours('ERR_IGWN_INVALID_OPTION', `igwnRetry.${problem}`),
      )
      expect(server.seen).toEqual([])
    },
  )

  it('that do not exist are an error', () => {
    expect(() => applyAutoRetry(axios.create(), { retryCondition: () => true } as object)).toThrow(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'options has no option "retryCondition"; there are retries, retryCodes, doNotRetryCodes, backoff, maxRetryAfter, timeout, retryNonIdempotent.',
      ),
    )
  })
})

it('waits for a server that starts late', async () => {
  const { port, close } = await serve(() => ({}))
  await close()
  const late = net.createServer((socket) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })
  pause.mockImplementation(async () => {
    await listen(late, { port })
  })
  expect((await retrying().get(`http://127.0.0.1:${port}`)).status).toBe(200)
})
