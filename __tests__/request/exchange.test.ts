/** The way of a request from the adapter of the caller's instance to the response, with adapters that send nothing. */
import axios, { AxiosError, AxiosHeaders, type AxiosAdapter, type InternalAxiosRequestConfig } from 'axios'
import { resolveOptions, type ResolvedOptions } from '../../lib/options'
import { exchange, igwnAuthOf } from '../../lib/request/exchange'
import {
  IgwnAuthError,
  type AuthScheme,
  type IgwnAuthEvent,
  type IgwnAuthOptions,
  type IgwnAxiosError,
} from '../support/all'

const ORIGIN = 'https://x.example.org'
const requestOf = (config: object = {}) =>
  ({
    url: `${ORIGIN}/a`,
    method: 'get',
    headers: new AxiosHeaders(),
    ...config,
  }) as InternalAxiosRequestConfig
const optionsOf = (options: IgwnAuthOptions = {}): ResolvedOptions =>
  resolveOptions({ cert: false, netrc: false, ...options }, 'options')
const failure = (request: Promise<unknown>) =>
  request.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error: unknown) => error as IgwnAxiosError,
  )

/** An adapter that answers with each of these statuses in turn, and the configs and the header fields that it got. */
function adapterWith(...statuses: number[]) {
  const configs: InternalAxiosRequestConfig[] = []
  const sent: unknown[] = []
  const adapter: AxiosAdapter = (config) => {
    sent.push(config.headers.Authorization)
    const status = statuses[configs.push(config) - 1] ?? 200
    const headers = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
    return Promise.resolve({ status, statusText: '', headers, data: '', config })
  }
  return { adapter, configs, sent }
}

describe('a request', () => {
  it.each<[string, object]>([
    ['with igwnAuth: false', { igwnAuth: false }],
    ['to a data: URL', { url: 'data:,x' }],
    ['to an object of a federation with igwnAuth: false', { url: 'osdf:///a/b', igwnAuth: false }],
  ])('%s is sent as it is, also where a credential is required', async (_, config) => {
    const { adapter, configs } = adapterWith()
    const request = requestOf(config)
    const { send } = exchange(optionsOf({ token: 'abc', failIfNoAuth: true }))
    expect((await send(request, adapter)).status).toBe(200)
    expect(configs).toEqual([request])
    expect(configs[0]).toBe(request)
  })

  it('to a UNIX socket is an error where a credential is required, unless igwnAuth is false', async () => {
    const { adapter, configs } = adapterWith()
    const socketPath = '/run/x.sock'
    const { send } = exchange(optionsOf({ failIfNoAuth: true }))
    const error = await failure(send(requestOf({ socketPath }), adapter))
    expect(error).toBeInstanceOf(IgwnAuthError)
    expect(error).toMatchObject({
      code: 'ERR_IGWN_NO_CREDENTIAL',
      message:
        'No credential is sent to a UNIX socket (socketPath), and the options require one. Nothing was sent. Set igwnAuth to false for this request.',
    })
    expect(configs).toEqual([])
    await send(requestOf({ socketPath, igwnAuth: false }), adapter)
    await send(requestOf({ socketPath, igwnAuth: { failIfNoAuth: false } }), adapter)
    await exchange(optionsOf({ token: 'abc' })).send(requestOf({ socketPath }), adapter)
    expect(configs.map(({ headers }) => headers.has('Authorization'))).toEqual([false, false, false])
  })

  it('with options that are invalid is a promise that is rejected', async () => {
    const sending = exchange(optionsOf()).send(requestOf({ igwnAuth: { token: 5 } }), adapterWith().adapter)
    expect(await failure(sending)).toMatchObject({ code: 'ERR_IGWN_INVALID_OPTION' })
  })

  it.each<[IgwnAuthOptions, object, boolean]>([
    [{}, {}, false],
    [{ token: true }, {}, true],
    [{ failIfNoAuth: true }, {}, true],
    [{ token: 'abc' }, {}, false],
    [{ token: true }, { igwnAuth: { token: 'abc' } }, false],
    [{}, { igwnAuth: { failIfNoAuth: true } }, true],
    [{ failIfNoAuth: true }, { igwnAuth: false }, false],
  ])('with options %j and %j requires a credential: %s', (options, config, expected) => {
    expect(exchange(optionsOf(options)).isRequired(requestOf(config))).toBe(expected)
  })

  it.each<[string, boolean, object]>([
    ['an Authorization', true, { headers: new AxiosHeaders({ aUTHORIZATION: 'Own x' }) }],
    ['an Authorization that is switched off', true, { headers: new AxiosHeaders({ Authorization: false }) }],
    ['an undefined Authorization', false, { headers: { Authorization: undefined } }],
    ['another field of that length', false, { headers: new AxiosHeaders({ 'X-Other-Field': 'x' }) }],
    ['auth', true, { auth: { username: 'me', password: 'pw' } }],
    ['auth that is null', false, { auth: null }],
    ['a username in its URL', true, { url: 'https://me@x.example.org/' }],
    ['a password in its URL', true, { url: 'https://:pw@x.example.org/' }],
  ])('with %s has a credential of the caller: %s', async (_, isOfCaller, config) => {
    const { adapter, sent } = adapterWith()
    await exchange(optionsOf({ token: 'abc' })).send(requestOf(config), adapter)
    expect(sent[0] === 'Bearer abc').toBe(!isOfCaller)
  })

  it('has its own options, not those of a prototype', () => {
    const polluted = Object.create({ igwnAuth: { token: 'of-an-attacker' } }) as InternalAxiosRequestConfig
    expect(igwnAuthOf(polluted)).toBeUndefined()
    expect(igwnAuthOf(Object.assign(polluted, { igwnAuth: false }))).toBe(false)
  })
})

