import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { igwnAuth, runtimeFile, shell, type CommandOptions, type Running } from '../support/command'
import { fileServer, type FileServer, type ServedFile } from '../support/file-server'
import { listen } from '../support/listen'
import { emptyPlaces, mint, put } from '../support/tokens'

/** A file without repetitions. */
const content = Buffer.from(Uint32Array.from({ length: 300_000 }, (_, index) => index * 2_654_435_761).buffer)
const ETAG = { ETag: '"version-1"' }
const size = content.length

let server: FileServer
let folder: string
let file: string
beforeEach(() => {
  emptyPlaces()
  folder = fs.mkdtempSync(path.join(String(process.env.TMPDIR), 'download-'))
  file = path.join(folder, 'H1.gwf')
})
afterEach(() => server.close())

async function serveFile(served: Partial<ServedFile> = {}): Promise<void> {
  server = await fileServer({ content, headers: ETAG, ...served })
}

function get(words: readonly string[] = [], options: CommandOptions = {}) {
  return igwnAuth(['get', server.url, '-o', file, ...words], options)
}

/** Waits until this many bytes of the file have been written. */
async function arrivalOf(bytes: number): Promise<void> {
  while ((fs.statSync(`${file}.part`, { throwIfNoEntry: false })?.size ?? 0) < bytes) await wait(5)
}

/** Sends a signal at this many bytes. */
const interruptAt =
  (bytes: number, signal: NodeJS.Signals = 'SIGINT') =>
  async ({ child }: Running) => {
    await arrivalOf(bytes)
    child.kill(signal)
  }

/** The range of a resumed download. The last bytes before an interruption can be lost. */
const REST = expect.stringMatching(/^bytes=[1-9]\d{4,6}-\d*$/) as unknown
/** The line about a part file that can be resumed. */
const KEPT = /\n {2}\S+\.part has [3-6]\d\d(?:\.\d)? kB of 1\.2 MB; run the same command again to resume\n$/

const names = () => fs.readdirSync(folder).sort()
const isWhole = () => fs.readFileSync(file).equals(content)
const ranges = () => server.requests.map(({ range }) => range)

