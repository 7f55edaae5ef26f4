/** Bodies are verified against the digest that the server names. */
import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import axios, {
  type AxiosAdapter,
  type AxiosError,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import { applyIgwnAuth, type IgwnAuthEvent, type IgwnAuthOptions } from '../../lib/index'
import { trustedFederation, type TestFederation } from '../support/federation'
import { mint } from '../support/tokens'
import { serverGroup, type Answer, type Seen } from '../support/server'

const BODY = '\uFEFF{"frame": "1"}'
const FRAME = '/igwn/frames/f.txt'
const LOCAL = 'http://127.0.0.1/'
const servers = serverGroup()
let federation: TestFederation

beforeAll(async () => {
  federation = await trustedFederation()
  process.env.BEARER_TOKEN = mint({ aud: 'ANY', scope: 'read:/ write:/' })
})
beforeEach(() => federation.reset())
afterEach(servers.close)

const md5 = (text: string) => createHash('md5').update(text).digest('base64')

/** A server that names a digest in responses to HEAD. */
const serveWith = (digest: Record<string, string>, answer: (seen: Seen) => Answer = () => ({ body: BODY })) =>
  servers.serve((seen) => (seen.method === 'HEAD' ? { headers: digest, body: '' } : answer(seen)))

const events: IgwnAuthEvent[] = []
const warnings = () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
const withIntegrity = (integrity: IgwnAuthOptions['integrity'] = true) => {
  events.length = 0
  return applyIgwnAuth(axios.create(), { token: false, integrity, onEvent: (event) => events.push(event) })
}
/** An adapter that sends nothing, and what it gets: HEAD has a digest of the body. */
function answering(answer: (config: InternalAxiosRequestConfig) => Partial<AxiosResponse> = () => ({})) {
  const sent: InternalAxiosRequestConfig[] = []
  const adapter: AxiosAdapter = (config) => {
    // The config is scrubbed afterwards.
    sent.push({ ...config })
    const isHead = config.method === 'head'
    const headers = isHead ? { digest: `md5=${md5(BODY)}` } : {}
    const data = isHead ? '' : Buffer.from(BODY)
    return Promise.resolve({ status: 200, statusText: 'OK', headers, data, config, ...answer(config) })
  }
  return { adapter, sent, methods: () => sent.map(({ method }) => method) }
}

const failureOf = (request: Promise<unknown>) =>
  request.then(
    () => {
      throw new Error('nothing was thrown')
    },
    (error: unknown) => error as AxiosError,
  )

describe('a download', () => {
  it.each([
    ['Digest', { Digest: `md5=${md5(BODY)}` }],
    ['Repr-Digest', { 'Repr-Digest': `md5=:${md5(BODY)}:` }],
  ])('is verified by %s, which is asked for by HEAD alone', async (_, digest) => {
    const { origin, seen } = await serveWith(digest)
    const { data, config } = await withIntegrity().get<unknown>(origin)
    expect(data).toEqual({ frame: '1' })
    expect(config.responseType).toBeUndefined()
    expect(
      seen.map(({ method, headers }) => [method, headers['want-digest'], headers['accept-encoding']]),
    ).toEqual([
      ['HEAD', 'crc32,adler32,crc32c,sha-256,sha-512,sha,md5', expect.anything()],
      ['GET', undefined, 'identity'],
    ])
  })

  it.each(['text', 'json', 'arraybuffer', 'stream', 'default'] as const)(
    'has the type %s that the caller asked for',
    async (responseType) => {
      const { origin } = await serveWith({ Digest: `md5=${md5(BODY)}` })
      const typed = responseType === 'default' ? {} : { responseType }
      const get = async (response: Promise<AxiosResponse<unknown>>) => {
        const { data } = await response
        return responseType === 'stream' ? buffer(data as Readable) : data
      }
      expect(await get(withIntegrity().get(origin, typed))).toEqual(await get(axios.get(origin, typed)))
    },
  )

  it.each(['latin1', 'utf8', 'utf16le'])(
    'is text in the encoding %s that the caller asked for',
    async (responseEncoding) => {
      const { origin } = await serveWith({ Digest: `md5=${md5(BODY)}` })
      const config = { responseType: 'text', responseEncoding } as const
      const [ours, plain] = [await withIntegrity().get(origin, config), await axios.get(origin, config)]
      expect(ours.data).toBe(plain.data)
    },
  )

  it('with another digest is an error with both values: at once, or at the end of a stream', async () => {
    const { origin } = await serveWith({ Digest: 'crc32=1' })
    const host = new URL(origin).host
    const error = {
      code: 'ERR_IGWN_INTEGRITY',
      message: `The body from ${host} has crc32 ${crc32(BODY).toString(16).padStart(8, '0')}, and the server names 00000001. Send the request again, or read from another server.`,
    }
    expect(await failureOf(withIntegrity().get(origin))).toMatchObject(error)
    const { data } = await withIntegrity().get<Readable>(origin, { responseType: 'stream' })
    expect(await failureOf(buffer(data))).toMatchObject(error)
  })

  it.each([
    ['with another digest', 'all', {}, { code: 'ERR_IGWN_INTEGRITY' }],
    ['that is cut off', 'all', { 'Content-Length': '9', Connection: 'close' }, { message: 'aborted' }],
  ])('as a stream %s before it is read is an error of its reader', async (_, body, headers, error) => {
    const { origin } = await serveWith({ Digest: 'crc32=1' }, () => ({ body, headers }))
    const { data } = await withIntegrity().get<Readable>(origin, { responseType: 'stream' })
    while (!data.destroyed) await new Promise((resolve) => setTimeout(resolve, 5))
    // Jest fails the test for an error that nothing catches.
    await new Promise(setImmediate)
    expect(await failureOf(buffer(data))).toMatchObject(error)
  })

  it('is an error where the server names no digest, before the body is sent; with "offered" it is a warning', async () => {
    const { origin, seen } = await serveWith({})
    const host = new URL(origin).host
    for (const [integrity, what] of [
      [true, 'no digest'],
      ['md5', 'no md5 digest'],
    ] as const)
      expect(await failureOf(withIntegrity(integrity).get(origin))).toMatchObject({
        code: 'ERR_IGWN_INTEGRITY',
        message: `${host} names ${what} of the object, so it cannot be verified. Set integrity to 'offered' to verify only where the server has a digest.`,
      })
    expect(seen.map(({ method }) => method)).toEqual(['HEAD', 'HEAD'])
    expect((await withIntegrity('offered').get(origin)).status).toBe(200)
    expect(warnings()).toEqual([`${host} names no digest of the object, so the transfer is not verified`])
  })

  it('is verified by the algorithm that the caller names, whatever else the server has', async () => {
    const { origin, seen } = await serveWith({ Digest: `adler32=1,md5=${md5(BODY)}` })
    expect((await withIntegrity('md5').get(origin)).status).toBe(200)
    expect(seen[0]?.headers['want-digest']).toBe('md5')
    expect(await failureOf(withIntegrity('adler32').get(origin))).toMatchObject({
      code: 'ERR_IGWN_INTEGRITY',
    })
  })

  it('is not verified by a value of another length: XRootD labels an adler32 as md5', async () => {
    const { origin } = await serveWith({ Digest: 'md5=GUID5Q==,sha=GUID5Q==' })
    expect((await withIntegrity('offered').get(origin)).status).toBe(200)
    expect(warnings()).toEqual([
      'a digest is not used: md5 has 4 bytes instead of 16; sha has 4 bytes instead of 20',
      `${new URL(origin).host} names no digest of the object, so the transfer is not verified`,
    ])
  })

  it('of a range is not verified', async () => {
    const { origin, seen } = await serveWith({ Digest: 'md5=AAAA' }, () => ({ status: 206, body: 'fr' }))
    expect((await withIntegrity().get(origin, { headers: { range: 'bytes=4-5' } })).status).toBe(206)
    expect(seen.map(({ method }) => method)).toEqual(['GET'])
  })

  it('that the server refuses is the error of the GET, not of the HEAD', async () => {
    const { origin } = await servers.serve(() => ({ status: 404 }))
    expect((await failureOf(withIntegrity().get(origin))).response?.status).toBe(404)
    const { origin: other } = await servers.serve(({ method }) => ({ status: method === 'HEAD' ? 404 : 200 }))
    expect(await failureOf(withIntegrity().get(other))).toMatchObject({ code: 'ERR_IGWN_INTEGRITY' })
  })
})

describe('a download by another adapter', () => {
  it('fetch is verified, also as a blob, but not as a stream', async () => {
    const { origin } = await serveWith({ Digest: `md5=${md5(BODY)}` })
    const { origin: wrong } = await serveWith({ Digest: 'crc32=1' })
    const blob = { adapter: 'fetch', responseType: 'blob' } as const
    const { data } = await withIntegrity().get<Blob>(origin, blob)
    expect(data).toBeInstanceOf(Blob)
    expect(Buffer.from(await data.arrayBuffer()).toString()).toBe(BODY)
    expect(await failureOf(withIntegrity().get(wrong, blob))).toMatchObject({ code: 'ERR_IGWN_INTEGRITY' })
    const stream = await withIntegrity().get<ReadableStream>(wrong, { ...blob, responseType: 'stream' })
    expect(await buffer(stream.data)).toEqual(Buffer.from(BODY))
  })

  it('that has no native request is verified', async () => {
    const get = (sum: string) => {
      const { adapter } = answering(({ method }) =>
        method === 'head' ? { headers: { digest: `crc32=${sum}` } } : {},
      )
      return withIntegrity().get<string>(LOCAL, { adapter, responseType: 'text' })
    }
    expect((await get(crc32(BODY).toString(16))).data).toBe(BODY.slice(1))
    expect(await failureOf(get('1'))).toMatchObject({ code: 'ERR_IGWN_INTEGRITY' })
  })

  it('is asked for no trailer, which only the http adapter reads', async () => {
    const { origin, seen } = await serveWith({ Digest: `md5=${md5(BODY)}` })
    await withIntegrity().get(origin, { adapter: 'fetch' })
    expect(seen.map(({ headers }) => [headers.te, headers['x-transfer-status']])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ])
  })
})

