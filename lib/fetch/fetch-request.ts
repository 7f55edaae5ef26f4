import type { InternalAxiosRequestConfig } from 'axios'
import type { IgwnAuthOptions } from '../options'

/** What `fetch` takes as its first argument. */
export type FetchInput = string | URL | Request

/** The options of `fetch`, and those of this package. */
export interface IgwnRequestInit extends RequestInit {
  /** Options over those of the instance, or `false` for plain `fetch`. Default is the options of the instance. */
  readonly igwnAuth?: IgwnAuthOptions | false | undefined
}

/** One call of `igwnFetch`: what every send of it has in common. */
export interface FetchRequest {
  /** The header fields of the caller. This object keeps the spelling of their names; reading them from it does not. */
  readonly headers: Headers
  /** `follow`, `error` or `manual`. */
  readonly redirect: string
  readonly signal: AbortSignal | undefined
  /** The other options of `fetch`. */
  readonly init: RequestInit
  /** Whether these options have a dispatcher of undici, a client of Deno, or TLS options of Bun. */
  readonly isConnected: boolean
  /**
   * The first send, in the form in which the rules about redirects and retries read and make requests: a config of axios. It has
   * no options of ours, and no credential.
   */
  readonly config: InternalAxiosRequestConfig
}

/**
 * The request of a call. The body of a `Request` is read into memory, so that it is sent with its length, and again after a
 * redirect or a 401; a stream in `init` is not.
 *
 * @param url - that of the input
 */
export async function fetchRequest(
  input: FetchInput,
  { igwnAuth: _, ...init }: IgwnRequestInit,
  url: URL,
): Promise<FetchRequest> {
  const from = input instanceof Request ? input : undefined
  const method = init.method ?? from?.method ?? 'GET'
  const headers = new Headers(init.headers ?? from?.headers)
  const body: unknown = init.body ?? (from?.body ? await from.arrayBuffer() : undefined)
  const inherited = INHERITED.flatMap((name) =>
    from?.[name] !== undefined ? [[name, from[name]] as const] : [],
  )
  return {
    headers,
    redirect: init.redirect ?? from?.redirect ?? 'follow',
    // With null, that of the Request does not count.
    signal: (init.signal === undefined ? from?.signal : init.signal) ?? undefined,
    init: { ...Object.fromEntries(inherited), ...init },
    isConnected: CONNECTION_OPTIONS.some((name) => name in init),
    config: {
      url: url.href,
      method,
      headers: new Fields(Object.fromEntries(headers)),
      data: body,
    } as unknown as InternalAxiosRequestConfig,
  }
}

/** What else `new Request` takes, and runtimes use. */
const INHERITED = [
  'cache',
  'credentials',
  'integrity',
  'keepalive',
  'mode',
  'referrer',
  'referrerPolicy',
] as const
const CONNECTION_OPTIONS = ['dispatcher', 'client', 'tls']

/** Header fields as the rules about redirects make and read them, with names in lower case. */
class Fields {
  constructor(fields: object) {
    Object.assign(this, fields)
  }

  has(name: string): boolean {
    return Object.hasOwn(this, name.toLowerCase())
  }
}

/** The fields of one send: those of the caller, with their spelling, without those that a redirect removed. */
export function headersOf({ headers }: FetchRequest, { headers: left }: InternalAxiosRequestConfig): Headers {
  const sent = new Headers(headers)
  for (const name of headers.keys()) if (!Object.hasOwn(left, name)) sent.delete(name)
  return sent
}

/** Methods are case-sensitive; a redirect either keeps the one of the caller or makes it GET. */
export function methodOf({ config }: FetchRequest, { method = 'GET' }: InternalAxiosRequestConfig): string {
  const { method: first = 'GET' } = config
  return method.toLowerCase() === first.toLowerCase() ? first : method.toUpperCase()
}