describe('a file', () => {
  it('is saved, and nothing beside it is left', async () => {
    await serveFile()
    expect(await get()).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
    expect(names()).toEqual(['H1.gwf'])
    expect(isWhole()).toBe(true)
  })

  it('may be empty, and may come without a length', async () => {
    await serveFile({ content: Buffer.alloc(0) })
    expect((await get()).code).toBe(0)
    expect(fs.readFileSync(file)).toHaveLength(0)
    server.file = { content, hidesLength: true }
    expect((await get()).code).toBe(0)
    expect(isWhole()).toBe(true)
  })

  it('has the name from the URL with --remote-name', async () => {
    await serveFile()
    expect((await igwnAuth(['get', `${server.url}?key=value`, '-O'], { cwd: folder })).code).toBe(0)
    expect(names()).toEqual(['H1.gwf'])
  })

  it('replaces the old file and keeps its permissions; a link stays a link', async () => {
    await serveFile()
    const target = path.join(folder, 'target')
    fs.writeFileSync(target, 'old')
    fs.chmodSync(target, 0o640)
    fs.symlinkSync('target', file)
    expect((await get()).code).toBe(0)
    expect(fs.lstatSync(file).isSymbolicLink()).toBe(true)
    expect(isWhole()).toBe(true)
    expect((fs.statSync(target).mode & 0o777).toString(8)).toBe('640')
    expect(names()).toEqual(['H1.gwf', 'target'])
  })

  it('is unchanged when the response is not the file; the message of the server is on stderr', async () => {
    await serveFile()
    fs.writeFileSync(file, 'old')
    server.mishaps.push({ status: 404, body: 'no such\n file\u0007' })
    expect(await get()).toEqual({
      code: 22,
      signal: null,
      stdout: '',
      stderr: 'igwn-auth: 404 Not Found\n  the server says: no such file?\n',
    })
    server.mishaps.push({ status: 304 })
    expect(await get(['-H', 'If-None-Match: "version-1"'])).toMatchObject({
      code: 0,
      stderr: `igwn-auth: 304 Not Modified: ${file} is unchanged\n`,
    })
    expect(fs.readFileSync(file, 'utf8')).toBe('old')
    expect(names()).toEqual(['H1.gwf'])
  })

  it.each<[string, (name: string) => string, string]>([
    [
      'in a folder that does not exist',
      (name) => path.join(path.dirname(name), 'none', 'x'),
      'no such folder',
    ],
    ['that is a folder', (name) => path.dirname(name), 'it is a folder'],
  ])('%s is an error before anything is sent', async (_, place, why) => {
    await serveFile()
    const { code, stderr } = await igwnAuth(['get', server.url, '-o', place(file)])
    expect(code).toBe(23)
    expect(stderr).toContain(`cannot be written (${why})`)
    expect(server.requests).toEqual([])
  })

  it('that is a device or a pipe is written to, not replaced', async () => {
    await serveFile()
    expect((await igwnAuth(['get', server.url, '-o', '/dev/null'])).code).toBe(0)
    expect(fs.statSync('/dev/null').isFile()).toBe(false)
    expect(await igwnAuth(['get', server.url, '-o', '/dev/full'])).toMatchObject({
      code: 23,
      stderr: 'igwn-auth: /dev/full cannot be written (ENOSPC)\n',
    })
  })

  it('may be the response to any method, which is sent once', async () => {
    await serveFile()
    server.mishaps.push({ breaksAt: 1000 })
    const { code, stderr } = await get(['-X', 'POST'])
    expect({ code, stderr }).toEqual({
      code: 18,
      stderr: 'igwn-auth: the response was interrupted (ECONNRESET)\n',
    })
    expect(server.requests).toHaveLength(1)
    expect(names()).toEqual([])
    expect((await get(['-d', 'a=b'])).code).toBe(0)
    expect(isWhole()).toBe(true)
  })

  it('may be a range that a header requests', async () => {
    await serveFile()
    expect((await get(['-H', 'Range: bytes=1199990-'])).code).toBe(0)
    expect(fs.readFileSync(file).equals(content.subarray(1_199_990))).toBe(true)
  })

  it('comes with headers on stdout with --include', async () => {
    await serveFile()
    const { stdout } = await get(['-i'])
    expect(stdout).toMatch(/^HTTP\/1.1 200 OK\n[^]*etag: "version-1"\n[^]*\n\n$/)
    expect(isWhole()).toBe(true)
  })
})

