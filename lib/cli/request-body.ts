import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { pathName } from '../secrets/sanitize'
import { CommandError, EXIT, fileError, usageError } from './errors'
import type { StreamedBody } from './transport'

/** One `-d` or an option like it, in the order of the command line. */
export interface DataFlag {
  readonly kind: 'data' | 'data-raw' | 'data-urlencode' | 'json'
  readonly text: string
}

/** A small body is kept in memory; a large one is read from its files for each send. */
export type RequestBody = Buffer | StreamedBody

/** A part of a body. */
type Piece = Buffer | FilePiece

/** A file; `-` for stdin. A pipe or a device has no size. */
interface FilePiece {
  readonly file: string
  readonly size: number | undefined
}

/** The body of `--data` and options like it, joined with `&` as curl does. Parts of a JSON text are not separated. */
export async function dataBody(flags: readonly DataFlag[]): Promise<RequestBody> {
  const pieces: Piece[] = []
  for (const { kind, text } of flags) {
    if (pieces.length > 0 && kind !== 'json') pieces.push(Buffer.from('&'))
    if (kind === 'data-urlencode') pieces.push(await urlencoded(text))
    else if (kind === 'data-raw' || !text.startsWith('@')) pieces.push(Buffer.from(text))
    else pieces.push(...(await filePieces(text.slice(1))))
  }
  return bodyOf(pieces)
}

/** `content`, `=content`, `name=content`, `@file` or `name@file` (curl(1), --data-urlencode). */
async function urlencoded(text: string): Promise<Buffer> {
  const [, name = '', mark = '=', rest = text] = /^([^=@]*)([=@])(.*)$/s.exec(text) ?? []
  const content = mark === '@' ? Buffer.concat(await readPieces(await filePieces(rest))) : Buffer.from(rest)
  const prefix = name === '' ? '' : `${name}=`
  return Buffer.from(prefix + encodeURIComponent(content.toString()))
}

/** The body of `--upload-file`: a file, or `-` for stdin. */
export function uploadBody(file: string): RequestBody {
  return new Pieces([{ file, size: file === '-' ? undefined : sizeOf(file) }])
}

/** A file, or what is in stdin, whose size the server must know. */
async function filePieces(file: string): Promise<readonly Piece[]> {
  const size = file === '-' ? undefined : sizeOf(file)
  return size === undefined ? readPieces([{ file, size }]) : [{ file, size }]
}

/** The same pieces in memory. */
async function readPieces(pieces: readonly Piece[]): Promise<Buffer[]> {
  const parts: Buffer[] = []
  for await (const chunk of new Pieces(pieces).chunks()) parts.push(Buffer.from(chunk))
  return parts
}

/** All bytes of a body. */
export async function bytesOf(body: RequestBody): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body
  const parts: Buffer[] = []
  for await (const chunk of body.chunks()) parts.push(Buffer.from(chunk))
  return Buffer.concat(parts)
}

async function bodyOf(pieces: readonly Piece[]): Promise<RequestBody> {
  const body = new Pieces(pieces)
  return body.size !== undefined && body.size <= MAX_IN_MEMORY ? bytesOf(body) : body
}

const MAX_IN_MEMORY = 1024 * 1024

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

/** Pieces as one body. Files are opened when it is their turn. */
class Pieces implements StreamedBody {
  readonly size: number | undefined
  readonly #pieces: readonly Piece[]
  #isRead = false

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces
    this.size = pieces.reduce<number | undefined>((sum, piece) => {
      const size = Buffer.isBuffer(piece) ? piece.length : piece.size
      return sum === undefined || size === undefined ? undefined : sum + size
    }, 0)
  }

  /** What comes from stdin, a pipe or a device can be read once. */
  get canResend(): boolean {
    return this.size !== undefined || !this.#isRead
  }

  async *chunks(): AsyncGenerator<Buffer> {
    this.#isRead = true
    for (const piece of this.#pieces) {
      if (Buffer.isBuffer(piece)) yield piece
      else if (piece.file === '-') yield* stdinChunks()
      else yield* fileChunks(piece.file, piece.size)
    }
  }
}

async function* stdinChunks(): AsyncGenerator<Buffer> {
  try {
    yield* process.stdin as AsyncIterable<Buffer>
  } catch (error) {
    throw fileError(EXIT.unreadable, 'stdin', error)
  }
}

/** Large chunks: fewer system calls. */
const CHUNK_BYTES = 512 * 1024

/** A file, which must not change while it is sent: the server would get a mixture. */
async function* fileChunks(file: string, size = Infinity): AsyncGenerator<Buffer> {
  const name = pathName(file)
  const failed = (error: unknown) => {
    throw fileError(EXIT.unreadable, name, error)
  }
  const handle = await open(file).catch(failed)
  try {
    const { mtimeMs } = await handle.stat()
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    for (let left = size; left > 0;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(left, CHUNK_BYTES)).catch(failed)
      left -= bytesRead
      if (size === Infinity) {
        if (bytesRead === 0) return
      } else if (bytesRead === 0 || (left === 0 && (await handle.stat()).mtimeMs !== mtimeMs)) {
        // The server does not get the last bytes, so it does not take it for the file.
        throw new CommandError(EXIT.unreadable, `${name} was changed while it was sent`)
      }
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

/** `multipart/form-data` (RFC 7578) of `name=content`, `name=@file` and `name=<file`, with `;type=` and `;filename=`. */
export async function formBody(
  fields: readonly string[],
): Promise<{ readonly body: RequestBody; readonly contentType: string }> {
  const boundary = `------------------------${randomUUID()}`
  const pieces: Piece[] = []
  for (const field of fields.map(parseField)) {
    pieces.push(Buffer.from(`--${boundary}\r\n${headOf(field)}\r\n\r\n`))
    pieces.push(...(await contentOf(field)), Buffer.from('\r\n'))
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`))
  return { body: await bodyOf(pieces), contentType: `multipart/form-data; boundary=${boundary}` }
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

async function contentOf({ mark, value }: FormField): Promise<readonly Piece[]> {
  return mark === undefined ? [Buffer.from(value)] : filePieces(value)
}

/** As browsers escape it (WHATWG HTML, multipart/form-data encoding). */
function escaped(text: string): string {
  return text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
