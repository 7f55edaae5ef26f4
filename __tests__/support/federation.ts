/**
 * A Pelican federation on loopback: a discovery host that is also the director, two caches and an origin, each with faults. Its header
 * fields are those of Pelican 7.20 (server_structs/director.go). The caches and the origin check tokens as XRootD does: a refusal is a
 * 403 without a challenge.
 */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import type http from 'node:http'
import https from 'node:https'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import jsonwebtoken from 'jsonwebtoken'
import { grantsScope } from '../../lib/formats/scopes'
import { listen, type Listening } from './listen'
import { createAuthority } from './pki'

/** A request as a server of the federation got it. */
export interface SeenByServer {
  readonly method: string
  readonly url: string
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** What goes wrong at a server of objects. */
export interface Faults {
  /** Responds with this status. */
  status?: number
  /** Responds to HEAD with this status, or with 0 closes the connection. */
  headStatus?: number
  /** Closes the connection after so many bytes of the body. */
  cutAfter?: number
  /** Cuts only so many responses; default is all. */
  cuts?: number
  /** Sends no response, or with `cutAfter` no more of it. */
  isSilent?: boolean
  /** The trailer `X-Transfer-Status` after a body that is complete in bytes. */
  transferStatus?: string
  /** The value of `Digest`, instead of the right one. */
  digest?: string
  /** Ends a line of a ranged response with a bare LF, as XRootD 5.5.3 does once a client has asked for a digest. */
  hasBareLf?: boolean
  /** Redirects to this URL, with the token of the request in `authz`, as redirectors of XRootD do. */
  redirectTo?: string
  /** More header fields, such as false hints. */
  headers?: Record<string, string>
  /** Replaces these faults after one GET. */
  next?: Faults
}

/** A cache or an origin. */
export interface ObjectHost {
  readonly origin: string
  readonly seen: SeenByServer[]
  faults: Faults
  /** Ends it: connections to it are refused from then on. */
  stop(): Promise<void>
  /** Starts it again after `stop`, at another port. */
  start(): Promise<void>
}

export interface DirectorHost {
  readonly origin: string
  readonly seen: SeenByServer[]
  /** Responses to give before the right one. */
  readonly replies: { status: number; headers?: Record<string, string>; body?: string }[]
  /** Namespaces whose objects it names only when shown a token. */
  readonly closed: Set<string>
  /** Header fields that replace those of each response. */
  headers: Record<string, string>
}

export interface TestFederation {
  /** `localhost:port` */
  readonly host: string
  /** The issuer that the director names. */
  issuer: string
  readonly director: DirectorHost
  /** Replaces fields of the discovery document. */
  document: Record<string, unknown>
  readonly caches: readonly [ObjectHost, ObjectHost]
  readonly source: ObjectHost
  /** Objects by path. */
  readonly objects: Map<string, Buffer>
  /** Where its servers listen, by name. */
  readonly ports: Readonly<Record<string, number>>
  /** `pelican://localhost:port/path` */
  url(path: string): string
  /** As new: without faults, requests, changes of objects, and connections. */
  reset(): Promise<void>
  /** For the demo, which has no hooks. */
  close(): Promise<void>
}

/** Private objects are below `/igwn`; scopes are relative to it. */
const PRIVATE = '/igwn'
const PUBLIC = '/public'

export interface FederationOptions {
  readonly issuer?: string
  /** Origins that the director names, of other servers, or for a test that leads them to `ports`. Default is `https://localhost:port`. */
  readonly names?: Readonly<Partial<Record<'director' | 'cache-1' | 'cache-2' | 'source', string>>>
}

/** A federation for the tests of a file: `REQUESTS_CA_BUNDLE` has its CA. */
export async function trustedFederation(options?: FederationOptions): Promise<TestFederation> {
  const authority = await createAuthority()
  const { certificate, key } = await authority.issueServer()
  const bundle = path.join(process.env.HOME ?? '', 'ca.pem')
  fs.writeFileSync(bundle, authority.certificate)
  process.env.REQUESTS_CA_BUNDLE = bundle
  return createFederation({ cert: certificate, key }, options)
}

/** The objects of a new federation. */
const OBJECTS: readonly (readonly [path: string, content: string])[] = [
  ['/igwn/frames/f.txt', 'a secret frame\n'],
  ['/public/p.txt', 'all may read\n'],
]

export async function createFederation(
  tls: https.ServerOptions,
  { issuer = 'https://issuer.example.org', names }: FederationOptions = {},
): Promise<TestFederation> {
  const objects = new Map<string, Buffer>()
  fill()
  const listening = new Map<string, Listening>()

  const ports: Record<string, number> = {}
  const source = await objectHost('source')
  const caches = [await objectHost('cache-1'), await objectHost('cache-2')] as const
  const director: DirectorHost = Object.assign(await startHost('director', respond), {
    replies: [],
    closed: new Set<string>(),
    headers: {},
  })
  const host = new URL(director.origin).host
  const federation: TestFederation = {
    host,
    issuer,
    director,
    document: {},
    caches: [caches[0], caches[1]],
    source,
    objects,
    ports,
    url: (path) => `pelican://${host}${path}`,
    async reset() {
      for (const { open } of listening.values()) for (const socket of open) socket.destroy()
      for (const one of [...caches, source]) {
        one.faults = {}
        await one.start()
      }
      for (const { seen } of [director, ...caches, source]) seen.length = 0
      director.replies.length = 0
      director.closed.clear()
      director.headers = {}
      federation.issuer = issuer
      federation.document = {}
      fill()
    },
    async close() {
      await Promise.all([...listening.values()].map((one) => one.close()))
    },
  }
  return federation

  function fill(): void {
    objects.clear()
    for (const [path, content] of OBJECTS) objects.set(path, Buffer.from(content))
  }

  function respond(_: http.IncomingMessage, response: http.ServerResponse, seen: SeenByServer): void {
    if (seen.url === '/.well-known/pelican-configuration') {
      sendDocument(response)
      return
    }
    const next = director.replies.shift()
    if (next) {
      response.writeHead(next.status, { Server: 'pelican/7.20.0', ...next.headers })
      return void response.end(next.body)
    }
    const asked = new URL(seen.url, director.origin)
    const path = asked.pathname.replace('/api/v1.0/director/origin', '')
    const namespace = [PRIVATE, PUBLIC].find((prefix) => path.startsWith(`${prefix}/`))
    const isWrite = ['PUT', 'DELETE'].includes(seen.method)
    const token = /^Bearer (.+)$/.exec(seen.headers.authorization ?? '')?.[1]
    if (namespace === undefined || !(objects.has(path) || isWrite || seen.method === 'PROPFIND')) {
      error(response, 404, 'No sources reported possession of the object', namespace)
      return
    }
    if (director.closed.has(namespace) && token === undefined) {
      error(response, 403, 'a token is needed', namespace)
      return
    }
    const isAtOrigin =
      isWrite || seen.method === 'PROPFIND' || path !== asked.pathname || asked.searchParams.has('directread')
    const holders = isAtOrigin ? [source] : caches
    const urls = holders.map(({ origin }) => `${origin}${path}`)
    const query = token === undefined ? '' : `?authz=${token}`
    response.writeHead(307, {
      Server: 'pelican/7.20.0',
      Location: `${urls[0] ?? ''}${query}`,
      ...(!isWrite && {
        Link: urls.map((url, at) => `<${url}>; rel="duplicate"; pri=${at + 1}; depth=2`).join(', '),
      }),
      ...hints(namespace),
      ...director.headers,
    })
    response.end(`<a href="${urls[0] ?? ''}${query}">Temporary Redirect</a>.`)
  }

  function sendDocument(response: http.ServerResponse): void {
    const document = {
      discovery_endpoint: 'https://elsewhere.example.org',
      director_endpoint: director.origin,
      namespace_registration_endpoint: `${director.origin}/registry`,
      jwks_uri: `${director.origin}/.well-known/issuer.jwks`,
      broker_endpoint: '',
      ...federation.document,
    }
    response.writeHead(200, { 'Content-Type': 'text/plain' })
    response.end(JSON.stringify(document))
  }

  function hints(namespace: string | undefined): Record<string, string> {
    if (namespace === undefined) return {}
    const isPrivate = namespace === PRIVATE
    return {
      'X-Pelican-JobId': 'b7f0',
      'X-Pelican-Namespace': `namespace=${namespace}, require-token=${String(isPrivate)}, collections-url=${source.origin}`,
      ...(isPrivate && {
        'X-Pelican-Authorization': `issuer=${federation.issuer}`,
        'X-Pelican-Token-Generation': `issuer=${federation.issuer}, max-scope-depth=3, strategy=OAuth2, base-path=${PRIVATE}`,
      }),
    }
  }

  function error(response: http.ServerResponse, status: number, message: string, namespace?: string): void {
    response.writeHead(status, {
      Server: 'pelican/7.20.0',
      'Content-Type': 'application/json',
      ...(status === 403 && hints(namespace)),
    })
    response.end(JSON.stringify({ status: 'error', msg: `${message}: Request ID: 1f2e` }))
  }

  async function objectHost(name: 'source' | 'cache-1' | 'cache-2'): Promise<ObjectHost> {
    const isOrigin = name === 'source'
    const made: ObjectHost = Object.assign(
      await startHost(name, (request, response, seen) => {
        serveObject(made, isOrigin, request, response, seen)
      }),
      { faults: {} },
    )
    return made
  }

  function serveObject(
    host: ObjectHost,
    isOrigin: boolean,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    { method, url, headers, body }: SeenByServer,
  ): void {
    const { faults } = host
    if (faults.next && method === 'GET') host.faults = faults.next
    if (faults.isSilent && faults.cutAfter === undefined) return
    const target = new URL(url, 'https://localhost')
    const path = target.pathname
    const fail = (status: number, text: string) =>
      void response.writeHead(status, { Connection: 'close' }).end(text)
    const status = method === 'HEAD' ? (faults.headStatus ?? faults.status) : faults.status
    if (status === 0) return void request.socket.destroy()
    if (status !== undefined) {
      fail(status, 'a fault')
      return
    }
    const token =
      /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ??
      target.searchParams.get('authz')?.replace(/^Bearer /, '')
    if (faults.redirectTo !== undefined) {
      response.writeHead(307, { Location: `${faults.redirectTo}${path}?authz=Bearer%20${token ?? ''}` })
      return void response.end()
    }
    if (path.startsWith(`${PRIVATE}/`) && !mayAccess(token, method, path)) {
      fail(403, `Unable to open ${path}; permission denied`)
      return
    }
    if (method === 'PUT' || method === 'DELETE') {
      if (!isOrigin) {
        fail(500, 'read-only file system')
        return
      }
      if (method === 'PUT') objects.set(path, Buffer.from(body, 'latin1'))
      else objects.delete(path)
      response.writeHead(method === 'PUT' ? 201 : 204)
      return void response.end()
    }
    if (method === 'PROPFIND') {
      const names = [...objects.keys()].filter((name) => name.startsWith(`${path.replace(/\/$/, '')}/`))
      response.writeHead(207, { 'Content-Type': 'application/xml' })
      return void response.end(
        `<D:multistatus>${names.map((name) => `<D:href>${name}</D:href>`).join('')}</D:multistatus>`,
      )
    }
    const object = objects.get(path)
    if (!object) {
      fail(404, 'Unable to open; no such file or directory')
      return
    }
    sendObject(object, faults, method, headers, response)
  }

  function mayAccess(token: string | undefined, method: string, path: string): boolean {
    const claims = token === undefined ? null : (jsonwebtoken.decode(token) as Record<string, unknown> | null)
    if (claims?.iss !== federation.issuer || typeof claims.scope !== 'string') return false
    const right =
      method === 'PUT' || method === 'DELETE' ? ['write', 'storage.modify'] : ['read', 'storage.read']
    const granted = claims.scope.split(' ')
    return right.some((name) => grantsScope(granted, `${name}:${path.slice(PRIVATE.length)}`))
  }

  async function startHost(
    name: 'director' | 'cache-1' | 'cache-2' | 'source',
    respond: (request: http.IncomingMessage, response: http.ServerResponse, seen: SeenByServer) => void,
  ): Promise<Omit<ObjectHost, 'faults'>> {
    const seen: SeenByServer[] = []
    const record: http.RequestListener = (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('error', () => undefined)
      request.on('end', () => {
        const { method = '', url = '', headers } = request
        const one = { method, url, headers, body: Buffer.concat(chunks).toString('latin1') }
        seen.push(one)
        respond(request, response, one)
      })
    }
    const host = {
      get origin() {
        return names?.[name] ?? `https://localhost:${ports[name]}`
      },
      seen,
      async stop() {
        await listening.get(name)?.close()
        listening.delete(name)
      },
      async start() {
        if (listening.has(name)) return
        const started = await listen(https.createServer(tls, record))
        listening.set(name, started)
        ports[name] = started.port
      },
    }
    await host.start()
    return host
  }
}

/** As XRootD sends it: with a digest where one was asked for, ranges, and a trailer where the client takes one. */
function sendObject(
  object: Buffer,
  faults: Faults,
  method: string,
  headers: http.IncomingHttpHeaders,
  response: http.ServerResponse,
): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '')
  const first = Number(range?.[1] ?? 0)
  const last = range?.[2] ? Number(range[2]) : object.length - 1
  const body = object.subarray(first, last + 1)
  if (range && faults.hasBareLf) {
    const contentRange = `bytes ${first}-${last}/${object.length}`
    const head = `HTTP/1.1 206 Partial Content\r\nContent-Length: ${body.length}\r\nContent-Range: ${contentRange}\nDigest: adler32=12345678\r\n\r\n`
    return void response.socket?.end(Buffer.concat([Buffer.from(head), body]))
  }
  const isTrailed = headers['x-transfer-status'] === 'true' && /\btrailers\b/.test(String(headers.te))
  response.writeHead(range ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    ...(headers['want-digest'] !== undefined && {
      Digest: faults.digest ?? `crc32=${hex(crc32(object))},md5=${md5(object)}`,
    }),
    ...(range && { 'Content-Range': `bytes ${first}-${last}/${object.length}` }),
    // A trailer needs chunks.
    ...(isTrailed && method === 'GET' ? { Trailer: 'X-Transfer-Status' } : { 'Content-Length': body.length }),
    ...faults.headers,
  })
  if (method === 'HEAD') return void response.end()
  const isCut = faults.cutAfter !== undefined && (faults.cuts ?? Infinity) > 0
  if (isCut) {
    if (faults.cuts !== undefined) faults.cuts -= 1
    response.write(body.subarray(0, faults.cutAfter), () => {
      if (!faults.isSilent) response.destroy()
    })
    return
  }
  if (isTrailed) response.addTrailers({ 'X-Transfer-Status': faults.transferStatus ?? '200: OK' })
  response.end(body)
}

const hex = (value: number) => value.toString(16).padStart(8, '0')
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('base64')
