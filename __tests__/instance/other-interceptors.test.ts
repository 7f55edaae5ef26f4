import axios, {
  AxiosError,
  type AxiosAdapter,
  type AxiosInstance,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import MockAdapter from 'axios-mock-adapter'
import axiosRetry from 'axios-retry'
import { applyIgwnAuth } from '../support/all'
import { challenge, serverGroup } from '../support/server'

/** What others install on the same instance, before ours and after, sees one request and one response (trap 2). */
const servers = serverGroup()
afterEach(servers.close)

const ORDERS = ['before', 'after'] as const

/** An instance with something of others installed before or after ours, and a source that gives token-1, token-2, … */
function company(order: (typeof ORDERS)[number], install: (instance: AxiosInstance) => void, config = {}) {
  let calls = 0
  const instance = axios.create({ proxy: false, ...config })
  if (order === 'before') install(instance)
  applyIgwnAuth(instance, { token: () => `token-${(calls += 1)}` })
  if (order === 'after') install(instance)
  return instance
}

const refuseFirst = (_: unknown, index: number) => (index === 0 ? challenge() : {})

describe.each(ORDERS)('installed %s ours', (order) => {
  it('a logger sees one request and one response, and no token', async () => {
    const server = await servers.serve(refuseFirst)
    const log: unknown[] = []
    const instance = company(order, ({ interceptors }) => {
      interceptors.request.use((config) => {
        log.push(['request', config.headers.get('Authorization')])
        return config
      })
      interceptors.response.use((response) => {
        log.push(['response', response.status, response.config.headers.get('Authorization')])
        return response
      })
    })
    await instance.get(server.origin)
    expect(log).toEqual([
      ['request', undefined],
      ['response', 200, undefined],
    ])
    expect(server.seen).toHaveLength(2)
  })

  it('one that unwraps to data runs once', async () => {
    const server = await servers.serve(refuseFirst)
    const instance = company(order, ({ interceptors }) => {
      interceptors.response.use((response) => response.data as AxiosResponse)
    })
    expect(await instance.get(server.origin)).toEqual({ ok: true })
  })

  it('an own error class, a fallback and a toast see the final refusal only, once', async () => {
    const server = await servers.serve(() => challenge())
    const toasts: unknown[] = []
    class OwnError extends Error {}
    const instance = company(order, ({ interceptors }) => {
      interceptors.response.use(undefined, (error: AxiosError) => {
        toasts.push(error.response?.status)
        throw new OwnError('refused')
      })
    })
    await expect(instance.get(server.origin)).rejects.toBeInstanceOf(OwnError)
    expect(toasts).toEqual([401])
    expect(server.seen).toHaveLength(2)
  })

  it('a fallback for errors is not taken for an answered refusal', async () => {
    const server = await servers.serve(refuseFirst)
    const instance = company(order, ({ interceptors }) => {
      interceptors.response.use(undefined, () => ({ data: 'fallback' }))
    })
    expect((await instance.get(server.origin)).data).toEqual({ ok: true })
  })

  it('an interceptor that returns a copy of the config loses nothing', async () => {
    const server = await servers.serve(refuseFirst)
    const instance = company(order, ({ interceptors }) => {
      interceptors.request.use((config) => ({
        ...config,
        headers: config.headers.concat({ 'X-Trace': 't' }),
      }))
    })
    await instance.get(server.origin)
    expect(server.seen.map(({ headers }) => [headers['x-trace'], headers.authorization])).toEqual([
      ['t', 'Bearer token-1'],
      ['t', 'Bearer token-2'],
    ])
  })

  it('one that moves the request elsewhere moves the credential with it', async () => {
    const server = await servers.serve(() => ({}))
    const instance = company(order, ({ interceptors }) => {
      interceptors.request.use((config) => ({ ...config, baseURL: server.origin }))
    })
    await instance.get('/a')
    expect(server.authorizations).toEqual(['Bearer token-1'])
  })

  it('one that holds requests in a queue does not let tokens age: it is asked when the request leaves', async () => {
    const server = await servers.serve(() => ({}))
    const asked: string[] = []
    const instance = axios.create()
    const queue = () =>
      instance.interceptors.request.use(async (config) => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        asked.push('queue')
        return config
      })
    if (order === 'before') queue()
    applyIgwnAuth(instance, { token: () => (asked.push('token'), 'abc') })
    if (order === 'after') queue()
    await instance.get(server.origin)
    expect(asked).toEqual(['queue', 'token'])
  })

  it('axios-retry gives each try a fresh token (trap 15)', async () => {
    const server = await servers.serve((_, index) => (index < 2 ? { status: 503 } : {}))
    const instance = company(order, (one) => {
      axiosRetry(one, { retries: 3, retryDelay: () => 1 })
    })
    await instance.get(server.origin)
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2', 'Bearer token-3'])
  })

  it('axios-retry and a refusal: each does its part once', async () => {
    const server = await servers.serve((_, index) =>
      index === 0 ? challenge() : index === 1 ? { status: 503 } : {},
    )
    const instance = company(order, (one) => {
      axiosRetry(one, { retries: 3, retryDelay: () => 1 })
    })
    const { status } = await instance.post(
      server.origin,
      { a: 1 },
      { 'axios-retry': { retryCondition: () => true } },
    )
    expect(status).toBe(200)
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2', 'Bearer token-3'])
    expect(server.seen.map(({ body }) => body)).toEqual(Array(3).fill('{"a":1}'))
  })

  it('works in both orders that axios knows for interceptors', async () => {
    const server = await servers.serve(refuseFirst)
    const instance = company(
      order,
      ({ interceptors }) => {
        interceptors.request.use((config) => {
          config.headers.set('X-Late', 'yes')
          return config
        })
      },
      { transitional: { legacyInterceptorReqResOrdering: false } },
    )
    await instance.get(server.origin)
    expect(server.seen.map(({ headers }) => headers['x-late'])).toEqual(['yes', 'yes'])
  })

  it('axios-mock-adapter answers both sends, and nothing goes to the network', async () => {
    let mock: MockAdapter | undefined
    const instance = company(order, (one) => {
      mock = new MockAdapter(one)
      mock.onGet('https://gracedb.example.org/a').replyOnce(401, 'no', { 'WWW-Authenticate': 'Bearer' })
      mock.onGet('https://gracedb.example.org/a').replyOnce(200, 'yes')
    })
    expect((await instance.get('https://gracedb.example.org/a')).data).toBe('yes')
    expect(mock!.history.get.map(({ headers }) => headers?.Authorization as unknown)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ])
  })
})

