import type { AxiosError, AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import { veil } from './shield-agent'

/**
 * Takes out of a response what holds a secret, in place: the config that was sent gives way to the caller's, and the
 * request on the wire, whose header lines hold the credential, is still there for code and no longer for printing.
 */
export function concealResponse(response: AxiosResponse, caller: InternalAxiosRequestConfig): AxiosResponse {
  response.config = caller
  hide(response, 'request')
  // A stream leads to its request by many ways.
  if (isStream(response.data)) veil(response.data)
  return response
}

/** The same for an error. What is not an object passes as it is. */
export function concealError(error: unknown, caller: InternalAxiosRequestConfig): unknown {
  if (typeof error !== 'object' || error === null) return error
  const failure = error as Partial<AxiosError>
  if (failure.config) failure.config = caller
  hide(failure, 'request')
  if (failure.response) concealResponse(failure.response, caller)
  return error
}

function hide(owner: object, name: 'request'): void {
  if (Object.hasOwn(owner, name)) Object.defineProperty(owner, name, HIDDEN)
}

const HIDDEN = { enumerable: false }

function isStream(data: unknown): data is object {
  return typeof (data as { pipe?: unknown } | null | undefined)?.pipe === 'function'
}
