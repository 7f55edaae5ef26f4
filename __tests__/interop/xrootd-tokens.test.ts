import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import axios, { type AxiosResponse } from 'axios'
import { HTTPSciTokenAuth, igwnAxios, type IgwnAuthError } from '../../lib/index'
import { expectNoSecret } from '../support/expect-no-secret'
import { createAuthority, type Authority } from '../support/pki'
import { emptyPlaces, now, put, putCondorCreds, runtimeFile, temporaryFile } from '../support/tokens'
import { caFolder } from './support/ca-folder'
import { createIssuer } from './support/issuer'
import { expectExplained, refusalOf } from './support/refusal'
import { newFolder } from './support/room'
import { startXrootd, type Xrootd } from './support/xrootd'

/** XRootD sends no challenge, and does not say why it refuses a token. */
const issuer = createIssuer()
let authority: Authority
let xrootd: Xrootd
let redirector: Xrootd

beforeAll(async () => {
  authority = await createAuthority()
  xrootd = await startXrootd({
    authority,
    issuer,
    authorizations: ['u * /public rl'],
    files: { 'data/f.txt': 'secret data', 'database/f.txt': 'other data', 'public/f.txt': 'public data' },
  })
  redirector = await startXrootd({ authority, issuer, redirectsTo: xrootd.origin })
  process.env.X509_CERT_DIR = caFolder(newFolder('certificates'), authority)
})

beforeEach(emptyPlaces)

const get = (file: string, options = {}) =>
  igwnAxios.get<string>(`${xrootd.origin}${file}`, { igwnAuth: options })

/** WLCG profile 1.3. */
const WLCG = { ver: undefined, 'wlcg.ver': '1.0', scope: 'storage.read:/data' }

describe('a token that is found', () => {
  it.each<[place: string, puts: (token: string) => void]>([
    ['SCITOKEN', (token) => (process.env.SCITOKEN = token)],
    [
      'SCITOKEN_FILE',
      (token) => (process.env.SCITOKEN_FILE = put(path.join(newFolder('token'), 'token'), `${token}\n`)),
    ],
    [
      '_CONDOR_CREDS',
      (token) =>
        putCondorCreds({ 'scitokens.use': JSON.stringify({ access_token: token, expires_in: 600 }) }),
    ],
    ['BEARER_TOKEN', (token) => (process.env.BEARER_TOKEN = ` ${token}\n`)],
    [
      'BEARER_TOKEN_FILE',
      (token) => (process.env.BEARER_TOKEN_FILE = put(path.join(newFolder('token'), 'token'), token)),
    ],
    ['the runtime folder', (token) => put(runtimeFile(), token)],
    ['/tmp', (token) => put(temporaryFile(), token)],
  ])('in %s reads a file', async (_place, puts) => {
    expect((await refusalOf(get('/data/f.txt'))).response?.status).toBe(403)
    puts(issuer.mint({ aud: xrootd.origin }))
    expect((await get('/data/f.txt')).data).toBe('secret data')
  })

  it.each<[kind: string, token: () => string]>([
    ['signed with RS256', () => issuer.mint({}, { algorithm: 'RS256' })],
    ['of the type at+jwt', () => issuer.mint({}, { header: { typ: 'at+jwt' } })],
    ['for the host, without its port', () => issuer.mint({ aud: 'https://localhost' })],
    ['for several audiences', () => issuer.mint({ aud: ['https://elsewhere.example.org', xrootd.origin] })],
    [
      'that follows SciTokens 1.0',
      () => issuer.mint({ ver: 'scitokens:1.0', aud: xrootd.origin, jti: undefined }),
    ],
    ['of WLCG', () => issuer.mint({ ...WLCG, aud: xrootd.origin })],
    ['of WLCG for any audience', () => issuer.mint({ ...WLCG, aud: 'https://wlcg.cern.ch/jwt/v1/any' })],
  ])('%s reads a file', async (_kind, token) => {
    process.env.BEARER_TOKEN = token()
    expect((await get('/data/f.txt')).data).toBe('secret data')
  })

  it.each<[kind: string, claims: Record<string, unknown>]>([
    ['SciToken', { scope: 'write:/data' }],
    ['WLCG token', { ...WLCG, scope: 'storage.modify:/data' }],
  ])('writes a file, a %s', async (kind, claims) => {
    process.env.BEARER_TOKEN = issuer.mint({ ...claims, aud: xrootd.origin })
    const file = `/data/by ${kind}.txt`
    const { status } = await igwnAxios.put(encodeURI(`${xrootd.origin}${file}`), `written by a ${kind}`)
    expect(status).toBeLessThan(300) // 200 in XRootD 5.5, 201 in later ones
    expect(xrootd.read(file).toString()).toBe(`written by a ${kind}`)
  })

  it('that is suitable is sent, and unsuitable ones before it are skipped', async () => {
    process.env.SCITOKEN = issuer.mint({ aud: xrootd.origin, exp: now() - 1 })
    process.env.BEARER_TOKEN = issuer.mint({ aud: 'https://elsewhere.example.org' })
    put(runtimeFile(), issuer.mint({ ...WLCG, aud: xrootd.origin, scope: 'storage.read:/elsewhere' }))
    put(temporaryFile(), issuer.mint({ ...WLCG, aud: xrootd.origin }))
    expect((await get('/data/f.txt', { tokenScope: 'storage.read:/data/f.txt' })).data).toBe('secret data')
  })

  it('is not needed for public files', async () => {
    expect((await get('/public/f.txt')).data).toBe('public data')
  })
})

