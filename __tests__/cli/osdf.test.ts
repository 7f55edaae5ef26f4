/** The command and objects of federations. */
import fs from 'node:fs'
import path from 'node:path'
import { igwnAuth, runtimeFile, type Ended } from '../support/command'
import { createFederation, type TestFederation } from '../support/federation'
import { createAuthority } from '../support/pki'
import { serve, type Answer } from '../support/server'
import { emptyPlaces, mint, put, room } from '../support/tokens'

const FRAME = '/igwn/frames/f.txt'
let federation: TestFederation
let tls: { cert: string; key: string }
let authorityCertificate: string
let ca: string

beforeAll(async () => {
  const authority = await createAuthority()
  const { certificate, key } = await authority.issueServer()
  tls = { cert: certificate, key }
  authorityCertificate = authority.certificate
})
beforeEach(async () => {
  emptyPlaces()
  ca = put(room('ca.pem'), authorityCertificate)
  federation = await createFederation(tls)
  put(runtimeFile(), mint({ iss: federation.issuer, aud: 'ANY', scope: 'read:/frames write:/frames' }))
})

const folder = () => path.dirname(room('here'))
const run = (...words: string[]): Promise<Ended> =>
  igwnAuth(words, { env: { SSL_CERT_FILE: ca, COLUMNS: '220' }, cwd: folder() })
const methods = () =>
  federation.caches.map(({ seen }) =>
    seen.map(({ method, headers }) => [method, headers.range].filter(Boolean).join(' ')),
  )

it('explain says where the object is, and which token would be sent', async () => {
  const { code, stdout, stderr } = await run('explain', federation.url(FRAME))
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(`namespace /igwn of ${federation.host}: a token is required`)
  expect(stdout).toContain(
    `servers: ${federation.caches.map(({ origin }) => new URL(origin).host).join(', ')}`,
  )
  expect(stdout).toContain(`Would be sent: the token from ${runtimeFile()}`)
})

it('explain of a public object is a success without a token', async () => {
  fs.rmSync(runtimeFile())
  const { code, stdout } = await run('explain', federation.url('/public/p.txt'))
  expect(code).toBe(0)
  expect(stdout).toContain('no token is required')
})

it('get prints the object; without a suitable token it names the command that gets one', async () => {
  expect(await run('get', federation.url(FRAME))).toMatchObject({
    code: 0,
    stdout: 'a secret frame\n',
    stderr: '',
  })
  put(runtimeFile(), mint({ iss: federation.issuer, aud: 'ANY', scope: 'read:/other' }))
  const { code, stderr } = await run('get', federation.url(FRAME))
  expect(code).toBe(1)
  expect(stderr).toContain(
    'with scope storage.read:/frames/f.txt or read:/frames/f.txt of issuer https://issuer.example.org',
  )
  expect(stderr).toContain('igwn-auth login --vault VAULT --issuer ISSUER --scope=storage.read:/frames')
  expect(methods()).toEqual([['GET'], []])
})

it.each([
  ['no option', []],
  ['a device', ['-o', '/dev/null']],
  ['a range', ['-o', 'f.txt', '-H', 'Range: bytes=0-3']],
  ['another method', ['-X', 'POST', '-o', 'f.txt']],
])('--checksum with %s is an error of usage: it would verify nothing', async (_, words) => {
  const { code, stdout, stderr } = await run('request', federation.url(FRAME), '--checksum', 'any', ...words)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^igwn-auth: --checksum verifies a (?:file that is saved|whole file)/)
  expect(methods()).toEqual([[], []])
})

it('get -o verifies the file by the digest of the server', async () => {
  const { code, stderr } = await run('get', federation.url(FRAME), '-o', 'f.txt')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(fs.readFileSync(path.join(folder(), 'f.txt'), 'utf8')).toBe('a secret frame\n')
  expect(methods()).toEqual([['HEAD', 'GET'], []])
})