describe('an interrupted download is resumed', () => {
  it('in the same run, at once, with a line on stderr', async () => {
    await serveFile()
    server.mishaps.push({ breaksAt: 400_000 }, { breaksAt: 100_000 })
    const { code, stderr } = await get()
    expect(code).toBe(0)
    expect(isWhole()).toBe(true)
    expect(ranges()).toEqual([undefined, REST, REST])
    expect(server.requests.map((headers) => headers['if-range'])).toEqual([
      undefined,
      '"version-1"',
      '"version-1"',
    ])
    expect(server.statuses).toEqual([200, 206, 206])
    expect(stderr.split('\n')).toEqual([
      'the response was interrupted (ECONNRESET); resuming now (1 of 5)',
      'the response was interrupted (ECONNRESET); resuming now (2 of 5)',
      '',
    ])
    expect(names()).toEqual(['H1.gwf'])
  })

  it('without that line with --silent', async () => {
    await serveFile()
    server.mishaps.push({ breaksAt: 400_000 })
    expect(await get(['-s'])).toMatchObject({ code: 0, stderr: '' })
  })

  it('when the server sends nothing for --timeout', async () => {
    await serveFile()
    server.mishaps.push({ silentAt: 400_000 })
    // The time is over when the test says so: a slow host needs some to connect.
    const timer = path.join(folder, 'timer.cjs')
    fs.writeFileSync(
      timer,
      `const { setTimeout } = globalThis
       let last
       globalThis.setTimeout = (act, delay, ...rest) => {
         if (delay === 50_000) last = act
         return setTimeout(act, delay, ...rest)
       }
       process.on('SIGUSR2', () => last())`,
    )
    const { code, stderr } = await get(['--timeout', '50'], {
      env: { NODE_OPTIONS: `--require "${timer}"` },
      meanwhile: interruptAt(400_000, 'SIGUSR2'),
    })
    expect(code).toBe(0)
    expect(stderr).toMatch(/^127.0.0.1:\d+ sent nothing for 50 seconds; resuming now \(1 of 5\)\n$/)
    expect(isWhole()).toBe(true)
  })

  it('after a delay, when the server is busy or sends nothing of the file', async () => {
    await serveFile()
    server.mishaps.push(
      { breaksAt: 400_000 },
      { status: 503, headers: { 'Retry-After': '2' } },
      { breaksAt: 0 },
    )
    const { code, stderr } = await get()
    expect(code).toBe(0)
    expect(isWhole()).toBe(true)
    expect(stderr.split('\n').slice(1)).toEqual([
      '503 Service Unavailable; resuming in 2 seconds (2 of 5)',
      'the response was interrupted (ECONNRESET); resuming in 2 seconds (3 of 5)',
      '',
    ])
  })

  it('at most --retry times, then by the next run of the same command', async () => {
    await serveFile()
    server.mishaps.push({ breaksAt: 400_000 }, { breaksAt: 100_000 }, { breaksAt: 100_000 })
    const { code, stderr } = await get(['--retry', '2'])
    expect(code).toBe(18)
    expect(stderr).toContain('igwn-auth: the response was interrupted (ECONNRESET)\n')
    expect(stderr).toMatch(KEPT)
    expect(names()).toEqual(['H1.gwf.part', 'H1.gwf.part.json'])
    expect((await get(['--retry', '0'])).code).toBe(0)
    expect(ranges().at(-1)).toEqual(REST)
    expect(isWhole()).toBe(true)
    expect(names()).toEqual(['H1.gwf'])
  })

  it('by Last-Modified without an ETag, if the file was unchanged for a minute', async () => {
    const modified = new Date(Date.now() - 61_000).toUTCString()
    await serveFile({ headers: { ETag: 'W/"weak"', 'Last-Modified': modified } })
    server.mishaps.push({ breaksAt: 400_000 })
    expect((await get()).code).toBe(0)
    expect(server.requests[1]).toMatchObject({ range: REST, 'if-range': modified })
    expect(isWhole()).toBe(true)
  })

  it('by its size only with --same-size, as for XRootD', async () => {
    await serveFile({ headers: {} })
    server.mishaps.push({ silentAt: 400_000 })
    await get(['--same-size'], { meanwhile: interruptAt(400_000) })
    expect(names()).toEqual(['H1.gwf.part', 'H1.gwf.part.json'])
    expect((await get(['--same-size'])).code).toBe(0)
    expect(ranges()).toEqual([undefined, 'bytes=400000-1199999'])
    expect(isWhole()).toBe(true)

    server.mishaps.push({ silentAt: 400_000 })
    await get(['--same-size'], { meanwhile: interruptAt(400_000) })
    expect((await get()).code).toBe(0)
    expect(ranges().at(-1)).toBeUndefined()
    expect(isWhole()).toBe(true)

    server.mishaps.push({ silentAt: 400_000 })
    await get(['--same-size'], { meanwhile: interruptAt(400_000) })
    server.file = { content: content.subarray(1), headers: {} }
    expect((await get(['--same-size'])).code).toBe(0)
    expect(fs.readFileSync(file).equals(content.subarray(1))).toBe(true)
  })

  it('with a token that was renewed meanwhile', async () => {
    await serveFile()
    const [first, second] = [mint({ aud: 'ANY', jti: 'first' }), mint({ aud: 'ANY', jti: 'second' })]
    put(runtimeFile(), first)
    server.mishaps.push({ breaksAt: 400_000 }, { status: 503 })
    const meanwhile = async () => {
      while (server.statuses.length < 2) await wait(5)
      put(runtimeFile(), second)
    }
    expect((await get([], { meanwhile })).code).toBe(0)
    expect(server.requests.map(({ authorization }) => authorization)).toEqual(
      [first, first, second].map((token) => `Bearer ${token}`),
    )
    expect(isWhole()).toBe(true)
  })

  it('by a run with a new token after the old one expired', async () => {
    await serveFile()
    put(runtimeFile(), mint({ aud: 'ANY' }))
    const refusal = {
      status: 401,
      headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
      body: 'expired',
    }
    server.mishaps.push({ breaksAt: 400_000 }, refusal)
    const { code, stderr } = await get()
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /igwn-auth: 401 Unauthorized: the server says invalid_token; the token from \S+bt_u1000 has/,
    )
    expect(stderr).toContain('  the server says: expired\n')
    expect(stderr).toMatch(KEPT)
    const renewed = mint({ aud: 'ANY', jti: 'renewed' })
    put(runtimeFile(), renewed)
    expect((await get()).code).toBe(0)
    expect(server.requests.at(-1)).toMatchObject({
      range: REST,
      authorization: `Bearer ${renewed}`,
    })
    expect(isWhole()).toBe(true)
  })

  it('when the server sends it in pieces and the first response has no length', async () => {
    await serveFile({ hidesLength: true, atMost: 300_000 })
    server.mishaps.push({ breaksAt: 400_000 })
    expect((await get()).code).toBe(0)
    expect(server.statuses).toEqual([200, 206, 206, 206])
    expect(isWhole()).toBe(true)
  })

  it('when the server is restarted', async () => {
    await serveFile()
    server.mishaps.push({ breaksAt: 400_000 })
    const { port } = new URL(server.url)
    const running = get()
    while (server.statuses.length === 0) await wait(5)
    await server.close()
    await wait(500)
    server = await fileServer({ content, headers: ETAG }, Number(port))
    expect((await running).code).toBe(0)
    expect(ranges()).toEqual([REST])
    expect(isWhole()).toBe(true)
  })

  it('after the disk was full', async () => {
    await serveFile()
    // Blocks of 512 bytes.
    const limited = await shell(`ulimit -f 1000; exec $IGWN_AUTH get ${server.url} -o ${file}`)
    expect(limited).toMatchObject({ code: 23 })
    expect(limited.stderr).toContain(`${file}.part cannot be written (EFBIG)`)
    expect((await get()).code).toBe(0)
    expect(ranges()).toEqual([undefined, REST])
    expect(isWhole()).toBe(true)
  })

  it('and not requested again when it is complete', async () => {
    await serveFile({ hidesLength: true })
    server.mishaps.push({ silentAt: size })
    await get([], { meanwhile: interruptAt(size) })
    expect((await get()).code).toBe(0)
    expect(server.statuses).toEqual([200, 416])
    expect(isWhole()).toBe(true)
  })

  it('and not requested again where XRootD 5 sends a 206 without a body instead of the 416', async () => {
    await serveFile({ hidesLength: true })
    const beyond = { 'Content-Range': `bytes ${size}--1/${size}`, 'Content-Length': '0' }
    server.mishaps.push({ silentAt: size }, { status: 206, headers: beyond })
    await get([], { meanwhile: interruptAt(size) })
    expect((await get()).code).toBe(0)
    expect(server.statuses).toEqual([200, 206])
    expect(isWhole()).toBe(true)
  })

  it('when it is slower than --speed-limit for --speed-time, at most --retry times', async () => {
    await serveFile()
    server.mishaps.push({ silentAt: 400_000 })
    const { code, stderr } = await get(['-Y', '1000', '-y', '1'])
    expect(code).toBe(0)
    expect(stderr).toMatch(
      /^127.0.0.1:\d+ sent less than 1 kB per second for 1 second; resuming now \(1 of 5\)\n$/,
    )
    expect(isWhole()).toBe(true)
  })

  it('where a header line of the ranged response ends with a bare LF, as XRootD before 5.5.4 sends it', async () => {
    await serveFile()
    server.mishaps.push({ silentAt: 400_000 })
    await get([], { meanwhile: interruptAt(400_000) })
    const requests: string[] = []
    const raw = net.createServer((socket) => {
      socket.once('data', (head) => {
        requests.push(head.toString('latin1'))
        socket.end(
          Buffer.concat([
            Buffer.from(
              `HTTP/1.1 206 Partial Content\r\nETag: "version-1"\r\nContent-Length: ${size - 400_000}\r\n` +
                `Content-Range: bytes 400000-${size - 1}/${size}\nDigest: adler32=12345678\r\n\r\n`,
            ),
            content.subarray(400_000),
          ]),
        )
      })
    })
    const { port } = new URL(server.url)
    await server.close()
    await listen(raw, { port: Number(port) })
    expect(await get()).toMatchObject({ code: 0 })
    expect(requests.map((text) => /^Range: (.*)\r$/im.exec(text)?.[1])).toEqual([
      'bytes=400000-1199999',
      'bytes=400000-1199999',
    ])
    expect(isWhole()).toBe(true)
  })
})

