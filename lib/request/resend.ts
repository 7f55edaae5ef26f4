import type { Readable } from 'node:stream'
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

/**
 * Lets go of a response that nobody will read. A stream is drained, for one that is not read keeps its socket; one that has
 * no end in sight is cut off, and its errors are nobody's.
 */
export function discard({ data }: AxiosResponse): void {
  const stream = data as (Partial<Readable> & { cancel?: () => Promise<void> }) | null | undefined
  if (typeof stream?.on === 'function') drain(stream as Readable)
  else if (typeof stream?.cancel === 'function') stream.cancel().catch(() => undefined)
}

function drain(stream: Readable): void {
  let left = DRAINED_BYTES
  const timer = setTimeout(() => stream.destroy(), DRAINED_MS)
  stream.on('error', () => undefined)
  stream.once('close', () => {
    clearTimeout(timer)
  })
  stream.on('data', (chunk: Buffer | string) => {
    left -= chunk.length
    if (left < 0) stream.destroy()
  })
}

/** More than any refusal has to say; after that a new connection is cheaper. */
const DRAINED_BYTES = 1024 * 1024
const DRAINED_MS = 1000
