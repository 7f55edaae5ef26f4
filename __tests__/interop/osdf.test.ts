/** A federation whose origin and caches are XRootD 5, as in OSDF; only discovery and the director are a stand-in. */
import { execFile, execFileSync } from 'node:child_process'
import { createCipheriv, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { explain, igwnAxios } from '../../lib/index'
import { igwnAuth, runtimeFile } from '../support/command'
import { expectNoSecret } from '../support/expect-no-secret'
import { createFederation, type TestFederation } from '../support/federation'
import { createAuthority, type Authority } from '../support/pki'
import { put } from '../support/tokens'
import { caFolder } from './support/ca-folder'
import { startGoBetween, type GoBetween } from './support/go-between'
import { createIssuer } from './support/issuer'
import { handOver, identityOf, newFolder } from './support/room'
import { startXrootd, type Xrootd } from './support/xrootd'
import { startXrootdCache } from './support/xrootd-cache'

const FRAME = '/igwn/frames/f.txt'
const GIGABYTE = 1e9
const issuer = createIssuer()

let authority: Authority
let source: Xrootd
let federation: TestFederation
let goBetween: GoBetween
let ports: readonly number[]
let token: string

beforeAll(async () => {
  authority = await createAuthority()
  process.env.X509_CERT_DIR = caFolder(newFolder('certificates'), authority)
  const files = { 'igwn/frames/f.txt': 'a secret frame\n', 'igwn/scratch/x': '' }
  source = await startXrootd({ authority, issuer, basePath: '/igwn', checksums: 'adler32 md5', files })
  const options = { authority, issuer, originPort: source.port, basePath: '/igwn' }
  const caches = await Promise.all([startXrootdCache(options), startXrootdCache(options)])
  goBetween = await startGoBetween(caches[0].port)
  ports = [goBetween.port, caches[1].port]
  const { certificate: cert, key } = await authority.issueServer()
  federation = await createFederation(
    { cert, key },
    {
      issuer: issuer.url,
      names: {
        'cache-1': `https://localhost:${goBetween.port}`,
        'cache-2': caches[1].origin,
        source: source.origin,
      },
    },
  )
}, 60_000)
afterAll(async () => {
  // It is undefined when its start failed.
  await (goBetween as GoBetween | undefined)?.stop()
})
beforeEach(() => {
  token = issuer.mint({ scope: 'read:/ write:/scratch create:/scratch modify:/scratch' })
  process.env.BEARER_TOKEN = token
})
afterEach(() => {
  delete process.env.BEARER_TOKEN
})

describe('requests', () => {
  it('read through a cache with the token of the object, verified by the digest of the origin', async () => {
    const response = await igwnAxios.get<string>(federation.url(FRAME), { igwnAuth: { integrity: true } })
    expect(response.data).toBe('a secret frame\n')
    expect(goBetween.received).toBeGreaterThan(0)
    expectNoSecret([response, await explain(federation.url(FRAME))], [token])
  })

  it('read from the origin with directread', async () => {
    const url = `${federation.url(FRAME)}?directread`
    const { data } = await igwnAxios.get<string>(url, { igwnAuth: { integrity: 'md5' } })
    expect(data).toBe('a secret frame\n')
  })

  it('write with a verified body, list and delete at the origin', async () => {
    const url = federation.url('/igwn/scratch/new.txt')
    const written = await igwnAxios.put(url, 'new', { igwnAuth: { integrity: true } })
    expect(written.status).toBeLessThan(300)
    expect(source.read('igwn/scratch/new.txt').toString()).toBe('new')
    const listing = await igwnAxios.request<string>({
      method: 'propfind',
      url: federation.url('/igwn/frames/'),
      headers: { Depth: '1' },
    })
    expect([listing.status, listing.data]).toEqual([207, expect.stringContaining('/igwn/frames/f.txt')])
    expect((await igwnAxios.delete(url)).status).toBeLessThan(300)
    expect(() => source.read('igwn/scratch/new.txt')).toThrow('ENOENT')
  })

  it('are not sent with a token of another folder; a given one is refused, with the reason', async () => {
    process.env.BEARER_TOKEN = issuer.mint({ scope: 'read:/other' })
    const get = (options = {}) => igwnAxios.get(federation.url(FRAME), { igwnAuth: options })
    await expect(get()).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
      message: expect.stringContaining('read:/frames/f.txt'),
    })
    await expect(get({ token: process.env.BEARER_TOKEN })).rejects.toMatchObject({
      response: { status: 403 },
      igwnAuth: { summary: expect.stringContaining('none of its scopes covers /frames/f.txt') },
    })
  })
})

