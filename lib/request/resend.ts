import { Readable } from 'node:stream'
import type { AxiosResponse } from 'axios'

export type FormParts = readonly (string | Buffer)[]

/** A form of the form-data package, as `postForm` makes it. It can be read once. */
interface FormData {
  readonly _streams: readonly unknown[]
  getHeaders(): Record<string, string>
  getBoundary(): string
}

/**
 * The parts of a form, for {@link ReplayedForm}: header, value and line break in turn, without empty values and without a copy of
 * the others. Undefined for any other body, and for a form with a stream or a function as a part, which can be read only once.
 */
export function formParts(data: unknown): FormParts | undefined {
  if (data instanceof ReplayedForm) return data.parts
  if (!isForm(data)) return undefined
  const parts: (string | Buffer)[] = []
  if (data._streams.length === 0) return parts
  for (let index = 0; index < data._streams.length; index += 3) {
    const [header, value] = [data._streams[index], data._streams[index + 1]]
    if (typeof header !== 'string' || !(typeof value === 'string' || Buffer.isBuffer(value))) return undefined
    // A reader may never get a byte after several empty ones in a row.
    parts.push(...[header, value, '\r\n'].filter(({ length }) => length > 0))
  }
  parts.push(`--${data.getBoundary()}--\r\n`)
  return parts
}

function isForm(data: unknown): data is FormData {
  const { getHeaders, getBoundary, _streams } = (data ?? {}) as Record<string, unknown>
  return typeof getHeaders === 'function' && typeof getBoundary === 'function' && Array.isArray(_streams)
}

/** The same form again, in the shape of the form-data package, so that axios treats it as the original. */
export class ReplayedForm extends Readable {
  readonly #form: FormData
  readonly parts: FormParts
  #next = 0

  constructor(form: unknown, parts: FormParts) {
    super()
    this.#form = form as FormData
    this.parts = parts
  }

  override _read(): void {
    this.push(this.parts[this.#next++] ?? null)
  }

  getHeaders(): Record<string, string> {
    return this.#form.getHeaders()
  }

  getBoundary(): string {
    return this.#form.getBoundary()
  }

  getLength(callback: (error: Error | null, length: number) => void): void {
    callback(
      null,
      this.parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0),
    )
  }

  /** All bytes at once, for schemes that sign the body. */
  bytes(): Buffer {
    return Buffer.concat(this.parts.map((part) => Buffer.from(part)))
  }

  /** axios recognizes a form by this method and by its name. */
  append(): never {
    throw new Error('The form is being sent.')
  }

  override toString(): string {
    return '[object FormData]'
  }
}

/**
 * Whether a body can be sent a second time. A stream cannot, nor can an async iterable such as a generator: it has been read, and
 * axios would send an empty one without an error. A body that is opened for each send says itself whether it can be.
 *
 * @param parts - those of a form, taken before it was sent
 */
export function canResend(data: unknown, parts?: FormParts): boolean {
  const body = (data ?? {}) as Partial<Record<'pipe' | 'getReader' | 'canResend' | symbol, unknown>>
  return (
    parts !== undefined ||
    (body.canResend !== false &&
      typeof body.pipe !== 'function' &&
      typeof body.getReader !== 'function' &&
      typeof body[Symbol.asyncIterator] !== 'function')
  )
}

/**
 * Releases a response that is not read. A stream is drained, because otherwise its connection stays in use; after 1 MiB or one
 * second it is closed instead. It does not keep the process alive.
 */
export function discard({ data }: Pick<AxiosResponse, 'data'>): void {
  const stream = data as (Partial<Readable> & { cancel?: () => Promise<void> }) | null | undefined
  if (typeof stream?.on === 'function') drain(stream as Readable & { socket?: { unref?: () => void } })
  else if (typeof stream?.cancel === 'function') stream.cancel().catch(() => undefined)
}

function drain(stream: Readable & { socket?: { unref?: () => void } }): void {
  let left = DRAINED_BYTES
  const timer = setTimeout(() => stream.destroy(), DRAINED_MS)
  timer.unref()
  stream.socket?.unref?.()
  stream.on('error', () => undefined)
  stream.once('close', () => {
    clearTimeout(timer)
  })
  stream.on('data', (chunk: Buffer | string) => {
    left -= chunk.length
    if (left < 0) stream.destroy()
  })
}

const DRAINED_BYTES = 1024 * 1024
const DRAINED_MS = 1000