describe('a download starts again', () => {
  it.each<[string, Partial<ServedFile>, number[]]>([
    ['when the file has changed', { headers: { ETag: '"version-2"' } }, [200, 200]],
    ['when the server does not support ranges', { ignoresRanges: true }, [200, 200]],
    [
      'when it has changed and the server ignores If-Range',
      { heedsNoCondition: true, headers: { ETag: '"version-2"' } },
      [200, 206, 200],
    ],
    ['when the server sends another range', { shifts: 1 }, [200, 206, 200]],
    ['when its length is unknown', { hidesLength: true, sizeSaid: '*' }, [200, 206, 200]],
    ['when its length has changed', { sizeSaid: 7 }, [200, 206, 200]],
    ['when it is shorter now', { content: Buffer.from('short'), heedsNoCondition: true }, [200, 416, 200]],
  ])('%s', async (_, later, statuses) => {
    await serveFile({ hidesLength: later.hidesLength ?? false })
    const then = { content: Buffer.from(content).reverse(), headers: ETAG, ...later }
    server.mishaps.push({ breaksAt: 400_000, then })
    const { code, stderr } = await get()
    expect(stderr).toContain('resuming now (1 of 5)')
    expect(code).toBe(0)
    expect(server.statuses).toEqual(statuses)
    expect(fs.readFileSync(file).equals(then.content)).toBe(true)
  })

  it.each<[string, Record<string, string>]>([
    ['a weak ETag', { ETag: 'W/"version-1"' }],
    [
      'a Last-Modified within the same minute',
      { 'Last-Modified': new Date(Date.now() + 600_000).toUTCString() },
    ],
    ['no validator', {}],
    ['an ETag and Accept-Ranges: none', { ...ETAG, 'Accept-Ranges': 'none' }],
  ])('when the server sends %s', async (_, headers) => {
    await serveFile({ headers })
    server.mishaps.push({ breaksAt: 400_000 })
    expect((await get()).code).toBe(0)
    expect(ranges()).toEqual([undefined, undefined])
    expect(isWhole()).toBe(true)
    // Nothing is kept that cannot be resumed.
    server.mishaps.push({ silentAt: 400_000 })
    const { stderr } = await get([], { meanwhile: interruptAt(400_000) })
    expect(stderr).toBe('igwn-auth: interrupted\n')
    expect(names()).toEqual(['H1.gwf'])
  })

  it('for another URL, another Accept header, and with --no-resume', async () => {
    await serveFile()
    for (const words of [
      [`${server.url}?other`],
      [server.url, '-H', 'Accept: text/plain'],
      [server.url, '--no-resume'],
    ]) {
      server.mishaps.push({ breaksAt: 400_000 })
      expect((await get(['--retry', '0'])).code).toBe(18)
      server.requests.length = 0
      expect((await igwnAuth(['get', '-o', file, ...words])).code).toBe(0)
      expect(ranges()).toEqual([undefined])
      expect(isWhole()).toBe(true)
    }
  })

  it('when the sidecar file is invalid', async () => {
    await serveFile()
    for (const sidecar of ['', '{', '[]', '{"key":1}', '{"validator":{"etag":"a\\r\\nX: y"},"bytes":3}']) {
      server.mishaps.push({ breaksAt: 400_000 })
      await get(['--retry', '0'])
      const known = JSON.parse(fs.readFileSync(`${file}.part.json`, 'utf8')) as object
      const text = sidecar.startsWith('{"v')
        ? JSON.stringify({ ...known, ...(JSON.parse(sidecar) as object) })
        : sidecar
      fs.writeFileSync(`${file}.part.json`, text)
      server.requests.length = 0
      expect((await get()).code).toBe(0)
      expect(ranges()).toEqual([undefined])
    }
  })
})

