import { IncomingMessage, type ClientRequest } from 'node:http'
import type { OnReadOpts, Socket } from 'node:net'
import type { Readable } from 'node:stream'

/**
 * Reads from a new connection into memory that is used again and again. Node's HTTP parser copies every 64 KiB of a body
 * into new memory: that is more than half of the processor time of a download. Here the parser gets the head of a response and
 * small bodies, and {@link chunksOf} takes the rest of a large body past it.
 */
export function readDirectly(): { onread: OnReadOpts; watch: (request: ClientRequest) => void } {
  const reader: Reader = { body: undefined, awaitsContinue: false }
  const small = Buffer.allocUnsafeSlow(64 * 1024)
  let socket: Socket | undefined
  return {
    onread: {
      buffer: () => reader.body?.room() ?? small,
      callback(length, buffer) {
        if (reader.body) return reader.body.received(buffer.subarray(0, length))
        // Not `push`: while the response is paused, the socket would keep what belongs to the parser.
        const bytes = Buffer.from(buffer.subarray(0, length))
        socket?.emit('data', reader.awaitsContinue ? withoutFieldsOf100(bytes) : bytes)
        return true
      },
    },
    watch(request) {
      request.once('socket', (connection) => {
        if (!request.reusedSocket) {
          socket = connection
          readers.set(connection, reader)
        }
        const own = readers.get(connection)
        if (!own) return
        own.awaitsContinue = request.hasHeader('Expect')
        for (const event of ['continue', 'response']) request.once(event, () => (own.awaitsContinue = false))
      })
    },
  }
}

/** XRootD 5 sends `Connection: Close` with `100 Continue`, after which Node's parser accepts no response. */
function withoutFieldsOf100(bytes: Buffer): Buffer {
  const end = bytes.indexOf('\r\n\r\n')
  const is100 = bytes.toString('latin1', 0, 12) === 'HTTP/1.1 100'
  return is100 && end > 0 ? Buffer.concat([Buffer.from('HTTP/1.1 100 Continue'), bytes.subarray(end)]) : bytes
}

interface Reader {
  body: LargeBody | undefined
  awaitsContinue: boolean
}

/** Readers by connection. */
const readers = new WeakMap<Socket, Reader>()

/** Smaller bodies are not worth a connection, which cannot be used again. */
const LARGE = 1024 * 1024

/**
 * The body of a response in chunks. A chunk is valid until the next one is requested.
 *
 * @param data - the body as axios returns it
 */
export async function* chunksOf(data: Readable): AsyncGenerator<Buffer, void, void> {
  // The parser may be in the middle of what was read with the head.
  await new Promise(setImmediate)
  const reader = data instanceof IncomingMessage && isLarge(data) ? readers.get(data.socket) : undefined
  yield* reader && data instanceof IncomingMessage
    ? directChunks(data, data.socket, reader)
    : (data as AsyncIterable<Buffer>)
}

async function* directChunks(
  response: IncomingMessage,
  socket: Socket,
  reader: Reader,
): AsyncGenerator<Buffer, void, void> {
  const body = new LargeBody(response, socket)
  for (let chunk = read(response); chunk; chunk = read(response)) {
    body.left -= chunk.length
    yield chunk
  }
  // Else the parser had all of it, and the connection may be used for another request.
  if (body.left > 0) {
    reader.body = body
    socket.resume()
    yield* body.chunks()
  }
}

/** Whether the size of the body is known, and everything that follows on the connection is the body. */
function isLarge({ statusCode, headers, req }: IncomingMessage & { req?: ClientRequest }): boolean {
  const hasBody = req?.method === 'GET' && (statusCode === 200 || statusCode === 206)
  const isPlain = headers['transfer-encoding'] === undefined
  return hasBody && isPlain && Number(headers['content-length']) >= LARGE
}

function read(response: Readable): Buffer | null {
  return response.read() as Buffer | null
}

/** One half is filled while the other one is used. */
const HALF = 1024 * 1024
/** The rest is for what TLS has decrypted when reading is stopped. */
const FULL = HALF - 256 * 1024

class LargeBody {
  /** Bytes that are to come. */
  left: number
  readonly #socket: Socket
  /** The half that is filled; bytes in it; bytes of it that were taken. */
  #current = Buffer.allocUnsafeSlow(HALF)
  #filled = 0
  #taken = 0
  #other = Buffer.allocUnsafeSlow(HALF)
  /** The rest of the other half. */
  #rest: Buffer | undefined
  /** The half that the user of a chunk reads. */
  #used: Buffer | undefined
  #isPaused = false
  #error: Error | undefined
  #wake: () => void = () => undefined

  constructor(response: IncomingMessage, socket: Socket) {
    this.left = Number(response.headers['content-length'])
    this.#socket = socket
    const onEnd = (error?: Error) => {
      this.#error ??= error ?? new Error('closed')
      this.#wake()
    }
    response.once('error', onEnd)
    response.once('close', onEnd)
    if (response.destroyed) onEnd()
  }

  /** Where the next bytes go. */
  room(): Buffer {
    return this.#current.subarray(this.#filled, this.#filled < FULL ? FULL : HALF)
  }

  /** @returns whether to read on */
  received(bytes: Uint8Array): boolean {
    // The first ones are where the parser's would be.
    if (bytes.buffer !== this.#current.buffer) this.#current.set(bytes, this.#filled)
    const used = Math.min(bytes.length, this.left)
    this.#filled += used
    this.left -= used
    this.#wake()
    if (this.left === 0) return false
    if (this.#filled < FULL) return true
    if (this.#rest || this.#used === this.#other) {
      this.#isPaused = true
      return false
    }
    this.#rest = this.#current.subarray(this.#taken, this.#filled)
    ;[this.#current, this.#other] = [this.#other, this.#current]
    this.#filled = this.#taken = 0
    return true
  }

  async *chunks(): AsyncGenerator<Buffer, void, void> {
    for (;;) {
      this.#used = undefined
      if (this.#isPaused && !this.#rest) {
        this.#isPaused = false
        this.#socket.resume()
      }
      const chunk = this.#next()
      if (chunk) yield chunk
      else if (this.left === 0) return
      else if (this.#error) throw this.#error
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }

  #next(): Buffer | undefined {
    const rest = this.#rest
    if (rest) {
      this.#rest = undefined
      this.#used = this.#other
      // It may have been taken before it was full.
      if (rest.length > 0) return rest
    }
    if (this.#filled === this.#taken) return undefined
    const chunk = this.#current.subarray(this.#taken, this.#filled)
    this.#taken = this.#filled
    this.#used = this.#current
    return chunk
  }
}
