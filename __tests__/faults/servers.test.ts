/** Servers that fail during a request: the outcome and the number of requests are the same as with plain axios. */
import { once } from 'node:events'
import http from 'node:http'
import net, { type Socket } from 'node:net'
import axios, { type AxiosError, type AxiosInstance, type AxiosRequestConfig } from 'axios'
import { applyIgwnAuth } from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { listen } from '../support/listen'
import { emptyPlaces, mint, signatureOf } from '../support/tokens'

interface FaultyServer {
  readonly origin: string
  /** The `Authorization` of each request that arrived. */
  readonly arrived: (string | undefined)[]
  /** Connections that are open now. */
  readonly open: ReadonlySet<Socket>
}

/** Responds to the head of a request with any bytes, or none. */
type Fault = (socket: Socket, nth: number) => void

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'
const CHALLENGE = 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer error="invalid_token"\r\n'

const unhandled = jest.fn()
let token: string

beforeAll(() => {
  process.on('unhandledRejection', unhandled)
})
afterAll(() => {
  process.off('unhandledRejection', unhandled)
})
beforeEach(() => {
  emptyPlaces()
  // A second token, for servers that refuse the first.
  token = process.env.SCITOKEN = mint({ aud: 'ANY' })
  process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
})
afterEach(() => {
  expect(unhandled).not.toHaveBeenCalled()
})

async function faulty(fault: Fault): Promise<FaultyServer> {
  const arrived: (string | undefined)[] = []
  const listening = net.createServer((socket) => {
    let head = ''
    socket.on('data', (data) => {
      head += data.toString('latin1')
      for (let end = head.indexOf('\r\n\r\n'); end >= 0; end = head.indexOf('\r\n\r\n')) {
        arrived.push(/^authorization: (.*)$/im.exec(head.slice(0, end))?.[1])
        head = head.slice(end + 4)
        fault(socket, arrived.length)
      }
    })
  })
  const { port, open } = await listen(listening)
  return { origin: `http://127.0.0.1:${port}`, arrived, open }
}

const settled = async (request: Promise<unknown>) => request.catch((error: unknown) => error as AxiosError)
const plain = () => axios.create({ proxy: false })
const withAuth = () => applyIgwnAuth(plain())

