import type { AxiosInstance, InternalAxiosRequestConfig } from 'axios'
import { detour, onRequest } from './install'
import { exchange, type Exchange } from '../request/exchange'
import { checkOptions, mergeOptions, sealed, type IgwnAuthOptions } from '../options'

declare module 'axios' {
  interface AxiosRequestConfig {
    /** IGWN auth for this request: options over those of the instance, or `false` for none at all. */
    igwnAuth?: IgwnAuthOptions | false | undefined
  }
}

const installed = new WeakMap<AxiosInstance, { readonly id: number; readonly exchange: Exchange }>()

/**
 * Installs IGWN auth on an axios instance and returns that instance. Each of its requests is sent with the credentials
 * that are found for it; whatever else is installed on the instance, before or after, sees one request and one response.
 * Installing again replaces the options.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used
 */
export function applyIgwnAuth<Instance extends AxiosInstance>(
  instance: Instance,
  options: IgwnAuthOptions = {},
): Instance {
  return install(instance, exchange(mergeOptions({}, sealed(checkOptions(options, 'options')))))
}

/** Lets the requests of an instance leave through an exchange, in the place of the one that was installed. */
export function install<Instance extends AxiosInstance>(instance: Instance, exchange: Exchange): Instance {
  removeIgwnAuth(instance)
  const id = onRequest(instance, (request) => byExchange(request, exchange.send))
  installed.set(instance, { id, exchange })
  return instance
}

/** The exchange through which the requests of an instance leave; undefined where none is installed. */
export function exchangeOf(instance: AxiosInstance): Exchange | undefined {
  return installed.get(instance)?.exchange
}

/**
 * Takes IGWN auth off an instance again and closes the connections it made with certificates; requests under way end as they
 * began. Without it, nothing happens.
 */
export function removeIgwnAuth<Instance extends AxiosInstance>(instance: Instance): Instance {
  const found = installed.get(instance)
  if (found) instance.interceptors.request.eject(found.id)
  found?.exchange.close()
  installed.delete(instance)
  return instance
}

/** Lets the request leave through the exchange. */
function byExchange(request: InternalAxiosRequestConfig, send: Exchange['send']): InternalAxiosRequestConfig {
  const { igwnAuth } = request
  if (igwnAuth === false) return request
  if (igwnAuth !== undefined) request.igwnAuth = sealed(igwnAuth)
  return detour(request, 'credentials', send)
}
