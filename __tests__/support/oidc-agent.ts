import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { listen } from './listen'

export interface AgentStandIn {
  /** The path of its socket. */
  readonly socket: string
  /** The requests that it got. */
  readonly requests: Record<string, unknown>[]
  /** Connections that are open now. */
  readonly open: () => number
  readonly close: () => Promise<void>
}

/** What it sends: a value as JSON, text as it is, or nothing: it keeps the connection open. */
type Reply = object | string | undefined

/** A stand-in for oidc-agent: a UNIX socket that takes one request per connection. */
export async function serveAgent(
  socket: string,
  reply: (request: Record<string, unknown>) => Reply,
): Promise<AgentStandIn> {
  const requests: Record<string, unknown>[] = []
  fs.mkdirSync(path.dirname(socket), { recursive: true, mode: 0o700 })
  const server = net.createServer((connection) => {
    connection.once('data', (bytes) => {
      const request = JSON.parse(bytes.toString()) as Record<string, unknown>
      requests.push(request)
      const response = reply(request)
      if (typeof response === 'string') connection.end(response)
      // In two pieces, the first of which ends with a brace.
      else if (response) {
        connection.write(JSON.stringify({ inner: {} }).slice(0, -1))
        setImmediate(() => connection.end(`,${JSON.stringify(response).slice(1)}`))
      }
    })
  })
  const { open, close } = await listen(server, { path: socket })
  return { socket, requests, open: () => open.size, close }
}
