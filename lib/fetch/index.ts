/**
 * `fetch` with the credentials of this host, by the same rules as for axios, which is not loaded. {@link igwnFetch} is ready to
 * use; {@link authorize} returns the credentials for any other client.
 *
 * @module axios-igwn-auth/fetch
 */

export { createIgwnFetch, igwnFetch, type IgwnFetch, type IgwnFetchSettings } from './igwn-fetch'
export type { FetchInput, IgwnRequestInit } from './fetch-request'
export { explanationOf } from './explanation-of'
export { authorize, type Authorization } from './authorize'
export type { IgwnAuthOptions, TokenFunction } from '../options'
export type { Refusal } from '../explain/refusal'
export {
  IgwnAuthError,
  isIgwnAuthError,
  type IgwnAuthErrorCode,
  type Reason,
  type ReasonCode,
} from '../errors'