describe('a request', () => {
  it.each(['post', 'patch', 'delete', 'head', 'options'])(
    'of the method %s is sent as it is',
    async (method) => {
      const { adapter, sent } = answering()
      const { data } = await withIntegrity().request<unknown>({ url: LOCAL, method, adapter })
      expect(sent.map((config) => [config.method, config.responseType, config.headers.toJSON()])).toEqual([
        [method, undefined, expect.not.objectContaining({ TE: 'trailers' })],
      ])
      expect(sent[0]?.headers).not.toHaveProperty('Want-Digest')
      expect(Buffer.isBuffer(data)).toBe(method !== 'head')
    },
  )

  it.each(['GET', undefined])(
    'is a download also where an interceptor made its method %s',
    async (method) => {
      const { adapter, methods } = answering()
      const instance = withIntegrity()
      instance.interceptors.request.use((config) => Object.assign(config, { method }))
      await instance.get(LOCAL, { adapter })
      expect(methods()).toEqual(['head', method])
    },
  )

  it('asks for the digest without the body, the progress, the type and the limits of status of the caller', async () => {
    const { adapter, sent } = answering(({ method }) => (method === 'head' ? { status: 500 } : {}))
    const [onDownloadProgress, onUploadProgress, validateStatus] = [jest.fn(), jest.fn(), () => true]
    const config = {
      adapter,
      onDownloadProgress,
      onUploadProgress,
      validateStatus,
      responseType: 'stream',
    } as const
    await failureOf(withIntegrity().put(LOCAL, 'new', config))
    const [put, head] = sent
    expect(put).toMatchObject({ method: 'put', data: 'new', responseType: 'stream' })
    expect(put?.onUploadProgress).toBeInstanceOf(Function)
    expect(head).toMatchObject({ method: 'head', data: undefined, responseType: 'text' })
    expect(head).not.toHaveProperty('onDownloadProgress')
    expect(head).not.toHaveProperty('onUploadProgress')
    expect(head?.validateStatus?.(599)).toBe(true)
  })

  it.each([206, 404])(
    'whose response has status %i is not compared: it is not the object',
    async (status) => {
      const { adapter, methods } = answering(({ method }) =>
        method === 'head' ? {} : { status, data: 'else' },
      )
      const config = { adapter, validateStatus: () => true }
      expect(await withIntegrity().get(LOCAL, config)).toMatchObject({ status, data: 'else' })
      expect(methods()).toEqual(['head', 'get'])
    },
  )

  it('without a digest has the stream of the adapter, with "offered" also where HEAD fails', async () => {
    const data = Readable.from(['else'])
    const { adapter } = answering(({ method }) => (method === 'head' ? { status: 300 } : { data }))
    const config = { adapter, responseType: 'stream' } as const
    expect((await withIntegrity('offered').get(LOCAL, config)).data).toBe(data)
    expect(warnings()).toEqual([
      '127.0.0.1 responds with 300 when it is asked for the digest of the object, so the transfer is not verified',
    ])
    expect((await withIntegrity(false).get(LOCAL, config)).data).toBe(data)
    expect(await failureOf(withIntegrity().get(LOCAL, config))).toMatchObject({ code: 'ERR_IGWN_INTEGRITY' })
  })

  it('with a native response without header fields is verified, as other adapters may have one', async () => {
    const { adapter } = answering(() => ({ request: { res: {} } }))
    expect((await withIntegrity().get(LOCAL, { adapter })).status).toBe(200)
  })

  it('as a stream has the version of HTTP, as a native response has it', async () => {
    const { origin } = await serveWith({ Digest: `md5=${md5(BODY)}` })
    const { data } = await withIntegrity().get<IncomingMessage>(origin, { responseType: 'stream' })
    expect(data).not.toBeInstanceOf(IncomingMessage)
    expect(data.httpVersion).toBe('1.1')
    expect((await buffer(data)).toString()).toBe(BODY)
  })

  it('keeps U+FEFF that is not at the beginning', async () => {
    const { origin } = await serveWith({ Digest: `md5=${md5('a\uFEFFb')}` }, () => ({ body: 'a\uFEFFb' }))
    expect((await withIntegrity().get(origin, { responseType: 'text' })).data).toBe('a\uFEFFb')
  })

  it('is text without its byte order mark only in UTF-8, as axios decodes it', async () => {
    const body = Buffer.from(BODY, 'utf16le')
    const digest = { Digest: `md5=${createHash('md5').update(body).digest('base64')}` }
    const { origin } = await serveWith(digest, () => ({ body }))
    const config = { responseType: 'text', responseEncoding: 'utf16le' } as const
    expect((await withIntegrity().get(origin, config)).data).toBe(BODY)
    expect((await axios.get(origin, config)).data).toBe(BODY)
  })
})