describe('the caller', () => {
  it('gets config, adapter and headers as they would be without us', async () => {
    const server = await servers.serve(() => ({}))
    let left: InternalAxiosRequestConfig | undefined
    const instance = company('before', ({ interceptors }) => {
      interceptors.request.use((config) => (left = config))
    })
    const response = await instance.get(server.origin, { params: { a: 1 } })
    expect(response.config.adapter).toEqual(['xhr', 'http', 'fetch'])
    expect(response.config).toMatchObject({ url: server.origin, params: { a: 1 }, method: 'get' })
    expect(response.config.headers).toBe(left!.headers)
    expect(Object.keys(response.config)).not.toContain('errand')
    expect((response.request as { method: string }).method).toBe('GET')
  })

  it('finds the ids of other interceptors as they were, after ours is taken off', async () => {
    const server = await servers.serve(() => ({}))
    const instance = axios.create()
    const first = instance.interceptors.request.use((config) => config)
    applyIgwnAuth(instance, { token: 'abc' })
    const second = instance.interceptors.request.use((config) => {
      config.headers.set('X-Second', '1')
      return config
    })
    instance.interceptors.request.eject(first)
    instance.interceptors.request.eject(second)
    await instance.get(server.origin)
    expect(server.seen[0]!.headers).toMatchObject({ authorization: 'Bearer abc' })
    expect(server.seen[0]!.headers['x-second']).toBeUndefined()
  })
})

it('requests that an adapter fails by one and the same error are each answered with a credential of their own', async () => {
  const ok = { status: 200, statusText: 'OK', data: {}, headers: {} }
  const arrived: unknown[] = []
  const refusal = new AxiosError('refused')
  let refuse: (error: AxiosError) => void = () => undefined
  const both = new Promise<never>((_, reject) => {
    refuse = reject
  })
  const adapter: AxiosAdapter = (config) => {
    arrived.push(config.headers.Authorization)
    if (arrived.length > 2) return Promise.resolve({ ...ok, config })
    const headers = { 'www-authenticate': 'Bearer error="invalid_token"' }
    if (arrived.length === 2) {
      refusal.config = config
      refusal.response = { ...ok, status: 401, headers, config }
      refuse(refusal)
    }
    return both
  }
  const instance = applyIgwnAuth(axios.create({ adapter }))
  const answers = ['alice', 'bob'].map((name) => {
    let calls = 0
    const token = () => `${name}-${(calls += 1)}`
    return instance.get('https://x.example.org/', { igwnAuth: { token } })
  })
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200])
  expect(arrived.slice(2).sort()).toEqual(['Bearer alice-2', 'Bearer bob-2'])
})
