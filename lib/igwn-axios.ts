import axios, { type AxiosInstance, type CreateAxiosDefaults } from 'axios'
import { applyIgwnAuth } from './apply-igwn-auth'
import { checkOptions, mergeOptions, type IgwnAuthOptions } from './options'

/** An axios instance with IGWN auth, which makes more of its kind. */
export interface IgwnAxiosInstance extends AxiosInstance {
  /** A new instance with IGWN auth; its options stand in the config as `igwnAuth`. */
  create(config?: CreateAxiosDefaults & { igwnAuth?: IgwnAuthOptions }): IgwnAxiosInstance
}

/** axios with IGWN auth, ready for use: finds the credentials of this machine and attaches them. */
export const igwnAxios: IgwnAxiosInstance = create()

function create(config: CreateAxiosDefaults & { igwnAuth?: IgwnAuthOptions } = {}): IgwnAxiosInstance {
  const { igwnAuth, ...defaults } = config
  const options = mergeOptions({}, checkOptions(igwnAuth ?? {}, 'igwnAuth'))
  return Object.assign(applyIgwnAuth(axios.create(defaults), options), { create })
}

/** `igwnAxios.request` and its companions as functions, as in `igwn_auth_utils.requests`. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- axios has bound them
export const { request, get, delete: del, head, patch, post, put } = igwnAxios
