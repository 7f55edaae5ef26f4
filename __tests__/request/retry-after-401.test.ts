import fs from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import http from 'node:http'
import { inspect } from 'node:util'
import axios, { type AxiosRequestConfig } from 'axios'
import FormDataPackage from 'form-data'
import { schemeResponse } from '../../lib/request/retry-after-401'
import { applyIgwnAuth, IgwnAuthError, type IgwnAxiosError, type TokenQuery } from '../support/all'
import { listen } from '../support/listen'
import { challenge, serverGroup } from '../support/server'
import { mint } from '../support/tokens'

const servers = serverGroup()
afterEach(servers.close)
beforeEach(() => {
  for (const name of ['BEARER_TOKEN', 'BEARER_TOKEN_FILE', 'SCITOKEN']) delete process.env[name]
})

/** A source that returns token-1, token-2, … */
function counting() {
  let calls = 0
  return Object.assign(() => `token-${(calls += 1)}`, { calls: () => calls })
}

const refuseFirst = (parameters?: string) => (_: unknown, index: number) =>
  index === 0 ? challenge(parameters) : {}
const failure = async (request: Promise<unknown>): Promise<IgwnAxiosError> =>
  request.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error: unknown) => error as IgwnAxiosError,
  )

describe('a 401 with a Bearer challenge', () => {
  it('is retried once with another token', async () => {
    const server = await servers.serve(refuseFirst())
    const { status } = await applyIgwnAuth(axios.create(), { token: counting() }).get(server.origin)
    expect(status).toBe(200)
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2'])
  })

  it('is retried with the next discovered token that is not the refused one', async () => {
    const [first, second] = [mint({ aud: 'ANY', jti: 'a' }), mint({ aud: 'ANY', jti: 'b' })]
    process.env.SCITOKEN = first
    process.env.BEARER_TOKEN = second
    const server = await servers.serve(refuseFirst())
    const instance = applyIgwnAuth(axios.create())
    for (let request = 0; request < 2; request += 1) await instance.get(server.origin)
    // The next request begins with the first again.
    expect(server.authorizations).toEqual([first, second, first].map((token) => `Bearer ${token}`))
  })

  it('is retried with a token that exists and has the scope of the challenge, which a source gets apart', async () => {
    const [read, write] = [
      mint({ aud: 'ANY', scope: 'gracedb.read' }),
      mint({ aud: 'ANY', scope: 'gracedb.read gracedb.write' }),
    ]
    process.env.SCITOKEN = read
    process.env.BEARER_TOKEN = write
    const server = await servers.serve(refuseFirst('scope="gracedb.write", error="insufficient_scope"'))
    await applyIgwnAuth(axios.create(), { tokenScope: 'gracedb.read' }).get(server.origin)
    expect(server.authorizations).toEqual([`Bearer ${read}`, `Bearer ${write}`])

    const queries: TokenQuery[] = []
    const token = (query: TokenQuery) => `token-${queries.push(query)}`
    const again = await servers.serve(refuseFirst('scope="b c"'))
    await applyIgwnAuth(axios.create(), { token, tokenScope: ['a', 'b'] }).get(again.origin)
    expect(queries.map(({ scope, challengeScope }) => [scope, challengeScope])).toEqual([
      [['a', 'b'], undefined],
      [
        ['a', 'b'],
        ['b', 'c'],
      ],
    ])
  })

  it('twice is the error of the request, after two sends (trap 3)', async () => {
    const server = await servers.serve(() => challenge())
    const source = counting()
    const error = await failure(applyIgwnAuth(axios.create(), { token: source }).get(server.origin))
    expect(error.response?.status).toBe(401)
    expect(error.message).toBe('Request failed with status code 401')
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2'])
    expect(source.calls()).toBe(2)
  })

  it('is not retried with the same token, and the error has the reason (trap 3)', async () => {
    const server = await servers.serve(() => challenge())
    const error = await failure(applyIgwnAuth(axios.create(), { token: 'abc' }).get(server.origin))
    expect(error.response?.status).toBe(401)
    expect(error.igwnAuth?.reasons[0]).toEqual({
      code: 'refused',
      source: 'the token',
      message: 'the token was refused by the server',
    })
    expect(server.seen).toHaveLength(1)
  })

  it('is the error of the request when no other token is found, with a reason for each location', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const server = await servers.serve(() => challenge())
    const error = await failure(applyIgwnAuth(axios.create()).get(server.origin))
    expect(error.igwnAuth?.reasons.map(({ message }) => message)).toContain(
      'BEARER_TOKEN was refused by the server',
    )
    expect(server.seen).toHaveLength(1)
  })

  const reason = { code: 'absent', source: 'vault', message: 'vault has no token' } as const
  it.each([
    [new Error('vault is down'), 'Finding another credential failed: vault is down'],
    [undefined, 'Finding another credential failed: an unknown error'],
    [new IgwnAuthError('ERR_IGWN_TOKEN_NOT_FOUND', 'none', { reasons: [reason] }), 'vault has no token'],
    [new IgwnAuthError('ERR_IGWN_COMMAND_FAILED', 'no vault'), 'Finding another credential failed: no vault'],
  ])('is the error of the request when a source fails with %s, which is the reason', async (thrown, says) => {
    const server = await servers.serve(() => challenge())
    let calls = 0
    const token = () => {
      calls += 1
      if (calls > 1) throw thrown
      return 'abc'
    }
    const error = await failure(applyIgwnAuth(axios.create(), { token }).get(server.origin))
    expect(error.response?.status).toBe(401)
    expect(error.igwnAuth?.reasons.map(({ message }) => message)).toEqual([says])
  })

  it('ends the request where the source was canceled', async () => {
    const server = await servers.serve(() => challenge())
    const canceled = new axios.CanceledError('enough')
    let calls = 0
    const token = () => ((calls += 1) > 1 ? Promise.reject(canceled) : 'abc')
    expect(await failure(applyIgwnAuth(axios.create(), { token }).get(server.origin))).toBe(canceled)
  })

  it('calls invalidate of the source with the refused token', async () => {
    const server = await servers.serve(refuseFirst())
    const refused: string[] = []
    const source = { getToken: counting(), invalidate: (token: string) => void refused.push(token) }
    await applyIgwnAuth(axios.create(), { token: source }).get(server.origin)
    expect(refused).toEqual(['token-1'])
  })

  it.each([
    ['in lower case', 'bearer realm="x"', false],
    ['without parameters', 'Bearer', false],
    ['after others', 'Negotiate, Basic realm="a, b", Bearer realm="x"', false],
    ['in fields of its own', ['Basic realm="x"', 'Bearer error="invalid_token"'], false],
    ['invalid_request, to a request without a token', 'Bearer error="invalid_request"', true],
  ])('is recognized %s', async (_, header, without) => {
    const server = await servers.serve((__, index) =>
      index === 0 ? { status: 401, headers: { 'WWW-Authenticate': header } } : {},
    )
    let calls = 0
    const token = () => ((calls += 1) === 1 && without ? undefined : `token-${calls}`)
    const { status } = await applyIgwnAuth(axios.create(), { token }).get(server.origin)
    expect(status).toBe(200)
    expect(server.seen).toHaveLength(2)
  })

  it.each([
    ['no challenge', {}, []],
    ['another scheme', { 'WWW-Authenticate': 'Basic realm="x"' }, []],
    ['"Bearer" inside a quoted realm', { 'WWW-Authenticate': 'Basic realm="Bearer of news"' }, []],
    [
      'invalid_request of a token that was sent',
      { 'WWW-Authenticate': 'Bearer error="invalid_request"' },
      ['the server rejects the request itself (invalid_request); another token does not help'],
    ],
  ])('is not retried with %s (trap 3)', async (_, headers, reasons) => {
    const server = await servers.serve(() => ({ status: 401, headers: headers }))
    const error = await failure(applyIgwnAuth(axios.create(), { token: counting() }).get(server.origin))
    expect(error.response?.status).toBe(401)
    expect(error.igwnAuth?.reasons.map(({ message }) => message)).toEqual(reasons)
    expect(server.seen).toHaveLength(1)
  })

  it('is retried, and a 403 is not', async () => {
    const server = await servers.serve(() => ({ ...challenge('error="insufficient_scope"'), status: 403 }))
    const error = await failure(applyIgwnAuth(axios.create(), { token: counting() }).get(server.origin))
    expect(error.response?.status).toBe(403)
    expect(server.seen).toHaveLength(1)
  })

  it.each([401, 403])(
    'or a %d without one: the error has the reasons of the tokens that were not sent (XRootD sends no challenge)',
    async (status) => {
      process.env.SCITOKEN = mint({ aud: 'ANY', exp: 1000 })
      const server = await servers.serve(() => ({ status }))
      const error = await failure(applyIgwnAuth(axios.create()).get(server.origin))
      expect(error.igwnAuth?.reasons[0]).toMatchObject({ code: 'expired', source: 'SCITOKEN', claim: 'exp' })
      expect(server.seen).toHaveLength(1)
    },
  )

  it('is retried also when validateStatus accepts it (trap 4)', async () => {
    const server = await servers.serve(refuseFirst())
    const instance = applyIgwnAuth(axios.create({ validateStatus: null }), { token: counting() })
    expect((await instance.get(server.origin)).status).toBe(200)
    const never = await servers.serve(() => challenge())
    expect((await instance.get(never.origin)).status).toBe(401)
    expect(never.seen).toHaveLength(2)
  })

  it('is retried before transformResponse runs, which runs once (trap 4)', async () => {
    const server = await servers.serve(refuseFirst())
    const runs: unknown[] = []
    const transformResponse = (data: string) => {
      runs.push(data)
      if (data.includes('refused')) throw new Error('schema')
      return data
    }
    const instance = applyIgwnAuth(axios.create({ transformResponse }), { token: counting() })
    expect((await instance.get(server.origin)).data).toBe('{"ok":true}')
    expect(runs).toEqual(['{"ok":true}'])
  })

  it('runs transformRequest once and keeps Content-Length right (trap 1)', async () => {
    const server = await servers.serve(refuseFirst())
    const transformRequest = (data: unknown) => `T(${JSON.stringify(data)})`
    const instance = applyIgwnAuth(axios.create({ transformRequest }), { token: counting() })
    await instance.post(server.origin, { a: 1 })
    for (const { body, headers } of server.seen) {
      expect(body).toBe('T({"a":1})')
      expect(headers['content-length']).toBe('10')
    }
    expect(server.seen).toHaveLength(2)
  })
})

