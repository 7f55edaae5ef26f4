import axios, {
  AxiosHeaders,
  type AxiosError,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import { isClearText } from './insecure-transport'
import { IgwnAuthError, type Reason } from '../errors'
import type { Credentials } from './context'
import type { AuthScheme, RequestChanges } from '../schemes/auth-scheme'
import { abortable, throwIfAborted } from './abort'
import { Departure, restOfTheWay, type RedirectOptions } from './redirects'
import { assertNoRedirect, holdRedirects } from './fetch-adapter'
import type { IgwnAuthOptions } from '../options'
import { canResend } from './resend'
import { shieldAgent } from '../secrets/wrap-agent'
import { answerOf, outgoingRequest, putOn } from './sign'

type Request = InternalAxiosRequestConfig

/** A request on its way: what the caller's instance made of it, and where it goes. */
export interface Attempt {
  /** The request as it reached the adapter: all interceptors and transforms of the caller are through with it. */
  readonly request: Request
  readonly adapter: Request['adapter']
  /** Where it goes; its path may not be that of the request. */
  readonly url: URL
  readonly options: IgwnAuthOptions
  /** The caller brought a header of their own. */
  readonly authenticated: boolean
  /** A redirect led away from the origin that the request was made for. */
  readonly astray?: boolean
  /** A refusal was answered already. */
  readonly answered?: boolean
  /** What the request had at an origin that is declared to be one service with this one. */
  readonly carried?: Credentials | undefined
}

/** The errand of sending a request once; it stands in the place of the config in what comes of it. */
export class Errand {
  constructor(
    readonly attempt: Attempt,
    /** Undefined until they are looked for. */
    public credentials?: Credentials,
  ) {}

  /** What a scheme put on the request, when it left. */
  sent?: RequestChanges
  /** Why a refusal was not answered, where answering was tried. */
  unanswered?: readonly Reason[]
  /** The request as a redirect on the same origin made it; what was asked for before it was granted. */
  redirected?: Request

  /** What was tried last: a refusal is of that, and what is sent once more is that. */
  get last(): Attempt {
    return this.redirected ? { ...this.attempt, request: this.redirected } : this.attempt
  }
}

/** The errand that a response or an error belongs to; undefined for what did not come from `send`. */
export function errandBehind(result: unknown): Errand | undefined {
  const { config } = (result ?? {}) as { config?: unknown }
  return config instanceof Errand ? config : undefined
}

/** Sends a private copy of the request, which alone holds the credentials. */
export function send(errand: Errand): Promise<AxiosResponse> {
  const outgoing = outgoingOf(errand)
  const { scheme } = errand.credentials ?? {}
  return scheme
    ? sign(outgoing, errand, scheme).then(() => transmit(outgoing, errand))
    : transmit(outgoing, errand)
}

function transmit(outgoing: Request, errand: Errand): Promise<AxiosResponse> {
  const { attempt, credentials, sent } = errand
  const isHeld = sent !== undefined && holdRedirects(outgoing, attempt.adapter, sent)
  const hear = (response: AxiosResponse | undefined) => {
    tellScheme(errand, response)
    if (isHeld && response && credentials?.scheme) assertNoRedirect(response, credentials.scheme, attempt.url)
  }
  return callAdapter(attempt.adapter, outgoing).then(
    (response) => {
      mark(response, errand)
      hear(response)
      return response
    },
    (error: unknown) => {
      if (typeof error === 'object' && error !== null) mark(error, errand)
      hear((error as AxiosError | undefined)?.response)
      throw error
    },
  )
}

function mark(result: object, errand: Errand): void {
  Object.assign(result, { config: errand })
}

function tellScheme({ credentials, sent }: Errand, response: AxiosResponse | undefined): void {
  if (sent && response) credentials?.scheme?.onResponse?.(answerOf(response), sent)
}

/** The config of one send; a new one each time, since adapters write on theirs. */
function outgoingOf(errand: Errand): Request {
  const { attempt, credentials } = errand
  const { request } = attempt
  const outgoing = Object.assign(copyOf(request), credentials?.transport?.settings)
  // Own properties only: a copy made any other way loses what the caller switched off by false.
  outgoing.headers = Object.assign(new AxiosHeaders(), request.headers)
  // Not by `set`, which looks through all names and cleans the value: there is no other, and ours was checked.
  if (credentials?.authorization !== undefined) outgoing.headers.Authorization = credentials.authorization
  outgoing.beforeRedirect = watchOrigin(errand)
  const { httpAgent, httpsAgent } = request as { httpAgent?: unknown; httpsAgent?: unknown }
  if (httpAgent) outgoing.httpAgent = shieldAgent(httpAgent)
  if (httpsAgent) outgoing.httpsAgent = shieldAgent(httpsAgent)
  return outgoing
}

/** As `Object.assign` makes one, which takes three times as long with what has no prototype, as configs of axios have none. */
export function copyOf(request: Request): Request {
  const copy = Object.create(null) as Record<string | symbol, unknown>
  const source = request as unknown as typeof copy
  for (const name of Object.keys(source)) copy[name] = source[name]
  for (const name of Object.getOwnPropertySymbols(source)) copy[name] = source[name]
  return copy as unknown as Request
}

/** Has a scheme see the request as it leaves, and puts on what it gives. */
async function sign(outgoing: Request, errand: Errand, scheme: AuthScheme): Promise<void> {
  const request = outgoingRequest(outgoing, errand.credentials?.query ?? {})
  const before = new URL(request.url)
  const sent = await abortable(scheme.authorize(request), errand.attempt.request)
  throwIfAborted(errand.attempt.request)
  if (sent) putOn(outgoing, scheme, sent, before)
  errand.sent = sent ?? {}
}

/** The header fields that are ours: what others may not see, and what stays behind. */
function fieldsOf({ credentials, sent }: Errand): Readonly<Record<string, string>> {
  const { authorization } = credentials ?? {}
  return authorization === undefined ? (sent?.headers ?? {}) : { Authorization: authorization }
}

/** Sees each redirect before it is followed, after the caller's own hook; one to another origin ends this send. */
function watchOrigin(errand: Errand): NonNullable<Request['beforeRedirect']> {
  const { attempt, credentials } = errand
  const { request, url } = attempt
  const begin = performance.now()
  let hops = 0
  return (options, response, details) => {
    hops += 1
    const redirect = options as RedirectOptions
    const taken = takeOff(redirect.headers, fieldsOf(errand))
    request.beforeRedirect?.(redirect, response, shownOf(details, errand))
    const next = new URL(redirect.href)
    assertNotTold(next, errand)
    // What a scheme made was for the request as it was.
    const rest = () => restOfTheWay(request, redirect, hops, performance.now() - begin)
    if (next.origin === url.origin && !credentials?.scheme) {
      errand.redirected = rest()
      putBack(redirect.headers, taken)
      return
    }
    if (canResend(request)) throw new Departure(rest())
    // A stream has been read; follow-redirects has kept its bytes and goes on by itself, without credentials.
    if (next.origin !== url.origin && !isTrusted(attempt, next))
      credentials?.transport?.leaveBehind?.(redirect)
  }
}

/**
 * Some servers put the token that they were shown into the URL they send to, as redirectors of XRootD do (`?authz=Bearer%20…`).
 * It does not go in clear there either.
 */
function assertNotTold(next: URL, { attempt: { options, request }, credentials }: Errand): void {
  const { token } = credentials ?? {}
  if (token === undefined || options.allowInsecureHttp || !next.href.includes(token)) return
  if (isClearText(next, request.proxy))
    throw new IgwnAuthError(
      'ERR_IGWN_INSECURE_TRANSPORT',
      `The server redirects to ${next.host} over clear-text http, with the token in the URL, where everybody on the way can ` +
        'read it. It was not followed. Have the server redirect to https; or set allowInsecureHttp where nobody listens.',
    )
}

/** Takes our fields out of a header, so that no hook sees them: hooks log, and throw what they were given. axios has done so where the origin changes. */
function takeOff(
  headers: Record<string, string>,
  ours: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const taken: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (
      !Object.entries(ours).some(
        ([field, own]) => field.toLowerCase() === name.toLowerCase() && own === value,
      )
    )
      continue
    taken[name] = value
    Reflect.deleteProperty(headers, name)
  }
  return taken
}

