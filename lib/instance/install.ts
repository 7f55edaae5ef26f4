import type { AxiosInstance, AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import { kindOf } from '../check-values'
import { IgwnAuthError } from '../errors'
import { hideOptions } from '../options'
import { igwnAuthOf, type Exchange } from '../request/exchange'
import { callAdapter } from '../request/transmit'

type Request = InternalAxiosRequestConfig
type Adapter = Request['adapter']

/** Sends a request, through `next` where something else is installed beneath it. */
export type Send = (request: Request, next: Adapter) => Promise<AxiosResponse>

/** Everything of this package that is installed on an instance. Retries surround credentials, so that each try finds fresh ones. */
interface Installation {
  exchange?: Exchange | undefined
  retry?: Send | undefined
  /** Checks the config of each request, as the caller gave it. */
  check?: ((config: object) => void) | undefined
  readonly eject: () => void
}

/** Installations by instance; they end with their instance. */
const installations = new WeakMap<AxiosInstance, Installation>()

export function exchangeOf(instance: AxiosInstance): Exchange | undefined {
  return installations.get(instance)?.exchange
}

/** Installs or replaces credentials or automatic retry on an instance; undefined removes it. */
export function install(instance: AxiosInstance, parts: Partial<Omit<Installation, 'eject'>>): void {
  const before = installations.get(instance)
  const installed = before ?? register(instance)
  if ('exchange' in parts && installed.exchange !== parts.exchange) installed.exchange?.close()
  Object.assign(installed, parts)
  if (installed.exchange ?? installed.retry) return
  installed.eject()
  installations.delete(instance)
}

/** A request on its way to the adapter: the adapter that it had, until it arrives there. */
interface Route {
  adapter: Adapter
}

const ROUTE = Symbol('axios-igwn-auth route')
type Routed = Request & { [ROUTE]?: Route | undefined }

/**
 * Registers a request interceptor, which makes us the adapter of each request, so that we run beneath all interceptors and
 * transforms; and a response interceptor for requests that never got there.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when it is not an axios instance
 */
function register(instance: AxiosInstance): Installation {
  const { request, response } = interceptorsOf(instance)
  const onRequest = request.use(
    (config: Routed) => {
      const { igwnRetry } = config
      const igwnAuth = igwnAuthOf(config)
      installation.check?.(config)
      if (igwnAuth && typeof igwnAuth === 'object') config.igwnAuth = hideOptions(igwnAuth)
      const isUsed =
        (installation.exchange && igwnAuth !== false) || (installation.retry && igwnRetry !== false)
      if (isUsed) takeRoute(config, isLast(request))
      return config
    },
    // axios 1.18 fails on a missing handler when all request interceptors are synchronous.
    rethrow,
    { synchronous: true },
  )
  const onResponse = response.use(
    (result) => {
      if (!restore(result.config, arrive)) return result
      assertSent(result.config, installation.exchange)
      return result
    },
    (error: unknown) => {
      const { config, response: refused } = (error ?? {}) as { config?: Routed; response?: unknown }
      if (config && restore(config, arrive) && refused) assertSent(config, installation.exchange)
      throw error
    },
  )
  const installation: Installation = {
    eject() {
      request.eject(onRequest)
      response.eject(onResponse)
    },
  }
  installations.set(instance, installation)
  return installation

  function takeRoute(config: Routed, isLast: boolean): void {
    const route: Route = { adapter: config.adapter }
    config[ROUTE] = route
    if (isLast) config.adapter = arrive
    // An interceptor that runs after ours and sets an adapter replaces the one beneath us, and not us.
    else
      Object.defineProperty(config, 'adapter', {
        configurable: true,
        enumerable: true,
        get: () => arrive,
        set: (adapter: Adapter) => {
          if (adapter !== arrive) route.adapter = adapter
        },
      })
  }

  function arrive(config: Routed): Promise<AxiosResponse> {
    const adapter = config[ROUTE]?.adapter
    restore(config, arrive)
    const { exchange, retry } = installation
    if (retry && config.igwnRetry !== false)
      return retry(config, exchange ? (copy) => exchange.send(copy, adapter) : adapter)
    return exchange ? exchange.send(config, adapter) : callAdapter(adapter, config)
  }
}

/** The pair of interceptor lists of an instance. */
function interceptorsOf(instance: AxiosInstance): AxiosInstance['interceptors'] {
  const { interceptors } = (instance as Partial<AxiosInstance> | undefined) ?? {}
  if (interceptors && 'use' in interceptors.request) return interceptors
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    `applyIgwnAuth() needs an axios instance, such as the result of axios.create(); got ${kindOf(instance)}.`,
  )
}

/** Whether no interceptor of others can run after ours. */
function isLast(interceptors: object): boolean {
  const { handlers } = interceptors as { handlers?: readonly unknown[] }
  return handlers?.length === 1
}

/** Gives a config its own adapter back, unless a copy of it got another one. Returns whether it had not reached us. */
function restore(config: Routed | undefined, arrive: Adapter): boolean {
  const route = config?.[ROUTE]
  if (!config || !route) return false
  Reflect.deleteProperty(config, ROUTE)
  if (config.adapter !== arrive) return true
  Reflect.deleteProperty(config, 'adapter')
  if (route.adapter !== undefined) config.adapter = route.adapter
  return true
}

/** A response to a request that another interceptor sent past us, by copying its config, had no credential. */
function assertSent(config: Request, exchange: Exchange | undefined): void {
  if (!exchange?.isRequired(config)) return
  throw new IgwnAuthError(
    'ERR_IGWN_NO_CREDENTIAL',
    'Another interceptor replaced the adapter of a copied config, so the request was sent without a credential, which its ' +
      'options require. The response was discarded. Set the adapter on the config itself, or on the instance.',
  )
}

function rethrow(error: unknown): never {
  throw error
}