describe('the explanation of a request', () => {
  const explain = (config: object) => exchange(optionsOf({ token: 'abc' })).explain(requestOf(config))

  it('says what would be sent: nothing with igwnAuth: false', async () => {
    const token = { kind: 'token', source: 'the token option' }
    expect(await explain({})).toMatchObject({ attached: [token], url: `${ORIGIN}/a` })
    expect(await explain({ igwnAuth: false })).toMatchObject({ attached: [], url: `${ORIGIN}/a` })
  })

  it('of anything else than http and objects is an error', async () => {
    const error = await failure(explain({ url: 'data:,x' }))
    expect(error).toMatchObject({
      code: 'ERR_IGWN_INVALID_URL',
      message: expect.stringContaining('The URL is not an absolute http or https URL.') as string,
    })
  })
})

describe('events', () => {
  const recording = (options: IgwnAuthOptions) => {
    const events: IgwnAuthEvent[] = []
    return { events, options: optionsOf({ ...options, onEvent: (event) => events.push(event) }) }
  }

  it('say why candidates were skipped where nothing is sent', async () => {
    const { events, options } = recording({ token: true })
    const error = await failure(exchange(options).send(requestOf(), adapterWith().adapter))
    const { reasons } = error as unknown as IgwnAuthError
    expect(reasons.length).toBeGreaterThan(1)
    expect(events).toEqual(reasons.map((reason) => ({ type: 'skipped', reason, url: `${ORIGIN}/a` })))
  })

  it('are none where a source fails with an error of its own', async () => {
    const { events, options } = recording({ token: () => Promise.reject(new Error('no vault')) })
    const error = await failure(exchange(options).send(requestOf(), adapterWith().adapter))
    expect([error.message, events]).toEqual(['no vault', []])
  })

  it('say of a request that succeeds what is attached, and no more', async () => {
    const { events, options } = recording({ token: 'abc' })
    await exchange(options).send(requestOf(), adapterWith().adapter)
    expect(events).toEqual([
      { type: 'selected', url: `${ORIGIN}/a`, kind: 'token', source: 'the token option' },
      { type: 'attached', url: `${ORIGIN}/a`, kinds: ['token'] },
    ])
  })

  it('say that a server is not trusted, without a status', async () => {
    const { events, options } = recording({ token: 'abc' })
    const untrusted = new AxiosError('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT')
    const error = await failure(exchange(options).send(requestOf(), () => Promise.reject(untrusted)))
    expect(error).toBe(untrusted)
    expect(events.at(-1)).toEqual({
      type: 'refused',
      url: `${ORIGIN}/a`,
      status: undefined,
      summary: error.igwnAuth?.summary,
    })
  })

  it('say once that a refusal is returned, which validateStatus accepts', async () => {
    const { events, options } = recording({ token: 'abc' })
    await exchange(options).send(requestOf(), adapterWith(403).adapter)
    expect(events.map(({ type }) => type)).toEqual(['selected', 'attached', 'refused'])
    expect(events.at(-1)).toMatchObject({
      status: 403,
      summary: expect.stringContaining('the server refused with 403') as string,
    })
  })
})

