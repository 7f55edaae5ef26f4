import type { AxiosResponse } from 'axios'
import { rememberSecrets, type RequestContext } from '../request/context'
import { usesProxy } from '../request/network-proxy'
import { schemeResponse } from '../request/retry-after-401'
import { bytesOf, checkChanges } from '../request/scheme-changes'
import type { AuthScheme, SchemeRequest } from '../schemes/auth-scheme'
import type { Credentials } from '../schemes/credentials'
import { hideError, hideFetchResponse } from '../secrets/hide-response'
import { isPromise } from '../tokens/token'
import { abortable } from './abort'
import type { ConnectionOptions } from './connections'
import { headersOf, methodOf, type FetchRequest } from './fetch-request'

/** Sends requests: `fetch`, or what the caller gave for it. */
export type FetchFunction = (input: string, init: RequestInit) => Promise<Response>

/** One send of a request. */
export interface Sending {
  readonly request: FetchRequest
  readonly context: RequestContext
  readonly credentials: Credentials
  readonly connection: ConnectionOptions | undefined
  readonly fetch: FetchFunction
}

/** The options of one call of `fetch`. */
type Sent = Omit<RequestInit, 'body'> & { readonly method: string; readonly headers: Headers; body: unknown }

/**
 * Sends a request once. Only the options that this call of `fetch` gets hold the credentials, and they are not kept. Redirects are
 * not followed: we do.
 */
export async function transmit({
  request,
  context,
  credentials,
  connection,
  fetch,
}: Sending): Promise<Response> {
  const { request: config } = context
  const { authorization, scheme } = credentials
  const { url = '' } = config
  const headers = headersOf(request, config)
  const init: Sent = {
    ...request.init,
    ...connection,
    method: methodOf(request, config),
    headers,
    body: config.data as RequestInit['body'],
    redirect: request.redirect === 'follow' ? 'manual' : request.redirect,
    ...(request.signal && { signal: request.signal }),
  } as Sent
  if (authorization !== undefined) headers.set('Authorization', authorization)
  const target = scheme ? await sign(scheme, credentials, init, new URL(url), request.signal) : url
  // Node.js 24 uses the variables with NODE_USE_ENV_PROXY.
  rememberSecrets(context, credentials, usesProxy(context.url, undefined))
  context.sends += 1
  let response: Response
  try {
    response = await fetch(target, init as RequestInit)
  } catch (error) {
    if (typeof error === 'object' && error !== null) hideError(error, context.secrets)
    throw error
  }
  const { changes } = credentials
  if (changes) scheme?.onResponse?.(schemeResponse(responseOf(response)), changes)
  return hideFetchResponse(response, context.secrets)
}

/** A response as the rules read it. */
export function responseOf({
  status,
  headers,
}: Response): Pick<AxiosResponse, 'status' | 'headers' | 'request'> {
  return { status, headers: Object.fromEntries(headers) }
}

/** Gives a scheme the request as it will be sent, applies its changes, and returns the URL. */
async function sign(
  scheme: AuthScheme,
  credentials: Credentials,
  init: Sent,
  url: URL,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { headers, method, body } = init
  url.hash = ''
  const bytes = body instanceof URLSearchParams ? body.toString() : bytesOf(body)
  const request: SchemeRequest = {
    method,
    url: new URL(url),
    contentType: headers.get('Content-Type') ?? contentTypeOf(body),
    body: bytes,
    isStream: body != null && bytes === undefined,
    query: credentials.query ?? {},
  }
  const asked = scheme.authorize(request)
  const changes = (isPromise(asked) ? await abortable(asked, signal) : asked) ?? {}
  signal?.throwIfAborted()
  credentials.changes = changes
  credentials.unchangedUrl = url.href
  checkChanges(scheme, changes, url)
  for (const [name, value] of Object.entries(changes.headers ?? {})) headers.set(name, value)
  if (changes.body !== undefined) {
    if (request.contentType !== undefined) headers.set('Content-Type', request.contentType)
    init.body = changes.body
  }
  return (changes.url ?? url).href
}

/** The type that `fetch` sets for a body without one. */
function contentTypeOf(body: unknown): string | undefined {
  if (body instanceof URLSearchParams) return 'application/x-www-form-urlencoded;charset=UTF-8'
  if (body instanceof FormData) return 'multipart/form-data'
  if (typeof body === 'string') return 'text/plain;charset=UTF-8'
  return body instanceof Blob && body.type !== '' ? body.type : undefined
}
