/**
 * A server for OAuth 1.0 (RFC 5849) with its three endpoints and a resource. It verifies signatures from the received octets
 * without code of lib/, so that a mistake there is not repeated here.
 */
import { createHash, createHmac, createVerify, randomBytes, type KeyObject } from 'node:crypto'
import type https from 'node:https'
import { serve, type Answer, type Seen, type TestServer } from './server'

export interface OAuth1Client {
  readonly secret?: string
  readonly publicKey?: KeyObject
}

export interface OAuth1ServerOptions {
  /** By `oauth_consumer_key`. Default: `console` with the secret `console&secret`. */
  readonly clients?: Readonly<Record<string, OAuth1Client>>
  readonly tls?: https.ServerOptions
  /** Format of token responses. Default: `form`. */
  readonly answersAs?: 'form' | 'json'
  /** More parameters of the access token response. */
  readonly besides?: Readonly<Record<string, string>>
  /** Whether bodies that are not forms must be signed by their hash. */
  readonly demandsBodyHash?: boolean
  /** Custom signature methods: return whether a signature is valid. */
  readonly methods?: Readonly<Record<string, (base: string, key: string, signature: string) => boolean>>
  /** Public paths, which refuse a signature. Default: none. */
  readonly open?: readonly string[]
  /** The resource, for requests with a valid signature. Default: the client. */
  readonly resource?: (seen: Seen, visitor: Visitor) => Answer
}

/** The client, token and method of a signed request. */
export interface Visitor {
  readonly client: string
  readonly token: string | undefined
  readonly method: string
  readonly nonce: string
  readonly timestamp: string
  readonly place: 'header' | 'query' | 'body'
  readonly realm: string | undefined
  readonly baseString: string
}

export interface OAuth1Server extends TestServer {
  /** Accepted requests, in order. */
  readonly visitors: Visitor[]
  /** Error codes of refused requests. */
  readonly problems: string[]
  /** Credentials as after the three steps. */
  grant(): { token: string; tokenSecret: string }
  /** Plays a browser in which the user accepts or denies. Returns the callback URL, or the verifier that the server shows. */
  readonly decide: (authorizationUrl: string, decision?: 'yes' | 'no') => string
}

interface Credentials {
  readonly secret: string
  readonly kind: 'request' | 'access'
  readonly callback?: string
  verifier?: string
}

class Refused extends Error {
  constructor(
    readonly status: 400 | 401,
    readonly problem: string,
  ) {
    super(problem)
  }
}

export const CLIENT = { id: 'console', secret: 'console&secret' }

