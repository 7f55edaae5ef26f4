import {
  AxiosHeaders,
  type AxiosInstance,
  type InternalAxiosRequestConfig,
  type RawAxiosHeaders,
} from 'axios'
import { checkValues, kindOf, type Check } from '../check-values'
import type { Explanation } from '../explain/explanation'
import type { IgwnAuthOptions } from '../options'
import { exchange } from '../request/exchange'
import { explainUrl } from '../request/explain-url'
import type { ExpectedTransfer } from '../tokens/token-lifetime'
import { exchangeOf } from './install'

/**
 * Explains what a GET request to a URL would carry, and why: every location that is searched, in order; what was found there, and
 * the claim, date or permission that decided; what would be sent; and the command that fixes a problem. Nothing is sent, and no
 * network is used, unless `verify` requests the keys of the issuer, or the URL is that of an object in a federation (`osdf:`,
 * `pelican:`, `stash:`): then its director is asked. The result has no secret, and nothing is kept between calls.
 *
 * @param url - absolute; with an instance it may be relative to its `baseURL`
 * @param options - options of `applyIgwnAuth`, or an axios instance to explain as it is set up. Default is none
 * @param transfer - how much is to be transferred: `lifetime` of the result says whether the token lasts. Default is not to compare
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` when the URL has no http host and is none of a federation; `ERR_IGWN_INVALID_OPTION` when an option is
 *   invalid. What would stop the request is not thrown: it is the `problem` of the explanation
 */
export async function explain(
  url: string | URL,
  options: IgwnAuthOptions | AxiosInstance = {},
  transfer?: ExpectedTransfer,
): Promise<Explanation> {
  const checked = transfer === undefined ? undefined : checkTransfer(transfer)
  if (typeof options === 'function') {
    const installed = exchangeOf(options) ?? exchange({ forceNoAuth: true })
    return installed.explain(requestOf(options, String(url)), checked)
  }
  return explainUrl(String(url), options, checked)
}

function checkTransfer(transfer: ExpectedTransfer): ExpectedTransfer {
  // A missing size is as wrong as one that is not a number.
  return checkValues(
    Object.assign({ bytes: NaN }, transfer),
    TRANSFER,
    'transfer',
  ) as unknown as ExpectedTransfer
}

const TRANSFER: Record<keyof ExpectedTransfer, Check> = {
  bytes: (value) =>
    Number.isFinite(value) && (value as number) >= 0
      ? undefined
      : `must be a number of bytes, not ${kindOf(value)}`,
  rate: (value) =>
    Number.isFinite(value) && (value as number) > 0
      ? undefined
      : `must be a number of bytes per second, above 0, not ${kindOf(value)}`,
}

/** The request that an instance would make, except for what its interceptors do. */
function requestOf({ defaults }: AxiosInstance, url: string): InternalAxiosRequestConfig {
  const { common, get } = defaults.headers
  const headers = AxiosHeaders.concat({ ...common } as RawAxiosHeaders, { ...get } as RawAxiosHeaders)
  return { ...(defaults as object), url, method: 'get', headers }
}