it('get -o continues at the next cache, and the file has the bytes of both', async () => {
  const big = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * at) >>> 5))
  federation.objects.set('/igwn/frames/big', big)
  federation.caches[0].faults = { cutAfter: 100_000 }
  const { code, stderr } = await run('get', federation.url('/igwn/frames/big'), '-o', 'big')
  expect([code, stderr]).toEqual([0, expect.stringContaining('resum')])
  expect(fs.readFileSync(path.join(folder(), 'big')).equals(big)).toBe(true)
  const [first, second] = methods()
  expect([first, second?.map((line) => /^(HEAD|GET bytes=\d+-299999)$/.test(line))]).toEqual([
    ['HEAD', 'GET'],
    [true],
  ])
})

it('get -o continues at the next cache where the director wants a token, too', async () => {
  const big = Buffer.alloc(1_000_000, 'frames')
  federation.objects.set('/igwn/frames/big', big)
  federation.director.closed.add('/igwn')
  federation.caches[0].faults = { cutAfter: 100_000 }
  const { code, stderr } = await run('get', federation.url('/igwn/frames/big'), '-o', 'closed')
  expect([code, stderr]).toEqual([0, expect.stringMatching(/resuming now \(1 of 5\)\n$/)])
  expect(fs.readFileSync(path.join(folder(), 'closed')).equals(big)).toBe(true)
})

it.each([
  ['closes the connection', { cutAfter: 0 }],
  ['sends no more', { cutAfter: 0, isSilent: true }],
])('get -o continues at the next cache when one responds and then %s', async (_, faults) => {
  federation.caches[0].faults = faults
  const { code, stderr } = await run('get', federation.url(FRAME), '-o', 'begun.txt', '-y', '1')
  expect([code, stderr]).toEqual([0, expect.stringMatching(/; resuming in 1 second \(1 of 5\)\n$/)])
  expect(fs.readFileSync(path.join(folder(), 'begun.txt'), 'utf8')).toBe('a secret frame\n')
})

it('get -o -v notes a digest that is not used', async () => {
  for (const cache of federation.caches) cache.faults = { digest: 'md5=AAAAAA==' }
  const { code, stderr } = await run('get', federation.url(FRAME), '-o', 'f.txt', '-v')
  expect(code).toBe(0)
  expect(stderr).toContain(
    `* warning: ${federation.host}: a digest is not used: md5 has 4 bytes instead of 16\n`,
  )
})

it('get -o --checksum saves nothing where the server refuses to name a digest', async () => {
  const url = `${federation.source.origin}${FRAME}`
  federation.source.faults = { headStatus: 405 }
  const { code, stderr } = await run('get', url, '-o', 'unverified.txt', '--checksum', 'any')
  expect([code, stderr]).toEqual([56, expect.stringContaining('names no digest of the file')])
  expect(fs.readdirSync(folder()).filter((name) => name.startsWith('unverified'))).toEqual([])
  federation.source.faults = { status: 404 }
  const missing = await run('get', url, '-o', 'unverified.txt', '--checksum', 'any')
  expect([missing.code, missing.stderr]).toEqual([22, expect.stringContaining('404')])
})

it('get -o does not save a file with another digest', async () => {
  for (const cache of federation.caches) cache.faults = { digest: 'adler32=12345678' }
  const { code, stderr } = await run('get', federation.url(FRAME), '-o', 'wrong.txt')
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/the file has adler32 \w{8}, and localhost:\d+ names 12345678; it was not saved/)
  expect(fs.readdirSync(folder()).filter((name) => name.startsWith('wrong'))).toEqual([])
  expect(await run('get', federation.url(FRAME), '-o', 'wrong.txt', '--no-checksum')).toMatchObject({
    code: 0,
  })
})

