import axios, { type AxiosInstance, type CreateAxiosDefaults } from 'axios'
import { applyIgwnAuth } from './apply-igwn-auth'
import { checkOptions, checkPlace, mergeOptions, type IgwnAuthOptions } from '../options'

/** An axios instance with IGWN auth, which makes more of its kind. */
export interface IgwnAxiosInstance extends AxiosInstance {
  /**
   * A new instance with IGWN auth, with defaults and options over those of this one; options stand in the config as `igwnAuth`.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used, or stands beside `igwnAuth`
   */
  create(config?: CreateAxiosDefaults & { igwnAuth?: IgwnAuthOptions }): IgwnAxiosInstance
}

/** axios with IGWN auth, ready for use: finds the credentials of this machine and attaches them. */
export const igwnAxios: IgwnAxiosInstance = make(axios.create(), {})

function make(instance: AxiosInstance, options: IgwnAuthOptions): IgwnAxiosInstance {
  // What axios gives its instances, and its types only axios itself.
  // eslint-disable-next-line @typescript-eslint/unbound-method -- a closure of the instance
  const { create: createPlain } = instance as typeof axios
  const create: IgwnAxiosInstance['create'] = ({ igwnAuth = {}, ...defaults } = {}) => {
    checkPlace(defaults, 'igwnAxios.create')
    return make(createPlain(defaults), mergeOptions(options, checkOptions(igwnAuth, 'igwnAuth')))
  }
  return Object.assign(applyIgwnAuth(instance, options), { create })
}

// As functions, as in `igwn_auth_utils.requests`; axios has bound them. Their types are axios' own, whichever axios that is.
/* eslint-disable @typescript-eslint/unbound-method */
/** `igwnAxios.request` as a function. */
export const request: AxiosInstance['request'] = igwnAxios.request
/** `igwnAxios.get` as a function. */
export const get: AxiosInstance['get'] = igwnAxios.get
/** `igwnAxios.delete` as a function; its name in the package is `delete`. */
export const del: AxiosInstance['delete'] = igwnAxios.delete
/** `igwnAxios.head` as a function. */
export const head: AxiosInstance['head'] = igwnAxios.head
/** `igwnAxios.patch` as a function. */
export const patch: AxiosInstance['patch'] = igwnAxios.patch
/** `igwnAxios.post` as a function. */
export const post: AxiosInstance['post'] = igwnAxios.post
/** `igwnAxios.put` as a function. */
export const put: AxiosInstance['put'] = igwnAxios.put
