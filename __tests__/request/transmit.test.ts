/** A request behaves as in plain axios in everything but the credential. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import axios, { AxiosError, type AxiosAdapter, type AxiosProgressEvent, type AxiosResponse } from 'axios'
import FormDataPackage from 'form-data'
import { applyIgwnAuth, type AuthScheme } from '../support/all'
import type { Refusal } from '../../lib/explain/refusal'
import type { SchemeRequest } from '../../lib/schemes/auth-scheme'
import { listen } from '../support/listen'
import { challenge, serverGroup, type Answer } from '../support/server'

const servers = serverGroup()
afterEach(servers.close)

/** A source that returns token-1, token-2, … */
function counting() {
  let calls = 0
  return () => `token-${(calls += 1)}`
}

const failure = async (request: Promise<unknown>) =>
  request.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error: unknown) => error as AxiosError,
  )

describe('an error of an adapter', () => {
  const rejecting = (error: unknown) => {
    const adapter: AxiosAdapter = () => Promise.reject(error)
    return failure(applyIgwnAuth(axios.create({ adapter }), { token: 'abc' }).get('https://127.0.0.1/'))
  }

  it('that is frozen passes unchanged', async () => {
    const frozen = Object.freeze(new AxiosError('frozen', 'ECONNRESET'))
    expect(await rejecting(frozen)).toBe(frozen)
  })

  it.each([undefined, null, 'text', 7])('that is %j passes unchanged', async (thrown) => {
    expect(await rejecting(thrown)).toBe(thrown)
  })

  it('that has an explanation, from an instance beneath, keeps it', async () => {
    const response = { status: 401, statusText: '', headers: {}, data: '' } as AxiosResponse
    const inner = { summary: 'from beneath', reasons: [] }
    const error = new AxiosError('refused', 'ERR_BAD_REQUEST', undefined, undefined, response)
    expect(await rejecting(Object.assign(error, { igwnAuth: inner }))).toBe(error)
    expect(error).toHaveProperty('igwnAuth', inner)
  })

  it('has its explanation in its JSON, unless the caller removes it', async () => {
    const response = { status: 401, statusText: '', headers: {}, data: '' } as AxiosResponse
    const error = new AxiosError('refused', 'ERR_BAD_REQUEST', undefined, undefined, response)
    const { igwnAuth } = (await rejecting(error)) as { igwnAuth?: Refusal }
    expect(igwnAuth?.summary).toContain('the server refused with 401')
    const { summary, reasons } = igwnAuth!
    expect(error.toJSON()).toMatchObject({ message: 'refused', summary, reasons })
    Reflect.deleteProperty(error, 'igwnAuth')
    expect(JSON.parse(JSON.stringify(error))).not.toHaveProperty('summary')
  })

  it('that is not one of axios gets no property', async () => {
    const own = Object.assign(new TypeError('own'), { response: { status: 403, headers: {} } })
    expect(await rejecting(own)).toBe(own)
    expect(own).not.toHaveProperty('igwnAuth')
    expect(Object.keys(own)).toEqual(['response'])
  })
})

describe('timeout', () => {
  it('covers both sends, and the message has the value of the caller', async () => {
    const server = await servers.serve(async (_, index) => {
      if (index > 0) await wait(index === 1 ? 600 : 3000)
      return index === 1 ? challenge() : {}
    })
    const instance = applyIgwnAuth(axios.create(), { token: counting() })
    await instance.get(server.origin)
    const begin = performance.now()
    const error = await failure(instance.get(server.origin, { timeout: 1000 }))
    expect([error.code, error.message]).toEqual(['ECONNABORTED', 'timeout of 1000ms exceeded'])
    // In full again, it would be 1600.
    expect(performance.now() - begin).toBeLessThan(1550)
    expect(server.seen).toHaveLength(3)
  })

  it('after a redirect to another origin has the value of the caller in its message', async () => {
    const target = await servers.serve(() => new Promise<Answer>(() => undefined), { host: 'localhost' })
    const server = await servers.serve(() => ({ status: 302, headers: { Location: target.origin } }))
    const error = await failure(
      applyIgwnAuth(axios.create(), { token: 'abc' }).get(server.origin, { timeout: 300 }),
    )
    expect(error.message).toBe('timeout of 300ms exceeded')
    expect(error.config?.timeout).toBe(300)
  })
})

