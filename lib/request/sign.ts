import axios, { AxiosHeaders, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import { parseChallenges } from '../formats/www-authenticate'
import type { AuthScheme, SchemeRequest, RequestChanges, SchemeResponse } from '../schemes/auth-scheme'
import type { TokenQuery } from '../tokens/token'

const blank = new axios.Axios({})

/** The request as a scheme sees it: final URL and final body. */
export function outgoingRequest(request: InternalAxiosRequestConfig, query: TokenQuery): SchemeRequest {
  const url = new URL(blank.getUri(request))
  url.username = url.password = url.hash = ''
  const body: unknown = request.data
  return {
    method: (request.method ?? 'get').toUpperCase(),
    url,
    contentType: ownTypeOf(body) ?? request.headers.get('Content-Type')?.toString(),
    body: bytesOf(body),
    isStream: body != null && bytesOf(body) === undefined,
    query,
  }
}

/** A body that can be read ahead; undefined for none, and for a stream, a `Blob` or a `FormData`, which axios itself writes out. */
function bytesOf(body: unknown): string | Uint8Array | undefined {
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined
}

/** The type that the http adapter of axios gives to what it writes out itself, over the one in the header. */
function ownTypeOf(body: unknown): string | undefined {
  if (body instanceof FormData) return 'multipart/form-data'
  if (body instanceof Blob && body.size > 0) return body.type || 'application/octet-stream'
  const { getHeaders } = (body ?? {}) as { getHeaders?: () => Record<string, string> }
  return typeof getHeaders === 'function' ? getHeaders.call(body)['content-type'] : undefined
}

/**
 * Puts on a private copy of a request what a scheme gave. URL and parameters become one, so that what was signed is what is
 * sent.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when the scheme leads to another origin, or gives what no header can hold
 */
export function putOn(
  outgoing: InternalAxiosRequestConfig,
  { name }: AuthScheme,
  { headers = {}, url, body }: RequestChanges,
  before: URL,
): void {
  if (url && url.origin !== before.origin)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `The scheme ${name} leads to another origin. Nothing was sent.`,
    )
  for (const [field, value] of Object.entries(headers)) {
    if (NOT_IN_FIELD.test(value))
      throw new IgwnAuthError(
        'ERR_IGWN_INVALID_OPTION',
        `The scheme ${name} gives for ${field} what no header field can hold (RFC 9110 section 5.5). Nothing was sent.`,
      )
    outgoing.headers.set(field, value)
  }
  if (body !== undefined) {
    outgoing.data = body
    outgoing.headers.delete('Content-Length')
  }
  outgoing.url = (url ?? before).href
  for (const part of ['baseURL', 'params', 'paramsSerializer'] as const)
    Reflect.deleteProperty(outgoing, part)
}

/** What is neither VCHAR, obs-text, space nor tab; axios would take it out without a word. */
const NOT_IN_FIELD = /[^\t\x20-\x7e\x80-\xff]/

/** What a server said, as a scheme sees it. */
export function answerOf({ status, headers }: AxiosResponse): SchemeResponse {
  const fields = AxiosHeaders.from(headers as AxiosHeaders)
  const header = (name: string) => {
    const value = fields.get(name)
    return value == null ? undefined : [value].flat().join(', ')
  }
  return { status, header, challenges: parseChallenges(header('WWW-Authenticate')) }
}
