/** Ten thousand requests to a server that resets one connection in a hundred, with automatic retry: what is lost, what is done twice. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import axios, { type AxiosError, type AxiosInstance } from 'axios'
import fc from 'fast-check'
import { applyAutoRetry, applyIgwnAuth } from '../support/all'
import { SEEDED } from '../support/properties'
import { emptyPlaces, mint } from '../support/tokens'

const REQUESTS = 10_000
const AT_ONCE = 64
const METHODS = ['GET', 'GET', 'PUT', 'POST'] as const

/** When the connection of a request is reset: before it is done, when it is done, in the middle of the answer. */
const FATES = ['before', 'done', 'answering'] as const
type Fate = (typeof FATES)[number] | 'none'

/** Counts what is done, by the path of the request, and resets as it is told. */
async function resetting(fateOf: () => Fate) {
  const done = new Map<string, number>()
  const reset = new Map<string, number>()
  const strangers: string[] = []
  const count = (counts: Map<string, number>, url: string) => counts.set(url, (counts.get(url) ?? 0) + 1)
  const server = http.createServer((request, response) => {
    const { url = '', headers, socket } = request
    if (headers.authorization !== `Bearer ${token}`) strangers.push(url)
    const fate = fateOf()
    if (fate !== 'none') count(reset, url)
    if (fate === 'before') return void socket.resetAndDestroy()
    request.resume().on('end', () => {
      count(done, url)
      if (fate === 'done') return void socket.resetAndDestroy()
      if (fate === 'none') return void response.end(url)
      response.writeHead(200, { 'content-length': 100 })
      response.write(url, () => socket.resetAndDestroy())
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    done,
    reset,
    strangers,
    close: () => new Promise((closed) => server.close(closed).closeAllConnections()),
  }
}

interface Sent {
  readonly url: string
  readonly method: (typeof METHODS)[number]
  readonly answer?: unknown
  readonly failure?: AxiosError
}

/** Sends them all, so many at a time. */
async function sendAll(client: AxiosInstance): Promise<Sent[]> {
  const sent: Sent[] = []
  let next = 0
  const sender = async () => {
    while (next < REQUESTS) {
      const number = next++
      const method = METHODS[number % METHODS.length]!
      const url = `/${method}/${number}`
      const data = method === 'GET' ? undefined : 'x'.repeat(100)
      sent.push(
        await client.request<unknown>({ url, method, data }).then(
          (response) => ({ url, method, answer: response.data }),
          (failure: unknown) => ({ url, method, failure: failure as AxiosError }),
        ),
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sender))
  return sent
}

let token: string
beforeEach(() => {
  emptyPlaces()
  token = process.env.SCITOKEN = mint({ aud: 'ANY' })
})

it(`no request that may be repeated is lost, and no POST is done twice ${SEEDED}`, async () => {
  const rolls = fc.sample(fc.nat(99), 3 * REQUESTS).values()
  let resets = 0
  const server = await resetting(() => (rolls.next().value === 0 ? FATES[resets++ % FATES.length]! : 'none'))
  const httpAgent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })
  try {
    const client = applyIgwnAuth(axios.create({ baseURL: server.origin, httpAgent, proxy: false }))
    const sent = await sendAll(applyAutoRetry(client, { backoff: 0.01 }))

    expect(sent).toHaveLength(REQUESTS)
    expect(new Set(sent.map(({ url }) => url)).size).toBe(REQUESTS)
    expect(server.reset.size).toBeGreaterThan(REQUESTS / 200)
    expect(server.strangers).toEqual([])
    for (const { url, method, answer, failure } of sent) {
      const times = server.done.get(url) ?? 0
      if (!failure) {
        expect(answer).toBe(url)
        expect(times).toBeGreaterThanOrEqual(1)
      } else {
        // It may have been done, and is not repeated: that is what the caller is told.
        expect({ method, reset: server.reset.get(url) }).toEqual({ method: 'POST', reset: 1 })
        expect(['ECONNRESET', 'ERR_BAD_RESPONSE']).toContain(failure.code)
      }
      expect(times).toBeLessThanOrEqual(method === 'POST' ? 1 : 1 + (server.reset.get(url) ?? 0))
    }
    const failed = sent.filter(({ failure }) => failure)
    const resetPosts = [...server.reset.keys()].filter((url) => url.startsWith('/POST'))
    expect(failed.map(({ url }) => url).sort()).toEqual(resetPosts.sort())
  } finally {
    httpAgent.destroy()
    await server.close()
  }
}, 60_000)
