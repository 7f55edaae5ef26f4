import axios, { AxiosHeaders, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import http from 'node:http'
import https from 'node:https'
import type { AuthScheme, RequestChanges, SchemeRequest } from '../schemes/auth-scheme'
import type { Credentials } from '../schemes/credentials'
import { hideError, hideFromInspection, hideResponse, isStream } from '../secrets/hide-response'
import { wrapAgent } from '../secrets/wrap-agent'
import { isPromise } from '../tokens/token'
import { abortable, throwIfAborted } from './abort'
import { adapterKind, isHttp2, leavesRedirects } from './adapters'
import { rememberSecrets, type RequestContext } from './context'
import { isFromNetworkProxy, usesProxy } from './network-proxy'
import { reportProgress } from './progress'
import { fieldsOf, redirectHook, redirectOf, removeFields, scrubRedirect } from './redirects'
import { discard, ReplayedForm } from './resend'
import { schemeResponse } from './retry-after-401'
import { bytesOf, checkChanges } from './scheme-changes'

type Request = InternalAxiosRequestConfig
type Loose = Record<string, unknown>

/**
 * Sends a request once. Only the private copy of the config holds the credentials, and it is scrubbed in place when the adapter
 * settles, whatever the outcome: code that keeps a reference to it, such as an error that a response stream raises later, then
 * holds nothing secret. What is returned or thrown has the caller's config. When a scheme fails, `context.sends` has not grown.
 */
export async function transmit(context: RequestContext, credentials: Credentials): Promise<AxiosResponse> {
  const { caller, request, url } = context
  const isProxied = usesProxy(url, request.proxy)
  const config = privateCopy(context, credentials, isProxied)
  let begin: number | undefined
  try {
    if (credentials.scheme) await sign(config, context, credentials, credentials.scheme)
    begin = performance.now()
    rememberSecrets(context, credentials, isProxied)
    context.sends += 1
    const response = await callAdapter(context.adapter, config)
    hide(response, context, credentials)
    response.config = caller
    afterResponse(config, context, credentials, response)
    return response
  } catch (error) {
    if (typeof error === 'object' && error !== null)
      hideFailure(error, context, credentials, begin === undefined ? undefined : config)
    throw error
  } finally {
    if (begin !== undefined) context.spent += performance.now() - begin
    scrub(config, context, credentials)
  }
}

/** What the adapter gets. A new one for each send, as adapters write into it. */
function privateCopy(context: RequestContext, credentials: Credentials, isProxied: boolean): Request {
  const { request } = context
  context.redirects = undefined
  const config = copyOf(request)
  // Own properties only: another copy would lose what the caller switched off by `false`.
  config.headers = Object.assign(new AxiosHeaders(), request.headers)
  // Not by `set`, which compares all names: there is no other, and ours was checked.
  if (credentials.authorization !== undefined) config.headers.Authorization = credentials.authorization
  config.beforeRedirect = redirectHook(context, credentials)
  if (context.sends > 0) {
    if (context.formParts) config.data = new ReplayedForm(request.data, context.formParts)
    // `timeout` covers all sends together.
    if (request.timeout) config.timeout = Math.max(1, Math.round(request.timeout - context.spent))
  }
  if (context.progress) reportProgress(config, request, context.progress, context.retried)
  setAgents(config as unknown as Loose, context, credentials, isProxied)
  return config
}

/** An object without inherited properties, as configs of axios are. V8 copies into it in half the time of `Object.create(null)`. */
const Copy = function () {} as unknown as new () => Record<string | symbol, unknown>
Copy.prototype = Object.create(null) as object

export function copyOf(request: Request): Request {
  const copy = new Copy()
  const source = request as unknown as typeof copy
  for (const name of Object.keys(source)) copy[name] = source[name]
  for (const name of Object.getOwnPropertySymbols(source)) copy[name] = source[name]
  return copy as unknown as Request
}

/** Agents with our certificate, and wrapped ones where a credential is sent. A custom adapter gets the caller's own. */
function setAgents(
  config: Loose,
  context: RequestContext,
  { authorization, scheme, tls }: Credentials,
  isProxied: boolean,
): void {
  const { request, url, adapter, watchAgent } = context
  if (tls?.http2Options)
    config.http2Options = { ...tls.http2Options, ...(config.http2Options as Loose | undefined) }
  if (tls?.agent) config.httpsAgent = tls.agent
  if (authorization === undefined && !scheme && !watchAgent) return
  const kind = adapterKind(adapter)
  if (kind === 'fetch') holdRedirects(config as unknown as Request, context)
  if (kind !== 'http' || isHttp2(request)) return
  const isHttps = url.protocol === 'https:'
  const name = isHttps ? 'httpsAgent' : 'httpAgent'
  // Without an agent axios builds its tunnel through a network proxy by other rules.
  const agent = config[name] ?? (isProxied ? undefined : isHttps ? https.globalAgent : http.globalAgent)
  config[name] = watchAgent ? watchAgent(agent) : wrapAgent(agent)
}

/** Puts the caller's values back into the private copy, so that it holds no credential any more. */
function scrub(config: Request, context: RequestContext, credentials: Credentials): void {
  const { request, redirects } = context
  removeFields(config.headers, fieldsOf(credentials))
  for (const redirect of redirects ?? NO_REDIRECTS) scrubRedirect(redirect, context, credentials)
  const copy = config as unknown as Loose
  const source = request as unknown as Loose
  for (const name of RESTORED) {
    const value = source[name]
    if (copy[name] === value) continue
    if (value === undefined) Reflect.deleteProperty(copy, name)
    else copy[name] = value
  }
}

const NO_REDIRECTS: readonly never[] = []

/** What a send replaces in its private copy. */
const RESTORED = [
  'adapter',
  'beforeRedirect',
  'httpAgent',
  'httpsAgent',
  'http2Options',
  'data',
  'url',
  'baseURL',
  'params',
  'paramsSerializer',
  'timeout',
  'fetchOptions',
  'onUploadProgress',
  'onDownloadProgress',
]

/** The native request keeps the options it was made with: follow-redirects' copy has the header fields. */
function scrubRequest(request: unknown, credentials: Credentials): void {
  const { _redirectable, _options = _redirectable?._options } = (request ?? {}) as Redirectable
  if (_options?.headers) removeFields(_options.headers, fieldsOf(credentials))
  if (_redirectable) hideFromInspection(_redirectable)
}

interface Redirectable {
  readonly _redirectable?: Redirectable
  readonly _options?: { readonly headers?: Loose }
}

function hide(response: AxiosResponse, { secrets }: RequestContext, credentials: Credentials): void {
  // A stream may fail later, with an error that leads to follow-redirects' request.
  if (isStream(response.data)) scrubRequest(response.request, credentials)
  hideResponse(response, secrets)
}

/** An error of axios gets the caller's config; any other one passes unchanged, except for secrets that its texts repeat. */
function hideFailure(
  error: object,
  context: RequestContext,
  credentials: Credentials,
  sent: Request | undefined,
): void {
  const { caller, request } = context
  const failure = error as { config?: unknown; request?: unknown; response?: AxiosResponse; message?: string }
  scrubRequest(failure.request, credentials)
  hideError(error, context.secrets)
  const { response } = failure
  if (typeof response === 'object' && (response as unknown) !== null) {
    hide(response, context, credentials)
    response.config = caller
    if (sent) afterResponse(sent, context, credentials, response)
  }
  if (!(axios.isAxiosError(error) || axios.isCancel(error)) || !Object.isExtensible(error)) return
  if (failure.config) failure.config = caller
  // The message of a later send has the rest of the timeout.
  if (sent && request.timeout && sent.timeout !== request.timeout)
    failure.message = String(failure.message).replace(
      `timeout of ${sent.timeout}ms`,
      `timeout of ${request.timeout}ms`,
    )
}

/** Gives a scheme each response to what it changed, and follows a redirect that the adapter did not. */
function afterResponse(
  config: Request,
  context: RequestContext,
  credentials: Credentials,
  response: AxiosResponse,
): void {
  const { scheme, changes = {} } = credentials
  scheme?.onResponse?.(schemeResponse(response), changes)
  if (config.fetchOptions !== context.request.fetchOptions || leavesRedirects(context.adapter))
    followHeld(context, credentials, response)
}

/** Gives a scheme the request as it will be sent, and applies its changes. */
async function sign(
  config: Request,
  context: RequestContext,
  credentials: Credentials,
  scheme: AuthScheme,
): Promise<void> {
  const request = schemeRequest(config, context, credentials)
  const before = new URL(request.url)
  const asked = scheme.authorize(request)
  const changes = isPromise(asked) ? await abortable(asked, context.request) : asked
  throwIfAborted(context.request)
  credentials.changes = changes ?? {}
  credentials.unchangedUrl = before.href
  if (changes) apply(config, scheme, changes, before)
}

const blank = /* @__PURE__ */ new axios.Axios({})

function schemeRequest(
  config: Request,
  { formParts, request }: RequestContext,
  { query = {} }: Credentials,
): SchemeRequest {
  const url = new URL(blank.getUri(config))
  url.username = url.password = url.hash = ''
  const data: unknown = config.data
  const body = formParts ? new ReplayedForm(request.data, formParts).bytes() : bytesOf(data)
  return {
    method: (config.method ?? 'get').toUpperCase(),
    url,
    contentType: contentTypeOf(data) ?? config.headers.get('Content-Type')?.toString(),
    body,
    isStream: data != null && body === undefined,
    query,
  }
}

/** The type that the http adapter sets for what it serializes, in place of the one in the header. */
function contentTypeOf(body: unknown): string | undefined {
  if (body instanceof FormData) return 'multipart/form-data'
  if (body instanceof Blob && body.size > 0) return body.type || 'application/octet-stream'
  const { getHeaders } = (body ?? {}) as { getHeaders?: () => Record<string, string> }
  return typeof getHeaders === 'function' ? getHeaders.call(body)['content-type'] : undefined
}

/** URL and parameters become one, so that what was signed is what is sent. */
function apply(config: Request, scheme: AuthScheme, changes: RequestChanges, before: URL): void {
  checkChanges(scheme, changes, before)
  const { headers = {}, url, body } = changes
  for (const [field, value] of Object.entries(headers)) config.headers.set(field, value)
  if (body !== undefined) {
    config.data = body
    config.headers.delete('Content-Length')
  }
  config.url = (url ?? before).href
  for (const part of ['baseURL', 'params', 'paramsSerializer'] as const) Reflect.deleteProperty(config, part)
}

/** The fetch adapter follows redirects without asking; where a credential is sent, it follows none, and we do. */
function holdRedirects(config: Request, { request }: RequestContext): void {
  const { fetchOptions } = request as Request & { fetchOptions?: { redirect?: unknown } }
  const { redirect = 'follow' } = fetchOptions ?? {}
  if (redirect === 'follow') config.fetchOptions = { ...fetchOptions, redirect: 'manual' }
}

function followHeld(context: RequestContext, credentials: Credentials, response: AxiosResponse): void {
  // The server did not send it.
  if (isFromNetworkProxy(response, context.url, context.request.proxy)) return
  const location = schemeResponse(response).header('Location')
  const redirect = redirectOf(context, credentials, { status: response.status, location })
  if (!redirect) return
  discard(response)
  throw redirect
}

/** The adapter is resolved as late as axios does it, so that an unknown one is the error of axios. */
export function callAdapter(adapter: Request['adapter'], config: Request): Promise<AxiosResponse> {
  const resolve = axios.getAdapter as (
    adapters: unknown,
    config: Request,
  ) => (config: Request) => Promise<AxiosResponse>
  return resolve(adapter ?? axios.defaults.adapter, config)(config)
}
