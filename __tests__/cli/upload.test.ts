import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { igwnAuth, onTerminal, itOnTerminal, runtimeFile, shell } from '../support/command'
import { listen } from '../support/listen'
import { emptyPlaces, mint, put, room } from '../support/tokens'

const MB = 1024 * 1024

/** What one request sent. */
interface Received {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly authorization: string | undefined
  /** Bytes of its body. */
  size: number
  isComplete: boolean
}

type Respond = (response: http.ServerResponse, received: Received, request: http.IncomingMessage) => void

beforeEach(emptyPlaces)

/**
 * A server that decides on the head of a request. `onHead` sends the response, or returns true to get the body, which
 * `onBody` responds to.
 */
async function uploadServer(
  onHead: (...parameters: Parameters<Respond>) => boolean,
  onBody: Respond = (response) => response.end('done\n'),
): Promise<{ origin: string; seen: Received[] }> {
  const seen: Received[] = []
  const listener = (request: http.IncomingMessage, response: http.ServerResponse) => {
    const { method = '', url = '', rawHeaders, headers } = request
    const { authorization } = headers
    const received = { method, url, rawHeaders, authorization, size: 0, isComplete: false }
    seen.push(received)
    request.on('data', (chunk: Buffer) => (received.size += chunk.length))
    request.on('error', () => undefined)
    request.on('end', () => {
      received.isComplete = true
      if (!response.headersSent) onBody(response, received, request)
    })
    if (onHead(response, received, request) && headers.expect) response.writeContinue()
  }
  const server = http.createServer(listener).on('checkContinue', listener)
  return { origin: `http://127.0.0.1:${(await listen(server)).port}`, seen }
}

/** A file with holes. */
function sparse(name: string, size: number): string {
  const file = room(name)
  fs.closeSync(fs.openSync(file, 'w'))
  fs.truncateSync(file, size)
  return file
}

const accept = () => true
const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="test", error="invalid_token"' }

it('spells the names of header fields as HTTP does, because XRootD before 5.7 compares them by case', async () => {
  put(runtimeFile(), mint({ aud: 'ANY' }))
  const { origin, seen } = await uploadServer(accept)
  expect((await igwnAuth(['request', `${origin}/f`, '-T', sparse('f', 2 * MB)])).code).toBe(0)
  const names = seen[0]?.rawHeaders.filter((_, index) => index % 2 === 0)
  expect(names?.sort()).toEqual([
    'Accept',
    'Accept-Encoding',
    'Authorization',
    'Connection',
    'Content-Length',
    'Expect',
    'Host',
    'User-Agent',
  ])
})