describe('the part file of another download', () => {
  it('stays when this one fails at once', async () => {
    await serveFile()
    server.mishaps.push({ breaksAt: 400_000 })
    await get(['--retry', '0'])
    server.mishaps.push({ status: 404 })
    expect((await igwnAuth(['get', `${server.url}?mistyped`, '-o', file])).code).toBe(22)
    expect((await get()).code).toBe(0)
    expect(ranges().at(-1)).toEqual(REST)
    expect(isWhole()).toBe(true)
  })
})

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s keeps the part file, and the next run resumes it',
    async (signal) => {
      await serveFile()
      server.mishaps.push({ silentAt: 400_000 })
      expect(await get([], { meanwhile: interruptAt(400_000, signal) })).toEqual({
        code: null,
        signal,
        stdout: '',
        stderr: `igwn-auth: interrupted\n  ${file}.part has 400 kB of 1.2 MB; run the same command again to resume\n`,
      })
      expect(names()).toEqual(['H1.gwf.part', 'H1.gwf.part.json'])
      expect((await get()).code).toBe(0)
      expect(ranges().at(-1)).toBe('bytes=400000-1199999')
      expect(isWhole()).toBe(true)
      expect(names()).toEqual(['H1.gwf'])
    },
  )

  it('also ends the delay before a retry', async () => {
    await serveFile()
    server.mishaps.push({ breaksAt: 400_000 }, { status: 503, headers: { 'Retry-After': '50' } })
    const { signal } = await get([], {
      meanwhile: async ({ child, said }) => {
        while (!said.stderr.includes('in 50 seconds')) await wait(5)
        child.kill('SIGINT')
      },
    })
    expect(signal).toBe('SIGINT')
    expect(names()).toEqual(['H1.gwf.part', 'H1.gwf.part.json'])
  })

  it('SIGKILL loses nothing that was written of a download of more than 16 MiB', async () => {
    const large = Buffer.alloc(21_000_000, content)
    await serveFile({ content: large })
    server.mishaps.push({ silentAt: 20_000_000 })
    await get([], { meanwhile: interruptAt(20_000_000, 'SIGKILL') })
    expect((await get()).code).toBe(0)
    expect(ranges()).toEqual([undefined, 'bytes=20000000-20999999'])
    expect(fs.readFileSync(file).equals(large)).toBe(true)
  })

  it('SIGKILL leaves a stale lock, which does not stop the next run', async () => {
    await serveFile()
    server.mishaps.push({ silentAt: 400_000 })
    expect(await get([], { meanwhile: interruptAt(400_000, 'SIGKILL') })).toMatchObject({ signal: 'SIGKILL' })
    expect(names()).not.toContain('H1.gwf')
    expect(names()).toContain('H1.gwf.part.lock')
    expect((await get()).code).toBe(0)
    expect(isWhole()).toBe(true)
    expect(names()).toEqual(['H1.gwf'])
  })
})

it('a file is not written by two processes', async () => {
  await serveFile()
  server.mishaps.push({ silentAt: 400_000 })
  const first = await get([], {
    meanwhile: async ({ child }) => {
      await arrivalOf(400_000)
      const second = await get()
      expect(second.code).toBe(23)
      expect(second.stderr).toContain(
        `igwn-auth: ${file}.part is being written by process ${child.pid} on ${os.hostname()}\n`,
      )
      child.kill('SIGINT')
    },
  })
  expect(first.signal).toBe('SIGINT')
})