describe('bodies of the second send (trap 5)', () => {
  const form = () => {
    const made = new FormDataPackage()
    made.append('field', 'value')
    made.append('file', Buffer.from([1, 2, 3, 255]), { filename: 'a.bin' })
    return made
  }
  const native = () => {
    const made = new FormData()
    made.append('field', 'value')
    made.append('file', new Blob(['abc']), 'a.txt')
    return made
  }
  const fieldsOf = (body: string) => body.replace(/--[^\r\n]*/g, '--')

  it.each<[string, AxiosRequestConfig]>([
    ['JSON', { data: { a: [1, 'ü'] } }],
    ['a string', { data: 'text' }],
    ['a Buffer', { data: Buffer.from([0, 1, 2, 255]) }],
    ['an ArrayBuffer', { data: new Uint8Array([7, 8, 9]).buffer }],
    ['URLSearchParams', { data: new URLSearchParams({ a: 'b c' }) }],
    ['a Blob', { data: new Blob(['blob']) }],
    ['native FormData', { data: native() }],
    ['a form of the form-data package', { data: form() }],
    ['an object sent as multipart', { data: { a: 'b' }, headers: { 'Content-Type': 'multipart/form-data' } }],
    ['no body', {}],
  ])('%s is sent whole twice', async (_, config) => {
    const server = await servers.serve(refuseFirst())
    await applyIgwnAuth(axios.create(), { token: counting() }).request({
      url: server.origin,
      method: 'post',
      ...config,
    })
    const [first, second] = server.seen
    expect(server.seen).toHaveLength(2)
    expect(fieldsOf(second!.body)).toBe(fieldsOf(first!.body))
    const boundary = /boundary=(\S+)/.exec(second!.headers['content-type'] ?? '')?.[1]
    if (boundary) expect(second!.body).toContain(`--${boundary}`)
    else expect(second!.headers['content-type']).toBe(first!.headers['content-type'])
    if (second!.headers['content-length'])
      expect(second!.body).toHaveLength(Number(second!.headers['content-length']))
    if (config.data !== undefined) expect(second!.body.length).toBeGreaterThan(0)
  })

  it.each<[string, () => unknown]>([
    ['a Readable', () => Readable.from([Buffer.from('abc')])],
    [
      'a form with a stream in it',
      () => {
        const made = new FormDataPackage()
        made.append('file', Readable.from([Buffer.from('abc')]), { filename: 'x', knownLength: 3 })
        return made
      },
    ],
  ])('%s is sent once, and the 401 is the error', async (_, data) => {
    const server = await servers.serve(refuseFirst())
    const error = await failure(
      applyIgwnAuth(axios.create(), { token: counting() }).post(server.origin, data()),
    )
    expect(error.response?.status).toBe(401)
    expect(error.igwnAuth?.reasons.map(({ message }) => message)).toEqual([
      'the body of the request is a stream, which cannot be sent a second time',
    ])
    expect(server.seen).toHaveLength(1)
    expect(server.seen[0]!.body).toContain('abc')
  })

  it('a web stream on the fetch adapter is sent once, and the 401 is the error', async () => {
    const server = await servers.serve(refuseFirst())
    const data = new Blob(['abc']).stream()
    const instance = applyIgwnAuth(axios.create({ adapter: 'fetch' }), { token: counting() })
    const error = await failure(instance.post(server.origin, data))
    expect(error.response?.status).toBe(401)
    expect(server.seen).toHaveLength(1)
  })
})

