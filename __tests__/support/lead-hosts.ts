import https from 'node:https'
import type { Socket } from 'node:net'

type Connect = (this: https.Agent, options: https.AgentOptions, ...rest: unknown[]) => Socket

/**
 * Leads https connections for `*.example.org` to a server on this machine, so that the URLs of an example are as they are
 * written, and so are the name in the certificate and every message.
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
