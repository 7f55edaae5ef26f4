/**
 * The one way to start a server in a test: on loopback, on a free port. It is closed with its connections at the end of the test
 * file, also when a `beforeAll` failed halfway, so no test file needs an `afterAll` for it.
 */
import { once } from 'node:events'
import type net from 'node:net'
import type { Socket } from 'node:net'

export interface Listening {
  readonly port: number
  /** Connections that are open now. */
  readonly open: ReadonlySet<Socket>
  /** The number of connections so far. */
  readonly connections: () => number
  /** Closes the server and its connections; calling it again does nothing. */
  readonly close: () => Promise<void>
}

export interface ListenOptions {
  /** Default is 127.0.0.1. */
  readonly host?: string
  /** Default is a free one. */
  readonly port?: number
  /** The path of a UNIX socket, in place of host and port. */
  readonly path?: string
}

const started = new Set<Listening>()

// The demo has no hooks, and closes its servers itself.
if ('afterAll' in globalThis)
  afterAll(async () => {
    await Promise.all([...started].map((one) => one.close()))
  })

/** Starts a server of node:net, node:tls, node:http, node:https or node:http2. */
export async function listen(
  server: net.Server,
  { host = '127.0.0.1', port = 0, path }: ListenOptions = {},
): Promise<Listening> {
  const open = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    open.add(socket)
    // Clients cut connections.
    socket.on('error', () => undefined).once('close', () => open.delete(socket))
  })
  await once(server.listen(path === undefined ? { host, port } : { path }), 'listening')
  const address = server.address()
  const listening: Listening = {
    port: typeof address === 'object' && address ? address.port : 0,
    open,
    connections: () => connections,
    async close() {
      if (!started.delete(listening)) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
  started.add(listening)
  return listening
}