/** And back again, unless the hook has put something in their place. */
function putBack(headers: Record<string, string>, taken: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(taken)) headers[name] ??= value
}

type Details = Parameters<NonNullable<Request['beforeRedirect']>>[2]

/** What the hook is told of the request before; absent before axios 1.16. */
function shownOf(details: Details | undefined, errand: Errand): Details {
  const { headers = {}, ...others } = (details ?? {}) as { headers?: Record<string, string>; url?: string }
  const shown = { ...headers }
  takeOff(shown, fieldsOf(errand))
  // A scheme may have put a token into it.
  const url = errand.sent?.url && { url: axios.getUri(errand.attempt.request) }
  return { ...others, ...url, headers: shown } as Details
}

/** Whether a redirect may take the credentials along: the caller has said that both origins are one service. */
export function isTrusted({ url, options }: Attempt, next: URL): boolean {
  const trusted = options.trustedOrigins ?? []
  return trusted.includes(url.origin) && trusted.includes(next.origin)
}

/** An adapter is resolved as late as axios does it, so that an unknown one is its error and not ours. */
export function callAdapter(adapter: Request['adapter'], config: Request): Promise<AxiosResponse> {
  const resolve = axios.getAdapter as (
    adapters: unknown,
    config: Request,
  ) => (config: Request) => Promise<AxiosResponse>
  return resolve(adapter ?? axios.defaults.adapter, config)(config)
}
