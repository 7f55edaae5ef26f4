import type { IncomingMessage } from 'node:http'
import { Readable, Transform, type TransformCallback } from 'node:stream'
import { AxiosHeaders, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import { publish } from '../events'
import { checksum, type Checksum } from '../formats/checksum'
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from '../formats/digest-algorithms'
import { parseDigests, reprDigest, wantDigest, type Digest } from '../formats/digest-fields'
import { isStream } from '../secrets/hide-response'
import { redact } from '../secrets/redact'
import { adapterKind } from './adapters'
import type { RequestContext } from './context'
import { discard } from './resend'
import { schemeResponse } from './retry-after-401'
import { bytesOf } from './scheme-changes'
import { copyOf } from './transmit'

type Request = InternalAxiosRequestConfig
type Send = (context: RequestContext) => Promise<AxiosResponse>

export type SendVerified = typeof sendVerified

/**
 * Sends a request, and verifies what was transferred: a download against the digest that the server names, an upload against the one
 * it names afterwards. A transfer that is complete in bytes and that the server reports as failed (`X-Transfer-Status`) fails.
 *
 * The server is asked for a digest by HEAD: XRootD before 5.5.4 repeats the digest of a GET in later responses to others.
 */
export async function sendVerified(context: RequestContext, send: Send): Promise<AxiosResponse> {
  const { request, options } = context
  const method = (request.method ?? 'get').toLowerCase()
  const isVerified = Boolean(options.integrity)
  if (method === 'put' && isVerified) return upload(context, send)
  if (method !== 'get') return send(context)
  // A digest is of the whole object.
  const found = isVerified && !hasField(request, 'range') ? await digestOf(context, send) : undefined
  const digest = found?.digest
  const response = await send({ ...context, request: downloadRequest(context, digest !== undefined) })
  // The caller's validateStatus may accept an error page, and a range of the server's choice.
  if (response.status !== 200) return verifiedResponse(context, response, undefined)
  if (found?.problem === undefined) return verifiedResponse(context, response, digest)
  discard(response)
  throw found.problem
}

/** What a server says about the digest of an object. */
interface NamedDigest {
  readonly digest?: Digest
  /** Set where there is none, and the options require one. */
  readonly problem?: IgwnAuthError
}

/** @throws IgwnAuthError when the server has the object, and no digest that the options require */
async function digestOf(context: RequestContext, send: Send): Promise<NamedDigest> {
  const { request, options, url } = context
  const { integrity } = options
  const named = typeof integrity === 'string' && integrity !== 'offered' ? integrity : undefined
  const head = withFields(request, wantDigest(named ? [named] : DIGEST_ALGORITHMS))
  Object.assign(head, { method: 'head', data: undefined, responseType: 'text', validateStatus: () => true })
  for (const name of ['onDownloadProgress', 'onUploadProgress']) Reflect.deleteProperty(head, name)
  const response = await send({ ...context, request: head, progress: undefined })
  const hasObject = response.status < 300
  const { digests, skipped } = hasObject
    ? parseDigests(schemeResponse(response).header)
    : { digests: [], skipped: [] }
  const digest = digests.find(({ algorithm }) => named === undefined || algorithm === named)
  if (skipped.length > 0) note(context, `a digest is not used: ${skipped.join('; ')}`)
  if (digest) return { digest }
  const kind = `${named === undefined ? '' : `${named} `}digest`
  const missing = hasObject
    ? `names no ${kind} of the object`
    : `responds with ${response.status} when it is asked for the ${kind} of the object`
  if (integrity === 'offered') {
    note(context, `${url.host} ${missing}, so the transfer is not verified`)
    return {}
  }
  const problem = integrityError(
    `${url.host} ${missing}, so it cannot be verified`,
    "Set integrity to 'offered' to verify only where the server has a digest",
  )
  // After another status, the error of the request itself says more; a 404 may mean that an origin does not respond.
  if (hasObject) throw problem
  return { problem }
}

function downloadRequest({ request, adapter }: RequestContext, isDigested: boolean): Request {
  // The fetch adapter does not give trailers. A caller that sets TE decides: a response with trailers has no Content-Length.
  const isTrailed = adapterKind(adapter) === 'http' && !hasField(request, 'te')
  const routed = withFields(request, {
    ...(isTrailed && { TE: 'trailers', 'X-Transfer-Status': 'true' }),
    // A digest is of the bytes as they are sent.
    ...(isDigested && { 'Accept-Encoding': 'identity' }),
  })
  // Text is decoded below.
  if (isDigested && routed.responseType !== 'stream') routed.responseType = 'arraybuffer'
  return routed
}

/** @param wanted - the name in lower case */
function hasField({ headers }: Request, wanted: string): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() === wanted)
}

function withFields(request: Request, fields: Record<string, string>): Request {
  const copy = copyOf(request)
  copy.headers = Object.assign(new AxiosHeaders(), request.headers)
  for (const [name, value] of Object.entries(fields)) copy.headers.set(name, value)
  return copy
}

