/** A loopback HTTP proxy that supports only CONNECT. */
import http from 'node:http'
import net from 'node:net'
import { listen } from './listen'

export interface ConnectProxy {
  /** `http://127.0.0.1:<port>`, for HTTPS_PROXY. */
  readonly url: string
  readonly port: number
  /** The `host:port` of every CONNECT, in order. */
  readonly tunnels: readonly string[]
  /** The headers of every CONNECT, in order. */
  readonly headers: readonly http.IncomingHttpHeaders[]
  close(): Promise<void>
}

/** @param led - the port that every tunnel leads to; by default each leads to its own */
export async function connectProxy(led?: number): Promise<ConnectProxy> {
  const tunnels: string[] = []
  const headers: http.IncomingHttpHeaders[] = []
  const listening = http.createServer((_request, response) => {
    response.writeHead(405).end('This proxy only tunnels.')
  })
  listening.on('connect', (request, client: net.Socket, head) => {
    tunnels.push(request.url ?? '')
    headers.push(request.headers)
    const { hostname, port } = new URL(`http://${request.url ?? ''}`)
    // Every name resolves to this host, so that tests can use several host names.
    const target = net.connect(led ?? Number(port), hostname.startsWith('[') ? '::1' : '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      target.write(head)
      target.pipe(client).pipe(target)
    })
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  const { port, close } = await listen(listening)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    tunnels,
    headers,
    close,
  }
}