describe('progress', () => {
  it('hooks get the response of the caller only, and each uploaded byte once', async () => {
    const server = await servers.serve((_, index) =>
      index === 0 ? { ...challenge(), body: 'refused'.repeat(100) } : { body: 'x'.repeat(5000) },
    )
    const [uploads, downloads]: AxiosProgressEvent[][] = [[], []]
    await applyIgwnAuth(axios.create(), { token: counting() }).post(server.origin, 'b'.repeat(1000), {
      onUploadProgress: (event) => uploads!.push(event),
      onDownloadProgress: (event) => downloads!.push(event),
    })
    const uploaded = uploads!.map(({ loaded }) => loaded)
    expect(uploaded).toEqual([...new Set(uploaded)].sort((a, b) => a - b))
    expect(uploaded.at(-1)).toBe(1000)
    expect(downloads!.at(-1)?.loaded).toBe(5000)
    for (const { total } of downloads!) expect(total ?? 5000).toBe(5000)
  })

  it('hooks get the body of a refusal that is returned', async () => {
    const server = await servers.serve(() => ({ status: 403, body: 'x'.repeat(300) }))
    const loaded: number[] = []
    await failure(
      applyIgwnAuth(axios.create(), { token: 'abc' }).get(server.origin, {
        onDownloadProgress: (event) => loaded.push(event.loaded),
      }),
    )
    expect(loaded.at(-1)).toBe(300)
  })
})

describe('a scheme', () => {
  const adapter: AxiosAdapter = (config) =>
    Promise.resolve({ status: 200, statusText: '', data: '', headers: {}, config })
  /** What a scheme gets of a POST with this body. */
  const schemeRequestFor = async (data: unknown, headers = {}) => {
    const seen: SchemeRequest[] = []
    const scheme: AuthScheme = {
      name: 'Recording',
      authorize: (request) => {
        seen.push(request)
        return undefined
      },
    }
    await applyIgwnAuth(axios.create({ adapter }), { scheme }).post('http://127.0.0.1/', data, { headers })
    expect(seen).toHaveLength(1)
    return seen[0]!
  }

  it.each<[string, unknown, string]>([
    ['a native form', new FormData(), 'multipart/form-data'],
    ['a Blob with a type', new Blob(['a'], { type: 'text/csv' }), 'text/csv'],
    ['a Blob without a type', new Blob(['a']), 'application/octet-stream'],
    ['an empty Blob', new Blob([], { type: 'text/csv' }), 'text/own'],
    ['a string', 'a', 'text/own'],
  ])('gets the content type that the http adapter sends with %s', async (_, data, contentType) => {
    expect(await schemeRequestFor(data, { 'Content-Type': 'text/own' })).toMatchObject({
      method: 'POST',
      contentType,
    })
  })

  it('gets the bytes and the boundary of a form of the form-data package', async () => {
    const form = new FormDataPackage()
    form.append('a', '1')
    const { body, contentType, isStream } = await schemeRequestFor(form)
    expect(contentType).toBe(`multipart/form-data; boundary=${form.getBoundary()}`)
    expect([Buffer.from(body!).toString(), isStream]).toEqual([form.getBuffer().toString(), false])
  })

  it.each<[string, AuthScheme['authorize']]>([
    ['nothing', () => undefined],
    ['nothing, later', () => Promise.resolve(undefined)],
  ])('that changes %s leaves the request as it is', async (_, authorize) => {
    const instance = applyIgwnAuth(axios.create({ adapter }), { scheme: { name: 'Idle', authorize } })
    const params = { q: '1' }
    const { config } = await instance.post('http://127.0.0.1/a', 'text', { params })
    expect(config).toMatchObject({ url: 'http://127.0.0.1/a', params, data: 'text' })
    expect(config.headers.has('Authorization')).toBe(false)
  })
})

it("a custom adapter gets the caller's own agents", async () => {
  const httpAgent = new http.Agent()
  const seen: unknown[] = []
  const adapter: AxiosAdapter = (config) => {
    seen.push(config.httpAgent, config.httpsAgent, config.headers.Authorization)
    return Promise.resolve({ status: 200, statusText: '', data: '', headers: {}, config })
  }
  const instance = applyIgwnAuth(axios.create({ adapter, httpAgent }), { token: 'abc', cert: false })
  await instance.get('http://127.0.0.1/')
  expect(seen).toEqual([httpAgent, undefined, 'Bearer abc'])
  expect(seen[0]).toBe(httpAgent)
})

it('the body of a 401 that never ends does not keep the process alive', async () => {
  const server = http.createServer((request, response) => {
    if (request.headers.authorization === 'Bearer token-2') return response.end('ok')
    response.writeHead(401, { 'WWW-Authenticate': 'Bearer' })
    return response.write('x')
  })
  const { port } = await listen(server)
  const program = `
    const axios = require('axios')
    const { applyIgwnAuth } = require('axios-igwn-auth')
    let calls = 0
    const instance = applyIgwnAuth(axios.create({ responseType: 'stream', proxy: false }), { token: () => 'token-' + (calls += 1) })
    instance.get(process.argv[1]).then(({ data }) => data.on('end', () => process.stdout.write('done')).resume())`
  const argv = ['--eval', program, `http://127.0.0.1:${port}`]
  const child = spawn(process.execPath, argv, { cwd: path.join(__dirname, '../..') })
  try {
    expect(String((await once(child.stdout, 'data'))[0])).toBe('done')
    const begin = performance.now()
    expect(await once(child, 'exit')).toEqual([0, null])
    // The response is closed after a second.
    expect(performance.now() - begin).toBeLessThan(800)
  } finally {
    child.kill()
  }
})