it('get -o verifies files of other https servers that have a digest, too', async () => {
  const { source } = federation
  const get = async (...words: string[]) => {
    source.seen.length = 0
    const { code, stderr } = await run('get', `${source.origin}${FRAME}`, '-o', 'plain.txt', ...words)
    return [code, stderr, source.seen.map(({ method }) => method).join(' ')]
  }
  expect(await get()).toEqual([0, '', 'HEAD GET'])
  expect(await get('--no-checksum')).toEqual([0, '', 'GET'])
  for (const headStatus of [405, 0]) {
    source.faults = { headStatus }
    expect(await get()).toEqual([0, '', 'HEAD GET'])
  }
  source.faults = { digest: 'adler32=12345678' }
  fs.rmSync(path.join(folder(), 'plain.txt'))
  const fix = /names 12345678; it was not saved\n.* if the server names a wrong digest, add --no-checksum\n/
  expect(await get()).toEqual([56, expect.stringMatching(fix), 'HEAD GET'])
  expect(fs.readdirSync(folder()).filter((name) => name.startsWith('plain'))).toEqual([])
})

it.each<[what: string, head: () => Answer | Promise<Answer>, why: string]>([
  ['does not respond', () => new Promise(() => undefined), 'localhost:\\d+ sent nothing for 0.5 seconds'],
  ['redirects to no server', () => ({ status: 302, headers: { Location: 'https://127.0.0.1:1/' } }), ''],
])('get -o saves a file without verification where a server %s at HEAD; -v says so', async (_, head, why) => {
  const server = await serve(({ method }) => (method === 'HEAD' ? head() : { body: 'a frame' }), {
    host: 'localhost',
    tls,
  })
  const { code, stderr } = await run('get', server.origin, '-o', 'f.txt', '-v', '--timeout', '0.5')
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(`warning: localhost:\\d+: the file is not verified: .*${why}`),
  ])
  expect(fs.readFileSync(path.join(folder(), 'f.txt'), 'utf8')).toBe('a frame')
})

it('get -o --checksum requires a digest, of other servers too', async () => {
  const url = `${federation.source.origin}${FRAME}`
  expect(await run('get', url, '-o', 'f.txt', '--checksum', 'any')).toMatchObject({ code: 0, stderr: '' })
  expect(federation.source.seen.map(({ method }) => method)).toEqual(['HEAD', 'GET'])
  const { code, stderr } = await run('get', url, '-o', 'f.txt', '--checksum', 'sha-256')
  expect(code).not.toBe(0)
  expect(stderr).toContain('names no sha-256 digest of the file')
  expect((await run('get', url, '-o', 'f.txt', '--checksum', 'best')).stderr).toContain('Expected any, crc32')
})

it('get warns where the token expires before the download ends, at 10 MB per second; with --strict it saves nothing', async () => {
  const exp = Math.floor(Date.now() / 1000) + 90
  const claims = { iss: federation.issuer, aud: 'ANY', scope: 'read:/frames', iat: exp - 3600, exp }
  put(runtimeFile(), mint(claims))
  for (const cache of federation.caches)
    cache.faults = { cutAfter: 5, headers: { 'Content-Length': '5000000000' } }
  const words = ['get', federation.url(FRAME), '-o', 'large', '--retry', '0']
  const warning =
    /bt_u1000 expires in \d\d seconds, and is needed for 8 minutes; igwn-auth login and htgettoken write the next one only when they are run again\n(?: +large.part .*\n)? +To fix: igwn-auth login --vault VAULT/
  const warned = await run(...words)
  expect([warned.code, warned.stderr]).toEqual([18, expect.stringMatching(warning)])
  expect(warned.stderr).toMatch(/^igwn-auth: warning: /)
  const refused = await run(...words, '--strict')
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(warning)])
  expect((await run(...words, '--silent')).stderr).not.toContain('warning')
  // The same token is enough for a small file.
  for (const cache of federation.caches) cache.faults = {}
  expect(await run('get', federation.url(FRAME), '-o', 'small', '--strict')).toMatchObject({
    code: 0,
    stderr: '',
  })
})

