import type { InternalAxiosRequestConfig } from 'axios'
import type { Reason } from '../errors'
import type { ResolvedOptions } from '../options'
import type { RequestChanges } from '../schemes/auth-scheme'
import type { Credentials } from '../schemes/credentials'
import { secretsOfBasic, secretsOfHeader } from '../secrets/sent-secrets'
import type { WatchAgent } from './first-byte-timeout'
import { decoded, proxySecrets } from './network-proxy'
import type { ObjectTarget } from './object-requests'
import type { RedirectOptions } from './redirects'
import { Progress } from './progress'
import { formParts, type FormParts } from './resend'

/** One request on its way to a server, from the adapter of the caller's instance to the response. */
export interface RequestContext {
  /** The request as the caller's interceptors and transforms left it. It never holds a credential of ours. */
  readonly caller: InternalAxiosRequestConfig
  /** What is sent: the caller's request, or what a redirect made of it. */
  readonly request: InternalAxiosRequestConfig
  readonly adapter: InternalAxiosRequestConfig['adapter']
  /** The target. Its path may not be that of the request. */
  readonly url: URL
  readonly options: ResolvedOptions
  /** The object of a federation that the request is for; undefined for other requests. */
  readonly object: ObjectTarget | undefined
  /** Wraps the agent of the http adapter, so that requests fail when nothing comes back. */
  readonly watchAgent?: WatchAgent | undefined
  /** The caller authenticates: an `Authorization` (even false or null), `auth`, or userinfo in the URL. */
  readonly authenticated: boolean
  /** A redirect led to an origin that is not declared to be the same service (`trustedOrigins`). */
  readonly crossOrigin: boolean
  /** No credential at all: a redirect from HTTPS to HTTP, or one that a network proxy made. */
  readonly withoutCredentials: boolean
  /** What the request carried at a trusted origin that redirected here. */
  readonly carriedOver: Credentials | undefined
  /** The request was sent a second time after a 401. */
  readonly retried: boolean
  /** The parts of a form, which can be read only once; taken before the first send. */
  readonly formParts: FormParts | undefined
  /** Set when the caller listens to progress. */
  readonly progress: Progress | undefined
  /** How often it was sent so far. */
  sends: number
  /** What the sends so far carried; any server on the way may repeat it. Secret. */
  secrets: readonly string[]
  /** Milliseconds that the sends so far took: `timeout` covers all of them. */
  spent: number
  /** The request as redirects on the same origin made it; a retry sends this one. */
  redirected: InternalAxiosRequestConfig | undefined
  /** The redirects that the current send followed, as the caller's hook got them. */
  redirects: RedirectOptions[] | undefined
  /** follow-redirects left the origin by itself, without credentials: a 401 is then of another server. */
  hasLeft: boolean
  /** Why a challenge was not answered by a retry; undefined when no retry was considered. */
  notRetried: readonly Reason[] | undefined
}

/** The context of a request that was not sent yet. */
export function newContext(
  caller: InternalAxiosRequestConfig,
  adapter: InternalAxiosRequestConfig['adapter'],
  url: URL,
  options: ResolvedOptions,
  authenticated: boolean,
): RequestContext {
  const { onUploadProgress, onDownloadProgress } = caller
  return {
    caller,
    request: caller,
    adapter,
    url,
    options,
    object: undefined,
    authenticated,
    crossOrigin: false,
    withoutCredentials: false,
    carriedOver: undefined,
    retried: false,
    formParts: formParts(caller.data),
    progress: onUploadProgress || onDownloadProgress ? new Progress() : undefined,
    sends: 0,
    secrets: NONE,
    spent: 0,
    redirected: undefined,
    redirects: undefined,
    hasLeft: false,
    notRetried: undefined,
  }
}

/**
 * Adds what a request is about to carry to what it carried before, for redaction of what a server repeats.
 *
 * @param isProxied - it goes through a network proxy, which gets a password of its own
 */
export function rememberSecrets(context: RequestContext, credentials: Credentials, isProxied: boolean): void {
  const { request, secrets: before, sends, url } = context
  const own = context.authenticated ? secretsOfCaller(context) : secretsOf(credentials)
  const secrets = isProxied ? [...own, ...proxySecrets(url, request.proxy)] : own
  context.secrets = sends === 0 ? secrets : [...new Set([...before, ...secrets])]
}

/** What the caller's own header, `auth` or userinfo has. A server may repeat that, too. */
function secretsOfCaller({ request, url }: RequestContext): readonly string[] {
  const { headers, auth } = request
  const header: unknown = Object.entries(headers).find(
    ([name]) => name.toLowerCase() === 'authorization',
  )?.[1]
  // As axios decodes userinfo.
  const { username, password } = auth ?? {
    username: decoded(url.username),
    password: decoded(url.password),
  }
  const secrets = typeof header === 'string' ? secretsOfHeader(header) : secretsOfBasic(username, password)
  return secrets.filter((secret) => secret !== '')
}

/** Everything secret in credentials. */
function secretsOf({ token, basic, changes }: Credentials): readonly string[] {
  if (token !== undefined) return [token]
  if (basic) return secretsOfBasic(basic.username, basic.password)
  return changes ? wordsOf(changes) : NONE
}

const NONE: readonly string[] = []

/** Everything that a scheme wrote, and each longer word in it: a server may repeat a single parameter. */
function wordsOf({ headers = {}, body, url }: RequestChanges): string[] {
  const texts = [
    ...Object.values(headers),
    body ?? '',
    url?.search ?? '',
    ...new URLSearchParams(body).values(),
    ...(url?.searchParams.values() ?? []),
  ]
  const words = texts.flatMap((text) => text.split(/[\s&=,;"'?]/)).filter((word) => !/^[a-z_]*$/.test(word))
  return [...new Set([...texts.map((text) => text.trim()), ...words])].filter(
    ({ length }) => length >= MIN_WORD,
  )
}

/** Shorter ones are no secrets (`oauth_version=1.0`). */
const MIN_WORD = 10
