import type { IncomingMessage } from 'node:http'
import { addAbortSignal, type Readable } from 'node:stream'
import { AxiosHeaders, isAxiosError, type AxiosResponse } from 'axios'
import type { IgwnAxiosError, Refusal } from '../explain/refusal'
import { igwnAxios } from '../instance/igwn-axios'
import type { IgwnAuthOptions } from '../options'
import { printable } from '../secrets/sanitize'
import { UNTRUSTED } from '../x509/untrusted-server'
import { CommandError, EXIT, TransientError } from './errors'
import { seconds } from './format'
import type { RequestOptions } from './request-options'

/** A response, whatever its status. */
export interface Response {
  readonly status: number
  readonly statusText: string
  readonly httpVersion: string
  readonly headers: AxiosHeaders
  /** The URL of the last redirect. */
  readonly url: string
  /** What is known of a 401, a 403 or another refusal of credentials. */
  readonly refusal: Refusal | undefined
  /**
   * The body as it was sent. Breaking out of the loop closes the connection.
   *
   * @throws TransientError when the connection ends before the body does
   */
  body(): AsyncGenerator<Buffer>
  /** Closes the connection without reading the body. */
  discard(): void
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
}

export function sender(request: RequestOptions, igwnAuth: IgwnAuthOptions, limits: Limits): Send {
  const { method, headers, body, compressed } = request
  const { timeout, signal } = limits
  const timeoutError = (host: string) =>
    new TransientError(EXIT.timeout, `${host} sent nothing for ${seconds(timeout)}`)

  async function send(url: URL, more: Readonly<Record<string, string>>): Promise<Response> {
    const idle = idleTimeout(timeout * 1000, signal, () => timeoutError(url.host))
    try {
      const response = await idle.during(
        igwnAxios.request<Readable>({
          url: url.href,
          method,
          headers: AxiosHeaders.concat(headers, more),
          data: body?.bytes ?? body?.open(idle.restart),
          // To follow a redirect, follow-redirects keeps the whole body in memory.
          ...(body?.bytes === undefined && body && { maxRedirects: 0 }),
          responseType: 'stream',
          // A file gets what the server has. With --compressed axios decompresses it.
          decompress: compressed,
          validateStatus: (status) => status < 400,
          signal: idle.signal,
          igwnAuth,
        }),
      )
      return responseOf(response, idle, url)
    } catch (error) {
      const { response, igwnAuth: refusal } = error as IgwnAxiosError<Readable>
      if (response) return responseOf(response, idle, url, refusal)
      throw idle.reason() ?? connectionError(error, url)
    }
  }

  return async (more = {}) => {
    let { url } = request
    for (let redirects = 0; ; redirects += 1) {
      const response = await send(url, more)
      const next = body?.bytes === undefined && body ? redirectOf(response, url) : undefined
      if (!next) return response
      response.discard()
      if (redirects === MAX_REDIRECTS)
        throw new CommandError(EXIT.redirects, `${url.host} redirects too often`)
      if (!isTrusted(url, next, igwnAuth))
        throw new CommandError(EXIT.redirects, `${url.host} redirects the upload to ${next.origin}`, {
          lines: [
            'an upload follows redirects to the same origin only, because credentials are chosen per origin',
          ],
          fixes: [`upload to ${next.origin} directly, or name both origins with --trusted-origin`],
        })
      if (!body?.isRepeatable)
        throw new CommandError(EXIT.redirects, 'stdin cannot be sent again after a redirect')
      url = next
    }
  }
}

const MAX_REDIRECTS = 10

/** Where a streamed upload must be sent instead: with the same method, as curl -T does it. */
function redirectOf({ status, headers }: Response, from: URL): URL | undefined {
  const location = headers.get('Location')
  if (![301, 302, 307, 308].includes(status) || typeof location !== 'string') return undefined
  return URL.canParse(location, from.href) ? new URL(location, from) : undefined
}

function isTrusted(from: URL, to: URL, { trustedOrigins = [] }: IgwnAuthOptions): boolean {
  const isListed = (url: URL) => trustedOrigins.includes(url.origin)
  return from.origin === to.origin || (isListed(from) && isListed(to))
}

function responseOf(
  response: AxiosResponse<Readable>,
  idle: IdleTimeout,
  url: URL,
  refusal?: Refusal,
): Response {
  const { status, statusText, data } = response
  const { httpVersion = '1.1' } = data as Partial<IncomingMessage>
  const { res } = (response.request ?? {}) as { res?: { responseUrl?: string } }
  return {
    status,
    statusText,
    httpVersion,
    headers: AxiosHeaders.from(response.headers as AxiosHeaders),
    url: res?.responseUrl ?? url.href,
    refusal,
    body: () => chunksOf(data, idle),
    discard: () => data.on('error', () => undefined).destroy(),
  }
}

async function* chunksOf(data: Readable, idle: IdleTimeout): AsyncGenerator<Buffer> {
  // axios removes its listener from the signal when the response starts.
  addAbortSignal(idle.signal, data)
  const chunks = data[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  try {
    for (;;) {
      const next = await idle.during(chunks.next())
      if (next.done) return
      yield next.value
    }
  } catch (error) {
    throw idle.reason() ?? interrupted(error)
  } finally {
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
}

function idleTimeout(milliseconds: number, whole: AbortSignal, error: () => Error): IdleTimeout {
  const own = new AbortController()
  const signal = AbortSignal.any([whole, own.signal])
  let timer: NodeJS.Timeout | undefined
  return {
    signal,
    reason: () => signal.reason as unknown,
    restart: () => timer?.refresh(),
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
function connectionError(error: unknown, { host }: URL): unknown {
  if (!isAxiosError(error)) return error
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

/** By the codes of the system, OpenSSL, Node.js, axios and follow-redirects. The first that matches. */
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
  { codes: /^ERR_FR_TOO_MANY_REDIRECTS$/, exitCode: EXIT.redirects, what: 'too many redirects' },
  { codes: /^(?:ERR_SSL_|EPROTO$)/, exitCode: EXIT.tls, what: 'TLS failed' },
  { codes: UNTRUSTED, exitCode: EXIT.untrusted, what: 'certificate not trusted' },
  { codes: /^HPE_/, exitCode: EXIT.transfer, what: 'invalid HTTP response' },
]
