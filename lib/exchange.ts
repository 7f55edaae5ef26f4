import axios, {
  AxiosHeaders,
  type Axios,
  type AxiosError,
  type AxiosRequestConfig,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import { abortable } from './abortable'
import { concealError, concealResponse } from './conceal'
import { credentialFinder, type Credentials, type Purpose } from './credentials'
import { Departure, departureIn, restOfTheWay, type RedirectOptions } from './departure'
import type { Reason } from './errors'
import type { BearerChallenge } from './formats/www-authenticate'
import { checkOptions, mergeOptions, type IgwnAuthOptions } from './options'
import { challengeOf, explainRefusal, reasonsOf, type IgwnAxiosError } from './refusal'
import { canResend, discard, withBodyToKeep } from './resend'
import type { Habits } from './schemes/bearer'
import { shieldAgent } from './shield-agent'
import { tlsRefusal } from './x509/tls-refusal'

type Request = InternalAxiosRequestConfig
type Adapter = Request['adapter']

export interface Exchange {
  /** Sends a request that has reached its adapter, with credentials. */
  readonly send: (caller: Request, adapter: Adapter) => Promise<AxiosResponse>
  /** Lets go of the connections that were made with certificates. */
  readonly close: () => void
}

/** One send of a request: what the caller's instance made of it, where it goes, what it carries. */
interface Attempt {
  /** The request as it reached the adapter: all interceptors and transforms of the caller are through with it. */
  readonly request: Request
  readonly adapter: Adapter
  readonly url: URL
  readonly options: IgwnAuthOptions
  /** The caller brought a header of their own. */
  readonly authenticated?: boolean
  /** A redirect led away from the origin that the request was made for. */
  readonly astray?: boolean
  /** Undefined until they are looked for. */
  readonly credentials?: Credentials
}

/**
 * What goes through our own axios: not the request, only an attempt at it. Merging and transforming a whole config a second
 * time would cost more than all the rest. An attempt in a class passes axios by identity.
 */
class Errand {
  constructor(public attempt: Attempt) {}
}

/**
 * An axios of our own, with interceptors that nobody else's stand between: the request interceptor finds credentials
 * when the request leaves, the response interceptor answers a refusal, and a redirect to another origin starts a request of
 * its own. What reaches the caller holds no credential.
 */
export function exchange(instanceOptions: IgwnAuthOptions, habits?: Habits): Exchange {
  const { find, close } = credentialFinder(habits)
  const client = new axios.Axios({})
  client.interceptors.request.use(attach)
  client.interceptors.response.use(answer, (error: unknown) =>
    answer((error as AxiosError | undefined)?.response, error),
  )
  // Has no `answer`: a second refusal is final.
  const again = new axios.Axios({})
  for (const { interceptors } of [client, again]) {
    interceptors.response.use(undefined, explain)
    // After `answer`: a refusal at the end of the rest of the way was answered there.
    interceptors.response.use(undefined, follow)
  }

  return { send: depart, close }

  /** The whole of a request: what reaches the caller is what would without us, and shows no secret. */
  async function depart(caller: Request, adapter: Adapter): Promise<AxiosResponse> {
    const url = absoluteUrl(caller)
    // What has no http origin has no credential of ours.
    if (!url) return adapterOf(adapter, caller)(caller)
    try {
      const options = optionsFor(instanceOptions, caller)
      const authenticated = isAuthenticated(caller, url)
      const response = await go(client, {
        request: withBodyToKeep(caller),
        adapter,
        url,
        options,
        authenticated,
      })
      return concealResponse(response, caller)
    } catch (error) {
      throw concealError(error, caller)
    }
  }

  /** Before sending: finds what goes on the request. */
  async function attach(config: Request): Promise<Request> {
    const errand = errandOf(config)
    const { request, credentials } = errand.attempt
    if (!credentials) {
      const found = find(purposeOf(errand.attempt))
      errand.attempt = { ...errand.attempt, credentials: await abortable(found, request) }
    }
    return config
  }

  /** After a refusal: finds other credentials and sends once more. Without, the refusal stands, with the reasons joined. */
  async function answer(response: AxiosResponse | undefined, error?: unknown): Promise<AxiosResponse> {
    const attempt = attemptAt(error ?? response)
    const challenge = response && attempt && !attempt.authenticated ? challengeOf(response) : undefined
    if (!response || !attempt || !challenge) return outcome(response, error)

    const obstacle = obstacleTo(attempt, challenge)
    const { credentials, reasons } = obstacle ? { reasons: [obstacle] } : await another(attempt, challenge)
    if (!credentials) {
      if (error) explainRefusal(error, reasons)
      return outcome(response, error)
    }
    discard(response)
    return go(again, { ...attempt, credentials })
  }

  /** Credentials other than the refused ones. When looking for them fails, the refusal is what happened and the failure its reason. */
  async function another(
    attempt: Attempt,
    challenge: BearerChallenge,
  ): Promise<{ credentials?: Credentials; reasons: readonly Reason[] }> {
    const refused = attempt.credentials ?? { reasons: [] }
    try {
      const found = find({ ...purposeOf(attempt), refused, challengeScope: challenge.scope })
      const credentials = await abortable(found, attempt.request)
      const differs =
        credentials.authorization !== undefined && credentials.authorization !== refused.authorization
      return differs ? { credentials, reasons: credentials.reasons } : { reasons: credentials.reasons }
    } catch (failure) {
      if (axios.isCancel(failure)) throw failure
      return { reasons: reasonsOf(failure) }
    }
  }

  /** A refusal that was not answered: joins why no other credential was on the request. */
  function explain(error: unknown): never {
    const { response, igwnAuth } = (error ?? {}) as Partial<IgwnAxiosError>
    const reasons = attemptAt(error)?.credentials?.reasons ?? []
    if ((response?.status === 401 || response?.status === 403) && !igwnAuth) explainRefusal(error, reasons)
    throw error
  }

  /** After a redirect to another origin: the rest of the way is a request of its own. */
  function follow(error: unknown): Promise<AxiosResponse> {
    const departure = departureIn(error)
    const left = attemptAt(error)
    if (!departure || !left) throw error
    const { request } = departure
    const url = new URL(request.url ?? '')
    const downgraded = left.url.protocol === 'https:' && url.protocol === 'http:'
    const options = downgraded ? { ...left.options, forceNoAuth: true } : left.options
    const { adapter, authenticated = false, credentials } = left
    const trusted = isTrusted(left, url) && !downgraded
    const astray = left.astray === true || !trusted
    const kept = trusted && credentials && { credentials }
    return go(client, { request, adapter, url, options, authenticated, astray, ...kept })
  }
}

/** Sends an attempt through one of our own axios. */
function go(client: Axios, attempt: Attempt): Promise<AxiosResponse> {
  const { method, signal, cancelToken } = attempt.request
  return client.request({
    method,
    signal,
    cancelToken,
    adapter: send,
    errand: new Errand(attempt),
  } as AxiosRequestConfig)
}

/** The adapter of our own axios: sends a private copy of the request, which alone holds the credentials. */
async function send(config: Request): Promise<AxiosResponse> {
  const { attempt } = errandOf(config)
  const { request, adapter, credentials } = attempt
  // Own properties only: a copy made any other way loses what the caller switched off by false.
  const headers = Object.assign(new AxiosHeaders(), request.headers)
  if (credentials?.authorization !== undefined) headers.set('Authorization', credentials.authorization)
  const { httpAgent, httpsAgent } = request as { httpAgent?: unknown; httpsAgent?: unknown }
  const outgoing: Request = {
    ...request,
    headers,
    ...credentials?.transport?.settings,
    beforeRedirect: watchOrigin(attempt),
  }
  if (httpAgent) outgoing.httpAgent = shieldAgent(httpAgent)
  if (httpsAgent) outgoing.httpsAgent = shieldAgent(httpsAgent)
  try {
    const response = await adapterOf(adapter, outgoing)(outgoing)
    response.config = config
    return response
  } catch (error) {
    if (typeof error === 'object' && error !== null) (error as AxiosError).config = config
    const refusal = tlsRefusal(error, credentials?.transport?.credential)
    if (refusal)
      explainRefusal(error, [
        { code: 'refused', source: 'certificate', message: refusal.message },
        ...(credentials?.transport?.reasons ?? []),
      ])
    throw error
  }
}

/** Sees each redirect before it is followed, after the caller's own hook; one to another origin ends this send. */
function watchOrigin(attempt: Attempt): NonNullable<Request['beforeRedirect']> {
  const { request, url, credentials } = attempt
  let hops = 0
  return (options, ...details) => {
    hops += 1
    request.beforeRedirect?.(options, ...details)
    const redirect = options as RedirectOptions
    const next = new URL(redirect.href)
    if (next.origin === url.origin) return
    if (canResend(request)) throw new Departure(restOfTheWay(request, redirect, hops))
    // A stream has been read; follow-redirects has kept its bytes and goes on by itself, without credentials.
    if (!isTrusted(attempt, next)) credentials?.transport?.leaveBehind?.(redirect)
  }
}

function adapterOf(adapter: Adapter, config: Request) {
  // Resolved as late as axios does it, so that an unknown adapter is its error and not ours.
  const resolve = axios.getAdapter as (
    adapters: unknown,
    config: Request,
  ) => (config: Request) => Promise<AxiosResponse>
  return resolve(adapter ?? axios.defaults.adapter, config)
}

function errandOf(config: Request): Errand {
  return (config as unknown as { errand: Errand }).errand
}

/** The attempt that a response or an error belongs to; undefined for what did not come from `send`. */
function attemptAt(result: unknown): Attempt | undefined {
  const { config } = (result ?? {}) as { config?: { errand?: unknown } }
  return config?.errand instanceof Errand ? config.errand.attempt : undefined
}

function purposeOf({ url, options, request, authenticated = false, astray = false }: Attempt): Purpose {
  return { url, options, request, authenticated, astray }
}

/** Why a challenge cannot be answered, whatever else there is; undefined when it can. */
function obstacleTo({ request, credentials }: Attempt, challenge: BearerChallenge): Reason | undefined {
  if (!canResend(request))
    return {
      code: 'unsupported',
      source: 'body',
      message: 'The body of the request is a stream, which cannot be sent a second time',
    }
  // Of a request without a token it is said too, by Apache.
  if (challenge.error === 'invalid_request' && credentials?.token !== undefined)
    return {
      code: 'refused',
      source: 'token',
      message: 'The server takes the request itself for wrong (invalid_request): another token mends nothing',
    }
  return undefined
}

function outcome(response: AxiosResponse | undefined, error: unknown): AxiosResponse {
  if (error !== undefined || !response) throw error
  return response
}

function isTrusted({ url, options }: Attempt, next: URL): boolean {
  const trusted = options.trustedOrigins ?? []
  return trusted.includes(url.origin) && trusted.includes(next.origin)
}

/** Options of the request over those of the instance. */
function optionsFor(instanceOptions: IgwnAuthOptions, { igwnAuth }: Request): IgwnAuthOptions {
  if (igwnAuth === undefined || igwnAuth === false) return instanceOptions
  return mergeOptions(instanceOptions, checkOptions(igwnAuth, 'igwnAuth'))
}

const blank = new axios.Axios({})

/** Where the request goes, without its parameters; undefined for what is not http, as `data:`, a socket or no URL at all. */
function absoluteUrl({ url, baseURL, allowAbsoluteUrls, socketPath }: Request): URL | undefined {
  if (socketPath != null) return undefined
  // Without a base axios takes the URL as it is.
  const text = baseURL ? blank.getUri({ url, baseURL, allowAbsoluteUrls } as AxiosRequestConfig) : (url ?? '')
  if (!/^https?:/i.test(text)) return undefined
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

/** Whether the caller authenticates: an `Authorization` of theirs, even one set to false or null, `auth`, or a URL with userinfo. */
function isAuthenticated({ headers, auth }: Request, { username, password }: URL): boolean {
  return auth != null || username !== '' || password !== '' || headers.has('Authorization')
}