const FAULTS: [string, Fault, AxiosRequestConfig?][] = [
  ['hangs up before it answers', (socket) => socket.destroy()],
  ['resets the connection', (socket) => socket.resetAndDestroy()],
  ['hangs up in its status line', (socket) => socket.end('HTTP/1.1 20')],
  ['hangs up in its header', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Le')],
  ['hangs up in its body', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{')],
  [
    'resets in its body',
    (socket) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{', () =>
        setTimeout(() => socket.resetAndDestroy(), 20),
      ),
  ],
  [
    'hangs up in a chunk',
    (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'),
  ],
  ['answers nonsense', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
  [
    'sends two Content-Length fields',
    (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}'),
  ],
  ['has no end of header', (socket) => flood(socket, 'HTTP/1.1 200 OK\r\n', `X-A: ${'b'.repeat(1000)}\r\n`)],
  ['says nothing', () => undefined, { timeout: 400 }],
  [
    'stops in its body',
    (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{'),
    { timeout: 100 },
  ],
  [
    'sends an endless body',
    (socket) =>
      flood(
        socket,
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
        '1000\r\n' + 'x'.repeat(4096) + '\r\n',
      ),
    { maxContentLength: 100_000 },
  ],
  [
    'redirects to a closed port',
    (socket) =>
      socket.end('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'),
  ],
  [
    'redirects to an invalid URL',
    (socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n'),
  ],
  [
    'redirects to itself forever',
    (socket) => socket.write('HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n'),
  ],
]

/** Writes until the socket is closed. */
function flood(socket: Socket, begin: string, more: string): void {
  socket.write(begin)
  const again = () => {
    while (!socket.destroyed && socket.write(more));
    if (!socket.destroyed) socket.once('drain', again)
  }
  again()
}

describe.each(FAULTS)('a server that %s', (_, fault, config = {}) => {
  it.each(['get', 'post'] as const)(
    'fails a %s as with plain axios, after as many requests',
    async (method) => {
      const attempt = async (instance: AxiosInstance, { timeout = 0 } = config) => {
        const server = await faulty(fault)
        const data = method === 'post' ? { data: { event: 1 } } : {}
        const error = (await settled(
          instance.request({ ...config, ...data, timeout, method, url: server.origin }),
        )) as AxiosError
        // On a busy host a short timeout may come before the request arrives.
        if (server.arrived.length === 0 && timeout > 0 && timeout < 20_000)
          return attempt(instance, { timeout: timeout * 4 })
        return {
          error,
          code: error.code,
          status: error.response?.status,
          requests: server.arrived.length,
          arrived: server.arrived,
        }
      }
      const [theirs, ours] = [await attempt(plain()), await attempt(withAuth())]
      expect(axios.isAxiosError(ours.error)).toBe(true)
      expect([ours.code, ours.status, ours.requests]).toEqual([theirs.code, theirs.status, theirs.requests])
      expect(new Set(ours.arrived)).toEqual(new Set([`Bearer ${token}`]))
      expectNoSecret(ours.error, [token, signatureOf(token)])
    },
  )
})

describe('a refusal', () => {
  it.each<[string, string, boolean]>([
    ['whose body is cut off', `${CHALLENGE}Content-Length: 100\r\n\r\n{`, true],
    ['whose connection ends with it', `${CHALLENGE}Connection: close\r\nContent-Length: 2\r\n\r\n{}`, true],
    ['without a body', `${CHALLENGE}Content-Length: 0\r\n\r\n`, false],
  ])('%s is retried once all the same', async (_, answer, ends) => {
    const server = await faulty((socket, nth) => {
      if (nth > 1) socket.write(OK)
      else if (ends) socket.end(answer)
      else socket.write(answer)
    })
    expect((await withAuth().get(server.origin)).status).toBe(200)
    expect(server.arrived).toEqual([`Bearer ${token}`, `Bearer ${String(process.env.BEARER_TOKEN)}`])
  })

  it('with an endless body is closed when the request is sent again with another token', async () => {
    const server = await faulty((socket, nth) => {
      if (nth > 1) socket.write(OK)
      else
        flood(
          socket,
          `${CHALLENGE}Transfer-Encoding: chunked\r\n\r\n`,
          '1000\r\n' + 'x'.repeat(4096) + '\r\n',
        )
    })
    const httpAgent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const response = await withAuth().get(server.origin, { httpAgent, responseType: 'stream' })
    expect(response.status).toBe(200)
    expect(server.arrived).toHaveLength(2)
    const closed = once(response.data as http.IncomingMessage, 'close')
    ;(response.data as http.IncomingMessage).resume()
    await closed
    httpAgent.destroy()
    expect(server.open.size).toBeLessThanOrEqual(1)
  })

  it('of the second send that is cut is one error, and leaves nothing running', async () => {
    const server = await faulty((socket, nth) => {
      if (nth > 1) socket.resetAndDestroy()
      else socket.write(`${CHALLENGE}Content-Length: 0\r\n\r\n`)
    })
    const error = (await settled(withAuth().post(server.origin))) as AxiosError
    expect(error.code).toBe('ECONNRESET')
    expect(server.arrived).toHaveLength(2)
    expectNoSecret(error, [token, String(process.env.BEARER_TOKEN)])
  })
})

it('a failed connection is not reused: the next request opens a new one', async () => {
  const server = await faulty((socket, nth) => {
    if (nth % 2 === 1) socket.resetAndDestroy()
    else socket.write(OK)
  })
  const httpAgent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const instance = withAuth()
  for (let times = 0; times < 5; times += 1) {
    expect((await settled(instance.get(server.origin, { httpAgent }))) as AxiosError).toMatchObject({
      code: 'ECONNRESET',
    })
    expect((await instance.get(server.origin, { httpAgent })).status).toBe(200)
  }
  httpAgent.destroy()
})
