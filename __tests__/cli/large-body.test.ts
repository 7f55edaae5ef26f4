/** Bodies of 1 MiB and more, which are read past Node's HTTP parser, from servers that send byte by byte what a test says. */
import net, { type Socket } from 'node:net'
import tls from 'node:tls'
import { igwnAuth, shell } from '../support/command'
import { listen } from '../support/listen'
import { createAuthority } from '../support/pki'
import { emptyPlaces, put, room } from '../support/tokens'

const LARGE = 1024 * 1024
const body = (size: number) => Buffer.alloc(size, 'abcdefghijklmnopqrstuvw')
const head = (length: number | string, more = '') =>
  Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n${more}\r\n`)

beforeEach(emptyPlaces)

/** A server whose connections are a script: it gets the requests of a connection, and the number of the connection. */
async function serve(
  script: (socket: Socket, request: string, connection: number) => void,
  options?: tls.TlsOptions,
): Promise<string> {
  let connections = 0
  const listener = (socket: Socket) => {
    const number = (connections += 1)
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      script(socket, data.toString(), number)
    })
  }
  const server = options ? tls.createServer(options, listener) : net.createServer(listener)
  const { port } = await listen(server, { host: 'localhost' })
  return `${options ? 'https' : 'http'}://localhost:${port}`
}

/** Writes pieces one after the other, each in a packet of its own. */
async function write(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  socket.setNoDelay(true)
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const cut = (whole: Buffer, ...at: number[]) =>
  [0, ...at].map((start, index) => whole.subarray(start, at[index] ?? whole.length))

describe('a body of known size', () => {
  const all = Buffer.concat([head(LARGE), body(LARGE)])
  const start = all.length - LARGE
  it.each<[string, Buffer[]]>([
    ['in one piece', [all]],
    ['after its head', cut(all, start)],
    ['with one byte beside its head', cut(all, start + 1)],
    ['whose last byte comes alone', cut(all, all.length - 1)],
    ['in the middle of whose head a packet ends', cut(all, 20, start - 2, start + 70_000)],
    [
      'followed by bytes after its end',
      [all, Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')],
    ],
    ['with such bytes in its last packet', cut(Buffer.concat([all, Buffer.from('evil')]), start + 500_000)],
  ])('%s is printed, and nothing else', async (_, pieces) => {
    const origin = await serve((socket) => void write(socket, pieces))
    const { code, stdout, stderr } = await igwnAuth(['get', origin])
    expect({ code, stderr, isWhole: stdout === body(LARGE).toString() }).toEqual({
      code: 0,
      stderr: '',
      isWhole: true,
    })
  })

  it('of 1 MiB less one byte is the same, read by the parser', async () => {
    const origin = await serve((socket) => void write(socket, [head(LARGE - 1), body(LARGE - 1)]))
    expect((await igwnAuth(['get', origin])).stdout).toBe(body(LARGE - 1).toString())
  })

  it('that ends early is exit code 18, and what came is printed', async () => {
    const origin = await serve((socket) => {
      void write(socket, [head(3 * LARGE), body(2 * LARGE)]).then(() => socket.end())
    })
    const { code, stdout, stderr } = await igwnAuth(['get', origin])
    expect(code).toBe(18)
    expect(stderr).toContain('the response was interrupted')
    expect(stdout).toBe(body(2 * LARGE).toString())
  })

  it('that ends without close_notify of TLS is exit code 18', async () => {
    const authority = await createAuthority()
    const { certificate: cert, key } = await authority.issueServer()
    const origin = await serve(
      (socket) => {
        void write(socket, [head(3 * LARGE), body(2 * LARGE)]).then(() => socket.destroy())
      },
      { cert, key },
    )
    const words = ['get', origin, '--cacert', put(room('ca.pem'), authority.certificate)]
    expect(await igwnAuth(words)).toMatchObject({ code: 18 })
  })

  it('is followed by the next URL on another connection', async () => {
    const connections: number[] = []
    const origin = await serve((socket, request, connection) => {
      connections.push(connection)
      void write(
        socket,
        request.startsWith('GET /large') ? [head(LARGE), body(LARGE)] : [head(2), Buffer.from('ok')],
      )
    })
    const { code, stdout } = await igwnAuth(['get', `${origin}/small`, `${origin}/large`, `${origin}/small`])
    expect({ code, connections }).toEqual({ code: 0, connections: [1, 1, 2] })
    expect(stdout).toBe(`ok${body(LARGE).toString()}ok`)
  })

  it('is complete in a slow pipe', async () => {
    const size = 8 * LARGE + 5
    const origin = await serve((socket) => void write(socket, [head(size), body(size)]))
    const { stdout } = await shell(
      `$IGWN_AUTH get ${origin} | (sleep 1; head -c 100 >/dev/null; sleep 1; wc -c)`,
    )
    // head may have read more than it printed; what follows is counted to the end.
    expect(Number(stdout)).toBeGreaterThan(size - 200_000)
  })
})

describe('the framing of a large response', () => {
  const chunked = Buffer.concat([
    Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n'),
    Buffer.from(`${(2 * LARGE).toString(16)};name=value\r\n`),
    body(2 * LARGE),
    Buffer.from('\r\n0\r\nX-A: b\r\n\r\n'),
  ])

  it('may be chunks with extensions and trailers', async () => {
    const origin = await serve((socket) => void write(socket, cut(chunked, 50, 500_000)))
    const { code, stdout } = await igwnAuth(['get', origin])
    expect({ code, isWhole: stdout === body(2 * LARGE).toString() }).toEqual({ code: 0, isWhole: true })
  })

  it.each<[string, Buffer]>([
    ['two lengths', head(LARGE, `Content-Length: ${2 * LARGE}\r\n`)],
    ['a length and chunks', head(LARGE, 'Transfer-Encoding: chunked\r\n')],
    ['a length that is no number', head('1048576x')],
    ['a negative length', head(-LARGE)],
    ['a length beyond 64 bits', head('99999999999999999999999')],
  ])('with %s is an error', async (_, start) => {
    const origin = await serve((socket) => {
      void write(socket, [start, body(LARGE)]).then(() => socket.end())
    })
    const { code, stdout } = await igwnAuth(['get', origin])
    expect([18, 56]).toContain(code)
    expect(stdout).not.toContain(body(LARGE).toString())
  })
})

it('SIGINT in the middle of a large body ends the command', async () => {
  const origin = await serve((socket) => void write(socket, [head(9 * LARGE), body(2 * LARGE)]))
  const { signal } = await igwnAuth(['get', origin], {
    meanwhile: async ({ child, said }) => {
      while (said.stdout.length < 2 * LARGE) await new Promise((resolve) => setTimeout(resolve, 5))
      child.kill('SIGINT')
    },
  })
  expect(signal).toBe('SIGINT')
})