describe('the body of a large upload is not sent', () => {
  it('before the server refuses the request with 403', async () => {
    put(runtimeFile(), mint({ aud: 'ANY' }))
    const { origin, seen } = await uploadServer((response) => {
      response.writeHead(403).end('no\n')
      return false
    })
    const { code, stderr } = await igwnAuth(['request', `${origin}/f`, '-T', sparse('f', 20 * MB)])
    expect(code).toBe(1)
    expect(stderr).toContain('403 Forbidden')
    expect(seen).toMatchObject([{ size: 0, isComplete: false }])
  })

  it('before a 401, after which another token is found and the body is sent once', async () => {
    put(runtimeFile(), mint({ aud: 'ANY', sub: 'revoked' }))
    const { origin, seen } = await uploadServer((response) => {
      if (seen.length > 1) return true
      put(runtimeFile(), mint({ aud: 'ANY', sub: 'renewed' }))
      response.writeHead(401, CHALLENGE).end()
      return false
    })
    expect(await igwnAuth(['request', `${origin}/f`, '-T', sparse('f', 20 * MB)])).toMatchObject({
      code: 0,
      stdout: 'done\n',
    })
    expect(seen).toMatchObject([{ size: 0 }, { size: 20 * MB, isComplete: true }])
    expect(seen[1]?.authorization).not.toBe(seen[0]?.authorization)
  })

  it('to a redirector, and goes without credentials to the server that it names', async () => {
    put(runtimeFile(), mint({ aud: 'ANY' }))
    const pool = await uploadServer(accept)
    const door = await uploadServer((response) => {
      response.writeHead(307, { Location: `${pool.origin}/pool/f?uuid=1` }).end()
      return false
    })
    expect((await igwnAuth(['request', `${door.origin}/f`, '-T', sparse('f', 20 * MB)])).code).toBe(0)
    expect(door.seen).toMatchObject([{ size: 0 }])
    expect(pool.seen).toMatchObject([
      { method: 'PUT', url: '/pool/f?uuid=1', size: 20 * MB, isComplete: true, authorization: undefined },
    ])
  })

  it('of stdin before a 401 or a redirect, so it can be sent then', async () => {
    put(runtimeFile(), mint({ aud: 'ANY', sub: 'revoked' }))
    const { origin, seen } = await uploadServer((response) => {
      if (seen.length > 2) return true
      if (seen.length === 1) {
        put(runtimeFile(), mint({ aud: 'ANY', sub: 'renewed' }))
        response.writeHead(401, CHALLENGE).end()
      } else response.writeHead(307, { Location: '/other' }).end()
      return false
    })
    const words = ['request', `${origin}/f`, '-T', '-']
    expect((await igwnAuth(words, { stdin: 'from stdin' })).code).toBe(0)
    expect(seen).toMatchObject([{ size: 0 }, { size: 0 }, { url: '/other', size: 10, isComplete: true }])
  })
})

describe('a server that', () => {
  it('ignores Expect gets the body after a second', async () => {
    const { origin, seen } = await uploadServer(accept)
    // Without `checkContinue` Node sends 100 itself, so the head is held back from it.
    const { port } = new URL(origin)
    const proxy = net.createServer((client) => {
      const server = net.connect(Number(port), '127.0.0.1')
      client.on('data', (data) => {
        server.write(data.toString('latin1').replace(/^Expect: .*\r\n/m, ''), 'latin1')
      })
      server.pipe(client)
    })
    const url = `http://127.0.0.1:${(await listen(proxy)).port}/f`
    const start = Date.now()
    expect((await igwnAuth(['request', url, '-T', sparse('f', 2 * MB)])).code).toBe(0)
    expect(Date.now() - start).toBeGreaterThan(1000)
    expect(seen).toMatchObject([{ size: 2 * MB, isComplete: true }])
  })

  it('closes the connection with its 100 Continue, as XRootD 5 says it does, gets the body', async () => {
    let size = 0
    const server = net.createServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 100 Continue\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n')
        socket.on('data', ({ length }) => {
          size += length
          if (size === 2 * MB) socket.end('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n')
        })
      })
    })
    const url = `http://127.0.0.1:${(await listen(server)).port}/f`
    expect(await igwnAuth(['request', url, '-T', sparse('f', 2 * MB)])).toMatchObject({ code: 0, stderr: '' })
  })

  it('rejects Expect with 417 gets the request without it', async () => {
    const { origin, seen } = await uploadServer((response, { rawHeaders }) => {
      if (!rawHeaders.includes('Expect')) return true
      response.writeHead(417).end()
      return false
    })
    expect((await igwnAuth(['request', `${origin}/f`, '-T', sparse('f', 2 * MB)])).code).toBe(0)
    expect(seen).toMatchObject([{ size: 0 }, { size: 2 * MB, isComplete: true }])
  })

  it('refuses the upload while it is sent does not get the rest', async () => {
    const { origin, seen } = await uploadServer((response, received, request) => {
      request.once('data', () => response.writeHead(403).end('quota exceeded\n'))
      return true
    })
    const { code, stdout } = await igwnAuth(['request', `${origin}/f`, '-T', sparse('f', 200 * MB)])
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'quota exceeded\n' })
    expect(seen).toMatchObject([{ isComplete: false }])
  })

  it('closes the connection before it responds is exit code 56', async () => {
    const { origin } = await uploadServer((response, received, request) => {
      request.once('data', () => request.socket.resetAndDestroy())
      return true
    })
    const { code, stderr } = await igwnAuth(['request', `${origin}/f`, '-T', sparse('f', 200 * MB)])
    expect(code).toBe(56)
    expect(stderr).toContain('connection closed')
  })

  it('refuses after it has read stdin gets it only once', async () => {
    put(runtimeFile(), mint({ aud: 'ANY', sub: 'revoked' }))
    const { origin, seen } = await uploadServer(accept, (response) => {
      put(runtimeFile(), mint({ aud: 'ANY', sub: 'renewed' }))
      response.writeHead(401, CHALLENGE).end()
    })
    const { code, stderr } = await igwnAuth(['request', `${origin}/f`, '-T', '-'], { stdin: 'from stdin' })
    expect(code).toBe(1)
    expect(stderr).toContain('401 Unauthorized')
    expect(seen).toMatchObject([{ size: 10 }])
  })

  it('redirects after it has read stdin is exit code 47', async () => {
    const { origin, seen } = await uploadServer(accept, (response) => {
      response.writeHead(307, { Location: '/other' }).end()
    })
    const { code, stderr } = await igwnAuth(['request', `${origin}/f`, '-T', '-'], { stdin: 'from stdin' })
    expect(code).toBe(47)
    expect(stderr).toContain('redirects the request (status 307), and its body is a stream')
    expect(seen).toHaveLength(1)
  })
})