describe('the command', () => {
  /** Content that never repeats, in a file of the origin. */
  function makeFile(name: string, bytes: number): string {
    const cipher = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16))
    const zeros = Buffer.alloc(8_000_000)
    const file = source.pathOf(`igwn/frames/${name}`)
    const descriptor = fs.openSync(file, 'w')
    for (let size = 0; size < bytes; size += zeros.length) fs.writeSync(descriptor, cipher.update(zeros))
    fs.closeSync(descriptor)
    handOver(path.dirname(file), identityOf('xrootd'))
    federation.objects.set(`/igwn/frames/${name}`, Buffer.alloc(0))
    return file
  }

  it('downloads 1 GB across two caches, the first cut and the process killed, byte for byte the same', async () => {
    const original = makeFile('large.gwf', GIGABYTE)
    put(runtimeFile(), token)
    goBetween.received = 0
    const file = path.join(newFolder('download'), 'large.gwf')
    const words = ['get', federation.url('/igwn/frames/large.gwf'), '-o', file]
    const size = () => fs.statSync(`${file}.part`, { throwIfNoEntry: false })?.size ?? 0
    goBetween.cutAfter = 3e8
    await igwnAuth(words, {
      meanwhile: async ({ child }) => {
        while (size() < 6e8 && child.exitCode === null) await wait(2)
        child.kill('SIGKILL')
      },
    })
    const begun = size()
    expect(begun).toBeGreaterThanOrEqual(6e8)
    expect(begun).toBeLessThan(GIGABYTE)
    // The rest came from the other cache.
    expect(goBetween.received).toBeLessThan(3.2e8)
    const { code, stderr } = await igwnAuth([...words, '--verbose'])
    expect({ code, range: /bytes=\d+-\d+/.exec(stderr)?.[0] }).toEqual({
      code: 0,
      range: `bytes=${begun}-${GIGABYTE - 1}`,
    })
    execFileSync('cmp', [file, original])
  }, 300_000)

  it('resumes where the caches repeat the digest of another object, with a bare LF, and believes only its own HEAD', async () => {
    const original = makeFile('resumed.gwf', 24_000_000)
    put(runtimeFile(), token)
    for (const port of ports) {
      const url = `https://localhost:${port}${FRAME}`
      const bearer = ['-H', `Authorization: Bearer ${token}`, '-H', 'Want-Digest: adler32']
      // Not synchronous: the connection in between is one of this process.
      const trusted = ['--capath', process.env.X509_CERT_DIR ?? '', '--max-time', '30']
      await promisify(execFile)('curl', ['-sf', ...trusted, ...bearer, url])
    }
    const file = path.join(newFolder('download'), 'resumed.gwf')
    goBetween.cutAfter = 9_000_000
    const words = ['get', federation.url('/igwn/frames/resumed.gwf'), '-o', file, '--checksum', 'adler32']
    const { code, stderr } = await igwnAuth(words)
    expect([code, stderr]).toEqual([0, expect.stringContaining('resuming now (1 of 5)')])
    execFileSync('cmp', [file, original])
  })

  it('uploads from a pipe, and compares what the origin stored', async () => {
    put(runtimeFile(), token)
    federation.objects.set('/igwn/scratch/piped', Buffer.alloc(0))
    const words = ['request', federation.url('/igwn/scratch/piped'), '-T', '-', '--checksum', 'any']
    expect(await igwnAuth(words, { stdin: 'from a pipe' })).toMatchObject({ code: 0, stderr: '' })
    expect(source.read('igwn/scratch/piped').toString()).toBe('from a pipe')
  })
})
