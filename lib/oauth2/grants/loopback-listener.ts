import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { IgwnAuthError } from '../../errors'

/** Listens on this machine for a browser that comes back from a login (RFC 8252 section 7.3). */
export interface LoopbackListener {
  readonly redirectUri: string
  /** The parameters of the one answer that has this state; whatever else comes is sent away. */
  answer(state: string, signal: AbortSignal): Promise<URLSearchParams>
  close(): void
}

/**
 * @param port - 0 for any that is free
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when somebody else has the port
 */
export async function loopbackListener(port: number, path: string): Promise<LoopbackListener> {
  const server = http.createServer()
  server.listen(port, LOOPBACK)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `options.port is ${port}, on which nothing can listen here (${code}). Give another, or leave it out for any that is free.`,
    )
  }
  const host = `${LOOPBACK}:${(server.address() as AddressInfo).port}`

  return {
    redirectUri: `http://${host}${path}`,
    answer: (state, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error)
        })
        server.on('request', (request, response) => {
          const target = `http://${host}${request.url ?? ''}`
          const url = URL.canParse(target) ? new URL(target) : undefined // `*` and the like are none
          const parameters = url?.searchParams ?? new URLSearchParams()
          // A page anywhere can have a browser ask here; not under this name (DNS rebinding), nor with this state.
          const isOurs = request.method === 'GET' && request.headers.host === host && url?.pathname === path
          const isAnswer = isOurs && parameters.get('state') === state
          const isRefusal = parameters.has('error')
          const [status, text] = !isOurs
            ? [404, 'There is nothing here.']
            : !isAnswer
              ? [400, 'This is no answer to the login that is waited for.']
              : [200, isRefusal ? 'The login was refused.' : 'You are logged in. You can close this window.']
          // Once it has left, or the browser has gone: the answer is good in either case.
          if (isAnswer)
            response.once('close', () => {
              resolve(parameters)
            })
          response.writeHead(status, HEADERS).end(page(text))
        })
      }),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** RFC 8252 section 8.3: not `localhost`, which may be another machine. */
const LOOPBACK = '127.0.0.1'

/** The URL of the page has the code in it. */
const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'",
  'Referrer-Policy': 'no-referrer',
  Connection: 'close',
}

function page(text: string): string {
  return `<!DOCTYPE html><title>Login</title><p>${text}</p>\n`
}