describe('the body of a 401 that is retried, with responseType stream (trap 6)', () => {
  it('is drained, so that its connection is used again', async () => {
    const server = await servers.serve((_, index) =>
      index % 2 === 0 ? { ...challenge(), body: 'x'.repeat(200_000) } : {},
    )
    const httpAgent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const instance = applyIgwnAuth(axios.create({ httpAgent, responseType: 'stream', timeout: 5000 }), {
      token: counting(),
    })
    for (let round = 0; round < 3; round += 1) {
      const { data } = await instance.get<Readable>(server.origin)
      expect(Buffer.concat(await data.toArray()).toString()).toBe('{"ok":true}')
    }
    httpAgent.destroy()
    expect(server.connections()).toBe(1)
    expect(server.seen).toHaveLength(6)
  })

  it('may be longer than maxContentLength', async () => {
    const server = await servers.serve((_, index) =>
      index === 0 ? { ...challenge(), body: 'x'.repeat(5000) } : {},
    )
    const config = { responseType: 'stream', maxContentLength: 100 } as const
    const { status, data } = await applyIgwnAuth(axios.create(config), { token: counting() }).get<Readable>(
      server.origin,
    )
    expect(status).toBe(200)
    data.resume()
    await new Promise((resolve) => setTimeout(resolve, 50))
  })

  it('is closed when it does not end, so that its connection is free', async () => {
    const server = http.createServer((request, response) => {
      if (request.headers.authorization !== 'Bearer token-1') return response.end('ok')
      response.writeHead(401, { 'WWW-Authenticate': 'Bearer' })
      return response.write('x'.repeat(2_000_000))
    })
    const { port } = await listen(server)
    const httpAgent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const instance = applyIgwnAuth(axios.create({ httpAgent, responseType: 'stream' }), { token: counting() })
    const { data } = await instance.get<Readable>(`http://127.0.0.1:${port}`)
    expect(Buffer.concat(await data.toArray()).toString()).toBe('ok')
    httpAgent.destroy()
  })
})