describe('an unsuitable token', () => {
  it.each<[problem: string, token: () => string, code: 'expired' | 'audience' | 'scope', says: RegExp]>([
    ['has expired', () => issuer.mint({ exp: now() - 120 }), 'expired', /BEARER_TOKEN expired 2 minutes ago/],
    [
      'is for another server',
      () => issuer.mint({ aud: 'https://elsewhere.example.org' }),
      'audience',
      /BEARER_TOKEN is for audience https:\/\/elsewhere\.example\.org, not https:\/\/localhost or https:\/\/localhost:\d+$/,
    ],
    [
      'has another scope',
      () => issuer.mint({ scope: 'read:/elsewhere' }),
      'scope',
      /BEARER_TOKEN has scope read:\/elsewhere, not read:\/data$/,
    ],
  ])('that %s is not sent, and the refusal says so', async (_problem, token, code, says) => {
    process.env.BEARER_TOKEN = token()
    const error = await refusalOf(get('/data/f.txt', { tokenScope: 'read:/data' }))
    expect(error.response?.status).toBe(403)
    expectExplained(error, code, says)
    expectNoSecret(error, [process.env.BEARER_TOKEN])

    // The server refuses the skipped token, so skipping it was right.
    const sent = await refusalOf(get('/data/f.txt', { token: process.env.BEARER_TOKEN }))
    expect(sent.response?.status).toBe(403)
    expectNoSecret(sent, [process.env.BEARER_TOKEN])
  })

  it('fails the request before it is sent if a token is required', async () => {
    process.env.BEARER_TOKEN = issuer.mint({ exp: now() - 120 })
    const before = xrootd.output()
    const error = await refusalOf<IgwnAuthError>(get('/data/f.txt', { token: true }))
    expect(error).toMatchObject({ name: 'IgwnAuthError', code: 'ERR_IGWN_TOKEN_NOT_FOUND' })
    expectExplained(error, 'expired', /BEARER_TOKEN expired 2 minutes ago/)
    expect(xrootd.output()).toBe(before)
  })

  it.each<[scope: string, file: string, ours: boolean, theirs: boolean]>([
    ['read:/', '/data/f.txt', true, true],
    ['read:/data', '/data/f.txt', true, true],
    ['read:/data/f.txt', '/data/f.txt', true, true],
    ['write:/data', '/data/f.txt', false, false],
    ['read:/database', '/data/f.txt', false, false],
    // WLCG profile 1.3 section 2.2.1 compares path segments, as later XRootD versions and this package do. XRootD 5.5 compares characters.
    ['read:/data', '/database/f.txt', false, true],
    ['read:/dat', '/data/f.txt', false, true],
  ])('for one file may be valid for another: %s for %s', async (scope, file, ours, theirs) => {
    process.env.BEARER_TOKEN = issuer.mint({ scope })
    const answers = await Promise.allSettled([
      get(file, { token: true, tokenScope: `read:${file}` }),
      get(file, { token: process.env.BEARER_TOKEN }),
    ])
    expect(answers.map(({ status }) => status === 'fulfilled')).toEqual([ours, theirs])
  })

  it('is refused without a challenge, so a client that waits for one never sends its token', async () => {
    process.env.BEARER_TOKEN = issuer.mint()
    const waiting = new HTTPSciTokenAuth().apply(axios.create())
    const error = await refusalOf(waiting.get(`${xrootd.origin}/data/f.txt`))
    expect(error.response?.status).toBe(403)
    expect(error.response?.headers).not.toHaveProperty('www-authenticate')

    const forcing = new HTTPSciTokenAuth({ force: true }).apply(axios.create())
    expect((await forcing.get(`${xrootd.origin}/data/f.txt`)).data).toBe('secret data')
  })
})