describe('the trailer X-Transfer-Status', () => {
  /** A native response, as the http adapter has it. */
  const native = (status: string | undefined, trailer: string | undefined = 'X-Transfer-Status') => ({
    request: { res: { headers: { trailer }, trailers: { 'x-transfer-status': status } } },
  })
  const get = async (response: Partial<AxiosResponse>) => {
    const { adapter } = answering(() => response)
    return (
      await applyIgwnAuth(axios.create(), { token: false, integrity: 'offered' }).get(LOCAL, { adapter })
    ).status
  }

  it.each(['200: OK', '200', '206: partial', undefined])(
    'with the value %s reports no failure',
    async (status) => {
      expect(await get(native(status))).toBe(200)
    },
  )

  it.each(['500: read failed', '500: 200 bytes', '2000: OK', '2x0: OK', '20x: OK', '20', ''])(
    'with the value %j reports a failure',
    async (status) => {
      expect(await failureOf(get(native(status)))).toMatchObject({
        code: 'ERR_IGWN_INTEGRITY',
        message: `127.0.0.1 reports that the transfer failed (X-Transfer-Status: ${status}). Send the request again.`,
      })
    },
  )

  it('counts where the response announced it: others add trailers to what was complete', async () => {
    const unannounced = { request: { res: { headers: {}, trailers: { 'x-transfer-status': '500' } } } }
    const { adapter } = answering(({ method }) => (method === 'head' ? { headers: {} } : unannounced))
    expect((await withIntegrity('offered').get(LOCAL, { adapter })).status).toBe(200)
  })
})

