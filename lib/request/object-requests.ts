import { errorMonitor } from 'node:events'
import { Readable } from 'node:stream'
import axios, { AxiosError, AxiosHeaders, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { processEnvironment } from '../environment'
import { isIgwnAuthError } from '../errors'
import { publish } from '../events'
import type { Ask, Reply } from '../federation/ask'
import { directorUrl } from '../federation/director'
import { noServer } from '../federation/no-server'
import {
  objectResolver,
  resolutionOf,
  type Resolution,
  type ResolvedObject,
} from '../federation/object-resolver'
import { relativePath, scopeToRequest } from '../federation/object-scope'
import type { ObjectServer } from '../federation/pelican-headers'
import { parsePelicanUrl } from '../federation/pelican-url'
import { connectionDefaults } from '../formats/plain-instance'
import { certChoice, type ResolvedOptions } from '../options'
import { repeatsSecret } from '../secrets/redact'
import type { ObjectRequirements } from '../tokens/token'
import { requirementsOf, type TokenRequirements } from '../tokens/validate-claims'
import { abortable } from './abort'
import { adapterKind, isHttp2 } from './adapters'
import { federationAsker } from './ask-federation'
import { newContext, type RequestContext } from './context'
import { agentWatcher, firstByteWatch, type FirstByteWatch, type WatchAgent } from './first-byte-timeout'
import { usesProxy } from './network-proxy'
import { canResend, discard } from './resend'
import { copyOf } from './transmit'

type Request = InternalAxiosRequestConfig

/** What a request to an object of a federation is for. */
export interface ObjectTarget {
  readonly object: ResolvedObject
  /** What a token needs, as the director says. */
  readonly requirements: TokenRequirements & { readonly object: ObjectRequirements }
  /** Whether the request needs a token: a private object, or a change. */
  readonly needsToken: boolean
  /** The path that scopes of the object have. */
  readonly scopePath: string
}

/** A request of the caller, and where its object is. */
interface RoutedRequest {
  readonly caller: Request
  readonly adapter: Request['adapter']
  readonly resolution: Resolution
}

/** The exchange of the instance, as far as it is needed here. */
interface Exchange {
  readonly send: (context: RequestContext) => Promise<AxiosResponse>
  readonly contextOf: (caller: Request, adapter: Request['adapter'], url: URL) => RequestContext
}

/** Requests to objects of federations, by one instance. */
export interface ObjectRequests {
  /** @param url - that of the object, as the caller wrote it */
  readonly send: (caller: Request, adapter: Request['adapter'], url: string) => Promise<AxiosResponse>
  /** The context of the first request, for an explanation, and the error where there is no server. */
  readonly look: (
    caller: Request,
    adapter: Request['adapter'],
    url: string,
  ) => Promise<{ readonly context: RequestContext; readonly error: ReturnType<typeof noServer> | undefined }>
}

/**
 * Sends requests for `osdf:`, `pelican:` and `stash:` URLs to the servers that the director of the federation names: for reading to
 * its caches in their order, until one responds; for a change to the origin alone.
 *
 * Only what the discovery host and its director say decides which token is sent. The server gets the request as any other: redirects
 * and challenges have their usual rules.
 */
export function objectRequests({ send, contextOf }: Exchange): ObjectRequests {
  const resolver = objectResolver()
  const targets = new WeakMap<ResolvedObject, ObjectTarget>()
  // The same objects for each request, so that what was attached last is attached again.
  const urls = new WeakMap<ObjectServer, URL>()
  const optionsFor = optionsFinder()
  const watchAgent = agentWatcher()

  return {
    send(caller, adapter, url) {
      // Without a promise: each takes its time.
      const known = resolver.known(url, methodOf(caller))
      return known?.object.servers.length
        ? sendResolved(caller, adapter, known)
        : resolve(caller, adapter, url).then((found) => sendResolved(caller, adapter, found))
    },
    async look(caller, adapter, objectUrl) {
      const { object, reply } = await resolve(caller, adapter, objectUrl)
      const { servers, federation } = object
      const url = servers[0]?.url ?? directorUrl(federation, parsePelicanUrl(object.url))
      const isMissing = servers.length === 0 && !object.requiresToken
      return {
        context: contextAt(caller, adapter, object, new URL(url)),
        error: isMissing ? noServer(object, reply) : undefined,
      }
    },
  }

  async function sendResolved(
    caller: Request,
    adapter: Request['adapter'],
    resolution: Resolution,
  ): Promise<AxiosResponse> {
    const { object, reply } = resolution
    const [server, ...others] = object.servers
    if (!server) return settle(caller, object, reply)
    return sendTo(server, isRepeatable(caller) ? others : [], { caller, adapter, resolution })
  }

  async function resolve(caller: Request, adapter: Request['adapter'], url: string): Promise<Resolution> {
    const method = methodOf(caller)
    try {
      const askPlainly: Ask = (question) => askerFor(caller, adapter)(question)
      const found = await abortable(resolver.resolve(url, method, askPlainly), caller)
      const { object } = found
      // A director may name servers of a private object only when it is shown a token.
      if (object.servers.length > 0 || !object.requiresToken) return found
      const parsed = parsePelicanUrl(url)
      const context = contextAt(caller, adapter, object, new URL(directorUrl(object.federation, parsed)))
      let sent = context
      const ask = federationAsker((config) => send((sent = { ...context, caller: config, request: config })))
      const reply = await ask({ method: object.method, url: context.url.href })
      const shown = resolutionOf(object.federation, parsed, object.method, reply)
      if (shown.object.servers.length === 0) return shown
      const servers = shown.object.servers.map((server) => withoutSecrets(server, sent.secrets))
      // Without the reply, which repeats the token.
      const named = { ...found, object: { ...shown.object, servers } }
      if (named.object.requiresToken) resolver.replace(found, named)
      return named
    } catch (error) {
      // A config of ours would lead programs that send `error.config` again to the director.
      throw axios.isAxiosError(error) ? AxiosError.from(error, error.code, caller, error.request) : error
    }
  }

  /** Asks with the connection settings of a request, without a credential. */
  function askerFor(caller: Request, adapter: Request['adapter']): Ask {
    const settings = connectionDefaults({ defaults: caller })
    return federationAsker((config) => {
      const request = { ...settings, ...config } as Request
      const url = new URL(String(config.url))
      return send(newContext(request, adapter, url, { forceNoAuth: true }, false))
    })
  }

  async function sendTo(
    server: ObjectServer,
    [next, ...others]: readonly ObjectServer[],
    routed: RoutedRequest,
  ): Promise<AxiosResponse> {
    const { caller, adapter, resolution } = routed
    const url = urlOf(server)
    const isNative = adapterKind(adapter) === 'http' && !isHttp2(caller) && !usesProxy(url, caller.proxy)
    const watch = next && !isNative ? firstByteWatch(caller) : undefined
    const context = contextAt(caller, adapter, resolution.object, url, {
      watch,
      watchAgent: next && isNative ? watchAgent : undefined,
    })
    let outcome: unknown
    try {
      const response = await sendOnce(context)
      if (!READING.has(resolution.object.method)) resolver.forgetMissing(resolution.object)
      if (!next || !isFailing(response)) return watchBody(response, resolution, server)
      outcome = response
    } catch (error) {
      if (!next || !(watch?.isLate() || isFailing(error))) throw error
      outcome = error
    } finally {
      watch?.end()
    }
    const { response = outcome } = outcome as Partial<AxiosError>
    discard(response as AxiosResponse)
    resolver.demote(resolution, server)
    warn(context, server, next, outcome)
    return sendTo(next, others, routed)
  }

  /** XRootD before 5.5.4 ends a line of a ranged response with a bare LF once another client has asked for a digest. */
  async function sendOnce(context: RequestContext): Promise<AxiosResponse> {
    try {
      return await send(context)
    } catch (error) {
      const { request } = context
      const { code } = (error ?? {}) as Partial<AxiosError>
      const canRepeat = isRepeatable(request) && request.insecureHTTPParser === undefined
      if (code !== 'HPE_CR_EXPECTED' || !canRepeat || !request.headers.get('Range')) throw error
      return send({ ...context, request: Object.assign(copyOf(request), { insecureHTTPParser: true }) })
    }
  }

  /** A server whose response is cut off is tried last from then on, also when the download is resumed. */
  function watchBody(response: AxiosResponse, resolution: Resolution, server: ObjectServer): AxiosResponse {
    const { data } = response as { data: unknown }
    const demote = (error: unknown) => {
      if (!axios.isCancel(error)) resolver.demote(resolution, server)
    }
    if (data instanceof Readable) {
      data.once(errorMonitor, demote)
      // A response of Node emits no error before anything listens.
      data.once('close', () => {
        if (data.errored) demote(data.errored)
      })
    } else if (data instanceof ReadableStream && !data.locked) response.data = onFailure(data, demote)
    return response
  }

  function contextAt(
    caller: Request,
    adapter: Request['adapter'],
    object: ResolvedObject,
    url: URL,
    { watch, watchAgent }: { watch?: FirstByteWatch | undefined; watchAgent?: WatchAgent | undefined } = {},
  ): RequestContext {
    const context = contextOf(caller, adapter, url)
    return {
      ...context,
      request: routedRequest(caller, url.href, watch),
      options: optionsFor(context.options),
      object: targetFor(object),
      watchAgent,
    }
  }

  function urlOf(server: ObjectServer): URL {
    const known = urls.get(server)
    if (known) return known
    const url = new URL(server.url)
    urls.set(server, url)
    return url
  }

  /** The same for each request, so that the search for a token has a result already. */
  function targetFor(object: ResolvedObject): ObjectTarget {
    const known = targets.get(object)
    if (known) return known
    const target = targetOf(object)
    targets.set(object, target)
    return target
  }
}

/** Removes parameters in which a director repeats the token that it was shown. */
function withoutSecrets(server: ObjectServer, secrets: readonly string[]): ObjectServer {
  if (!repeatsSecret(server.url, secrets)) return server
  const url = new URL(server.url)
  for (const [name, value] of [...url.searchParams])
    if (repeatsSecret(value, secrets)) url.searchParams.delete(name)
  return { ...server, url: url.href }
}

/** The same stream; `listener` is called when it fails. The streams of the fetch adapter have no events. */
function onFailure(
  stream: ReadableStream<unknown>,
  listener: (error: unknown) => void,
): ReadableStream<unknown> {
  const reader = stream.getReader()
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          listener(error)
          throw error
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Nothing is read before the caller reads.
    { highWaterMark: 0 },
  )
}

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PROPFIND'])

