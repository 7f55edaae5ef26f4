import type { AxiosInstance } from 'axios'
import { connectionDefaults, newInstance } from '../../formats/plain-instance'
import { applyIgwnAuth } from '../../instance/apply-igwn-auth'
import { insecureTransport, isInsecure, readableOnTheWay } from '../../request/insecure-transport'
import type { IgwnAuthOptions } from '../../options'

/** A request to an authorization server. */
export interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly signal: AbortSignal
}

/** A response of any status, redirects included. */
export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Record<string, string>
  readonly body: string
}

interface TransportOptions extends Pick<IgwnAuthOptions, 'passphrase' | 'allowInsecureHttp'> {
  /** Returns the certificate to present. Called for each request: the caller may set agents late. */
  readonly cert: () => IgwnAuthOptions['cert']
}

export type SendHttp = (request: HttpRequest) => Promise<HttpResponse>

/**
 * Sends requests with the connection defaults of an axios instance (proxy, agents, adapter, timeout). Its interceptors are not run:
 * one of them may wait for a token that is requested here. Redirects are not followed, because the requests contain secrets.
 *
 * The returned function rejects with {@link IgwnAuthError} `ERR_IGWN_INSECURE_TRANSPORT`, or with the error of axios.
 */
export function axiosTransport(
  instance: AxiosInstance,
  { cert, passphrase, allowInsecureHttp = false }: TransportOptions,
): SendHttp {
  const options = { token: false, netrc: false, ...(passphrase !== undefined && { passphrase }) }
  const plain = applyIgwnAuth(newInstance(), options)

  return async ({ method, url, headers, body, signal }) => {
    const connection = connectionDefaults(instance)
    if (!allowInsecureHttp && isInsecure(url, connection.proxy))
      throw insecureTransport(readableOnTheWay(url, 'client secrets and tokens'))
    const response = await plain.request<unknown>({
      ...connection,
      method,
      url: url.href,
      headers: { ...headers },
      data: body,
      signal,
      responseType: 'arraybuffer',
      maxRedirects: 0,
      // The fetch adapter of axios 1.18 ignores maxRedirects.
      fetchOptions: { ...connection.fetchOptions, redirect: 'manual' },
      maxContentLength: MAX_BYTES,
      validateStatus: () => true,
      igwnAuth: { cert: cert() ?? false },
    })
    return { status: response.status, headers: plainHeaders(response.headers), body: textOf(response.data) }
  }
}

/** More than any token response, metadata or JWK set needs. */
export const MAX_BYTES = 1024 * 1024

/** Adapters of the caller may return plain objects, with names in any case. */
function plainHeaders(headers: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers as Record<string, unknown>)
      .filter(([, value]) => value != null && typeof value !== 'function')
      .map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]),
  )
}

/** Adapters of the caller may ignore `responseType`. */
function textOf(data: unknown): string {
  if (data == null) return ''
  if (typeof data === 'string') return data
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data))
    return Buffer.from(data as Uint8Array).toString()
  return JSON.stringify(data)
}
