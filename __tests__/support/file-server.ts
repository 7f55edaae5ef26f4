/**
 * A loopback server with one large file. It supports ranges and conditions (RFC 9110 sections 13 and 14), and simulates
 * failures of servers and networks: interrupted responses, stalls, and files that change.
 */
import http from 'node:http'
import { listen } from './listen'

export interface FileServer {
  readonly url: string
  /** The file that it serves, from the next request on. */
  file: ServedFile
  /** Failures of the next requests, one each. Later requests succeed. */
  readonly mishaps: Mishap[]
  /** Every request, with its headers, in order. */
  readonly requests: http.IncomingHttpHeaders[]
  /** The status of every response, in order. */
  readonly statuses: number[]
  close(): Promise<void>
}

export interface ServedFile {
  readonly content: Buffer
  readonly headers?: Readonly<Record<string, string>>
  /** Responds to a range with the whole file, as servers without range support do. */
  readonly ignoresRanges?: boolean
  /** Sends it without `Content-Length`. */
  readonly hidesLength?: boolean
  /** Sends a part whatever `If-Range` says. */
  readonly heedsNoCondition?: boolean
  /** Sends a part that begins this many bytes later than requested. */
  readonly shifts?: number
  /** The total length in `Content-Range`; `*` for an unknown one. */
  readonly sizeSaid?: number | '*'
  /** Sends at most this many bytes in one response. */
  readonly atMost?: number
}

/**
 * After this many bytes of the body, the connection is cut or the response stalls; or another response is sent instead of the
 * file.
 */
export type Mishap = {
  /** The file that is served after the failure. */
  readonly then?: ServedFile
} & (
  | { readonly breaksAt: number }
  | { readonly silentAt: number; readonly until?: Promise<unknown> }
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
)

export async function fileServer(file: ServedFile, listenAt = 0): Promise<FileServer> {
  const requests: http.IncomingHttpHeaders[] = []
  const statuses: number[] = []
  const mishaps: Mishap[] = []
  const server = http.createServer((request, response) => {
    requests.push(request.headers)
    request.resume()
    const mishap = mishaps.shift()
    const { file } = running
    running.file = mishap?.then ?? file
    if (mishap && 'status' in mishap) {
      statuses.push(mishap.status)
      response.writeHead(mishap.status, mishap.headers).end(mishap.body)
      return
    }
    const { status, headers, body } = answerTo(request.headers, file)
    statuses.push(status)
    response.writeHead(status, { ...file.headers, ...headers })
    if (!mishap) response.end(body)
    else if ('breaksAt' in mishap) response.write(body.subarray(0, mishap.breaksAt), () => response.destroy())
    else {
      response.write(body.subarray(0, mishap.silentAt))
      void mishap.until?.then(() => response.end(body.subarray(mishap.silentAt)))
    }
  })
  const { port, close } = await listen(server, { port: listenAt })
  const running: FileServer = {
    url: `http://127.0.0.1:${port}/frames/H1.gwf`,
    file,
    mishaps,
    requests,
    statuses,
    close,
  }
  return running
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Buffer
}

function answerTo(asked: http.IncomingHttpHeaders, { content, headers = {}, ...file }: ServedFile): Answer {
  const length = (body: Buffer) => (file.hidesLength ? {} : { 'Content-Length': String(body.length) })
  const [, from = NaN, to] = /^bytes=(\d+)-(\d*)$/.exec(asked.range ?? '') ?? []
  const first = Number(from) + (file.shifts ?? 0)
  const end = to ? Number(to) + 1 + (file.shifts ?? 0) : content.length
  const condition = asked['if-range']
  const isSame = condition === undefined || Object.values(headers).includes(String(condition))
  const holds = isSame || file.heedsNoCondition
  if (Number.isNaN(first) || !holds || file.ignoresRanges)
    return { status: 200, headers: length(content), body: content }
  if (first >= content.length)
    return { status: 416, headers: { 'Content-Range': `bytes */${content.length}` }, body: Buffer.alloc(0) }
  const body = content.subarray(first, file.atMost === undefined ? end : first + file.atMost)
  const range = `bytes ${first}-${first + body.length - 1}/${file.sizeSaid ?? content.length}`
  return { status: 206, headers: { ...length(body), 'Content-Range': range }, body }
}