describe('an upload', () => {
  it('names its digest, and is compared with the one of the server afterwards', async () => {
    const { origin, seen } = await serveWith({ Digest: `md5=${md5('new')}` }, () => ({ status: 201 }))
    expect((await withIntegrity().put(origin, 'new')).status).toBe(201)
    expect(seen.map(({ method }) => method)).toEqual(['PUT', 'HEAD'])
    const digest = createHash('sha256').update('new').digest('base64')
    expect(seen[0]?.headers['repr-digest']).toBe(`sha-256=:${digest}:`)
  })

  it('of a stream cannot be verified: an error, and nothing is sent; with "offered" a warning', async () => {
    const { origin, seen } = await serveWith({}, () => ({ status: 201 }))
    const host = new URL(origin).host
    expect(await failureOf(withIntegrity().put(origin, Readable.from(['new'])))).toMatchObject({
      code: 'ERR_IGWN_INTEGRITY',
      message: `The upload to ${host} cannot be verified, because its body is not a string or bytes. Nothing was sent. Give the body as a string or a Buffer, or leave integrity out.`,
    })
    expect(seen).toEqual([])
    expect((await withIntegrity('offered').put(origin, Readable.from(['new']))).status).toBe(201)
    expect(seen.map(({ method, body }) => [method, body])).toEqual([['PUT', 'new']])
    expect(warnings()).toEqual(['the upload is not verified, because its body is not a string or bytes'])
  })

  it.each([300, 507])(
    'that the server refuses with %i is not compared, also where validateStatus accepts it',
    async (status) => {
      const { adapter, methods } = answering(() => ({ status }))
      expect((await withIntegrity().put(LOCAL, 'new', { adapter, validateStatus: null })).status).toBe(status)
      expect(methods()).toEqual(['put'])
    },
  )

  it.each([
    ['a string', 'n\u20ac'],
    ['a Buffer', Buffer.from('n\u20ac')],
    ['other bytes', new Uint8Array(Buffer.from('n\u20ac'))],
  ])('of %s has the digest of its bytes', async (_, data) => {
    const { origin, seen } = await serveWith({ Digest: 'adler32=612027f' }, () => ({ status: 201 }))
    expect((await withIntegrity().put(origin, data)).status).toBe(201)
    const digest = createHash('sha256').update('n\u20ac').digest('base64')
    expect(seen[0]?.headers['repr-digest']).toBe(`sha-256=:${digest}:`)
    expect(seen[0]?.body).toBe(Buffer.from('n\u20ac').toString('latin1'))
  })

  it.each([
    [200, 'names no digest of the object'],
    [403, 'responds with 403 when it is asked for the digest of the object'],
  ])(
    'after which HEAD has status %i and no digest is an error, with "offered" none',
    async (status, what) => {
      const { origin } = await servers.serve(({ method }) => ({ status: method === 'HEAD' ? status : 201 }))
      expect(await failureOf(withIntegrity().put(origin, 'new'))).toMatchObject({
        code: 'ERR_IGWN_INTEGRITY',
        message: `${new URL(origin).host} ${what}, so it cannot be verified. Set integrity to 'offered' to verify only where the server has a digest.`,
      })
      // No listener gets the warning.
      const instance = applyIgwnAuth(axios.create(), { token: false, integrity: 'offered' })
      expect((await instance.put(origin, 'new')).status).toBe(201)
    },
  )

  it('that was stored otherwise is an error', async () => {
    const { origin } = await serveWith({ Digest: `md5=${md5('old')}` }, () => ({ status: 201 }))
    expect(await failureOf(withIntegrity().put(origin, Buffer.from('new')))).toMatchObject({
      code: 'ERR_IGWN_INTEGRITY',
      message: expect.stringMatching(
        /^127\.0\.0\.1:\d+ stored an object with md5 \w{32}, and what was sent has \w{32}\. Upload it again\.$/,
      ),
    })
  })
})

