import https from 'node:https'
import type { Socket } from 'node:net'

type Connect = (this: https.Agent, options: https.AgentOptions, ...rest: unknown[]) => Socket

/**
 * Leads connections to `*.example.org` to a server on this machine where https makes them, by an agent of Node's or of an
 * example's own. So the URL, the audience, the certificate's name and every message are as written in a document, which
 * rewriting the hosts in the text would not give.
 *
 * @param port - where they are led to, or the ports by host, which are then led alone
 * @returns what ends it
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
