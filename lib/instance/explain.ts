import {
  AxiosHeaders,
  type AxiosInstance,
  type InternalAxiosRequestConfig,
  type RawAxiosHeaders,
} from 'axios'
import { exchangeOf } from './apply-igwn-auth'
import { exchange } from '../request/exchange'
import { checkOptions, mergeOptions, sealed, type IgwnAuthOptions } from '../options'
import type { Explanation } from '../explain/explanation'

/**
 * Explains what a GET request to a URL would carry, and why: every place that is looked at, in order; what is there, and the
 * claim, date or permission that decided; what would be attached; and the command that would mend what is wrong. Nothing is
 * sent, and no network is used, unless `verify` asks the issuer for its keys. There is no secret in the answer.
 *
 * @param url - absolute; with an instance it may be relative to its `baseURL`
 * @param options - those of `applyIgwnAuth`, or an axios instance to explain as it is set up. Default is none
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` when the URL has no http host; `ERR_IGWN_INVALID_OPTION` when an option cannot be used.
 *   What would stop the request is not thrown: it is the `problem` of the explanation
 */
export async function explain(
  url: string | URL,
  options: IgwnAuthOptions | AxiosInstance = {},
): Promise<Explanation> {
  if (typeof options === 'function') {
    const { foresee } = exchangeOf(options) ?? exchange({ forceNoAuth: true })
    return foresee(requestOf(options, String(url)))
  }
  const { foresee, close } = exchange(mergeOptions({}, sealed(checkOptions(options, 'options'))))
  try {
    return await foresee({ url: String(url), method: 'get', headers: new AxiosHeaders() })
  } finally {
    close()
  }
}

/** The request that an instance would make, but for what its interceptors do. */
function requestOf({ defaults }: AxiosInstance, url: string): InternalAxiosRequestConfig {
  const { common, get } = defaults.headers
  const headers = AxiosHeaders.concat({ ...common } as RawAxiosHeaders, { ...get } as RawAxiosHeaders)
  return { ...(defaults as object), url, method: 'get', headers }
}