/** An XRootD redirector puts the token that it received into the redirect URL, and the target server uses that one. */
describe('behind a redirector', () => {
  beforeEach(() => {
    process.env.BEARER_TOKEN = issuer.mint({ aud: 'https://localhost', scope: 'read:/data' })
  })

  // It closes connections without notice, so the next request needs a new one.
  const fresh = () => igwnAxios.create({ baseURL: redirector.origin })

  it('reads a file', async () => {
    const response = await fresh().get<string>('/data/f.txt')
    expect(response.data).toBe('secret data')
    expectNoSecret(response, [String(process.env.BEARER_TOKEN)])
  })

  it('is refused, and nothing that can be printed contains the token in that URL', async () => {
    const error = await refusalOf(fresh().get('/elsewhere/f.txt'))
    expect(error.response?.status).toBe(403)
    expectNoSecret(error, [String(process.env.BEARER_TOKEN)])
  })
})

it('accepts connections from this host only, although it listens on all addresses', async () => {
  // The server accepts 127.0.0.1 only; another address of 127.0.0.0/8 is another host to it.
  const socket = net.connect({ port: xrootd.port, host: '127.0.0.1', localAddress: '127.0.0.2' })
  socket.on('error', () => undefined)
  await once(socket, 'close')
  expect(xrootd.output()).toContain(
    'Unable to accept TCP connection from [::ffff:127.0.0.2]; permission denied',
  )
})

describe('a large file', () => {
  const SIZE = 64 * 1024 * 1024
  let file: string
  let digest: string
  beforeAll(async () => {
    file = path.join(newFolder('large'), 'frames.gwf')
    const bytes = randomBytes(SIZE)
    fs.writeFileSync(file, bytes)
    digest = createHash('sha256').update(bytes).digest('hex')
  })

  it('is uploaded as a stream, and downloaded as a stream and in ranges', async () => {
    process.env.BEARER_TOKEN = issuer.mint({ aud: xrootd.origin, scope: 'read:/data write:/data' })
    const url = `${xrootd.origin}/data/frames.gwf`
    const { status } = await igwnAxios.put(url, fs.createReadStream(file), {
      headers: { 'Content-Length': SIZE },
      maxBodyLength: Infinity,
      maxRedirects: 0, // otherwise follow-redirects buffers the body
    })
    expect(status).toBeLessThan(300)

    expect(await digestOf(await igwnAxios.get<Readable>(url, { responseType: 'stream' }))).toBe(digest)

    const half = SIZE / 2
    const part = async (range: string) => {
      const response = await igwnAxios.get<Readable>(url, {
        responseType: 'stream',
        headers: { Range: range },
      })
      expect(response.status).toBe(206)
      return response
    }
    // The range has an end: without one, XRootD 5.5 sends an empty 206 with "bytes 33554432--1/67108864".
    const ranges = [`${half}-${SIZE - 1}`, `0-${half - 1}`]
    const [second, first] = [await part(`bytes=${ranges[0]}`), await part(`bytes=${ranges[1]}`)]
    expect([second, first].map(({ headers }) => headers['content-range'] as unknown)).toEqual(
      ranges.map((range) => `bytes ${range}/${SIZE}`),
    )
    expect(await digestOf(first, second)).toBe(digest)
  })

  it('that must not be written is refused, perhaps by closing the connection', async () => {
    process.env.BEARER_TOKEN = issuer.mint({ aud: xrootd.origin, exp: now() - 7200 })
    const error = await refusalOf(
      igwnAxios.put(`${xrootd.origin}/data/refused.gwf`, fs.readFileSync(file), { maxBodyLength: Infinity }),
    )
    // The server responds before it has read the whole body.
    expect([403, 'ECONNRESET', 'EPIPE']).toContain(error.response?.status ?? error.code)
    expect(() => xrootd.read('/data/refused.gwf')).toThrow('ENOENT')
  })

  async function digestOf(...responses: AxiosResponse<Readable>[]): Promise<string> {
    const hash = createHash('sha256')
    for (const { data } of responses) await pipeline(data, hash, { end: false })
    return hash.digest('hex')
  }
})
