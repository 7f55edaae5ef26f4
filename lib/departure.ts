import { AxiosHeaders, type InternalAxiosRequestConfig } from 'axios'

/** What follow-redirects is about to ask for, and what it lets its hook change. */
export interface RedirectOptions {
  href: string
  method: string
  headers: Record<string, string>
}

/** A redirect leads to another origin: the rest of the way is a request of its own, with credentials of its own. */
export class Departure extends Error {
  override readonly name = 'Departure'
  /** The rest of the way; it holds the caller's body and headers, hence private. */
  readonly #request: InternalAxiosRequestConfig

  constructor(request: InternalAxiosRequestConfig) {
    super('The redirect leads to another origin.')
    this.#request = request
  }

  get request(): InternalAxiosRequestConfig {
    return this.#request
  }
}

/** The departure that ended a send, which axios and follow-redirects have wrapped in errors of theirs. */
export function departureIn(error: unknown): Departure | undefined {
  let cause = error
  for (let depth = 0; depth < 4 && typeof cause === 'object' && cause !== null; depth += 1) {
    if (cause instanceof Departure) return cause
    cause = (cause as { cause?: unknown }).cause
  }
  return undefined
}

/** Redirects that follow-redirects follows when axios does not say how many. */
const FOLLOWED = 21

/**
 * The rest of the way after a redirect, as a request: method and headers as the redirect made them (a body goes with its
 * method, RFC 9110 section 15.4), without what was meant for the origin that is left.
 */
export function restOfTheWay(
  request: InternalAxiosRequestConfig,
  options: RedirectOptions,
  hops: number,
): InternalAxiosRequestConfig {
  const url = new URL(options.href)
  // A Location does not make a caller log in anywhere.
  url.username = ''
  url.password = ''
  const method = options.method.toLowerCase()
  const headers = new AxiosHeaders(options.headers)
  // Of the leg that ends: the host's name, the length and the credentials are found anew.
  headers.delete([
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Authorization',
    'Proxy-Authorization',
    'Cookie',
  ])
  const kept = method === request.method?.toLowerCase()
  return {
    ...request,
    url: url.href,
    baseURL: undefined as unknown as string,
    params: undefined,
    auth: undefined as unknown as NonNullable<InternalAxiosRequestConfig['auth']>,
    method,
    headers,
    data: kept ? (request.data as unknown) : undefined,
    maxRedirects: (request.maxRedirects ?? FOLLOWED) - hops,
  }
}
