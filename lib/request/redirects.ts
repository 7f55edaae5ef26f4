import type { InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import type { Credentials } from '../schemes/credentials'
import { redactSecrets, repeatsSecret } from '../secrets/redact'
import { dropCertificate } from '../x509/tls-settings'
import type { RequestContext } from './context'
import { requestUrl } from './destination'
import { insecureTransport, isInsecure } from './insecure-transport'
import { decoded } from './network-proxy'
import { emit, shownUrl } from './request-events'
import { canResend } from './resend'

type Request = InternalAxiosRequestConfig
type Hook = NonNullable<Request['beforeRedirect']>

/** What follow-redirects is about to send, and lets its hook change. */
export interface RedirectOptions {
  href: string
  method: string
  headers: Record<string, string>
  auth?: string | null | undefined
}

/** Ends a send whose redirect is followed by a request of its own. That request is private: it holds the caller's body. */
export class RedirectToFollow extends Error {
  override readonly name = 'RedirectToFollow'
  readonly #request: Request

  constructor(request: Request) {
    super('The redirect is followed by a request of its own.')
    this.#request = request
  }

  get request(): Request {
    return this.#request
  }
}

/**
 * What a redirect may carry. With the http adapter this hook decides before follow-redirects follows; the fetch adapter has
 * no hook, so it follows none and {@link redirectOf} does, as for other adapters that follow none; HTTP/2 follows none.
 *
 * - on the same origin: everything, except what a scheme made for the original URL; the scheme is asked again
 * - to another origin: nothing. The send ends, and a request of its own starts there, see {@link redirectedContext}
 * - to plain HTTP with a URL that repeats a credential: it is not followed
 *
 * The caller's own hook runs first and sees no credential.
 */
export function redirectHook(context: RequestContext, credentials: Credentials): Hook {
  return (options, response, details) => {
    const { request, url } = context
    const redirect = options as RedirectOptions
    const redirects = (context.redirects ??= [])
    redirects.push(redirect)
    assertNotRepeated(new URL(redirect.href), context)
    const fields = fieldsOf(credentials)
    const ours = removeFields(redirect.headers, fields)
    request.beforeRedirect?.(redirect, response, withoutFields(details, fields, credentials))
    const next = new URL(redirect.href)
    assertNotRepeated(next, context)
    const isSameOrigin = next.origin === url.origin
    if (isSameOrigin && !credentials.scheme) {
      context.redirected = redirectedRequest(request, redirect, redirects.length)
      // Unless the hook set one of its own.
      if (!Object.keys(redirect.headers).some((name) => name.toLowerCase() === 'authorization'))
        Object.assign(redirect.headers, ours)
      return
    }
    if (canResend(request.data, context.formParts))
      throw new RedirectToFollow(redirectedRequest(request, redirect, redirects.length))
    // A stream was read; follow-redirects kept its bytes and continues by itself, without credentials.
    context.hasLeft ||= !isSameOrigin
    if (!isSameOrigin && credentials.tls && !isTrustedRedirect(context, next))
      dropCertificate(redirect, credentials.tls)
  }
}

/** Options that a hook of the caller kept: without our fields, and without what the server's URL repeats of them. */
export function scrubRedirect(
  redirect: RedirectOptions,
  { secrets }: RequestContext,
  credentials: Credentials,
): void {
  removeFields(redirect.headers, fieldsOf(credentials))
  const urlParts = redirect as unknown as Record<string, unknown>
  for (const name of ['href', 'path', 'pathname', 'search', 'query']) {
    const part = urlParts[name]
    if (typeof part === 'string') urlParts[name] = redactSecrets(part, secrets)
  }
}

/** Names of header fields that hold a credential, in lower case. */
export function fieldsOf({ authorization, changes }: Credentials): readonly string[] {
  if (authorization !== undefined) return AUTHORIZATION
  return changes?.headers ? Object.keys(changes.headers).map((name) => name.toLowerCase()) : NO_FIELDS
}

const AUTHORIZATION = ['authorization']
const NO_FIELDS: readonly string[] = []

/** Removes fields by name, whatever their value: axios trims white space of a scheme's value. Returns what was removed. */
export function removeFields(
  headers: Record<string, unknown>,
  fields: readonly string[],
): Record<string, unknown> {
  const removed: Record<string, unknown> = {}
  if (fields.length === 0) return removed
  for (const name of Object.keys(headers)) {
    if (!fields.some((field) => field.length === name.length && field === name.toLowerCase())) continue
    removed[name] = headers[name]
    Reflect.deleteProperty(headers, name)
  }
  return removed
}

/** The previous request as the caller's hook may see it; a custom adapter may pass none. */
function withoutFields(
  details: Parameters<Hook>[2] | undefined,
  fields: readonly string[],
  { unchangedUrl }: Credentials,
): Parameters<Hook>[2] {
  const { headers = {}, ...others } = (details ?? {}) as { headers?: Record<string, string> }
  const shown = { ...headers }
  removeFields(shown, fields)
  // A scheme may have put a token into the URL.
  const url = unchangedUrl !== undefined && { url: unchangedUrl }
  return { ...others, ...url, headers: shown } as unknown as Parameters<Hook>[2]
}

/** Redirectors of XRootD repeat the token in the URL (`?authz=Bearer%20…`); over plain HTTP others could read it. */
function assertNotRepeated(next: URL, { options, request, secrets }: RequestContext): void {
  if (options.allowInsecureHttp || !isInsecure(next, request.proxy)) return
  if (!repeatsSecret(next.href, secrets)) return
  throw insecureTransport(
    `The server redirects to ${next.host} over plain HTTP with a credential in the URL, where others can read it`,
    'The redirect was not followed',
  )
}

/** Redirects that follow-redirects follows when `maxRedirects` is not set. */
const DEFAULT_MAX_REDIRECTS = 21

/**
 * The request after a redirect: method and headers as follow-redirects and the caller's hook left them; the body is kept with its
 * method (RFC 9110 section 15.4). axios has removed what was for the previous origin.
 */
function redirectedRequest(request: Request, options: RedirectOptions, redirects: number): Request {
  const url = new URL(options.href)
  // A server does not choose userinfo.
  url.username = url.password = ''
  const method = options.method.toLowerCase()
  const isSameMethod = method === request.method?.toLowerCase()
  const next: Request = {
    ...request,
    url: url.href,
    method,
    headers: headersOf(request, options),
    data: isSameMethod ? (request.data as unknown) : undefined,
    maxRedirects: (request.maxRedirects ?? DEFAULT_MAX_REDIRECTS) - redirects,
  }
  for (const name of ['baseURL', 'params', 'auth'] as const) Reflect.deleteProperty(next, name)
  if (!options.auth) return next
  const username = options.auth.replace(/:.*/s, '')
  return { ...next, auth: { username, password: options.auth.slice(username.length + 1) } }
}

/** Set by the connection or the body of each send. */
const PER_SEND = ['host', 'content-length', 'transfer-encoding', 'proxy-authorization']

function headersOf(request: Request, options: RedirectOptions): Request['headers'] {
  const Headers = request.headers.constructor as new (fields: object) => Request['headers']
  const headers = new Headers(options.headers)
  removeFields(headers, PER_SEND)
  // A field that the caller switched off is in no header, and would return as a default.
  for (const [name, value] of Object.entries<unknown>(request.headers))
    if ((value === false || value === null) && !headers.has(name)) headers.set(name, value)
  return headers
}

/** Statuses that are redirects (RFC 9110 section 15.4), and the limit of `fetch` where `maxRedirects` is not set. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const FETCH_MAX_REDIRECTS = 20

/**
 * The redirect in a response of an adapter that follows none, as the Fetch standard follows it (HTTP-redirect fetch): POST becomes
 * GET after 301 and 302, every method but HEAD after 303. Undefined where there is none, and where its target cannot be followed.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_UNSUPPORTED` for a body that cannot be sent again
 */
export function redirectOf(
  context: RequestContext,
  credentials: Credentials,
  { status, location }: { readonly status: number; readonly location: string | undefined },
): RedirectToFollow | undefined {
  const { request, url, formParts } = context
  const { maxRedirects = FETCH_MAX_REDIRECTS, method = 'get' } = request
  if (!REDIRECTS.has(status) || location === undefined || maxRedirects === 0) return undefined
  const from = requestUrl(context)
  if (!URL.canParse(location, from.href)) return undefined
  const next = new URL(location, from.href)
  // Bun reads `file:` with fetch.
  if (next.protocol !== 'https:' && next.protocol !== 'http:') return undefined
  assertNotRepeated(next, context)
  const isPost = /^post$/i.test(method)
  const toGet =
    status === 303 ? !/^(?:get|head)$/i.test(method) : (status === 301 || status === 302) && isPost
  const headers = Object.fromEntries(Object.entries(request.headers)) as Record<string, string>
  if (toGet) removeFields(headers, BODY_FIELDS)
  else if (!canResend(request.data, formParts))
    throw new IgwnAuthError(
      'ERR_IGWN_UNSUPPORTED',
      `${url.host} redirects the request (status ${status}), and its body is a stream, which cannot be sent again. Use the URL that it leads to.`,
    )
  if (next.origin !== from.origin) removeFields(headers, ORIGIN_FIELDS)
  const auth = next.origin === from.origin ? authOf(request, from) : undefined
  const redirect = { href: next.href, method: toGet ? 'GET' : method, headers, auth }
  return new RedirectToFollow(redirectedRequest({ ...request, maxRedirects }, redirect, 1))
}

/** Username and password that the caller gave with the request or in its URL. */
function authOf({ auth }: Request, { username, password }: URL): string | undefined {
  if (auth) return `${auth.username}:${auth.password}`
  return username === '' && password === '' ? undefined : `${decoded(username)}:${decoded(password)}`
}

/** Fields of a body that is dropped, and fields for one origin only. */
const BODY_FIELDS = [
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'content-length',
]
const ORIGIN_FIELDS = ['authorization', 'proxy-authorization', 'cookie', 'host']

/** Whether a redirect keeps the credentials: the caller declared both origins to be one service. */
function isTrustedRedirect({ url, options }: RequestContext, next: URL): boolean {
  const { trustedOrigins = [] } = options
  return trustedOrigins.includes(url.origin) && trustedOrigins.includes(next.origin)
}

/**
 * The request that a redirect leads to, and what it may carry: nothing from HTTPS to HTTP, and nothing where a network proxy
 * redirected, as that is not the server; everything between `trustedOrigins`; elsewhere only what is found for that origin.
 *
 * @param isAuthenticated - whether a request has a credential of the caller
 */
export function redirectedContext(
  previous: RequestContext,
  credentials: Credentials,
  request: Request,
  isProxy: boolean,
  isAuthenticated: (request: Request, url: URL) => boolean,
): RequestContext {
  const url = new URL(request.url ?? '')
  const isDowngrade = previous.url.protocol === 'https:' && url.protocol === 'http:'
  const withoutCredentials = previous.withoutCredentials || isDowngrade || isProxy
  const isTrusted = !withoutCredentials && isTrustedRedirect(previous, url)
  const isOtherOrigin = url.origin !== previous.url.origin
  const context: RequestContext = {
    ...previous,
    request,
    url,
    withoutCredentials,
    // What a director says is for the servers that it names.
    object: isOtherOrigin && !isTrusted ? undefined : previous.object,
    // What the caller's hook put on the redirect is the caller's.
    authenticated: previous.authenticated || isAuthenticated(request, url),
    crossOrigin: previous.crossOrigin || (isOtherOrigin && !isTrusted),
    carriedOver: isTrusted ? credentials : undefined,
    redirected: undefined,
    notRetried: undefined,
  }
  if (isOtherOrigin)
    emit(previous, { type: 'redirected', to: shownUrl(context.url, previous), trusted: isTrusted })
  return context
}
