import { inspect } from 'node:util'
import type { AxiosError, AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import { errandBehind, type Errand } from '../request/transmit'
import { veil } from './wrap-agent'

/**
 * Takes out of a response what holds a secret, in place: the config that was sent gives way to the caller's, and the
 * request on the wire, whose header lines hold the credential, is still there for code and no longer for printing.
 */
export function concealResponse(
  response: AxiosResponse,
  caller: InternalAxiosRequestConfig,
  errand = errandBehind(response),
): AxiosResponse {
  hideEchoes(response, errand)
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
  const errand = errandBehind(error)
  if (failure.config) failure.config = caller
  hide(failure, 'request')
  if (failure.response) concealResponse(failure.response, caller, errand)
  return error
}

function hide(owner: object, name: 'request'): void {
  if (Object.hasOwn(owner, name)) Object.defineProperty(owner, name, HIDDEN)
}

const HIDDEN = { enumerable: false }

function isStream(data: unknown): data is object {
  return typeof (data as { pipe?: unknown } | null | undefined)?.pipe === 'function'
}

/** A server may repeat the token that it was shown, as in `Location`: it is there for code, and printed without. */
function hideEchoes({ headers }: AxiosResponse, errand: Errand | undefined): void {
  const token = errand?.credentials?.token
  if (token === undefined) return
  // An adapter of the caller's may leave the headers out.
  const fields = (headers as Record<string, unknown> | undefined) ?? {}
  const echoes = Object.keys(fields).filter((name) => String(fields[name]).includes(token))
  if (echoes.length === 0) return
  const shown = () => ({ ...fields, ...Object.fromEntries(echoes.map((name) => [name, '[hidden]'])) })
  Object.defineProperties(headers, { [inspect.custom]: { value: shown }, toJSON: { value: shown } })
}
