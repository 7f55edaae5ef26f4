import type { AxiosInstance } from 'axios'
import { connectionDefaults, newInstance } from '../../formats/plain-instance'
import { applyIgwnAuth } from '../../instance/apply-igwn-auth'
import { insecureTransport, isInsecure, readableOnTheWay } from '../../request/insecure-transport'
import type { IgwnAuthOptions } from '../../options'

/** A request to an authorization server. */
export interface PlainRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly signal: AbortSignal
}

/** Its answer, whatever the status; a redirect is one too. */
export interface PlainAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Record<string, string>
  readonly body: string
}

interface HttpOptions extends Pick<IgwnAuthOptions, 'passphrase' | 'allowInsecureHttp'> {
  /** The certificate to present. Asked for each request: agents are often set late. */
  readonly cert: () => IgwnAuthOptions['cert']
}

export type SendPlain = (request: PlainRequest) => Promise<PlainAnswer>

/**
 * Sends requests by the ways of an instance (proxy, agents, adapter, time-out) and by nothing else of it: a sibling without
 * interceptors, headers or login, since the instance may have a token source that asks here. Certificate and authorities
 * are found as for any request of ours. Redirects are not followed: what is sent is secret.
 *
 * The sender throws {@link IgwnAuthError} `ERR_IGWN_INSECURE_TRANSPORT`, or what axios throws.
 */
export function httpByAxios(
  http: AxiosInstance,
  { cert, passphrase, allowInsecureHttp = false }: HttpOptions,
): SendPlain {
  const ours = { token: false, netrc: false, ...(passphrase !== undefined && { passphrase }) }
  const sibling = applyIgwnAuth(newInstance(), ours)

  return async ({ method, url, headers, body, signal }) => {
    const ways = connectionDefaults(http)
    if (!allowInsecureHttp && isInsecure(url, ways.proxy))
      throw insecureTransport(readableOnTheWay(url, 'the secrets of a client and its tokens'))
    const response = await sibling.request<unknown>({
      ...ways,
      method,
      url: url.href,
      headers: { ...headers },
      data: body,
      signal,
      responseType: 'arraybuffer',
      maxRedirects: 0,
      // The fetch adapter of axios 1.18 heeds this alone.
      fetchOptions: { ...ways.fetchOptions, redirect: 'manual' },
      maxContentLength: MAX_BYTES,
      validateStatus: () => true,
      igwnAuth: { cert: cert() ?? false },
    })
    return { status: response.status, headers: plain(response.headers), body: textOf(response.data) }
  }
}

/** More than any token, metadata or set of keys needs. */
export const MAX_BYTES = 1024 * 1024

/** Adapters of others give plain objects, with names in any case. */
function plain(headers: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers as Record<string, unknown>)
      .filter(([, value]) => value != null && typeof value !== 'function')
      .map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]),
  )
}

/** Adapters of others may give what they like in place of bytes. */
function textOf(data: unknown): string {
  if (data == null) return ''
  if (typeof data === 'string') return data
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data))
    return Buffer.from(data as Uint8Array).toString()
  return JSON.stringify(data)
}
