import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import axios, {
  AxiosError,
  AxiosHeaders,
  CanceledError,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import { urlOf } from '../request/destination'
import { usesProxy } from '../request/network-proxy'
import { canResend } from '../request/resend'
import { isStream } from '../secrets/hide-response'
import { wrapAgent } from '../secrets/wrap-agent'
import { readDirectly } from './large-body'

/** The types of axios have `any` for these. */
type Config = Omit<InternalAxiosRequestConfig, 'data' | 'params' | 'httpAgent' | 'httpsAgent'> & {
  data?: unknown
  params?: unknown
  httpAgent?: http.Agent
  httpsAgent?: http.Agent
}

/** When the steps of a new connection were done, in milliseconds since the epoch. */
export interface ConnectionTimes {
  lookup?: number
  connect?: number
  secureConnect?: number
}

/** A body that is opened for each send. */
export interface StreamedBody {
  /** Bytes; undefined when it is not known before it is read. */
  readonly size: number | undefined
  /** False once it was read, if that cannot be repeated. The exchange asks before it sends it again. */
  readonly canResend: boolean
  /** A chunk is valid until the next one is requested. */
  chunks(): AsyncIterable<Buffer>
}

/**
 * The adapter of the command, in place of the http adapter of axios: it waits for `100 Continue` before it sends a large body
 * (RFC 9110 section 10.1.1), opens a body again for each send, and reads large responses directly. The exchange gives it
 * credentials, and follows redirects. A request that needs more, such as a network proxy, is left to axios.
 */
export const transport = Object.assign(
  async (config: Config, times: ConnectionTimes = {}): Promise<AxiosResponse> => {
    const url = urlOf(config)
    if (!url || !isSupported(config, url)) return throughAxios(config)
    const expects = expectsContinue(config)
    const response = await send(config, url, { expects, times })
    // The server does not support it (RFC 9110 section 15.5.18).
    const isUnsupported = response.status === 417 && expects && canResend(config.data)
    if (isUnsupported) (response.data as Readable).destroy()
    return settle(isUnsupported ? await send(config, url, { expects: false, times }) : response, config)
  },
  { redirect: 'manual' as const },
)

/** Whether a request needs nothing else of axios. The command has timeouts of its own. */
function isSupported(config: Config, url: URL): boolean {
  const { responseType, decompress, params, timeout, cancelToken, proxy } = config
  const isPlain = params === undefined && !timeout && !cancelToken && !isStream(config.data)
  return responseType === 'stream' && decompress === false && isPlain && !usesProxy(url, proxy)
}

/** A body of this size, or of unknown size, waits for `100 Continue`; the same limit as in curl. */
const EXPECT_BYTES = 1024 * 1024
/** Milliseconds; the time that curl waits for a server that ignores `Expect`. */
const CONTINUE_TIMEOUT = 1000

/** Whether to wait for `100 Continue`; a header of the user decides. */
function expectsContinue({ headers, data }: Config): boolean {
  const given: unknown = headers.get('Expect')
  if (given !== undefined) return given === '100-continue'
  const size = isStreamed(data) ? data.size : Buffer.isBuffer(data) ? data.length : 0
  return size === undefined || size >= EXPECT_BYTES
}

function isStreamed(data: unknown): data is StreamedBody {
  return typeof (data as Partial<StreamedBody> | null | undefined)?.chunks === 'function'
}

function send(
  config: Config,
  url: URL,
  { expects, times }: { readonly expects: boolean; readonly times: ConnectionTimes },
): Promise<AxiosResponse> {
  const { method = 'get', signal, auth, httpAgent, httpsAgent, family } = config
  const isHttps = url.protocol === 'https:'
  const agent = isHttps ? httpsAgent : httpAgent
  const { onread, watch } = readDirectly()
  const options = {
    method: method.toUpperCase(),
    headers: headersOf(config, expects),
    agent: wrapAgent(agent ?? (isHttps ? https : http).globalAgent),
    onread,
    family: family as number | undefined,
    ...(config.insecureHTTPParser && { insecureHTTPParser: true }),
    ...(auth && { auth: `${auth.username}:${auth.password}` }),
  }
  return new Promise((resolve, reject) => {
    const request = (isHttps ? https : http).request(url, options)
    watch(request)
    request.once('socket', (socket) => {
      if (request.reusedSocket) return
      for (const step of ['lookup', 'connect', 'secureConnect'] as const)
        socket.once(step, () => (times[step] = Date.now()))
    })
    const abort = () => request.destroy(new CanceledError(undefined, config, request))
    signal?.addEventListener?.('abort', abort)
    request.once('close', () => {
      signal?.removeEventListener?.('abort', abort)
    })
    request.on('error', (error: Error) => {
      reject(error instanceof CanceledError ? error : AxiosError.from(error, undefined, config, request))
    })
    let isRefused = false
    request.once('response', (message) => {
      const response = responseOf(message, request, config, url)
      isRefused = response.status >= 300
      if (!isRefused && !request.writableFinished) request.once('finish', () => resolve(response))
      else resolve(response)
      // The server may wait for the rest of the body, which does not come.
      message.once('end', () => {
        if (isRefused && !request.writableFinished) request.destroy()
      })
    })
    sendBody(request, config.data, expects, () => isRefused).catch((error: unknown) => {
      reject(error)
      request.destroy()
    })
  })
}

/** The names as HTTP spells them: XRootD before 5.7 compares them by case. */
function headersOf({ headers, data }: Config, expects: boolean): http.OutgoingHttpHeaders {
  const fields: http.OutgoingHttpHeaders = headers.toJSON()
  const size = isStreamed(data) ? data.size : data == null ? undefined : Buffer.byteLength(data as string)
  const has = (name: string) => headers.has(name)
  if (size !== undefined && !has('Content-Length')) fields['Content-Length'] = String(size)
  if (isStreamed(data) && size === undefined && !has('Content-Length') && !has('Transfer-Encoding'))
    fields['Transfer-Encoding'] = 'chunked'
  for (const name of Object.keys(fields)) if (/^expect$/i.test(name)) Reflect.deleteProperty(fields, name)
  if (expects) fields.Expect = '100-continue'
  return fields
}

/** Sends the body, unless the server refuses the request before. */
async function sendBody(
  request: ClientRequest,
  data: unknown,
  expects: boolean,
  isRefused: () => boolean,
): Promise<void> {
  if (expects && data != null) await continued(request)
  if (isRefused()) return
  if (!isStreamed(data)) {
    request.end(data as string | Buffer | undefined)
    return
  }
  for await (const chunk of data.chunks()) {
    // A failed connection is an error of the request.
    const isWritten = await new Promise((resolve) => request.write(chunk, (error) => resolve(!error)))
    if (!isWritten || isRefused()) return
  }
  request.end()
}

/** Waits until the body may be sent, or must not be. */
function continued(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    for (const event of ['continue', 'response', 'close']) request.once(event, done)
    request.once('socket', (socket) => {
      const start = () => (timer = setTimeout(done, CONTINUE_TIMEOUT))
      if (request.reusedSocket) start()
      else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', start)
    })
  })
}

