import https from 'node:https'
import type { Socket } from 'node:net'

type Connect = (this: https.Agent, options: https.AgentOptions, ...rest: unknown[]) => Socket

/**
 * Leads connections to `*.example.org` to a server on this machine where https makes them, by an agent of Node's or of an
 * example's own. So the URL, the audience, the certificate's name and every message are as written in a document, which
 * rewriting the hosts in the text would not give.
 *
 * @returns what ends it
 */
export function leadHosts(port: number, ca: string): () => void {
  const prototype = https.Agent.prototype as unknown as { createConnection: Connect }
  const { createConnection } = prototype
  prototype.createConnection = function (options, ...rest) {
    const { host = '' } = options
    const led = { ca, ...options, host: '127.0.0.1', port, servername: host }
    return createConnection.call(this, host.endsWith('.example.org') ? led : options, ...rest)
  }
  return () => {
    prototype.createConnection = createConnection
  }
}