export async function oauth1Server(options: OAuth1ServerOptions = {}): Promise<OAuth1Server> {
  const { clients = { [CLIENT.id]: { secret: CLIENT.secret } }, answersAs = 'form', tls } = options
  const credentials = new Map<string, Credentials>()
  const nonces = new Set<string>()
  const visitors: Visitor[] = []
  const problems: string[] = []
  const server = await serve(handle, tls ? { tls, host: 'localhost' } : {})

  function handle(seen: Seen): Answer {
    try {
      const { pathname } = new URL(seen.url, 'http://any')
      if (options.open?.includes(pathname)) return { status: seen.headers.authorization ? 400 : 200 }
      const visitor = verified(seen)
      visitors.push(visitor)
      if (pathname === '/initiate') return initiate(seen)
      if (pathname === '/token') return exchange(seen)
      if (credentials.get(visitor.token ?? '')?.kind === 'request') throw new Refused(401, 'token_rejected')
      return options.resource?.(seen, visitor) ?? { body: JSON.stringify(visitor) }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      problems.push(error.problem)
      const headers = {
        'WWW-Authenticate': `OAuth realm="${server.origin}", oauth_problem="${error.problem}"`,
        'content-type': 'application/x-www-form-urlencoded',
      }
      return { status: error.status, headers, body: `oauth_problem=${error.problem}` }
    }
  }

  /** Section 2.1. */
  function initiate(seen: Seen): Answer {
    const { protocol } = parametersOf(seen)
    const callback = protocol.get('oauth_callback')
    if (callback === undefined) throw new Refused(400, 'parameter_absent')
    const token = make('request', callback)
    return give({ ...token, oauth_callback_confirmed: 'true' })
  }

  /** Section 2.3. */
  function exchange(seen: Seen): Answer {
    const { protocol } = parametersOf(seen)
    const token = protocol.get('oauth_token') ?? ''
    const request = credentials.get(token)
    if (request?.kind !== 'request') throw new Refused(401, 'token_rejected')
    if (request.verifier === undefined) throw new Refused(401, 'permission_unknown')
    if (protocol.get('oauth_verifier') !== request.verifier) throw new Refused(401, 'verifier_invalid')
    credentials.delete(token)
    return give({ ...make('access'), ...options.besides })
  }

  function make(kind: 'request' | 'access', callback?: string) {
    const token = { oauth_token: secret(), oauth_token_secret: secret() }
    credentials.set(token.oauth_token, {
      kind,
      secret: token.oauth_token_secret,
      ...(callback !== undefined && { callback }),
    })
    return token
  }

  function give(members: Record<string, string>): Answer {
    if (answersAs === 'json') return { body: JSON.stringify(members) }
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return { headers, body: new URLSearchParams(members).toString() }
  }

  /** Section 3.2. */
  function verified(seen: Seen): Visitor {
    const { protocol, place, realm, all } = parametersOf(seen)
    const need = (name: string) => {
      const value = protocol.get(name)
      if (value === undefined || value === '') throw new Refused(400, 'parameter_absent')
      return value
    }
    const client = need('oauth_consumer_key')
    const method = need('oauth_signature_method')
    const timestamp = need('oauth_timestamp')
    const nonce = need('oauth_nonce')
    const signature = need('oauth_signature')
    if (!['1.0', undefined].includes(protocol.get('oauth_version')))
      throw new Refused(400, 'version_rejected')
    const known = Object.hasOwn(clients, client) ? clients[client] : undefined
    if (!known) throw new Refused(401, 'consumer_key_unknown')
    const token = protocol.get('oauth_token')
    const held = token === undefined ? undefined : credentials.get(token)
    if (token !== undefined && !held) throw new Refused(401, 'token_rejected')

    const baseString = baseStringOf(seen, tls ? 'https' : 'http', all)
    const key = `${escaped(Buffer.from(known.secret ?? ''))}&${escaped(Buffer.from(held?.secret ?? ''))}`
    if (!isRight(method, baseString, key, signature, known)) throw new Refused(401, 'signature_invalid')
    checkBodyHash(seen, protocol.get('oauth_body_hash'))

    // Last, so that only requests of the client use up a nonce.
    if (!/^[1-9]\d*$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > 300)
      throw new Refused(401, 'timestamp_refused')
    const combination = [timestamp, client, token, nonce].join(' ')
    if (nonces.has(combination)) throw new Refused(401, 'nonce_used')
    nonces.add(combination)
    return { client, token, method, nonce, timestamp, place, realm, baseString }
  }

  function isRight(
    method: string,
    base: string,
    key: string,
    signature: string,
    { publicKey }: OAuth1Client,
  ): boolean {
    const own = options.methods?.[method]
    if (own) return own(base, key, signature)
    if (method === 'PLAINTEXT') return signature === key
    const hash = /^HMAC-(SHA1|SHA256)$/.exec(method)?.[1]
    if (hash) return createHmac(hash, key).update(base).digest('base64') === signature
    if (method !== 'RSA-SHA1') throw new Refused(400, 'signature_method_rejected')
    return (
      publicKey !== undefined &&
      createVerify('RSA-SHA1').update(base).verify(publicKey, Buffer.from(signature, 'base64'))
    )
  }

  function checkBodyHash(seen: Seen, hash: string | undefined): void {
    const isHashed = seen.body !== '' && !isForm(seen)
    if (hash === undefined && isHashed && options.demandsBodyHash) throw new Refused(400, 'parameter_absent')
    if (hash === undefined) return
    const body = Buffer.from(seen.body, 'latin1')
    const right = ['sha1', 'sha256'].map((name) => createHash(name).update(body).digest('base64'))
    if (!isHashed || !right.includes(hash)) throw new Refused(401, 'parameter_rejected')
  }

  return {
    ...server,
    visitors,
    problems,
    grant() {
      const { oauth_token: token, oauth_token_secret: tokenSecret } = make('access')
      return { token, tokenSecret }
    },
    decide(authorizationUrl, decision = 'yes') {
      const token = new URL(authorizationUrl).searchParams.get('oauth_token') ?? ''
      const request = credentials.get(token)
      if (request?.kind !== 'request')
        throw new Error('the user is sent with no request token of this server')
      if (decision === 'yes') request.verifier = secret()
      const { callback = '', verifier } = request
      if (callback === 'oob') return verifier ?? ''
      const back = new URL(callback)
      back.searchParams.append('oauth_token', token)
      if (verifier === undefined) back.searchParams.append('oauth_problem', 'user_refused')
      else back.searchParams.append('oauth_verifier', verifier)
      return back.href
    },
  }
}

/** The OAuth 1 servers of one test file: `afterEach(servers.close)`. */
export function oauth1Servers() {
  const all: OAuth1Server[] = []
  return {
    start: async (options?: OAuth1ServerOptions) => {
      const server = await oauth1Server(options)
      all.push(server)
      return server
    },
    close: async () => {
      await Promise.all(all.splice(0).map((server) => server.close()))
    },
  }
}

