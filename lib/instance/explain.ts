import {
  AxiosHeaders,
  type AxiosInstance,
  type InternalAxiosRequestConfig,
  type RawAxiosHeaders,
} from 'axios'
import { checkValues, kindOf, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import type { Explanation } from '../explain/explanation'
import type { IgwnAxiosError } from '../explain/refusal'
import type { IgwnAuthOptions } from '../options'
import { exchange } from '../request/exchange'
import { explainUrl } from '../request/explain-url'
import type { ExpectedTransfer } from '../tokens/token-lifetime'
import { exchangeOf } from './install'
import { withResourceMetadata } from './resource-metadata'

/**
 * Explains what a GET request to a URL would carry, and why: every location that is searched, in order; what was found there, and
 * the claim, date or permission that decided; what would be sent; and the command that fixes a problem. Nothing is sent, and no
 * network is used, unless `verify` requests the keys of the issuer, or the URL is that of an object in a federation (`osdf:`,
 * `pelican:`, `stash:`): then its director is asked. The result has no secret, and nothing is kept between calls.
 *
 * Of an error of a request that a server refused, it has what `error.igwnAuth.explanation` has. If the challenge of the server names
 * its metadata (RFC 9728), that is fetched from the server, without credentials, within 5 seconds and 64 KiB, and says which issuers
 * and scopes it accepts. It never starts a login.
 *
 * @param url - absolute; with an instance it may be relative to its `baseURL`. Or an error with `igwnAuth`
 * @param options - options of `applyIgwnAuth`, or an axios instance to explain as it is set up. Default is none
 * @param transfer - how much is to be transferred: `lifetime` of the result says whether the token lasts. Default is not to compare
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` when the URL has no http host and is none of a federation; `ERR_IGWN_INVALID_OPTION` when an option is
 *   invalid. What would stop the request is not thrown: it is the `problem` of the explanation
 */
export async function explain(
  url: string | URL | IgwnAxiosError,
  options: IgwnAuthOptions | AxiosInstance = {},
  transfer?: ExpectedTransfer,
): Promise<Explanation> {
  if (url instanceof Error) return explainError(url)
  const checked = transfer === undefined ? undefined : checkTransfer(transfer)
  if (typeof options === 'function') {
    const installed = exchangeOf(options) ?? exchange({ forceNoAuth: true })
    return installed.explain(requestOf(options, String(url)), checked)
  }
  return explainUrl(String(url), options, checked)
}

async function explainError({ igwnAuth, response }: IgwnAxiosError): Promise<Explanation> {
  if (!igwnAuth)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'explain() needs a URL, or the error of a request that a server refused (with igwnAuth).',
    )
  const { 'www-authenticate': challenge } = (response?.headers ?? {}) as Record<string, string | undefined>
  return withResourceMetadata(igwnAuth.explanation, challenge)
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