function verifiedResponse(
  context: RequestContext,
  response: AxiosResponse,
  digest: Digest | undefined,
): AxiosResponse {
  const { data } = response as { data: unknown }
  const isReported = nativeResponse(response)?.headers?.trailer !== undefined
  if (!digest && !isReported) return response
  if (data instanceof Readable) {
    // What reads the stream may look at the version of HTTP, as of an IncomingMessage.
    const { httpVersion } = data as { httpVersion?: string }
    response.data = Object.assign(verifyingStream(data, context, response, digest), { httpVersion })
    return response
  }
  // The streams of the fetch adapter have no trailers, and their digests are not known here.
  if (isStream(data)) return response
  assertTransferred(context, response)
  if (!digest) return response
  const bytes = Buffer.from(data as Uint8Array)
  const sum = checksum(digest.algorithm)
  sum.update(bytes)
  assertDigest(context, digest, sum)
  response.data = bodyFor(context.request, bytes)
  return response
}

/** The body in the type that the caller asked for, as the http adapter of axios makes it. */
function bodyFor({ responseType, responseEncoding }: Request, bytes: Buffer): unknown {
  if (responseType === 'arraybuffer') return bytes
  if (responseType === 'blob') return new Blob([bytes])
  const text = bytes.toString(responseEncoding as BufferEncoding | undefined)
  return !responseEncoding || responseEncoding === 'utf8' ? text.replace(/^\uFEFF/, '') : text
}

/** Passes a body on, and fails at its end when it is not what the server names. */
function verifyingStream(
  data: Readable,
  context: RequestContext,
  response: AxiosResponse,
  digest: Digest | undefined,
): Readable {
  const sum = digest && checksum(digest.algorithm)
  const stream = new Transform({
    // As from Node.js 22 on. With 16 KiB before, every record of TLS would fill the buffer, and the download pause.
    highWaterMark: 65_536,
    transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback) {
      sum?.update(chunk)
      done(null, chunk)
    },
    destroy(error, done) {
      // As for a response of Node, what fails before anything listens must not end the process: its reader gets the error.
      if (error && stream.readableFlowing === null) stream.on('error', () => undefined)
      done(error)
    },
    flush(done) {
      try {
        assertTransferred(context, response)
        if (digest && sum) assertDigest(context, digest, sum)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
  data.on('error', (error) => stream.destroy(error))
  stream.on('close', () => data.destroy())
  return data.pipe(stream)
}

/** A trailer `X-Transfer-Status: 500: …` reports a failure after the status was sent. */
function assertTransferred({ url, secrets }: RequestContext, response: AxiosResponse): void {
  const status = nativeResponse(response)?.trailers?.['x-transfer-status']
  if (status === undefined || /^2\d\d\b/.test(status)) return
  throw integrityError(
    `${url.host} reports that the transfer failed (X-Transfer-Status: ${redact(status, secrets)})`,
    'Send the request again',
  )
}

/** Only the http adapter has one, and trailers. */
function nativeResponse({ request }: AxiosResponse): Partial<IncomingMessage> | undefined {
  const { res } = (request ?? {}) as { res?: Partial<IncomingMessage> }
  return res
}

function assertDigest({ url }: RequestContext, { algorithm, value }: Digest, sum: Checksum): void {
  const actual = sum.digest()
  if (actual === value) return
  throw integrityError(
    `The body from ${url.host} has ${algorithm} ${actual}, and the server names ${value}`,
    'Send the request again, or read from another server',
  )
}

/** Names the digest of a body that is known, and compares it with what the server names afterwards. */
async function upload(context: RequestContext, send: Send): Promise<AxiosResponse> {
  const { request, url, options } = context
  const body = bytesOf(request.data)
  if (body === undefined) {
    if (options.integrity !== 'offered')
      throw integrityError(
        `The upload to ${url.host} cannot be verified, because its body is not a string or bytes`,
        'Nothing was sent. Give the body as a string or a Buffer, or leave integrity out',
      )
    note(context, 'the upload is not verified, because its body is not a string or bytes')
    return send(context)
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const sent = (algorithm: DigestAlgorithm): string => {
    const sum = checksum(algorithm)
    sum.update(bytes)
    return sum.digest()
  }
  const response = await send({
    ...context,
    request: withFields(request, reprDigest({ algorithm: 'sha-256', value: sent('sha-256') })),
  })
  if (response.status >= 300) return response
  const { digest, problem } = await digestOf(context, send)
  if (problem) throw problem
  if (!digest) return response
  const actual = sent(digest.algorithm)
  if (digest.value === actual) return response
  throw integrityError(
    `${url.host} stored an object with ${digest.algorithm} ${digest.value}, and what was sent has ${actual}`,
    'Upload it again',
  )
}

function note({ options, url }: RequestContext, message: string): void {
  publish({ type: 'warning', source: url.host, message }, options.onEvent)
}

function integrityError(what: string, advice: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_INTEGRITY', `${what}. ${advice}.`)
}