function isRepeatable(request: Request): boolean {
  return READING.has(methodOf(request)) && canResend(request.data, undefined)
}

function methodOf({ method = 'get' }: Request): string {
  return method.toUpperCase()
}

function routedRequest(caller: Request, url: string, watch: FirstByteWatch | undefined): Request {
  const request = copyOf(caller)
  request.url = url
  Reflect.deleteProperty(request, 'baseURL')
  return watch ? watch.attachTo(request) : request
}

/** A certificate and a password are for servers that the user chose; the director chooses these. */
function optionsFinder(): (options: ResolvedOptions) => ResolvedOptions {
  let last: { readonly from: ResolvedOptions; readonly to: ResolvedOptions } | undefined
  return (from) => {
    const cert = certChoice(from.cert, processEnvironment.env) ?? false
    if (last?.from === from && last.to.cert === cert) return last.to
    const to = Object.assign(Object.create(null), from, {
      netrc: from.netrc ?? false,
      cert,
    }) as ResolvedOptions
    last = { from, to }
    return to
  }
}

function targetOf(object: ResolvedObject): ObjectTarget {
  const {
    federation,
    servers,
    issuers,
    scopes,
    maxScopeDepth,
    vaultServer,
    requiresToken,
    method,
    tokenName,
  } = object
  // The issuer of IGWN issues SciTokens; others issue tokens of the WLCG profile, which comes first.
  const [ofWlcg, ofSciTokens] = scopes
  const scope = issuers.includes('https://cilogon.org/igwn') ? ofSciTokens : ofWlcg
  return {
    object,
    needsToken: requiresToken || !READING.has(method),
    scopePath: relativePath(object.path, object),
    requirements: {
      ...requirementsOf({}),
      object: {
        scope: scopes,
        issuer: issuers,
        audience: [`https://${federation.host}`, ...servers.map(({ url }) => new URL(url).origin)],
        scopeToRequest: scope && scopeToRequest(scope, maxScopeDepth),
        vaultServer,
        tokenName,
      },
    },
  }
}