describe('abort (trap 7)', () => {
  const never = async () => new Promise<string>(() => undefined)

  it('before the request: nothing is searched and nothing is sent', async () => {
    const server = await servers.serve(() => ({}))
    const source = counting()
    const request = applyIgwnAuth(axios.create(), { token: source }).get(server.origin, {
      signal: AbortSignal.abort(),
    })
    expect((await failure(request)).code).toBe('ERR_CANCELED')
    expect([source.calls(), server.seen.length]).toEqual([0, 0])
  })

  it.each(['signal', 'cancelToken'] as const)(
    'by %s during discovery ends the request at once, and nothing is sent',
    async (way) => {
      const server = await servers.serve(() => ({}))
      const controller = new AbortController()
      const cancel = axios.CancelToken.source()
      const config = way === 'signal' ? { signal: controller.signal } : { cancelToken: cancel.token }
      const request = failure(applyIgwnAuth(axios.create(), { token: never }).get(server.origin, config))
      setImmediate(() => {
        controller.abort()
        cancel.cancel('enough')
      })
      const error = await request
      expect(axios.isCancel(error)).toBe(true)
      expect(server.seen).toHaveLength(0)
    },
  )

  it('during a synchronous discovery: nothing is sent', async () => {
    const server = await servers.serve(() => ({}))
    const controller = new AbortController()
    const token = () => {
      controller.abort()
      return 'abc'
    }
    const error = await failure(
      applyIgwnAuth(axios.create(), { token }).get(server.origin, { signal: controller.signal }),
    )
    expect(error.code).toBe('ERR_CANCELED')
    expect(server.seen).toHaveLength(0)
  })

  it('between the refusal and the second send: nothing more is sent', async () => {
    const server = await servers.serve(() => challenge())
    const controller = new AbortController()
    let calls = 0
    const token = async () => {
      calls += 1
      if (calls > 1) setImmediate(() => controller.abort())
      return calls > 1 ? never() : 'abc'
    }
    const error = await failure(
      applyIgwnAuth(axios.create(), { token }).get(server.origin, { signal: controller.signal }),
    )
    expect(error.code).toBe('ERR_CANCELED')
    expect(server.seen).toHaveLength(1)
  })

  it('leaves no listener on a cancel token', async () => {
    const server = await servers.serve(() => ({}))
    const { token: cancelToken } = axios.CancelToken.source()
    const instance = applyIgwnAuth(axios.create(), { token: async () => Promise.resolve('abc') })
    for (let request = 0; request < 5; request += 1) await instance.get(server.origin, { cancelToken })
    await new Promise(setImmediate)
    expect((cancelToken as unknown as { _listeners?: unknown[] })._listeners ?? []).toEqual([])
  })

  it('leaves no listener on the signal', async () => {
    const server = await servers.serve(() => ({}))
    const controller = new AbortController()
    const remove = jest.spyOn(controller.signal, 'removeEventListener')
    const add = jest.spyOn(controller.signal, 'addEventListener')
    const instance = applyIgwnAuth(axios.create(), { token: async () => Promise.resolve('abc') })
    await instance.get(server.origin, { signal: controller.signal })
    await new Promise(setImmediate)
    expect(remove.mock.calls.length).toBeGreaterThanOrEqual(add.mock.calls.length)
  })
})

