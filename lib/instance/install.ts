import type { AxiosInstance, AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import { kindOf } from '../tokens/token'
import { callAdapter } from '../request/transmit'

type Request = InternalAxiosRequestConfig
type Adapter = Request['adapter']

/** A way for a request to leave in the place of its adapter; where it goes on is the caller's adapter, or the next way. */
export type Way = (caller: Request, goesOn: Adapter) => Promise<AxiosResponse>

/** Retries go round credentials, so that each try finds fresh ones. */
type Place = 'retries' | 'credentials'

/**
 * Hears of each request of an instance, synchronously, as its interceptors are run.
 *
 * @returns the id of the interceptor, to take it off by
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for what is no axios instance
 */
export function onRequest(instance: AxiosInstance, handle: (request: Request) => Request): number {
  if (typeof (instance as Loose | undefined)?.interceptors?.request?.use !== 'function')
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `What this is to be installed on must be an axios instance, as axios.create() makes one, not ${kindOf(instance)}.`,
    )
  return instance.interceptors.request.use(handle, rethrow, { synchronous: true })
}

/** What might be given where an instance should be. */
interface Loose {
  readonly interceptors?: { readonly request?: { readonly use?: unknown } }
}

/** axios 1.18 fails on an interceptor that has no handler for errors when all of them are synchronous. */
function rethrow(error: unknown): never {
  throw error
}

/**
 * Lets a request leave by a way of ours: its adapter, which runs after everybody's interceptors, is ours this once. Where both
 * places are taken, it does not matter in which order.
 */
export function detour(request: Request, place: Place, way: Way): Request {
  const before = typeof request.adapter === 'function' ? taken.get(request.adapter) : undefined
  const adapter = before ? before.adapter : request.adapter
  const ways = { ...before?.ways, [place]: way }
  const leave = (caller: Request) => {
    // What reaches the caller, in errors too, never shows the detour: sent again elsewhere, it must not come back here.
    if (adapter === undefined) delete caller.adapter
    else caller.adapter = adapter
    return along(ways, caller, adapter)
  }
  taken.set(leave, { adapter, ways })
  request.adapter = leave
  return request
}

type Ways = Readonly<Partial<Record<Place, Way>>>

/** By the adapter that stands for them. */
const taken = new WeakMap<object, { readonly adapter: Adapter; readonly ways: Ways }>()

function along({ retries, credentials }: Ways, caller: Request, adapter: Adapter): Promise<AxiosResponse> {
  const goesOn = credentials ? (request: Request) => credentials(request, adapter) : adapter
  return retries ? retries(caller, goesOn) : callAdapter(goesOn, caller)
}
