import axios, { type AxiosInstance, type CreateAxiosDefaults } from 'axios'
import { ownProperties } from '../check-values'
import { IgwnAuthError } from '../errors'
import {
  checkConfigKeys,
  mergeOptions,
  resolveOptions,
  type IgwnAuthOptions,
  type ResolvedOptions,
} from '../options'
import { exchange } from '../request/exchange'
import { assertAxiosVersion } from './apply-igwn-auth'
import { install } from './install'

/** An axios instance with IGWN auth, which creates more of its kind. */
export interface IgwnAxiosInstance extends AxiosInstance {
  /**
   * Creates an instance with IGWN auth, with defaults and options over those of this one. Options belong in the config key
   * `igwnAuth`.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option is invalid, or not in `igwnAuth`
   */
  create(config?: CreateAxiosDefaults & { igwnAuth?: IgwnAuthOptions }): IgwnAxiosInstance
}

// The annotations let bundlers leave out axios where only other parts are used.
/** axios with IGWN auth, ready to use: it finds the credentials of this host and attaches them. */
export const igwnAxios: IgwnAxiosInstance = /* @__PURE__ */ withIgwnAuth(
  /* @__PURE__ */ axios.create(),
  /* @__PURE__ */ resolveOptions({}, 'igwnAuth'),
)

function withIgwnAuth(instance: AxiosInstance | undefined, options: ResolvedOptions): IgwnAxiosInstance {
  if (instance === undefined) return unusable()
  assertAxiosVersion()
  // Instances of axios have it; its types give it to axios alone.
  // eslint-disable-next-line @typescript-eslint/unbound-method -- a closure of the instance
  const { create: createPlain } = instance as typeof axios
  const create: IgwnAxiosInstance['create'] = (config = {}) => {
    const { igwnAuth = {}, ...defaults } = ownProperties(config)
    checkConfigKeys(defaults)
    return withIgwnAuth(createPlain(defaults), mergeOptions(options, resolveOptions(igwnAuth, 'igwnAuth')))
  }
  install(instance, { exchange: exchange(options), check: checkConfigKeys })
  return Object.assign(instance, { create })
}

/** `axios.create()` returns undefined where axios is mocked. Importing must work there; using it cannot. */
function unusable(): IgwnAxiosInstance {
  const fail = (): never => {
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      "axios.create() returned undefined, as under jest.mock('axios'). Mock the adapter instead, or mock 'axios-igwn-auth' too.",
    )
  }
  return new Proxy(fail, {
    get: (_, name) => (typeof name === 'string' && name !== 'then' ? fail : undefined),
  }) as unknown as IgwnAxiosInstance
}

// Functions, as in igwn_auth_utils.requests; axios has bound them.
/** `igwnAxios.request` as a function. */
export const request: AxiosInstance['request'] = /* @__PURE__ */ method('request')
/** `igwnAxios.get` as a function. */
export const get: AxiosInstance['get'] = /* @__PURE__ */ method('get')
/** `igwnAxios.delete` as a function; the package exports it as `delete`. */
export const del: AxiosInstance['delete'] = /* @__PURE__ */ method('delete')
/** `igwnAxios.head` as a function. */
export const head: AxiosInstance['head'] = /* @__PURE__ */ method('head')
/** `igwnAxios.patch` as a function. */
export const patch: AxiosInstance['patch'] = /* @__PURE__ */ method('patch')
/** `igwnAxios.post` as a function. */
export const post: AxiosInstance['post'] = /* @__PURE__ */ method('post')
/** `igwnAxios.put` as a function. */
export const put: AxiosInstance['put'] = /* @__PURE__ */ method('put')

function method<Name extends 'request' | 'get' | 'delete' | 'head' | 'patch' | 'post' | 'put'>(
  name: Name,
): IgwnAxiosInstance[Name] {
  return igwnAxios[name]
}