describe('a refusal', () => {
  const refusing = (status = 403, more: object = {}) => {
    const adapter: AxiosAdapter = (config) => {
      const response = { status, statusText: '', headers: {}, data: '', config }
      const error = new AxiosError('refused', 'ERR_BAD_REQUEST', config, undefined, response)
      return Promise.reject(Object.assign(error, more))
    }
    return exchange(optionsOf({ token: 'abc' })).send(requestOf(), adapter)
  }

  it('has the summary in its JSON, by a method that the caller may replace', async () => {
    const error = await failure(refusing())
    const { summary, reasons } = error.igwnAuth!
    expect(error.toJSON()).toMatchObject({ message: 'refused', status: 403, summary, reasons })
    expect(Object.getOwnPropertyDescriptor(error, 'toJSON')).toMatchObject({
      configurable: true,
      enumerable: false,
      writable: true,
    })
  })

  it('with another status is not explained', async () => {
    expect(await failure(refusing(404))).not.toHaveProperty('igwnAuth')
  })

  it('is retried once with the credential that a source has next', async () => {
    let calls = 0
    const { adapter, sent } = adapterWith(401, 401, 200)
    const { send } = exchange(optionsOf({ token: () => `token-${(calls += 1)}` }))
    expect((await send(requestOf(), adapter)).status).toBe(401)
    expect(sent).toEqual(['Bearer token-1', 'Bearer token-2'])
  })

  it('that wraps an error of ours is that error', async () => {
    const ours = new IgwnAuthError('ERR_IGWN_UNSUPPORTED', 'not possible')
    expect(await failure(refusing(403, { cause: ours }))).toBe(ours)
  })
})

it.each([401, 302])(
  'an error of a scheme is that of the request: a response in it, with status %d, is of another server',
  async (status) => {
    const { adapter, configs } = adapterWith()
    const tokenRequest = requestOf({ url: 'https://issuer.example.org/token' })
    const headers = { 'www-authenticate': 'Bearer', location: '/elsewhere' }
    const response = { status, statusText: '', headers, data: '', config: tokenRequest }
    const thrown = new AxiosError('no token', 'ERR_BAD_REQUEST', tokenRequest, undefined, response)
    const asked = jest.fn()
    const scheme: AuthScheme = {
      name: 'Failing',
      authorize: () => Promise.reject(thrown),
      onResponse: asked,
      shouldRetry: asked,
    }
    const leaving = Object.assign(adapter, { redirect: 'manual' })
    const request = requestOf()
    expect(await failure(exchange(optionsOf({ scheme })).send(request, leaving))).toBe(thrown)
    // The request to the other server has the credentials of the client.
    expect(thrown.config).toBe(request)
    expect(response.config).toBe(request)
    expect(thrown).not.toHaveProperty('igwnAuth')
    expect(asked).not.toHaveBeenCalled()
    expect(configs).toEqual([])
  },
)

it('an aborted request is not sent', async () => {
  const { adapter, configs } = adapterWith()
  const request = requestOf({ signal: AbortSignal.abort() })
  const error = await failure(exchange(optionsOf({ token: 'abc' })).send(request, adapter))
  expect(axios.isCancel(error)).toBe(true)
  expect(configs).toEqual([])
})
