/** A TCP connection in between, which can be cut. */
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'

export interface GoBetween {
  readonly port: number
  /** Ends the next connection, by a reset, once so many bytes came from the server. */
  cutAfter: number | undefined
  /** Bytes per second from the server; undefined for no limit. */
  rate: number | undefined
  /** Bytes that came from the server. */
  received: number
  stop(): Promise<void>
}

export async function startGoBetween(target: number): Promise<GoBetween> {
  const sockets = new Set<net.Socket>()
  const state = {
    cutAfter: undefined as number | undefined,
    rate: undefined as number | undefined,
    received: 0,
  }
  const server = net.createServer((client) => {
    const upstream = net.connect(target, '127.0.0.1')
    let sent = 0
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(socket)
          client.destroy()
          upstream.destroy()
        })
    }
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => {
      sent += chunk.length
      state.received += chunk.length
      if (state.cutAfter !== undefined && sent >= state.cutAfter) {
        state.cutAfter = undefined
        client.resetAndDestroy()
        return
      }
      const isDrained = client.write(chunk)
      const { rate } = state
      if (rate !== undefined) {
        upstream.pause()
        setTimeout(() => upstream.resume(), (chunk.length / rate) * 1000)
      } else if (!isDrained) {
        upstream.pause()
        client.once('drain', () => upstream.resume())
      }
    })
    upstream.on('end', () => client.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return Object.assign(state, {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}