function responseOf(
  message: IncomingMessage,
  request: ClientRequest,
  config: Config,
  url: URL,
): AxiosResponse<Readable> {
  const { statusCode = 0, statusMessage = '', headers } = message
  // Where axios has it.
  Object.assign(message, { responseUrl: url.href })
  return {
    status: statusCode,
    statusText: statusMessage,
    headers: AxiosHeaders.from(headers as Record<string, string>),
    config,
    request,
    data: message,
  }
}

/** As the adapters of axios do it. */
function settle(response: AxiosResponse, { validateStatus }: Config): AxiosResponse {
  const { status, config } = response
  if (!validateStatus || validateStatus(status)) return response
  const code = status < 500 ? AxiosError.ERR_BAD_REQUEST : AxiosError.ERR_BAD_RESPONSE
  throw new AxiosError(`Request failed with status code ${status}`, code, config, response.request, response)
}

/** The config is the private copy of the exchange, which puts it back. */
function throughAxios(config: Config): Promise<AxiosResponse> {
  const { data } = config
  if (isStreamed(data)) {
    if (data.size !== undefined) config.headers.setContentLength(data.size, false)
    config.data = Readable.from(copies(data.chunks()), { objectMode: false })
  }
  config.maxRedirects = 0
  return axios.getAdapter('http')(config)
}

/** A stream reads ahead. */
async function* copies(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk)
}