describe('concurrent requests (trap 17)', () => {
  it('a token that was renewed meanwhile is used, and the refused one is not remembered', async () => {
    const file = (process.env.BEARER_TOKEN_FILE = path.join(process.env.HOME!, 'token'))
    const [old, fresh] = [mint({ aud: 'ANY', jti: 'old' }), mint({ aud: 'ANY', jti: 'fresh' })]
    fs.writeFileSync(file, old)
    const server = await servers.serve(({ headers }) => {
      if (headers.authorization === `Bearer ${fresh}`) return {}
      fs.writeFileSync(`${file}.new`, fresh)
      fs.renameSync(`${file}.new`, file)
      return challenge('error="invalid_token"')
    })
    const instance = applyIgwnAuth(axios.create())
    const all = await Promise.all(Array.from({ length: 10 }, () => instance.get(server.origin)))
    expect(all.map(({ status }) => status)).toEqual(Array(10).fill(200))
    await instance.get(server.origin)
    expect(server.authorizations.at(-1)).toBe(`Bearer ${fresh}`)
  })

  it('a source may use the same instance for requests of its own (trap 16)', async () => {
    const server = await servers.serve(({ url }) => (url === '/token' ? { body: '"from-server"' } : {}))
    const instance = axios.create()
    applyIgwnAuth(instance, {
      token: async () => (await instance.get<string>(`${server.origin}/token`, { igwnAuth: false })).data,
    })
    await instance.get(`${server.origin}/thing`)
    expect(server.authorizations).toEqual([undefined, 'Bearer from-server'])
  })
})