describe('an object of a federation', () => {
  it('with a wrong digest at one cache is read from the next', async () => {
    federation.caches[0].faults = { digest: 'crc32=12345678' }
    const instance = applyIgwnAuth(axios.create(), { integrity: true })
    expect((await instance.get(federation.url(FRAME))).data).toBe('a secret frame\n')
    expect(federation.caches.map(({ seen }) => seen.map(({ method }) => method).join(' '))).toEqual([
      'HEAD GET',
      'HEAD GET',
    ])
  })

  it('with a trailer that reports a failure is read from the next cache, also without integrity', async () => {
    federation.caches[0].faults = { transferStatus: '500: read from the origin failed' }
    const instance = applyIgwnAuth(axios.create())
    expect((await instance.get(federation.url(FRAME))).data).toBe('a secret frame\n')
    expect(federation.caches.map(({ seen }) => seen.length)).toEqual([1, 1])
  })

  it('as a stream fails at its end where the trailer reports a failure', async () => {
    for (const cache of federation.caches)
      cache.faults = { transferStatus: '500: read from the origin failed' }
    const { data } = await applyIgwnAuth(axios.create()).get<Readable>(federation.url(FRAME), {
      responseType: 'stream',
    })
    expect(await failureOf(buffer(data))).toMatchObject({
      code: 'ERR_IGWN_INTEGRITY',
      message: expect.stringMatching(
        /^localhost:\d+ reports that the transfer failed \(X-Transfer-Status: 500: read from the origin failed\)\. Send the request again\.$/,
      ),
    })
  })

  it('with a trailer that reports success is complete', async () => {
    const { data } = await applyIgwnAuth(axios.create()).get<Readable>(federation.url(FRAME), {
      responseType: 'stream',
    })
    expect((await buffer(data)).toString()).toBe('a secret frame\n')
    expect(federation.caches[0].seen[0]?.headers).toMatchObject({
      te: 'trailers',
      'x-transfer-status': 'true',
    })
  })

  it.each(['TE', 'te'])(
    'is requested with the %s of a caller that sets one, so that it has a length',
    async (name) => {
      const { headers } = await applyIgwnAuth(axios.create()).get(federation.url(FRAME), {
        headers: { [name]: 'gzip' },
      })
      expect(headers['content-length']).toBe('15')
      expect(federation.caches[0].seen[0]?.headers).toMatchObject({ te: 'gzip' })
      expect(federation.caches[0].seen[0]?.headers).not.toHaveProperty('x-transfer-status')
    },
  )
})
