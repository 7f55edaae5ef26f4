import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pathName } from '../secrets/sanitize'
import { EXIT, fileError, usageError } from './errors'

/** One `-d` or an option like it, in the order of the command line. */
export interface DataFlag {
  readonly kind: 'data' | 'data-raw' | 'data-urlencode' | 'json'
  readonly text: string
}

export interface RequestBody {
  /** Bytes; undefined when it is not known before it is read. */
  readonly size: number | undefined
  /** A body in memory. A streamed one is opened for each send. */
  readonly bytes?: Buffer
  /** @param onProgress - called with the number of bytes read so far */
  open(onProgress: (position: number) => void): Readable
  /** Whether it can be opened more than once: not stdin. */
  readonly isRepeatable: boolean
  /** Undefined: what axios or a header says. */
  readonly contentType?: string
}

/** The body of `--data` and options like it, joined with `&` as curl does. Parts of a JSON text are not separated. */
export async function dataBody(flags: readonly DataFlag[]): Promise<RequestBody> {
  const parts: Buffer[] = []
  for (const { kind, text } of flags) {
    if (parts.length > 0 && kind !== 'json') parts.push(Buffer.from('&'))
    if (kind === 'data-raw') parts.push(Buffer.from(text))
    else if (kind === 'data-urlencode') parts.push(await urlencoded(text))
    else parts.push(text.startsWith('@') ? await readInput(text.slice(1)) : Buffer.from(text))
  }
  // Without a copy of a single large file.
  return inMemory(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts))
}

/** `content`, `=content`, `name=content`, `@file` or `name@file` (curl(1), --data-urlencode). */
async function urlencoded(text: string): Promise<Buffer> {
  const [, name = '', mark = '=', rest = text] = /^([^=@]*)([=@])(.*)$/s.exec(text) ?? []
  const content = mark === '@' ? await readInput(rest) : Buffer.from(rest)
  const prefix = name === '' ? '' : `${name}=`
  return Buffer.from(prefix + encodeURIComponent(content.toString()))
}

/** A file; `-` for stdin. */
async function readInput(file: string): Promise<Buffer> {
  try {
    return file === '-' ? await buffer(process.stdin) : await readFile(file)
  } catch (error) {
    throw fileError(EXIT.unreadable, file === '-' ? 'stdin' : pathName(file), error)
  }
}

function inMemory(bytes: Buffer, contentType?: string): RequestBody {
  const open = () => Readable.from([bytes])
  return {
    size: bytes.length,
    bytes,
    open,
    isRepeatable: true,
    ...(contentType !== undefined && { contentType }),
  }
}

/** The body of `--upload-file`: a file, or `-` for stdin. */
export function uploadBody(file: string): RequestBody {
  const isStdin = file === '-'
  const size = isStdin ? undefined : sizeOf(file)
  const source = isStdin ? () => process.stdin : () => fileStream(file)
  return { size, open: (report) => concat([source], report), isRepeatable: size !== undefined }
}

/** The size of a file; undefined for a pipe or a device. */
function sizeOf(file: string): number | undefined {
  try {
    fs.accessSync(file, fs.constants.R_OK)
    const stats = fs.statSync(file)
    if (stats.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' })
    return stats.isFile() ? stats.size : undefined
  } catch (error) {
    throw fileError(EXIT.unreadable, pathName(file), error)
  }
}

/** Large chunks: fewer system calls. */
const CHUNK_BYTES = 256 * 1024

function fileStream(file: string): Readable {
  return fs.createReadStream(file, { highWaterMark: CHUNK_BYTES })
}

/** A part of a body. A stream is opened when it is its turn. */
type Piece = Buffer | (() => Readable)

/** The pieces as one stream. */
function concat(pieces: readonly Piece[], onProgress: (position: number) => void): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    let position = 0
    for (const piece of pieces)
      for await (const chunk of Buffer.isBuffer(piece) ? [piece] : (piece() as AsyncIterable<Buffer>)) {
        yield chunk
        onProgress((position += chunk.length))
      }
  }
  return Readable.from(chunks(), { objectMode: false, highWaterMark: CHUNK_BYTES })
}

/** `multipart/form-data` (RFC 7578) of `name=content`, `name=@file` and `name=<file`, with `;type=` and `;filename=`. */
export async function formBody(fields: readonly string[]): Promise<RequestBody> {
  const boundary = `------------------------${randomUUID()}`
  const parts: { readonly piece: Piece; readonly size: number | undefined }[] = []
  for (const field of fields.map(parseField)) {
    parts.push(fixed(`--${boundary}\r\n${headOf(field)}\r\n\r\n`), await contentOf(field), fixed('\r\n'))
  }
  parts.push(fixed(`--${boundary}--\r\n`))
  const contentType = `multipart/form-data; boundary=${boundary}`
  const pieces = parts.map(({ piece }) => piece)
  const size = parts.reduce<number | undefined>(
    (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  )
  const open: RequestBody['open'] = (onProgress) => concat(pieces, onProgress)
  // A small form is kept in memory: it can be sent again after a 401 or a redirect.
  if (size !== undefined && size <= MAX_IN_MEMORY)
    return inMemory(await buffer(open(() => undefined)), contentType)
  return { size, open, isRepeatable: size !== undefined, contentType }
}

const MAX_IN_MEMORY = 1024 * 1024

function fixed(text: string): { piece: Buffer; size: number } {
  const piece = Buffer.from(text)
  return { piece, size: piece.length }
}

interface FormField {
  readonly name: string
  /** `@` for a file, `<` for the content of a file. */
  readonly mark: string | undefined
  readonly value: string
  readonly type: string | undefined
  readonly filename: string | undefined
}

function parseField(field: string): FormField {
  const [, name = '', mark, rest = ''] = /^([^=]+)=([@<])?(.*)$/s.exec(field) ?? []
  if (name === '') throw usageError('--form must be name=text, name=@FILE or name=<FILE')
  const [value = '', ...parameters] = mark === undefined ? [rest] : rest.split(';')
  const parameter = (key: string) => {
    const found = parameters.find((one) => one.startsWith(`${key}=`))
    return found?.slice(key.length + 1).replace(/^"(.*)"$/, '$1')
  }
  return { name, mark, value, type: parameter('type'), filename: parameter('filename') }
}

function headOf({ name, mark, value, type, filename }: FormField): string {
  const isFile = mark === '@'
  const shown = filename ?? (isFile ? path.basename(value) : undefined)
  const contentType = type ?? (isFile ? 'application/octet-stream' : undefined)
  const disposition = `Content-Disposition: form-data; name="${escaped(name)}"`
  return [
    shown === undefined ? disposition : `${disposition}; filename="${escaped(shown)}"`,
    ...(contentType === undefined ? [] : [`Content-Type: ${escaped(contentType)}`]),
  ].join('\r\n')
}

async function contentOf({ mark, value }: FormField): Promise<{ piece: Piece; size: number | undefined }> {
  if (mark === undefined) return fixed(value)
  if (mark === '@' && value !== '-') return { piece: () => fileStream(value), size: sizeOf(value) }
  const piece = await readInput(value)
  return { piece, size: piece.length }
}

/** As browsers escape it (WHATWG HTML, multipart/form-data encoding). */
function escaped(text: string): string {
  return text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