describe('a custom adapter', () => {
  it('that responds without a config gets the retry too', async () => {
    let calls = 0
    const adapter = async () => {
      calls += 1
      const response = {
        status: calls === 1 ? 401 : 200,
        statusText: '',
        data: 'x',
        headers: { 'www-Authenticate': 'Bearer' },
      }
      return Promise.resolve(response as never)
    }
    const instance = applyIgwnAuth(axios.create({ adapter }), { token: counting() })
    expect((await instance.get('https://127.0.0.1/')).status).toBe(200)
    expect(calls).toBe(2)
  })

  it('may give header fields in any shape', () => {
    const headers = { 'x-List': ['a', 'b'], 'X-NUMBER': 7, 'X-Null': null, 'X-Empty': '' }
    const { header } = schemeResponse({ status: 200, headers })
    expect(['X-List', 'x-number', 'x-null', 'x-empty', 'x-absent'].map(header)).toEqual([
      'a, b',
      '7',
      undefined,
      '',
      undefined,
    ])
    expect(schemeResponse({ status: 200, headers: undefined as never }).header('X')).toBeUndefined()
  })

  it('that throws another error than an AxiosError fails with that error', async () => {
    const thrown = new TypeError('odd')
    const adapter = async () => Promise.reject(thrown)
    await expect(
      applyIgwnAuth(axios.create({ adapter }), { token: 'a' }).get('https://127.0.0.1/'),
    ).rejects.toBe(thrown)
  })
})

it('a body that is an async iterable is not sent a second time, when it would be empty', async () => {
  const server = await servers.serve(refuseFirst())
  async function* body() {
    yield await Promise.resolve(Buffer.from('abc'))
  }
  const instance = applyIgwnAuth(axios.create({ adapter: 'fetch' }), { token: counting() })
  const config = { transformRequest: [(data: unknown) => data], fetchOptions: { duplex: 'half' } }
  const error = await failure(instance.post(server.origin, body(), config as AxiosRequestConfig))
  expect(error.response?.status).toBe(401)
  expect(server.seen.map(({ body }) => body)).toEqual(['abc'])
})

it('a refusal is released when its request is aborted while a source is waited for', async () => {
  let closed: () => void = () => undefined
  const isClosed = new Promise<void>((resolve) => (closed = resolve))
  const server = http.createServer((_, response) => {
    response.writeHead(401, { 'WWW-Authenticate': 'Bearer' }).write('never ends')
    response.once('close', closed)
  })
  const url = `http://127.0.0.1:${(await listen(server)).port}`
  const abort = new AbortController()
  let calls = 0
  const token = () => {
    if ((calls += 1) === 1) return 'token-1'
    setImmediate(() => {
      abort.abort()
    })
    return new Promise<string>(() => undefined)
  }
  const config = { responseType: 'stream', signal: abort.signal } as const
  const error = await failure(applyIgwnAuth(axios.create(), { token }).get(url, config))
  expect(error.code).toBe('ERR_CANCELED')
  await isClosed
})

it('a refused token that a later response repeats is not shown by errors and events', async () => {
  const events: unknown[] = []
  const server = await servers.serve((_, index) =>
    challenge(index === 0 ? undefined : 'error_description="token-1 was refused"'),
  )
  const onEvent = (event: unknown) => events.push(event)
  const error = await failure(
    applyIgwnAuth(axios.create(), { token: counting(), onEvent }).get(server.origin),
  )
  expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2'])
  expect(inspect([error, events], { depth: 20 })).not.toContain('token-1')
})