/** With characters that must be encoded. */
function secret(): string {
  return `${randomBytes(9).toString('base64')}&%`
}

type Pair = readonly [name: Buffer, value: Buffer]

/** Section 3.4.1.3.1: all parameters, and those of the protocol, which must be in one place and once each (sections 3.1 and 3.5). */
function parametersOf(seen: Seen) {
  const [, query = ''] = /\?(.*)$/s.exec(seen.url) ?? []
  const inHeader = headerPairs(seen.headers.authorization)
  const sources = {
    query: formPairs(query),
    body: isForm(seen) ? formPairs(seen.body) : [],
    header: inHeader.filter(([name]) => name.toString() !== 'realm'),
  }
  const protocols = Object.entries(sources)
    .map(([place, pairs]) => ({
      place,
      pairs: pairs.filter(([name]) => name.toString().startsWith('oauth_')),
    }))
    .filter(({ pairs }) => pairs.length > 0)
  const [first, ...more] = protocols
  if (!first) throw new Refused(400, 'parameter_absent')
  if (more.length > 0) throw new Refused(400, 'parameter_rejected')
  const protocol = new Map(first.pairs.map(([name, value]) => [name.toString(), value.toString()]))
  if (protocol.size < first.pairs.length) throw new Refused(400, 'parameter_rejected')
  return {
    protocol,
    place: first.place as Visitor['place'],
    realm: inHeader.find(([name]) => name.toString() === 'realm')?.[1].toString(),
    all: Object.values(sources).flat(),
  }
}

function isForm({ headers }: Seen): boolean {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase() === 'application/x-www-form-urlencoded'
}

/** HTML 4.01 section 17.13.4. */
function formPairs(text: string): Pair[] {
  const pairs: Pair[] = []
  for (const piece of text.split('&')) {
    if (piece === '') continue
    const [name = '', ...value] = piece.split('=')
    const decode = (part: string) => unescaped(part.split('+').join('%20'))
    pairs.push([decode(name), decode(value.join('='))])
  }
  return pairs
}

/** Section 3.5.1. The realm is a quoted-string of HTTP. */
function headerPairs(field: string | undefined): Pair[] {
  const [, parameters] = /^oauth +(.*)$/is.exec(field ?? '') ?? []
  if (parameters === undefined) return []
  const pairs: Pair[] = []
  const form = /\s*([^\s=,"]+)="((?:[^"\\]|\\.)*)"\s*(,|$)/y
  while (form.lastIndex < parameters.length) {
    const [, name = '', value = ''] = form.exec(parameters) ?? []
    if (name === '') throw new Refused(400, 'parameter_rejected')
    pairs.push([
      unescaped(name),
      name === 'realm' ? Buffer.from(value.replace(/\\(.)/g, '$1')) : unescaped(value),
    ])
  }
  return pairs
}

function unescaped(text: string): Buffer {
  const octets: number[] = []
  for (let at = 0; at < text.length; at += 1) {
    const hex = /^%([0-9A-Fa-f]{2})/.exec(text.slice(at, at + 3))?.[1]
    octets.push(hex === undefined ? text.charCodeAt(at) : Number.parseInt(hex, 16))
    if (hex !== undefined) at += 2
  }
  return Buffer.from(octets)
}

const UNRESERVED = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'

/** Section 3.6. */
function escaped(octets: Buffer): string {
  let text = ''
  for (const octet of octets) {
    const character = String.fromCharCode(octet)
    text += UNRESERVED.includes(character)
      ? character
      : `%${octet.toString(16).padStart(2, '0').toUpperCase()}`
  }
  return text
}

/** Section 3.4.1, from the request line and the Host header. */
function baseStringOf(seen: Seen, scheme: 'http' | 'https', all: readonly Pair[]): string {
  const [path = ''] = seen.url.split('?')
  const host = (seen.headers.host ?? '').toLowerCase().replace(scheme === 'http' ? /:80$/ : /:443$/, '')
  const normalized = all
    .filter(([name]) => name.toString() !== 'oauth_signature')
    .map(([name, value]) => ({ name: escaped(name), value: escaped(value) }))
    .sort(
      (a, b) =>
        Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)) ||
        Buffer.compare(Buffer.from(a.value), Buffer.from(b.value)),
    )
    .map(({ name, value }) => `${name}=${value}`)
    .join('&')
  const parts = [seen.method.toUpperCase(), `${scheme}://${host}${path}`, normalized]
  return parts.map((part) => escaped(Buffer.from(part))).join('&')
}
