import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { addAbortSignal, type Readable } from 'node:stream'
import { AxiosHeaders, isAxiosError, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import type { IgwnAuthEvent } from '../events'
import type { IgwnAxiosError, Refusal } from '../explain/refusal'
import { igwnAxios } from '../instance/igwn-axios'
import type { IgwnAuthOptions } from '../options'
import { canResend } from '../request/resend'
import { printable } from '../secrets/sanitize'
import { SentSecrets, type Redact } from '../secrets/sent-secrets'
import { SciToken } from '../tokens/scitoken'
import { UNTRUSTED } from '../x509/untrusted-server'
import { CommandError, EXIT, TransientError } from './errors'
import { bytes, seconds } from './format'
import { chunksOf } from './large-body'
import { fieldOf } from './partial-content'
import type { RequestBody } from './request-body'
import type { RequestOptions } from './request-options'
import { transport, type ConnectionTimes, type StreamedBody } from './transport'

/** A response, whatever its status. */
export interface Response {
  readonly status: number
  readonly statusText: string
  readonly httpVersion: string
  readonly headers: AxiosHeaders
  /** The URL of the last redirect. */
  readonly url: string
  /** How many redirects led to it. */
  readonly redirects: number
  readonly connection: Connection
  /** Reads the token that the request carried; undefined for none, and for one that cannot be read. */
  readonly token: () => SciToken | undefined
  /** What is known of a 401, a 403 or another refusal of credentials. */
  readonly refusal: Refusal | undefined
  /** Removes from a text what the requests so far carried, also a password of the command line. */
  readonly hide: Redact
  /**
   * The body as it was sent. A chunk is valid until the next one is requested. Breaking out of the loop closes the connection.
   *
   * @throws TransientError when the connection ends before the body does
   */
  body(): AsyncGenerator<Buffer>
  /** Closes the connection without reading the body. */
  discard(): void
}

/** The connection of a response. */
export interface Connection extends ConnectionTimes {
  /** Of the server, or of a network proxy. */
  readonly address?: string | undefined
  readonly port?: number | undefined
}

/**
 * Sends the request, each time with credentials found again.
 *
 * @param more - header fields for this time
 * @throws CommandError when there is no response; IgwnAuthError when nothing was sent
 */
export type Send = (more?: Readonly<Record<string, string>>) => Promise<Response>

export interface Limits {
  /** Seconds without anything from the server. */
  readonly timeout: number
  /** Aborts everything, also between two sends. */
  readonly signal: AbortSignal
  /** Interrupts a response that is slower; with `times`, only so many. Default is none. */
  readonly speed?: SpeedLimit | undefined
  /** Called with the number of bytes sent of a streamed body: with 0 when a send begins. */
  readonly onUpload?: (position: number) => void
  /** Called with the number of bytes of each chunk of a body. */
  readonly onDownload?: (length: number) => void
}

export interface SpeedLimit {
  /** Bytes per second. */
  readonly limit: number
  /** Seconds over which they are counted. */
  readonly time: number
  readonly times: number
}

export function sender(request: RequestOptions, igwnAuth: IgwnAuthOptions, limits: Limits): Send {
  const { url, method, headers, body, compressed, family } = request
  const { timeout, signal, onUpload, onDownload, speed } = limits
  const sent = new SentSecrets()
  let source: string | undefined
  let bearer = ''
  const token = () => SciToken.read(bearer, source)
  const onEvent = (event: IgwnAuthEvent) => {
    if (event.type === 'selected' && event.kind === 'token') ({ source } = event)
    igwnAuth.onEvent?.(event)
  }
  const timeoutError = () =>
    new TransientError(EXIT.timeout, `${url.host} sent nothing for ${seconds(timeout)}`)

  let slow = 0
  const slowError = () => {
    slow += 1
    return new TransientError(
      EXIT.timeout,
      `${hostOf(url)} sent less than ${bytes(speed?.limit ?? 0)} per second for ${seconds(speed?.time ?? 0)}`,
    )
  }
  const sendOnce = async (
    more: Readonly<Record<string, string>>,
    insecureHTTPParser: boolean,
  ): Promise<Response> => {
    const idle = idleTimeout(timeout * 1000, signal, timeoutError)
    const route: Route = { redirects: 0, isRedirected: false, times: {} }
    const isWatched = speed && slow < speed.times
    const onBody = isWatched ? () => idle.watchSpeed(speed, slowError) : undefined
    const context = { idle, sent, url, token, route, onDownload, onBody }
    const onProgress = (position: number) => {
      idle.restart()
      onUpload?.(position)
    }
    try {
      const response = await idle.during(
        igwnAxios.request<Readable>({
          url: url.href,
          method,
          headers: AxiosHeaders.concat(headers, more),
          data: body && !Buffer.isBuffer(body) ? new WatchedBody(body, onProgress) : body,
          transformRequest: (data: unknown) => data,
          responseType: 'stream',
          // A file gets what the server has. With --compressed axios decompresses it.
          decompress: compressed,
          ...(family && { family }),
          validateStatus: (status) => status < 400,
          signal: idle.signal,
          insecureHTTPParser,
          igwnAuth: { ...igwnAuth, onEvent },
          // Sees what each send carries, redirects and retries included.
          adapter: Object.assign(
            async (config: InternalAxiosRequestConfig) => {
              const authorization = config.headers.get('Authorization')?.toString()
              sent.addOf(new URLSearchParams(), authorization)
              bearer = authorization?.replace(/^Bearer /, '') ?? ''
              if (route.isRedirected) route.redirects += 1
              route.isRedirected = false
              route.times = {}
              const response = await transport(config, route.times)
              route.isRedirected = isRedirect(response)
              return response
            },
            { redirect: transport.redirect },
          ),
        }),
      )
      return responseOf(response, context)
    } catch (error) {
      const { response, igwnAuth: refusal } = error as IgwnAxiosError<Readable>
      if (response) return responseOf(response, { ...context, refusal })
      // XRootD before 5.5.4 ends a line of a ranged response with a bare LF once another client has asked for a digest.
      const { code } = error as NodeJS.ErrnoException
      if (code === 'HPE_CR_EXPECTED' && more.Range !== undefined && !insecureHTTPParser)
        return sendOnce(more, true)
      throw idle.reason() ?? redirectError(error, body) ?? connectionError(error, url)
    }
  }
  return (more = {}) => sendOnce(more, false)
}

/** A body that reports how much of it was sent. */
class WatchedBody implements StreamedBody {
  readonly #body: StreamedBody
  readonly #onProgress: (position: number) => void

  constructor(body: StreamedBody, onProgress: (position: number) => void) {
    this.#body = body
    this.#onProgress = onProgress
  }

  get size(): number | undefined {
    return this.#body.size
  }

  get canResend(): boolean {
    return this.#body.canResend
  }

  async *chunks(): AsyncGenerator<Buffer> {
    let position = 0
    this.#onProgress(0)
    for await (const chunk of this.#body.chunks()) {
      yield chunk
      this.#onProgress((position += chunk.length))
    }
  }
}

/** The error of a redirect that would need a body again which can be read once. */
function redirectError(error: unknown, body: RequestBody | undefined): CommandError | undefined {
  if (!(error instanceof IgwnAuthError) || canResend(body)) return undefined
  return new CommandError(EXIT.redirects, error.message)
}

function responseOf(
  response: AxiosResponse<Readable>,
  { idle, sent, url, token, route, onDownload, onBody, refusal }: ResponseContext,
): Response {
  const { status, statusText, data } = response
  const { httpVersion = '1.1' } = data as Partial<IncomingMessage>
  const { res, socket } = (response.request ?? {}) as {
    res?: { responseUrl?: string }
    socket?: Socket | null
  }
  const headers = AxiosHeaders.from(response.headers as AxiosHeaders)
  // The exchange follows redirects up to a limit.
  if (isRedirect(response)) {
    data.destroy()
    throw new CommandError(
      EXIT.redirects,
      `${url.host}: too many redirects, or a redirect that cannot be followed`,
    )
  }
  return {
    status,
    statusText: sent.hide(statusText),
    httpVersion,
    headers,
    url: res?.responseUrl ?? url.href,
    redirects: route.redirects,
    connection: { ...route.times, address: socket?.remoteAddress, port: socket?.remotePort },
    token,
    refusal,
    hide: sent.hide,
    body: () => bodyOf(data, idle, onDownload, onBody?.()),
    discard: () => data.on('error', () => undefined).destroy(),
  }
}

/** How a response was reached. */
interface Route {
  redirects: number
  /** Whether the last response was a redirect. */
  isRedirected: boolean
  times: ConnectionTimes
}

interface ResponseContext {
  readonly idle: IdleTimeout
  readonly sent: SentSecrets
  readonly url: URL
  readonly token: Response['token']
  readonly route: Route
  readonly onDownload: Limits['onDownload']
  readonly onBody: (() => SpeedWatch) | undefined
  readonly refusal?: Refusal | undefined
}

function isRedirect({ status, headers }: AxiosResponse): boolean {
  const isFollowed = status > 300 && status !== 304 && status < 400
  return isFollowed && fieldOf(headers as AxiosHeaders, 'Location') !== undefined
}

async function* bodyOf(
  data: Readable,
  idle: IdleTimeout,
  onDownload: Limits['onDownload'] = () => undefined,
  watch?: SpeedWatch,
): AsyncGenerator<Buffer> {
  addAbortSignal(idle.signal, data)
  const chunks = chunksOf(data)
  try {
    for (;;) {
      const next = await idle.during(chunks.next())
      if (next.done) return
      onDownload(next.value.length)
      watch?.count(next.value.length)
      yield next.value
    }
  } catch (error) {
    throw idle.reason() ?? interrupted(error)
  } finally {
    watch?.end()
    data.on('error', () => undefined).destroy()
  }
}

function interrupted(error: unknown): TransientError {
  const { code, message } = error as NodeJS.ErrnoException
  return new TransientError(EXIT.partial, `the response was interrupted (${code ?? printable(message)})`)
}

interface IdleTimeout {
  readonly signal: AbortSignal
  /** Waits for the server. What we do between two waits does not count. */
  readonly during: <T>(promise: Promise<T>) => Promise<T>
  /** Starts the time again, as when the server took a part of an upload. */
  readonly restart: () => void
  /** Why it was aborted; undefined when it was not. */
  readonly reason: () => unknown
  /** Aborts it when less comes in a period than the limit. */
  readonly watchSpeed: (speed: SpeedLimit, error: () => Error) => SpeedWatch
}

interface SpeedWatch {
  readonly count: (bytes: number) => void
  readonly end: () => void
}

function idleTimeout(milliseconds: number, whole: AbortSignal, error: () => Error): IdleTimeout {
  const own = new AbortController()
  const signal = AbortSignal.any([whole, own.signal])
  let timer: NodeJS.Timeout | undefined
  return {
    signal,
    reason: () => signal.reason as unknown,
    restart: () => timer?.refresh(),
    watchSpeed({ limit, time }, slowError) {
      let received = 0
      const period = setInterval(
        () => {
          if (received < limit * time) own.abort(slowError())
          received = 0
        },
        Math.max(time, 1) * 1000,
      )
      return { count: (size) => (received += size), end: () => clearInterval(period) }
    },
    async during(promise) {
      timer = setTimeout(() => own.abort(error()), Math.min(milliseconds, MAX_TIMER))
      try {
        return await promise
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** setTimeout uses 1 ms for anything longer. */
export const MAX_TIMER = 2 ** 31 - 1

/** Why there was no response. Errors that are not of a connection are returned as they are. */
function connectionError(error: unknown, url: URL): unknown {
  if (!isAxiosError(error)) return error
  const host = hostOf(url)
  const { code = 'unknown error', message, igwnAuth } = error as IgwnAxiosError
  const { exitCode, what, isTransient } = meaningOf(code, igwnAuth !== undefined)
  // The summary says all of it, and no credential fixes it.
  if (igwnAuth && exitCode === EXIT.untrusted) return new CommandError(exitCode, printable(igwnAuth.summary))
  const Class = isTransient ? TransientError : CommandError
  return new Class(exitCode, `${host}: ${what} (${printable(opensslReason(message) || code)})`, {
    lines: igwnAuth ? [printable(igwnAuth.summary)] : [],
    fixes: igwnAuth?.explanation.fixes,
  })
}

/** The host of a URL for a message; `osdf:///path` has none. */
export function hostOf({ host, protocol }: URL): string {
  return host || protocol.slice(0, -1)
}

/** The reason in a message of OpenSSL, without numbers and source files. */
function opensslReason(message: string): string {
  return /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1] ?? message
}

interface Meaning {
  readonly exitCode: number
  readonly what: string
  readonly isTransient?: boolean
}

/** @param isRefusal - the server may have closed the connection because of the certificate, or the lack of one */
function meaningOf(code: string, isRefusal: boolean): Meaning {
  const known = MEANINGS.find(({ codes }) => codes.test(code))
  if (known && !(isRefusal && known.exitCode === EXIT.tls)) return known
  if (known) return { exitCode: EXIT.refused, what: 'refused the connection' }
  return { exitCode: EXIT.transfer, what: 'the request failed' }
}

/** By the codes of the system, OpenSSL, Node.js and axios. The first that matches. */
const MEANINGS: readonly (Meaning & { readonly codes: RegExp })[] = [
  { codes: /^ENOTFOUND$/, exitCode: EXIT.unresolved, what: 'could not resolve host' },
  { codes: /^EAI_/, exitCode: EXIT.unresolved, what: 'could not resolve host', isTransient: true },
  { codes: /^ECONNREFUSED$/, exitCode: EXIT.unconnected, what: 'connection refused', isTransient: true },
  {
    codes: /^E(?:NET|HOST)(?:UNREACH|DOWN)$/,
    exitCode: EXIT.unconnected,
    what: 'host unreachable',
    isTransient: true,
  },
  { codes: /^(?:ETIMEDOUT|ECONNABORTED)$/, exitCode: EXIT.timeout, what: 'timed out', isTransient: true },
  { codes: /^(?:ECONNRESET|EPIPE)$/, exitCode: EXIT.transfer, what: 'connection closed', isTransient: true },
  { codes: /^(?:ERR_SSL_|EPROTO$)/, exitCode: EXIT.tls, what: 'TLS failed' },
  { codes: UNTRUSTED, exitCode: EXIT.untrusted, what: 'certificate not trusted' },
  { codes: /^HPE_/, exitCode: EXIT.transfer, what: 'invalid HTTP response' },
]
