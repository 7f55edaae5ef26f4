import { AxiosHeaders, type InternalAxiosRequestConfig } from 'axios'

/** What follow-redirects is about to ask for, and what it lets its hook change. */
export interface RedirectOptions {
  href: string
  method: string
  headers: Record<string, string>
  auth?: string | null | undefined
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

/** Redirects that follow-redirects follows when axios does not say how many. */
const FOLLOWED = 21

/**
 * The rest of the way after a redirect, as a request: method and headers as the redirect made them (a body goes with its
 * method, RFC 9110 section 15.4) and as the caller's own hook left them. axios has taken off what was for the origin that
 * is left.
 *
 * @param spent - milliseconds that the way so far took: `timeout` is for all of it, as in axios
 */
export function restOfTheWay(
  request: InternalAxiosRequestConfig,
  options: RedirectOptions,
  hops: number,
  spent: number,
): InternalAxiosRequestConfig {
  const url = new URL(options.href)
  // A Location does not make a caller log in anywhere.
  url.username = ''
  url.password = ''
  const method = options.method.toLowerCase()
  const kept = method === request.method?.toLowerCase()
  const rest: InternalAxiosRequestConfig = {
    ...request,
    url: url.href,
    method,
    headers: headersOf(request, options),
    data: kept ? (request.data as unknown) : undefined,
    maxRedirects: (request.maxRedirects ?? FOLLOWED) - hops,
    timeout: request.timeout ? Math.max(1, request.timeout - spent) : 0,
  }
  for (const name of ['baseURL', 'params', 'auth'] as const) Reflect.deleteProperty(rest, name)
  const auth = loginIn(options.auth)
  return auth ? { ...rest, auth } : rest
}

function headersOf(request: InternalAxiosRequestConfig, options: RedirectOptions): AxiosHeaders {
  const headers = new AxiosHeaders(options.headers)
  headers.delete(['Host', 'Content-Length', 'Transfer-Encoding', 'Proxy-Authorization'])
  // What the caller switched off is in no header, and would come back as a default.
  for (const [name, value] of Object.entries<unknown>(request.headers))
    if ((value === false || value === null) && !headers.has(name)) headers.set(name, value)
  return headers
}

/** `user:password`, as Node takes it and a hook may set it. */
function loginIn(auth: string | null | undefined): { username: string; password: string } | undefined {
  if (!auth) return undefined
  const [username = '', ...password] = auth.split(':')
  return { username, password: password.join(':') }
}
