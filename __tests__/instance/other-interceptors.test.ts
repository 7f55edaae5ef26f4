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
import { challenge, serve } from '../support/server'

/** Interceptors of others on the same instance, registered before or after ours, see one request and one response (trap 2). */

const ORDERS = ['before', 'after'] as const

/** An instance with something installed before or after ours, and a source that returns token-1, token-2, … */
function instanceWith(
  order: (typeof ORDERS)[number],
  install: (instance: AxiosInstance) => void,
  config = {},
) {
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
    const server = await serve(refuseFirst)
    const log: unknown[] = []
    const instance = instanceWith(order, ({ interceptors }) => {
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

  it('one that returns response.data runs once', async () => {
    const server = await serve(refuseFirst)
    const instance = instanceWith(order, ({ interceptors }) => {
      interceptors.response.use((response) => response.data as AxiosResponse)
    })
    expect(await instance.get(server.origin)).toEqual({ ok: true })
  })

  it('an error handler sees only the final 401, once, and may throw its own error', async () => {
    const server = await serve(() => challenge())
    const statuses: unknown[] = []
    class OwnError extends Error {}
    const instance = instanceWith(order, ({ interceptors }) => {
      interceptors.response.use(undefined, (error: AxiosError) => {
        statuses.push(error.response?.status)
        throw new OwnError('refused')
      })
    })
    await expect(instance.get(server.origin)).rejects.toBeInstanceOf(OwnError)
    expect(statuses).toEqual([401])
    expect(server.seen).toHaveLength(2)
  })

  it('an error handler with a fallback is not called for a 401 that is retried', async () => {
    const server = await serve(refuseFirst)
    const instance = instanceWith(order, ({ interceptors }) => {
      interceptors.response.use(undefined, () => ({ data: 'fallback' }))
    })
    expect((await instance.get(server.origin)).data).toEqual({ ok: true })
  })

  it('an interceptor that returns a copy of the config keeps the credential', async () => {
    const server = await serve(refuseFirst)
    const instance = instanceWith(order, ({ interceptors }) => {
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

  it('one that sets the baseURL gets the credential for that origin', async () => {
    const server = await serve(() => ({}))
    const instance = instanceWith(order, ({ interceptors }) => {
      interceptors.request.use((config) => ({ ...config, baseURL: server.origin }))
    })
    await instance.get('/a')
    expect(server.authorizations).toEqual(['Bearer token-1'])
  })

  it('one that delays requests does not delay the token: it is found when the request is sent', async () => {
    const server = await serve(() => ({}))
    const calls: string[] = []
    const instance = axios.create()
    const queue = () =>
      instance.interceptors.request.use(async (config) => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        calls.push('queue')
        return config
      })
    if (order === 'before') queue()
    applyIgwnAuth(instance, { token: () => (calls.push('token'), 'abc') })
    if (order === 'after') queue()
    await instance.get(server.origin)
    expect(calls).toEqual(['queue', 'token'])
  })

  it('axios-retry gets a fresh token for each try (trap 15)', async () => {
    const server = await serve((_, index) => (index < 2 ? { status: 503 } : {}))
    const instance = instanceWith(order, (one) => {
      axiosRetry(one, { retries: 3, retryDelay: () => 1 })
    })
    await instance.get(server.origin)
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2', 'Bearer token-3'])
  })

  it('axios-retry and the retry after a 401 do not multiply', async () => {
    const server = await serve((_, index) => (index === 0 ? challenge() : index === 1 ? { status: 503 } : {}))
    const instance = instanceWith(order, (one) => {
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

  it('works with both orders of interceptors in axios', async () => {
    const server = await serve(refuseFirst)
    const instance = instanceWith(
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

  it('axios-mock-adapter gets both sends with their tokens, and its history keeps none', async () => {
    let mock: MockAdapter | undefined
    const sent: unknown[] = []
    const instance = instanceWith(order, (one) => {
      mock = new MockAdapter(one)
      mock.onGet('https://gracedb.example.org/a').replyOnce(({ headers }) => {
        sent.push(headers?.Authorization)
        return [401, 'no', { 'WWW-Authenticate': 'Bearer' }]
      })
      mock.onGet('https://gracedb.example.org/a').replyOnce(({ headers }) => {
        sent.push(headers?.Authorization)
        return [200, 'yes']
      })
    })
    expect((await instance.get('https://gracedb.example.org/a')).data).toBe('yes')
    expect(sent).toEqual(['Bearer token-1', 'Bearer token-2'])
    expect(mock!.history.get.map(({ headers }) => headers?.Authorization as unknown)).toEqual([
      undefined,
      undefined,
    ])
  })
})

describe('the caller', () => {
  it('gets config, adapter and headers as in plain axios', async () => {
    const server = await serve(() => ({}))
    let left: InternalAxiosRequestConfig | undefined
    const instance = instanceWith('before', ({ interceptors }) => {
      interceptors.request.use((config) => (left = config))
    })
    const response = await instance.get(server.origin, { params: { a: 1 } })
    expect(response.config.adapter).toEqual(['xhr', 'http', 'fetch'])
    expect(response.config).toMatchObject({ url: server.origin, params: { a: 1 }, method: 'get' })
    expect(response.config.headers).toBe(left!.headers)
    expect(Object.getOwnPropertySymbols(response.config)).toEqual([])
    expect((response.request as { method: string }).method).toBe('GET')
  })

  it('can eject its own interceptors by their ids', async () => {
    const server = await serve(() => ({}))
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

it('two requests that an adapter rejects with the same error object are each retried with their own credential', async () => {
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
  const responses = ['alice', 'bob'].map((name) => {
    let calls = 0
    const token = () => `${name}-${(calls += 1)}`
    return instance.get('https://x.example.org/', { igwnAuth: { token } })
  })
  expect((await Promise.all(responses)).map(({ status }) => status)).toEqual([200, 200])
  expect(arrived.slice(2).sort()).toEqual(['Bearer alice-2', 'Bearer bob-2'])
})
