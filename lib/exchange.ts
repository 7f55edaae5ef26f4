import axios, {
  AxiosHeaders,
  CanceledError,
  type AxiosRequestConfig,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import { concealError, concealResponse } from './conceal'
import { credentialFinder, isPromise, type Credentials } from './credentials'
import { checkOptions, mergeOptions, type IgwnAuthOptions } from './options'

type Request = InternalAxiosRequestConfig
type Adapter = Request['adapter']

/** Sends a request that has reached its adapter, with credentials. */
export type Exchange = (caller: Request, adapter: Adapter) => Promise<AxiosResponse>

/** One send of a request: what the caller's instance made of it, where it goes, what it carries. */
class Attempt {
  credentials: Credentials = { reasons: [] }

  constructor(
    /** The request as it reached the adapter: all interceptors and transforms of the caller are through with it. */
    readonly request: Request,
    readonly adapter: Adapter,
    readonly url: URL,
    readonly options: IgwnAuthOptions,
  ) {}
}

/**
 * What goes through our own axios: not the request, only an attempt at it. Merging and transforming a whole config a second
 * time would cost more than all the rest.
 */
interface Errand extends Request {
  readonly attempt: Attempt
}

/**
 * An axios of our own, with interceptors that nobody else's stand between: the request interceptor finds credentials
 * when the request leaves. What reaches the caller holds none of them.
 */
export function exchange(instanceOptions: IgwnAuthOptions): Exchange {
  const find = credentialFinder()
  const client = new axios.Axios({})
  client.interceptors.request.use(attach as never)

  return async (caller, adapter) => {
    const url = absoluteUrl(caller)
    // Their own credentials win, untouched; what has no http origin has no credential of ours.
    if (!url || isAuthenticated(caller, url)) return adapterOf(adapter, caller)(caller)
    try {
      const options = optionsFor(instanceOptions, caller)
      const response = await client.request(errand(new Attempt(caller, adapter, url, options)))
      return concealResponse(response, caller)
    } catch (error) {
      throw concealError(error, caller)
    }
  }

  /** Before sending: finds what goes on the request. */
  async function attach(config: Errand): Promise<Errand> {
    const { attempt } = config
    const { url, options, request } = attempt
    attempt.credentials = await abortable(find({ url, options, proxy: request.proxy }), request)
    return config
  }
}

function errand(attempt: Attempt): AxiosRequestConfig {
  const { method, signal, cancelToken } = attempt.request
  return { method, signal, cancelToken, adapter: send, attempt } as AxiosRequestConfig
}

/** The adapter of our own axios: sends a private copy of the request, which alone holds the credentials. */
async function send(config: Request): Promise<AxiosResponse> {
  const { attempt } = config as Errand
  const { request, adapter, credentials } = attempt
  const headers = Object.assign(new AxiosHeaders(), request.headers)
  if (credentials.authorization !== undefined) headers.set('Authorization', credentials.authorization)
  const outgoing: Request = { ...request, headers }
  return adapterOf(adapter, outgoing)(outgoing)
}

function adapterOf(adapter: Adapter, config: Request) {
  // Resolved as late as axios does it, so that an unknown adapter is its error and not ours.
  const resolve = axios.getAdapter as (
    adapters: unknown,
    config: Request,
  ) => (config: Request) => Promise<AxiosResponse>
  return resolve(adapter ?? axios.defaults.adapter, config)
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
  const text = blank.getUri({ url, baseURL, allowAbsoluteUrls } as AxiosRequestConfig)
  if (!URL.canParse(text)) return undefined
  const parsed = new URL(text)
  return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed : undefined
}

/** Whether the caller authenticates: an `Authorization` of theirs, even one set to false or null, `auth`, or a URL with userinfo. */
function isAuthenticated({ headers, auth }: Request, { username, password }: URL): boolean {
  return auth != null || username !== '' || password !== '' || headers.has('Authorization')
}

/** Waits for a value unless the request is aborted first. */
function abortable<T>(value: T | Promise<T>, request: Request): T | Promise<T> {
  const { signal, cancelToken } = request
  if (!isPromise(value) || (!signal && !cancelToken)) return value
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => {
      settle(() => {
        reject(new CanceledError(undefined, request))
      })
    }
    const onCancel = (reason: unknown) => {
      settle(() => {
        reject(reason)
      })
    }
    const settle = (end: () => void) => {
      signal?.removeEventListener?.('abort', onAbort)
      cancelToken?.unsubscribe?.(onCancel)
      end()
    }
    if (signal?.aborted) return onAbort()
    signal?.addEventListener?.('abort', onAbort)
    cancelToken?.subscribe?.(onCancel)
    value.then(
      (result) => {
        settle(() => {
          resolve(result)
        })
      },
      (error: unknown) => {
        settle(() => {
          reject(error)
        })
      },
    )
  })
}