/** Whether another server may do better: no response, half of one, a time-out, a server error, or an object that this one lacks. */
function isFailing(outcome: unknown): boolean {
  if (isIgwnAuthError(outcome)) return OF_SERVER.has(outcome.code)
  if (axios.isCancel(outcome)) return false
  const error = axios.isAxiosError(outcome) ? outcome : undefined
  const { status = 0 } = error ? (error.response ?? {}) : (outcome as Partial<AxiosResponse>)
  if (status >= 400) return status >= 500 || FAILING.has(status)
  if (!error) return false
  // A limit of the caller, such as maxContentLength, holds everywhere.
  return status === 0 ? error.code !== AxiosError.ERR_BAD_RESPONSE : error.message.endsWith('aborted')
}

/** Errors of ours that another server may not cause. */
const OF_SERVER: ReadonlySet<string> = new Set(['ERR_IGWN_INSECURE_TRANSPORT', 'ERR_IGWN_INTEGRITY'])

const FAILING: ReadonlySet<number> = new Set([404, 408, 410, 429])

function warn(
  { options }: RequestContext,
  { url }: ObjectServer,
  next: ObjectServer,
  failure: unknown,
): void {
  const { code = 'no response', response = failure } = failure as Partial<AxiosError>
  const { status } = response as Partial<AxiosResponse>
  const source = new URL(url).host
  const why = status === undefined ? code : `status ${status}`
  const message = `${source} failed (${why}); trying ${new URL(next.url).host}`
  publish({ type: 'warning', source, message }, options.onEvent)
}

/** The response of a director that names no server is the response of the request, as axios settles one. */
function settle(caller: Request, object: ResolvedObject, reply: Reply): AxiosResponse {
  const { status, body } = reply
  const bytes = Buffer.from(body)
  const data =
    caller.responseType === 'stream'
      ? Readable.from([bytes])
      : caller.responseType === 'arraybuffer'
        ? bytes
        : body
  const headers = AxiosHeaders.from(reply.headers as Record<string, string>)
  const response: AxiosResponse = {
    status,
    statusText: '',
    headers,
    data,
    config: caller,
    request: undefined,
  }
  if (!caller.validateStatus || caller.validateStatus(status)) return response
  const code = status < 500 ? AxiosError.ERR_BAD_REQUEST : AxiosError.ERR_BAD_RESPONSE
  throw new AxiosError(noServer(object, reply).message, code, caller, undefined, response)
}
