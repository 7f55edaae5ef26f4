import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { IgwnAuthError } from '../../errors'

export type LoopbackHost = '127.0.0.1' | 'localhost'

/** An HTTP server on this host for the callback of a login (RFC 8252 section 7.3). */
export interface LoopbackListener {
  readonly redirectUri: string
  /** The parameters of the callback with this state. Any other request gets an error response. */
  callback(state: string, signal: AbortSignal): Promise<URLSearchParams>
  close(): void
}

/**
 * @param port - 0 for any free port
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when the port is in use
 */
export async function loopbackListener(
  name: LoopbackHost,
  port: number,
  path: string,
): Promise<LoopbackListener> {
  const first = await listening('127.0.0.1', port)
  const servers = [first]
  const { port: actualPort } = first.address() as AddressInfo
  if (name === 'localhost')
    try {
      // Browsers may resolve the name to either address.
      servers.push(await listening('::1', actualPort))
    } catch (error) {
      if (!isWithoutIpv6(error)) {
        first.close()
        throw error
      }
    }
  const host = `${name}:${actualPort}`

  return {
    redirectUri: `http://${host}${path}`,
    callback: (state, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error)
        })
        const onRequest = (request: http.IncomingMessage, response: http.ServerResponse) => {
          const target = `http://${host}${request.url ?? ''}`
          const url = URL.canParse(target) ? new URL(target) : undefined // `*` is not a URL
          const parameters = url?.searchParams ?? new URLSearchParams()
          // Any web page can make a browser send requests here, but not with this Host (DNS rebinding) and state.
          const isOurs = request.method === 'GET' && request.headers.host === host && url?.pathname === path
          const isCallback = isOurs && parameters.get('state') === state
          const outcome = !isOurs
            ? PAGES.notFound
            : !isCallback
              ? PAGES.otherLogin
              : PAGES[parameters.has('error') ? 'refused' : 'loggedIn']
          // After the page was sent, or the browser closed the connection: the callback is valid in both cases.
          if (isCallback)
            response.once('close', () => {
              resolve(parameters)
            })
          response.writeHead(outcome.status, HEADERS).end(page(outcome))
        }
        for (const server of servers) server.on('request', onRequest)
      }),
    close() {
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

async function listening(address: string, port: number): Promise<http.Server> {
  const server = http.createServer()
  server.listen(port, address)
  try {
    await once(server, 'listening')
    return server
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `options.port is ${port}; cannot listen on it at ${address} (${code}). Set another port, or leave it out for any free port.`,
      { cause: error },
    )
  }
}

function isWithoutIpv6(error: unknown): boolean {
  const { code } = (error as IgwnAuthError).cause as NodeJS.ErrnoException
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}

/** The URL of the page contains the code. */
const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  Connection: 'close',
}

interface Page {
  readonly status: number
  readonly heading: string
  readonly text: string
}

const PAGES = {
  loggedIn: {
    status: 200,
    heading: 'You are logged in',
    text: 'You can close this window and return to the program.',
  },
  refused: {
    status: 200,
    heading: 'The login was refused',
    text: 'Return to the program: it shows the reason. You can close this window.',
  },
  otherLogin: {
    status: 400,
    heading: 'This is another login',
    text: 'This request does not belong to the login that is in progress. Return to the program and start again.',
  },
  notFound: { status: 404, heading: 'Page not found', text: 'This address is for the end of a login only.' },
} satisfies Record<string, Page>

/** Without styles and scripts: the colors and the text size are those that the user has chosen for the browser. */
function page({ heading, text }: Page): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${heading}</title>
</head>
<body>
<main>
<h1>${heading}</h1>
<p>${text}</p>
</main>
</body>
</html>
`
}
