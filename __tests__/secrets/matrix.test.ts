/**
 * The secrets matrix: every transport, response type, credential and outcome of a request. What reaches the caller, what is
 * emitted, what an adapter or a hook keeps, and what another origin receives must hold no secret. A new adapter, credential
 * or outcome is one entry in a table below.
 */
import { AsyncResource } from 'node:async_hooks'
import diagnostics from 'node:diagnostics_channel'
import { Console } from 'node:console'
import http from 'node:http'
import https from 'node:https'
import { PassThrough, Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import axios, { type AxiosInstance, type AxiosRequestConfig, type InternalAxiosRequestConfig } from 'axios'
import { transport } from '../../lib/cli/transport'
import { vaultToken } from '../../lib/vault'
import { refreshToken } from '../../lib/oauth2'
import {
  applyAutoRetry,
  applyIgwnAuth,
  createX509Agent,
  EVENT_CHANNEL,
  oidcAgent,
  removeIgwnAuth,
  workloadIdentity,
} from '../support/all'
import { everyCombination } from '../support/combinations'
import { expectNoSecret } from '../support/expect-no-secret'
import {
  CREDENTIALS,
  ENDINGS,
  matrixSite,
  SECRETS,
  type Ending,
  type Given,
  type MatrixSite,
} from '../support/matrix-site'
import { serveAgent, type AgentStandIn } from '../support/oidc-agent'
import { expectNoUnhandledRejection } from '../support/record-events'
import { storeInMemory } from '../support/store-in-memory'
import { put, room } from '../support/tokens'

let site: MatrixSite
let vaulttokenfile: string
let agent: AgentStandIn | undefined

beforeAll(async () => {
  site = await matrixSite()
  agent = await serveAgent(room('agent/s'), () => ({
    status: 'success',
    access_token: SECRETS['token of oidc-agent'],
  }))
  vaulttokenfile = put(room('vt'), SECRETS['Vault token'])
})
afterAll(() => Promise.all([site.close(), agent?.close()]))
expectNoUnhandledRejection()

/** How requests are sent. */
interface Transport {
  readonly config?: () => AxiosRequestConfig
  readonly origin?: (site: MatrixSite) => string
  /** The global agents are used: no certificate, and the CA is known to them. */
  readonly usesGlobalAgents?: boolean
  /** The option `cert` is false. */
  readonly withoutCertificate?: boolean
  readonly retries?: boolean
  readonly followsNoRedirect?: boolean
  /** Outcomes that cannot happen, or that are a documented limit. */
  readonly without?: readonly string[]
}

/** The configs that a custom adapter got and kept. */
const kept: unknown[] = []
const agentsOfCaller: http.Agent[] = []
const TRANSPORTS: Record<string, Transport> = {
  'HTTP/1.1': {},
  'HTTP/1.1 with the global agents and automatic retry': {
    usesGlobalAgents: true,
    withoutCertificate: true,
    retries: true,
  },
  'HTTP/1.1 without TLS': { origin: ({ plain }) => plain },
  'HTTP/2': {
    config: () => ({ httpVersion: 2, http2Options: { sessionTimeout: 1000 } as object }),
    followsNoRedirect: true,
    // axios may wait forever for a server that closes a connection without TLS before HTTP/2 begins.
    without: ['plain HTTP'],
  },
  'the fetch adapter': {
    config: () => ({ adapter: 'fetch' }),
    origin: ({ plain }) => plain,
  },
  'the transport of the command': { config: () => ({ adapter: transport, decompress: false }) },
  "a custom adapter and the caller's agents": {
    withoutCertificate: true,
    config: () => {
      const httpsAgent = createX509Agent(site.certificate, { passphrase: SECRETS.passphrase })
      agentsOfCaller.push(httpsAgent)
      return {
        httpsAgent,
        adapter: (config: InternalAxiosRequestConfig) => {
          kept.push(config)
          return axios.getAdapter('http')(config)
        },
      }
    },
  },
}

/** How the token of another source is sent is tested with the others: one transport is enough. */
const OF_OTHER_SOURCES: Record<string, Given> = {
  'a token of oidc-agent': {
    options: () => ({ token: oidcAgent({ account: 'igwn', socket: agent?.socket }) }),
    sent: SECRETS['token of oidc-agent'],
  },
  'a token from Vault': {
    options: () => ({
      token: vaultToken({
        vaultserver: site.secure,
        credkey: 'albert',
        vaulttokenfile,
        outfile: false,
        nokerberos: true,
        nossh: true,
        axios: axios.create({ httpsAgent: agentOf(site) }),
      }),
    }),
    sent: SECRETS['token from Vault'],
  },
  'the identity of a job': {
    options: () => {
      process.env.ACTIONS_ID_TOKEN_REQUEST_URL = `${site.secure}/token`
      process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN = SECRETS['request token of a job']
      return { token: workloadIdentity({ audience: 'https://x.example.org' }) }
    },
    sent: SECRETS['identity of a job'],
  },
}

const CREDENTIALS_OF_ALL: Record<string, Given> = {
  ...CREDENTIALS,
  'the secret of a registered OAuth client and a refresh token': {
    options: () => ({
      token: refreshToken(
        {
          metadata: {
            issuer: site.secure,
            token_endpoint: `${site.secure}/token`,
            registration_endpoint: `${site.secure}/register`,
          },
          registration: { store: storeInMemory(), initialAccessToken: SECRETS['initial access token'] },
          axios: axios.create({ httpsAgent: agentOf(site) }),
        },
        { refreshToken: SECRETS['OAuth refresh token'] },
      ),
    }),
    sent: SECRETS['OAuth access token'],
  },
}

const RESPONSE_TYPES = ['json', 'stream', 'arraybuffer'] as const

/** An outcome of a request by axios. */
interface AxiosEnding extends Omit<Ending, 'aborts'> {
  readonly config?: (abort: () => void) => AxiosRequestConfig
  readonly aborts?: Ending['aborts'] | 'interceptor' | 'reading'
  readonly byCancelToken?: boolean
  /** No `beforeRedirect` hook: it gets the URL as the server wrote it, with what that repeats. */
  readonly withoutHook?: boolean
}

const SHORT = 60
const upload = () => Readable.from([Buffer.alloc(1000), Buffer.alloc(1000)])

const OUTCOMES: Record<string, AxiosEnding> = {
  ...ENDINGS,
  'a 401 that is accepted': { path: 'repeats-401', config: () => ({ validateStatus: null }), status: 401 },
  'a body that is no JSON': {
    path: 'not-json',
    config: () => ({ transitional: { silentJSONParsing: false } }),
  },
  // Rejected before sending.
  'a transform that throws': {
    config: () => ({
      transformRequest: () => {
        throw new Error('no')
      },
    }),
  },
  // With a timeout: a server that speaks HTTP/1.1 alone never answers HTTP/2 without TLS.
  'plain HTTP': { ...ENDINGS['plain HTTP'], config: () => ({ timeout: SHORT }) },
  // Aborted, or out of time, at each stage.
  'an abort by an interceptor that runs after ours': { aborts: 'interceptor' },
  'a canceled token before the response': { path: 'never-answers', aborts: 'arrival', byCancelToken: true },
  'an abort while reading': { path: 'stops-in-the-body', aborts: 'reading' },
  'a canceled token while reading': { path: 'stops-in-the-body', aborts: 'reading', byCancelToken: true },
  'a timeout before the response': { path: 'never-answers', config: () => ({ timeout: SHORT }) },
  'a timeout while reading': { path: 'stops-in-the-body', config: () => ({ timeout: SHORT }) },
  // Limits.
  'a response above maxContentLength': { path: 'large', config: () => ({ maxContentLength: 1000 }) },
  'a body above maxBodyLength': {
    config: () => ({ method: 'post', data: 'x'.repeat(1000), maxBodyLength: 100 }),
  },
  'an upload stream above maxBodyLength': {
    config: () => ({ method: 'post', data: upload(), maxBodyLength: 100 }),
  },
  'an upload stream above maxBodyLength, without redirects': {
    config: () => ({ method: 'post', data: upload(), maxBodyLength: 100, maxRedirects: 0 }),
  },
  // Redirects.
  'a redirect that is not followed': { path: 'redirect', config: () => ({ maxRedirects: 0 }) },
  'a redirect to plain HTTP that repeats the credential': {
    ...ENDINGS['a redirect to plain HTTP that repeats the credential'],
    withoutHook: true,
  },
  'too many redirects': { ...ENDINGS['too many redirects'], config: () => ({ maxRedirects: 2 }) },
}

/** A request with a body that is a form. */
const FORM: AxiosRequestConfig = {
  method: 'post',
  data: 'a=1',
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
}

/** The result of one request, and every reference to it that a caller can still hold. */
interface Outcome {
  /** The response or the error. */
  readonly result: unknown
  /** What its response stream failed with. */
  readonly late?: unknown
  /** What a `beforeRedirect` hook got and kept. */
  readonly hook: unknown[]
  /** It did not settle. */
  readonly failure?: unknown
}

let requests = 0

/**
 * The moment the file is loaded: the async context of a running test leads to all of Jest, and Node.js 20 keeps it on every socket,
 * which takes minutes to print.
 */
const loading = new AsyncResource('secrets/matrix', { requireManualDestroy: true })
afterAll(() => loading.emitDestroy())

const send: typeof sendOne = (...given) => loading.runInAsyncScope(sendOne, undefined, ...given)
const plainGet = (url: string, config: AxiosRequestConfig) =>
  loading.runInAsyncScope(() => axios.get<unknown>(url, config))

async function sendOne(
  instance: AxiosInstance,
  transport: Transport,
  responseType: (typeof RESPONSE_TYPES)[number],
  ending: AxiosEnding,
  given: Given,
): Promise<Outcome> {
  const { path: place = 'ok', aborts, byCancelToken } = ending
  const id = String((requests += 1))
  const controller = new AbortController()
  const { token: cancelToken, cancel } = axios.CancelToken.source()
  // The symbols of a promise lead to all of Jest, which takes seconds to print.
  const promise: object = cancelToken.promise
  for (const symbol of Object.getOwnPropertySymbols(promise))
    Object.defineProperty(promise, symbol, { enumerable: false })
  const abort = () => {
    if (byCancelToken) cancel('canceled')
    else controller.abort()
  }
  if (aborts === 'before') abort()
  if (aborts === 'arrival' || (aborts === 'reading' && responseType !== 'stream'))
    site.onArrival.set(id, abort)
  const hook: unknown[] = []
  const own = ending.config?.(abort)
  const config: AxiosRequestConfig = {
    ...(given.hasForm && FORM),
    ...own,
    ...(own?.method && { headers: { 'Content-Type': 'application/octet-stream' } }),
    url: ending.url?.(site) ?? `/${place}/${id}`,
    responseType,
    ...(byCancelToken ? { cancelToken } : { signal: controller.signal }),
    ...(ending.redirects &&
      !ending.withoutHook && { beforeRedirect: (...all: unknown[]) => hook.push(...all) }),
    ...(aborts === 'interceptor' && { abortInInterceptor: abort }),
  }
  let result: unknown
  let late: unknown
  try {
    const response = (result = await instance.request<unknown>(config))
    if (response.data instanceof Readable)
      late = await readStream(response.data, aborts === 'reading' ? abort : undefined)
  } catch (error) {
    result = error
    const { data } = (error as { response?: { data?: unknown } }).response ?? {}
    if (data instanceof Readable) late = await readStream(data)
  }
  return { result, late, hook }
}

/** Fails a request that never settles by itself, not the rows of all others. */
async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not settled after ${milliseconds} ms`))
    }, milliseconds)
  })
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer)
  })
}

/** Reads a stream to its end; the error where it fails. axios has no timeout for a stream that stops: it is left then. */
async function readStream(stream: Readable, onData?: () => void): Promise<unknown> {
  const left = setTimeout(() => stream.destroy(), 3 * SHORT)
  try {
    stream.on('data', () => onData?.())
    await finished(stream)
    return undefined
  } catch (error) {
    return error
  } finally {
    clearTimeout(left)
  }
}

const agentOf = ({ authority }: MatrixSite) => {
  const agent = new https.Agent({ ca: authority.certificate })
  agentsOfCaller.push(agent)
  return agent
}

/** The text that `console` prints of values; not `console.dir`, which ignores custom inspection. */
function printed(...things: unknown[]): string {
  const stream = new PassThrough()
  const log = new Console(stream, stream)
  for (const thing of things) {
    log.log(thing)
    log.error('failed: %s %O', thing, { thing })
  }
  return String(stream.read())
}

/** Every config that a result leads to, through responses and causes. */
function configsIn(result: unknown, found = new Set<object>(), seen = new Set<unknown>()): Set<object> {
  if (typeof result !== 'object' || result === null || seen.has(result)) return found
  seen.add(result)
  const { config, response, cause } = result as Record<string, unknown>
  if (typeof config === 'object' && config !== null) found.add(config)
  for (const next of [response, cause]) configsIn(next, found, seen)
  return found
}

const credentialsFor = (transport: string) =>
  Object.entries({ ...CREDENTIALS_OF_ALL, ...(transport === 'HTTP/1.1' && OF_OTHER_SOURCES) })

describe.each(Object.entries(TRANSPORTS))('%s', (name, transport) => {
  describe.each(credentialsFor(name))('with %s', (credential, given) => {
    const offset =
      Object.keys(TRANSPORTS).indexOf(name) +
      credentialsFor('HTTP/1.1').findIndex(([one]) => one === credential)
    /** One response type, and a quarter of the outcomes; the other groups have the others. */
    const isTested = (index: number, of: number) => everyCombination || (offset + index) % of === 0
    const responseTypes = RESPONSE_TYPES.filter((_, index) => isTested(index, RESPONSE_TYPES.length))
    let instance: AxiosInstance
    const events: unknown[] = []
    const onEvent = (event: unknown) => void events.push(event)
    /** What an inspection of the global agents found while requests were in flight. */
    const inFlight: unknown[] = []
    const defaults: AxiosRequestConfig = {}

    beforeAll(() => {
      diagnostics.subscribe(EVENT_CHANNEL, onEvent)
      const { usesGlobalAgents = false } = transport
      if (usesGlobalAgents) https.globalAgent.options.ca = site.authority.certificate
      else process.env.REQUESTS_CA_BUNDLE = site.ca
      Object.assign(defaults, {
        baseURL: (transport.origin ?? (({ secure }) => secure))(site),
        proxy: false,
        ...transport.config?.(),
      })
      instance = axios.create(defaults)
      // Registered before ours, so it runs after ours.
      instance.interceptors.request.use((config) => {
        ;(config as { abortInInterceptor?: () => void }).abortInInterceptor?.()
        return config
      })
      const certificateOptions = transport.withoutCertificate
        ? { cert: false as const }
        : { cert: site.certificate, passphrase: SECRETS.passphrase }
      applyIgwnAuth(instance, { ...certificateOptions, ...given.options(), onEvent })
      if (transport.retries) applyAutoRetry(instance, { retries: 1, backoff: 0.001 })
    })
    afterAll(() => {
      diagnostics.unsubscribe(EVENT_CHANNEL, onEvent)
      removeIgwnAuth(instance)
      delete https.globalAgent.options.ca
      for (const name of [
        'REQUESTS_CA_BUNDLE',
        'ACTIONS_ID_TOKEN_REQUEST_URL',
        'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
      ])
        Reflect.deleteProperty(process.env, name)
      for (const agent of [...agentsOfCaller.splice(0), http.globalAgent, https.globalAgent]) agent.destroy()
    })

    describe.each(responseTypes)('as %s', (responseType) => {
      const outcomes = new Map<string, Outcome>()
      const names = Object.keys(OUTCOMES).filter(
        (name, index) =>
          isTested(index, 4) &&
          !(transport.followsNoRedirect && OUTCOMES[name]!.redirects) &&
          !transport.without?.includes(name),
      )

      beforeAll(async () => {
        const pending = names.map(async (name) => {
          const outcome = within(30_000, send(instance, transport, responseType, OUTCOMES[name]!, given))
          outcomes.set(name, await outcome.catch((failure: unknown) => ({ failure }) as never))
        })
        const controller = new AbortController()
        site.onArrival.set('in-flight', () => {
          controller.abort()
          inFlight.push(
            ...[http.globalAgent, https.globalAgent, ...agentsOfCaller].map((agent) => printed(agent)),
          )
        })
        await instance
          .request({
            ...(given.hasForm && FORM),
            url: '/stops-in-the-body/in-flight',
            signal: controller.signal,
          })
          .catch(() => undefined)
        await Promise.all(pending)
      })

      it.each(names)('%s', (name) => {
        const { result, late, hook, failure } = outcomes.get(name)!
        expect(failure).toBeUndefined()
        const { status } = OUTCOMES[name]!
        if (status !== undefined)
          expect((result as { response?: unknown }).response ?? result).toMatchObject({ status })
        for (const thing of [result, late, ...hook]) expectNoSecret(thing, site.secrets)
        const { response, data, igwnAuth, cause } = result as Record<
          string,
          Record<string, unknown> | undefined
        >
        for (const thing of [
          response,
          cause,
          data,
          igwnAuth,
          igwnAuth?.explanation,
          String(igwnAuth?.explanation),
        ])
          expectNoSecret(thing, site.secrets)
        expectNoSecret(printed(result, late), site.secrets)
        for (const config of [...configsIn(result), ...configsIn(late)]) {
          expectNoSecret(config, site.secrets)
          // Sent again without this package, it goes as the caller made it.
          const { adapter, httpAgent, httpsAgent } = config as AxiosRequestConfig
          expect([adapter, httpAgent, httpsAgent]).toEqual([
            instance.defaults.adapter,
            instance.defaults.httpAgent,
            instance.defaults.httpsAgent,
          ])
        }
      })
    })

    it('reached the server', () => {
      expect(site.carried(given.sent)).toBeGreaterThan(0)
    })

    it('shows in no event, no agent, no kept config and not to another origin', () => {
      const received = site.received.splice(0)
      expect(events.length).toBeGreaterThan(0)
      expect(inFlight.length).toBeGreaterThan(0)
      expectNoSecret(inFlight, site.secrets)
      for (const thing of [
        events,
        received,
        http.globalAgent,
        https.globalAgent,
        ...agentsOfCaller,
        instance.defaults,
      ])
        expectNoSecret(thing, site.secrets)
      for (const config of kept.splice(0)) expectNoSecret(config, site.secrets)
      events.length = 0
    })
  })
})

describe('the matrix', () => {
  it('finds the token that plain axios shows', async () => {
    const response = await plainGet(`${site.plain}/ok`, {
      headers: { Authorization: `Bearer ${SECRETS.token}` },
    })
    expect(() => {
      expectNoSecret(response, site.secrets)
    }).toThrow('the secret shows')
  })
})