describe('a file that', () => {
  it.each([
    ['grows', (file: string) => fs.appendFileSync(file, 'more')],
    ['is rewritten', (file: string) => fs.writeFileSync(file, Buffer.alloc(20 * MB, 'y'))],
    ['becomes shorter', (file: string) => fs.truncateSync(file, 10)],
  ])('%s while it is sent is not uploaded: exit code 26', async (_, change) => {
    const file = sparse('f', 20 * MB)
    const { origin, seen } = await uploadServer((response, received, request) => {
      request.once('data', () => {
        request.pause()
        change(file)
        setTimeout(() => request.resume(), 50)
      })
      return true
    })
    const { code, stderr } = await igwnAuth(['request', `${origin}/f`, '-T', file])
    expect(code).toBe(26)
    expect(stderr).toContain(`${file} was changed while it was sent`)
    expect(seen).toMatchObject([{ isComplete: false }])
  })

  it('vanishes before it is sent is exit code 26', async () => {
    const file = sparse('f', 20 * MB)
    const { origin } = await uploadServer(() => {
      fs.rmSync(file)
      return true
    })
    const { code, stderr } = await igwnAuth(['request', `${origin}/f`, '-T', file])
    expect(code).toBe(26)
    expect(stderr).toContain(`${file} cannot be read (ENOENT)`)
  })
})

it('a pipe is sent in chunks', async () => {
  const { origin, seen } = await uploadServer(accept)
  const { code } = await shell(`head -c 3000000 /dev/zero | $IGWN_AUTH request ${origin}/f -T -`)
  expect(code).toBe(0)
  expect(seen).toMatchObject([{ size: 3_000_000, isComplete: true }])
  expect(seen[0]?.rawHeaders.join(' ')).toContain('Transfer-Encoding chunked')
})

itOnTerminal('an upload has a progress bar, which is removed at the end', async () => {
  const bar = /f\.gwf {2}█*░+ .*MB of 41\.9 MB/
  let show = (): void => undefined
  const shown = new Promise<void>((resolve) => (show = resolve))
  const { origin } = await uploadServer((response, received, request) => {
    request.once('data', () => {
      request.pause()
      void shown.then(() => request.resume())
    })
    return true
  })
  const { code, stdout } = await onTerminal(['request', `${origin}/f`, '-T', sparse('f.gwf', 40 * MB)], {
    meanwhile: async ({ said, hasEnded }) => {
      while (!bar.test(said.stdout) && !hasEnded()) await wait(5)
      show()
    },
  })
  expect(code).toBe(0)
  expect(stdout).toMatch(bar)
  expect(stdout.trimEnd()).toMatch(/done$/)
})
