import { inspect } from 'node:util'
import { HIDDEN, MIN_SECRET, redactSecrets, repeatsSecret } from './redact'

/** What this package hides in a response or an error of an HTTP client; a structural subset of axios's types. */
interface ResponseLike {
  headers?: unknown
  statusText?: unknown
  data?: unknown
  request?: unknown
}

/**
 * Hides in a response what printing would show: the native request with its header lines, and credentials that the server
 * repeats in header fields and the reason phrase. For code, the fields stay readable.
 *
 * @param secrets - texts that were sent
 */
export function hideResponse(response: ResponseLike, secrets: readonly string[]): void {
  hideRequestOf(response, secrets)
  if (isStream(response.data)) hideFromInspection(response.data)
  const { headers, statusText } = response
  if (typeof statusText === 'string' && statusText.length >= MIN_SECRET && secrets.length > 0)
    response.statusText = redactSecrets(statusText, secrets)
  if (typeof headers !== 'object' || headers === null || secrets.length === 0) return
  const fields = headers as Record<string, unknown>
  if (!mayRepeat(fields, secrets) || !Object.isExtensible(headers)) return
  const names = Object.keys(fields)
  if (!repeatsSecret(names.map((name) => String(fields[name])).join('\n'), secrets)) return
  const repeated = names.filter((name) => repeatsSecret(String(fields[name]), secrets))
  const shown = () => ({ ...fields, ...Object.fromEntries(repeated.map((name) => [name, HIDDEN])) })
  Object.defineProperties(headers, {
    [inspect.custom]: { value: shown, configurable: true },
    toJSON: { value: shown, configurable: true },
  })
}

/** Hides in a response of `fetch` what its server repeats of the credentials: in header fields, the reason phrase, and the URL of a redirect. */
export function hideFetchResponse(response: Response, secrets: readonly string[]): Response {
  const { headers, url, status, statusText } = response
  const texts = { ...Object.fromEntries(headers), url, statusText }
  if (secrets.length === 0 || !mayRepeat(texts, secrets)) return response
  if (!repeatsSecret(Object.values(texts).join('\n'), secrets)) return response
  const isRepeated = (text: string) => repeatsSecret(text, secrets)
  const shown = () =>
    Object.fromEntries([...headers].map(([name, value]) => [name, isRepeated(value) ? HIDDEN : value]))
  Object.defineProperties(headers, {
    [inspect.custom]: { value: () => `Headers ${inspect(shown())}` },
    toJSON: { value: shown },
  })
  const summary = () => ({
    status,
    statusText: redactSecrets(statusText, secrets),
    url: redactSecrets(url, secrets),
    headers: shown(),
  })
  return Object.defineProperties(response, {
    [inspect.custom]: { value: () => `Response ${inspect(summary())}` },
    toJSON: { value: summary },
    clone: { value: () => hideFetchResponse(Response.prototype.clone.call(response), secrets) },
  })
}

/** A value shorter than every secret repeats none; most responses need no more than this. */
function mayRepeat(fields: Record<string, unknown>, secrets: readonly string[]): boolean {
  for (const name in fields) {
    const value = fields[name]
    const length = typeof value === 'string' ? value.length : String(value).length
    for (const secret of secrets) if (length >= secret.length) return true
  }
  return false
}

/**
 * Hides the same in an error, along its chain of causes: follow-redirects and Node repeat a `Location` in `input`, `message`
 * and `stack`. Frozen errors stay as they are.
 */
export function hideError(error: object, secrets: readonly string[]): void {
  let next: unknown = error
  for (let depth = 0; depth < MAX_CAUSES && typeof next === 'object' && next !== null; depth++) {
    hideRequestOf(next, secrets)
    if (secrets.length > 0) redactTexts(next, secrets)
    const { cause } = next as { cause?: unknown }
    next = cause
  }
}

const MAX_CAUSES = 8

function redactTexts(error: object, secrets: readonly string[]): void {
  for (const name of Object.getOwnPropertyNames(error)) {
    const property = Object.getOwnPropertyDescriptor(error, name)
    if (typeof property?.value !== 'string' || !(property.writable || property.configurable)) continue
    const shown = redactSecrets(property.value, secrets)
    if (shown !== property.value) Object.defineProperty(error, name, { ...property, value: shown })
  }
}

/** The native request leads to the header lines that were sent, and to the socket, which keeps the options that opened it. */
function hideRequestOf(owner: { request?: unknown }, secrets: readonly string[]): void {
  const { request } = owner as { request?: NativeRequest }
  if (typeof request !== 'object' || (request as unknown) === null) return
  hideFromInspection(request)
  hideRedirect(request.res ?? request._currentRequest?.res, secrets)
  if (request._currentRequest) hideFromInspection(request._currentRequest)
  if (request.socket) hideFromInspection(request.socket)
  if (Object.hasOwn(owner, 'request') && Object.isExtensible(owner))
    Object.defineProperty(owner, 'request', { enumerable: false })
}

/** Redirectors of XRootD repeat the token in the URL to which they redirect (`?authz=Bearer%20…`). Programs print that URL. */
function hideRedirect(native: NativeResponse | null | undefined, secrets: readonly string[]): void {
  const { responseUrl } = native ?? {}
  if (!native || typeof responseUrl !== 'string' || !responseUrl.includes('?')) return
  if (mayRepeat({ responseUrl }, secrets)) native.responseUrl = redactSecrets(responseUrl, secrets)
}

/** A request of Node, or one of follow-redirects with the last request of Node in it. */
interface NativeRequest {
  readonly _currentRequest?: { readonly res?: NativeResponse | null } | undefined
  readonly socket?: object | null | undefined
  readonly res?: NativeResponse | null
}

interface NativeResponse {
  responseUrl?: unknown
}

export function isStream(data: unknown): data is object {
  const { pipe, getReader } = (data ?? {}) as { pipe?: unknown; getReader?: unknown }
  return typeof data === 'object' && (typeof pipe === 'function' || typeof getReader === 'function')
}

/** Makes `inspect` and JSON show the class of an object and nothing else. Code that reads its properties sees no difference. */
export function hideFromInspection(object: object): void {
  const hidden = object as Hidden
  if (hidden[inspect.custom] === className || !Object.isExtensible(object)) return
  // Assigned, as defining properties takes ten times as long; neither is shown, as the first one replaces the listing.
  hidden[inspect.custom] = className
  hidden.toJSON = className
}

interface Hidden {
  [inspect.custom]?: () => string
  toJSON?: () => string
}

function className(this: { readonly constructor?: { readonly name: string } }): string {
  // Configs of axios have no prototype.
  return `${this.constructor?.name ?? 'Object'} {}`
}
