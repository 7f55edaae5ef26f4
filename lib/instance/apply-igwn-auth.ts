import axios, { type AxiosInstance } from 'axios'
import { IgwnAuthError } from '../errors'
import { mergeOptions, resolveOptions, type IgwnAuthOptions } from '../options'
import { exchange } from '../request/exchange'
import { install } from './install'

declare module 'axios' {
  interface AxiosRequestConfig {
    /** IGWN auth for this request: options over those of the instance, or `false` for none at all. */
    igwnAuth?: IgwnAuthOptions | false | undefined
  }
}

/**
 * Installs IGWN auth on an axios instance, and returns that instance. Each of its requests is sent with the credentials that are
 * found for it, and retried once after a 401. Interceptors of others, installed before or after, see one request and one
 * response. Installing again replaces the options.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option is invalid, or the installed axios is too old
 */
export function applyIgwnAuth<Instance extends AxiosInstance>(
  instance: Instance,
  options: IgwnAuthOptions = {},
): Instance {
  assertAxiosVersion()
  const resolved = mergeOptions({}, resolveOptions(options, 'options'))
  install(instance, { exchange: exchange(resolved) })
  return instance
}

/**
 * Removes IGWN auth from an instance, and closes the connections that were made with certificates; requests in flight end
 * normally. An instance without IGWN auth is not changed.
 */
export function removeIgwnAuth<Instance extends AxiosInstance>(instance: Instance): Instance {
  install(instance, { exchange: undefined })
  return instance
}

/**
 * axios before 1.18 sends header fields to an HTTPS proxy in plain text, or keeps them at another origin. Not checked where the
 * version is not a string, as under `jest.mock('axios')`.
 */
export function assertAxiosVersion(): void {
  const version: unknown = (axios as { VERSION?: unknown } | undefined)?.VERSION
  const [, major = 0, minor = 0] =
    typeof version === 'string' ? (/^(\d+)\.(\d+)/.exec(version) ?? []) : [0, 1, 18]
  if (Number(major) === 1 && Number(minor) >= 18) return
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    `axios ${String(version)} is installed, and axios-igwn-auth needs >=1.18 <2. Run: npm install axios@1`,
  )
}
