import type { AxiosInstance } from 'axios'
import { checkValues, kindOf, type Check } from '../check-values'
import type { Ask } from '../federation/ask'
import type { Federation } from '../federation/discovery'
import { noServer } from '../federation/no-server'
import { objectResolver, type ResolvedObject } from '../federation/object-resolver'
import { connectionDefaults, newInstance } from '../formats/plain-instance'
import { applyIgwnAuth } from '../instance/apply-igwn-auth'
import { federationAsker } from '../request/ask-federation'

/** Options of {@link federationOf}. */
export interface PelicanOptions {
  /**
   * An axios instance whose connection defaults (proxy, agents, adapter) are used. Default is an instance without defaults. No
   * credential is sent, and CAs are those of the environment.
   */
  readonly axios?: AxiosInstance | undefined
}

/** Options of {@link resolveObject}. */
export interface ResolveObjectOptions extends PelicanOptions {
  /** The HTTP method of the request that will follow: `GET`, `HEAD`, `PUT`, `DELETE` or `PROPFIND`. Default is `GET`. */
  readonly method?: string | undefined
}

/**
 * Asks the director of a federation where an object is. No token is sent, and nothing is kept between calls.
 *
 * @param url - `osdf:///path`, `pelican://federation/path` or `stash:///path`
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` for another URL; `ERR_IGWN_FEDERATION` when the host is no federation, or no
 *   server has the object; `ERR_IGWN_INVALID_OPTION`. An `AxiosError` when a host cannot be reached
 */
export async function resolveObject(
  url: string | URL,
  options: ResolveObjectOptions = {},
): Promise<ResolvedObject> {
  const { axios, method = 'GET' } = checkValues(options, OBJECT_OPTIONS, 'options') as ResolveObjectOptions
  const { object, reply } = await objectResolver().resolve(String(url), method.toUpperCase(), askerOf(axios))
  // A director that wants a token for its response names the issuer all the same.
  if (object.servers.length === 0 && object.issuers.length === 0) throw noServer(object, reply)
  return object
}

/**
 * Reads the discovery document of the federation of a URL. Nothing is kept between calls.
 *
 * @param url - as for {@link resolveObject}
 * @throws {@link IgwnAuthError} as {@link resolveObject} does
 */
export async function federationOf(url: string | URL, options: PelicanOptions = {}): Promise<Federation> {
  const { axios } = checkValues(options, OPTIONS, 'options') as PelicanOptions
  return objectResolver().federationOf(String(url), askerOf(axios))
}

const OPTIONS: Record<keyof PelicanOptions, Check> = {
  axios: (value) =>
    typeof value === 'function' ? undefined : `must be an axios instance, not ${kindOf(value)}`,
}

const OBJECT_OPTIONS: Record<keyof ResolveObjectOptions, Check> = {
  ...OPTIONS,
  method: (value) =>
    typeof value === 'string' && /^[a-z]+$/i.test(value)
      ? undefined
      : `must be an HTTP method, not ${kindOf(value)}`,
}

function askerOf(instance: AxiosInstance = newInstance()): Ask {
  const plain = applyIgwnAuth(newInstance(connectionDefaults(instance)), { forceNoAuth: true })
  return federationAsker((config) => plain.request(config))
}
