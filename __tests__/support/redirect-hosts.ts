import https from 'node:https'
import type { Socket } from 'node:net'

type Connect = (this: https.Agent, options: https.AgentOptions, ...rest: unknown[]) => Socket

/**
 * Redirects https connections to `*.example.org` to a local server, with any agent. The URL, the audience, the name in the
 * certificate and all messages then are as in the document.
 *
 * @param port - the port of the server, or ports by host; other hosts are then not redirected
 * @returns a function that stops it
 */
export function leadHosts(port: number | Readonly<Record<string, number>>, ca: string): () => void {
  const portOf = (host: string) =>
    typeof port !== 'number' ? port[host] : host.endsWith('.example.org') ? port : undefined
  const prototype = https.Agent.prototype as unknown as { createConnection: Connect }
  const { createConnection } = prototype
  prototype.createConnection = function (options, ...rest) {
    const { host = '' } = options
    const led = portOf(host)
    const local = { ca, ...options, host: '127.0.0.1', port: led, servername: host }
    return createConnection.call(this, led === undefined ? options : local, ...rest)
  }
  return () => {
    prototype.createConnection = createConnection
  }
}
