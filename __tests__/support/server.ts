import http from 'node:http'
import https from 'node:https'
import { listen } from './listen'

/** One request as it crossed the wire. */
export interface Seen {
  method: string
  url: string
  headers: http.IncomingHttpHeaders
  body: string
}

export interface Answer {
  status?: number
  headers?: Record<string, string | string[]>
  body?: string | Buffer
}

export interface TestServer {
  /** `http://127.0.0.1:port`, or with the host given. */
  origin: string
  port: number
  seen: Seen[]
  /** The `Authorization` of each request, in order. */
  authorizations: (string | undefined)[]
  /** Connections that were opened. */
  connections: () => number
  close: () => Promise<void>
}

type Handler = (seen: Seen, index: number) => Answer | Promise<Answer>

/** A loopback server that responds with the results of a handler and records its requests. */
export async function serve(
  handler: Handler,
  { host = '127.0.0.1', tls }: { host?: string; tls?: https.ServerOptions } = {},
): Promise<TestServer> {
  const seen: Seen[] = []
  const authorizations: (string | undefined)[] = []
  const listener: http.RequestListener = (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('latin1'),
      }
      const index = seen.push(one) - 1
      authorizations.push(request.headers.authorization)
      void Promise.resolve(handler(one, index)).then(
        ({ status = 200, headers = {}, body = '{"ok":true}' }) => {
          response.writeHead(status, { 'content-type': 'application/json', ...headers })
          response.end(body)
        },
      )
    })
  }
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener)
  const { port, connections, close } = await listen(server, { host })
  return {
    origin: `${tls ? 'https' : 'http'}://${host}:${port}`,
    port,
    seen,
    authorizations,
    connections,
    close,
  }
}

/** Servers that are closed together, before the end of the test file: `afterEach(servers.close)`. */
export function serverGroup() {
  const all: TestServer[] = []
  return {
    serve: async (...args: Parameters<typeof serve>) => {
      const server = await serve(...args)
      all.push(server)
      return server
    },
    close: async () => {
      await Promise.all(all.splice(0).map((server) => server.close()))
    },
  }
}

/** A 401 with a Bearer challenge. */
export function challenge(parameters = 'realm="test"'): Answer {
  return {
    status: 401,
    headers: { 'WWW-Authenticate': `Bearer ${parameters}`.trim() },
    body: '{"error":"refused"}',
  }
}