it('get -o continues at the next cache when one is slow, twice; after that the network of this host may be slow', async () => {
  const [first, second] = federation.caches
  first.faults = { cutAfter: 5, isSilent: true, cuts: 1 }
  const { code, stderr } = await run('get', federation.url(FRAME), '-o', 'slow.txt', '-y', '1')
  expect(code).toBe(0)
  expect(stderr).toMatch(/sent less than 100 kB per second for 1 second; resuming now \(1 of 5\)\n$/)
  expect(fs.readFileSync(path.join(folder(), 'slow.txt'), 'utf8')).toBe('a secret frame\n')
  expect(second.seen.map(({ headers }) => headers.range)).toEqual(['bytes=5-14'])
})

it('get -o tries again after a 404 in the middle of a download: the origin of the cache may not respond', async () => {
  const [first, second] = federation.caches
  first.faults = { cutAfter: 5, isSilent: true, next: { status: 404, next: {} } }
  second.faults = { status: 404, next: {} }
  const { code, stderr } = await igwnAuth(['get', federation.url(FRAME), '-o', 'f.txt', '-y', '1'], {
    env: { SSL_CERT_FILE: ca },
    cwd: folder(),
  })
  expect([code, stderr]).toEqual([0, expect.stringContaining('404')])
  expect(fs.readFileSync(path.join(folder(), 'f.txt'), 'utf8')).toBe('a secret frame\n')
})

describe('-T to a federation', () => {
  const upload = (...words: string[]) => run('request', federation.url('/igwn/frames/new'), ...words)
  const file = () => put(room('upload.bin'), 'uploaded')

  it('compares what the origin stored with what was sent', async () => {
    expect(await upload('-T', file())).toMatchObject({ code: 0, stderr: '' })
    expect(federation.source.seen.map(({ method }) => method)).toEqual(['PUT', 'HEAD'])
    federation.source.faults = { digest: 'adler32=12345678' }
    const { code, stderr } = await upload('-T', file())
    expect(code).toBe(56)
    expect(stderr).toMatch(
      /stored a file with adler32 12345678, and what was sent has [0-9a-f]{8}\n +To fix: upload it again\n$/,
    )
    expect(await upload('-T', file(), '--no-checksum')).toMatchObject({ code: 0 })
  })

  it('also of what comes from a pipe, which is hashed while it is sent', async () => {
    const options = { env: { SSL_CERT_FILE: ca, COLUMNS: '220' }, cwd: folder(), stdin: 'from a pipe' }
    const words = ['request', federation.url('/igwn/frames/new'), '-T', '-', '--checksum', 'md5']
    expect(await igwnAuth(words, options)).toMatchObject({ code: 0, stderr: '' })
    expect(federation.objects.get('/igwn/frames/new')?.toString()).toBe('from a pipe')
    federation.source.faults = { digest: 'md5=AAAAAAAAAAAAAAAAAAAAAA==' }
    const { code, stderr } = await igwnAuth(words, options)
    expect([code, stderr]).toEqual([
      56,
      expect.stringMatching(/stored a file with md5 0{32}, and what was sent has/),
    ])
  })

  it('with --checksum needs a digest: without the right to read there is none', async () => {
    put(runtimeFile(), mint({ iss: federation.issuer, aud: 'ANY', scope: 'write:/frames' }))
    const { code, stderr } = await upload('-T', file(), '--checksum', 'any')
    expect([code, stderr]).toEqual([1, expect.stringContaining('with scope storage.read:/frames/new')])
    expect(await upload('-T', file())).toMatchObject({ code: 0 })
  })
})

it('request -X PUT writes to the origin', async () => {
  const { code, stderr } = await run(
    'request',
    '-X',
    'PUT',
    '-d',
    'new',
    federation.url('/igwn/frames/new.txt'),
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(federation.objects.get('/igwn/frames/new.txt')?.toString()).toBe('new')
})

it('an unknown object is an HTTP error with the words of the director; an invalid URL is one of usage', async () => {
  const { code, stderr } = await run('get', federation.url('/igwn/none'))
  expect(code).not.toBe(0)
  expect(stderr).toContain('404')
  expect((await run('get', 'osdf:///x?pack=tar')).code).toBe(2)
  expect((await run('get', '-v', federation.url(FRAME))).stderr).toContain(`> GET ${federation.url(FRAME)}`)
})
