import type { AxiosResponse, InternalAxiosRequestConfig } from 'axios'

/** A form of the form-data package, which can be read once. */
interface Form {
  getBuffer(): Buffer
  getHeaders(): Record<string, string>
}

/**
 * The request with a body that can be sent again, where that is possible: a form of the form-data package (which is also
 * what `postForm` makes) is taken as bytes before the first send, for a second one would wait for its end for ever. A
 * form with a stream in it stays as it is.
 */
export function withBodyToKeep(request: InternalAxiosRequestConfig): InternalAxiosRequestConfig {
  const form: unknown = request.data
  if (!isForm(form)) return request
  try {
    const data = form.getBuffer()
    const headers = Object.assign(
      Object.create(Object.getPrototypeOf(request.headers) as object),
      request.headers,
    ) as typeof request.headers
    headers.set(form.getHeaders())
    return { ...request, data, headers }
  } catch {
    return request
  }
}

function isForm(data: unknown): data is Form {
  const form = data as Partial<Form> | null | undefined
  return typeof form?.getBuffer === 'function' && typeof form.getHeaders === 'function'
}

/**
 * Whether a body can be sent again. A stream cannot: it has been read, and axios would send an empty one, which servers
 * take for good.
 */
export function canResend({ data }: InternalAxiosRequestConfig): boolean {
  const body = data as { pipe?: unknown; getReader?: unknown } | null | undefined
  return typeof body?.pipe !== 'function' && typeof body?.getReader !== 'function'
}

/** Lets go of a response that nobody will read: a stream that is not read keeps its socket. */
export function discard({ data }: AxiosResponse): void {
  const stream = data as { resume?: () => void; cancel?: () => Promise<void> } | null | undefined
  if (typeof stream?.resume === 'function') stream.resume()
  else if (typeof stream?.cancel === 'function') stream.cancel().catch(() => undefined)
}
