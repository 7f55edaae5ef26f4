/** Options that have the names and the meaning they have in curl. */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import zlib from 'node:zlib'
import { igwnAuth, itOnTerminal, onTerminal } from '../support/command'
import { createAuthority } from '../support/pki'
import { serve, type Answer, type Seen } from '../support/server'
import { emptyPlaces, put } from '../support/tokens'

let cwd: string
beforeEach(() => {
  emptyPlaces()
  cwd = fs.mkdtempSync(path.join(String(process.env.TMPDIR), 'curl-'))
})

const in_ = (name: string) => path.join(cwd, name)

/** The request that the command sends to `/d/`, and what it prints. */
async function run(words: readonly string[], answer: Answer = {}, stdin?: string) {
  const server = await serve(() => answer)
  const ended = await igwnAuth(['request', `${server.origin}/d/`, ...words], {
    cwd,
    stdin,
    // -w reads descriptor 0 itself.
    ownProcess: words.includes('@-'),
  })
  return { ...ended, origin: server.origin, seen: server.seen }
}

async function sent(words: readonly string[], stdin?: string): Promise<Seen | undefined> {
  const { code, stderr, seen } = await run(words, {}, stdin)
  expect({ code, stderr, requests: seen.length }).toEqual({ code: 0, stderr: '', requests: 1 })
  return seen[0]
}

describe('-T streams', () => {
  it('a file to a URL with its name', async () => {
    put(in_('a file'), 'content')
    expect(await sent(['-T', 'a file'])).toMatchObject({
      method: 'PUT',
      url: '/d/a%20file',
      body: 'content',
      headers: { 'content-length': '7' },
    })
  })

  it('stdin, in chunks', async () => {
    expect(await sent(['-T', '-', '-X', 'POST'], 'from stdin')).toMatchObject({
      method: 'POST',
      url: '/d/',
      body: 'from stdin',
      headers: { 'transfer-encoding': 'chunked' },
    })
  })
})

describe('-F sends a multipart form', () => {
  it('with text, files and the content of files', async () => {
    put(in_('f'), 'content')
    const request = await sent([
      '-F',
      'a=b=c',
      '-F',
      'f=@f;type=text/plain',
      '-F',
      'g=<f',
      '-F',
      'h=@f;filename="a ""b"',
    ])
    const [, boundary = ''] =
      /^multipart\/form-data; boundary=(.+)$/.exec(request?.headers['content-type'] ?? '') ?? []
    const parts = request?.body.split(`--${boundary}`).slice(1, -1)
    expect(parts).toEqual([
      '\r\nContent-Disposition: form-data; name="a"\r\n\r\nb=c\r\n',
      '\r\nContent-Disposition: form-data; name="f"; filename="f"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n',
      '\r\nContent-Disposition: form-data; name="g"\r\n\r\ncontent\r\n',
      '\r\nContent-Disposition: form-data; name="h"; filename="a %22%22b"\r\nContent-Type: application/octet-stream\r\n\r\ncontent\r\n',
    ])
    expect(request?.headers['content-length']).toBe(String(request?.body.length))
  })

  it('with stdin', async () => {
    expect((await sent(['-F', 'f=@-'], 'from stdin'))?.body).toContain('\r\n\r\nfrom stdin\r\n')
  })
})

describe('-d and options like it', () => {
  it.each<[string[], string]>([
    [['-d', 'a=1', '-d', 'b=2'], 'a=1&b=2'],
    [['-d', '@f'], 'a b&c=d\n'],
    [['-d', '@-'], 'from stdin'],
    [['--data-binary', '@f'], 'a b&c=d\n'],
    [['--data-raw', '@f'], '@f'],
    [['--data-urlencode', 'a b'], 'a%20b'],
    [['--data-urlencode', '=a b'], 'a%20b'],
    [['--data-urlencode', 'n=a b&c'], 'n=a%20b%26c'],
    [['--data-urlencode', '@f', '-d', 'x'], 'a%20b%26c%3Dd%0A&x'],
    [['--data-urlencode', 'n@f'], 'n=a%20b%26c%3Dd%0A'],
  ])('%j', async (words, body) => {
    put(in_('f'), 'a b&c=d\n')
    expect(await sent(words, 'from stdin')).toMatchObject({
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  })

  it('-G appends them to the URL', async () => {
    const server = await serve(() => ({}))
    const words = ['request', `${server.origin}/?z=1`, '-G', '-d', 'a=1', '--data-urlencode', 'b=c d']
    expect(await igwnAuth(words)).toMatchObject({ code: 0 })
    expect(server.seen[0]).toMatchObject({ method: 'GET', url: '/?z=1&a=1&b=c%20d', body: '' })
    expect(server.seen[0]?.headers['content-type']).toBeUndefined()
  })

  it('--json sets the headers of JSON; its parts are not separated', async () => {
    put(in_('f'), '{"a":')
    expect(await sent(['--json', '@f', '--json', '1}'])).toMatchObject({
      method: 'POST',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
    })
    expect(await sent(['--json', '{}', '-H', 'content-type: application/ld+json'])).toMatchObject({
      headers: { 'content-type': 'application/ld+json' },
    })
  })
})

describe('headers', () => {
  it('-A sets the User-Agent, or removes it', async () => {
    expect((await sent(['-A', 'me/1']))?.headers['user-agent']).toBe('me/1')
    expect((await sent(['-A', '']))?.headers['user-agent']).toBeUndefined()
  })

  it('-u sends Basic credentials', async () => {
    expect((await sent(['-u', 'al:p:w']))?.headers.authorization).toBe(`Basic ${btoa('al:p:w')}`)
  })

  itOnTerminal('-u asks for the password, and does not show it', async () => {
    const server = await serve(() => ({ body: 'ok\n' }))
    const { code, stdout } = await onTerminal(['request', server.origin, '-u', 'al'], {
      meanwhile: async ({ child, said }) => {
        while (!said.stdout.includes('Password of al: ')) await wait(5)
        child.stdin.write('rainX\u007fbow é\r')
      },
    })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Password of al: \r\nok\r\n' })
    expect(server.authorizations).toEqual([`Basic ${Buffer.from('al:rainbow é').toString('base64')}`])
  })

  itOnTerminal('Ctrl-C ends the request after the question for the password', async () => {
    const server = await serve(() => new Promise(() => undefined))
    const { code } = await onTerminal(['request', server.origin, '-u', 'al'], {
      meanwhile: async ({ child, said }) => {
        while (!said.stdout.includes('Password of al: ')) await wait(5)
        child.stdin.write('rainbow\r')
        while (server.seen.length === 0) await wait(5)
        child.stdin.write('\u0003')
      },
    })
    expect(code).toBe(130)
  })

  itOnTerminal('Ctrl-C ends the question for the password, and the line of the question', async () => {
    // What is not written at once is late.
    const late = put(
      in_('late.cjs'),
      'const fs = require("fs"), { write } = fs; fs.write = (...all) => setTimeout(write, 50, ...all)',
    )
    const { code, stdout } = await onTerminal(['request', 'http://127.0.0.1:1/', '-u', 'al'], {
      env: { NODE_OPTIONS: `--require "${late}"`, NO_COLOR: '1' },
      meanwhile: async ({ child, said }) => {
        while (!said.stdout.includes('Password of al: ')) await wait(5)
        child.stdin.write('rain\u0003')
      },
    })
    expect({ code, stdout }).toEqual({
      code: 130,
      stdout: 'Password of al: \r\nigwn-auth: interrupted\r\n',
    })
  })

  it('-D writes those of the response to a file, or with - to stdout', async () => {
    const answer = { headers: { 'X-A': 'b' } }
    expect(await run(['-D', 'headers'], answer)).toMatchObject({ code: 0, stdout: '{"ok":true}' })
    expect(fs.readFileSync(in_('headers'), 'utf8')).toMatch(/^HTTP\/1\.1 200 OK\n[^]*x-a: b\n[^]*\n\n$/)
    expect((await run(['-D', '-'], answer)).stdout).toMatch(/^HTTP\/1\.1 200 OK\n[^]*\n\n\{"ok":true\}$/)
    expect(await run(['-D', '/dev/full'])).toMatchObject({ code: 23 })
  })
})

describe('trust', () => {
  it('--cacert replaces the trusted CAs, --capath adds to them', async () => {
    const authority = await createAuthority()
    const { certificate: cert, key } = await authority.issueServer()
    const server = await serve(() => ({}), { host: 'localhost', tls: { cert, key } })
    const ca = put(in_('ca.pem'), authority.certificate)
    fs.mkdirSync(in_('cas'))
    put(in_('cas/12345678.0'), authority.certificate)
    const other = put(in_('other.pem'), (await createAuthority('Another CA')).certificate)
    const get = (...words: string[]) =>
      igwnAuth(['request', server.origin, ...words], { cwd, env: { SSL_CERT_FILE: '' } })
    expect(await get()).toMatchObject({ code: 60 })
    expect(await get('--cacert', ca)).toMatchObject({ code: 0, stderr: '' })
    const untrusted = await get('--cacert', other)
    expect(untrusted.code).toBe(60)
    expect(untrusted.stderr).toContain(
      `--cacert ${other} is in use and overrides SSL_CERT_FILE. Add the CA there`,
    )
    expect(untrusted.stderr).not.toContain('REQUESTS_CA_BUNDLE')
    const missing = await get('--cacert', in_('none'))
    expect(missing.stderr).toContain('Set --cacert to the path of a PEM file')
    expect(missing.stderr).not.toContain('REQUESTS_CA_BUNDLE')
    expect(await get('--capath', in_('cas'))).toMatchObject({ code: 0, stderr: '' })
    expect(await get('--cacert', other, '--capath', in_('cas'))).toMatchObject({ code: 0, stderr: '' })
  })
})

it('-O saves each of several URLs; the exit code is that of the first failure', async () => {
  const server = await serve(({ url }) => (url === '/b' ? { status: 404 } : { body: url }))
  const urls = ['/x/a', '/b', '/c%20d?e'].map((one) => server.origin + one)
  const words = ['request', '-s', '-O', ...urls, '-w', '%{filename_effective} %{exitcode}\\n']
  expect(await igwnAuth(words, { cwd })).toMatchObject({ code: 22, stdout: 'a 0\nb 22\nc%20d 0\n' })
  expect(fs.readdirSync(cwd).sort()).toEqual(['a', 'c%20d'])
  expect(fs.readFileSync(in_('a'), 'utf8')).toBe('/x/a')
})

it.each(['gzip', 'deflate', 'br'] as const)(
  '--compressed decompresses %s, also into a file',
  async (coding) => {
    const compress = { gzip: zlib.gzipSync, deflate: zlib.deflateSync, br: zlib.brotliCompressSync }[coding]
    const answer = { headers: { 'Content-Encoding': coding }, body: compress('a text') }
    const { stdout, seen } = await run(['--compressed'], answer)
    expect(stdout).toBe('a text')
    expect(seen[0]?.headers['accept-encoding']).toContain(coding)
    await run(['--compressed', '-o', 'file'], answer)
    expect(fs.readFileSync(in_('file'), 'utf8')).toBe('a text')
    await run(['-o', 'file'], answer)
    expect(fs.readFileSync(in_('file'))).toEqual(answer.body)
  },
)

describe('what is the default here is accepted', () => {
  it.each(['-L', '-S', '-C -', '-N', '-#', '--no-progress-meter', '--fail-with-body', '-fsSL', '-sSfL -C -'])(
    '%s',
    async (line) => {
      expect(await sent(line.split(' '))).toMatchObject({ method: 'GET' })
    },
  )

  it('-fsSLo FILE saves, and follows redirects', async () => {
    const server = await serve(({ url }) =>
      url === '/' ? { status: 302, headers: { Location: '/end' } } : { body: 'end' },
    )
    expect(await igwnAuth(['request', '-fsSLo', 'file', server.origin], { cwd })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(fs.readFileSync(in_('file'), 'utf8')).toBe('end')
  })

  it('-C with an offset is refused, with what to use', async () => {
    expect((await run(['-C', '5'])).stderr).toContain("use -H 'Range: bytes=100-'")
  })
})

describe('-w', () => {
  it('prints the variables of curl', async () => {
    const format =
      '%{http_code} %{response_code} %{exitcode} %{errormsg}|%{content_type} %{method} %{scheme} %{http_version} ' +
      '%{size_download} %{size_upload} %{num_retries} %header{X-A} %{url_effective} 100%% \\\\ \\t%{nothing}'
    const { stdout: refused, stderr } = await run(['-w', format])
    expect(refused).toBe('')
    expect(stderr).toContain('--write-out has no variable nothing')
    const { stdout, origin } = await run(
      ['-d', 'body', '-o', 'file', '-w', format.replace('%{nothing}', '')],
      {
        headers: { 'X-A': 'b' },
      },
    )
    expect(stdout).toBe(`200 200 0 |application/json POST http 1.1 11 4 0 b ${origin}/d/ 100% \\ \t`)
  })

  it('has the size of an error response, the address of the server and times of the connection', async () => {
    const format =
      '%{size_download} %{remote_ip} %{remote_port} %{num_redirects} %{time_namelookup} %{time_connect}'
    const { stdout, origin } = await run(['-w', format], { status: 404, body: 'none\n' })
    const [, time = ''] = /^none\n5 127\.0\.0\.1 (?:\d+) 0 0 (0\.\d+)$/.exec(stdout) ?? []
    expect(Number(time)).toBeGreaterThan(0)
    expect(stdout).toContain(` ${new URL(origin).port} `)
  })

  it('@FILE and @- have the format; %{stderr} and %{onerror} choose where and when', async () => {
    put(in_('format'), '%{http_code}\\n%{stderr}%{method}\n%{onerror}%{exitcode}')
    expect(await run(['-f', '-w', '@format'])).toMatchObject({
      stdout: '{"ok":true}200\n',
      stderr: 'GET\n',
    })
    expect(await run(['-f', '-w', '@-'], { status: 404 }, '%{onerror}%{exitcode}')).toMatchObject({
      stdout: '22',
      stderr: 'igwn-auth: 404 Not Found\n',
    })
  })

  it("'%{json}' prints a line for every URL, also on failure", async () => {
    const server = await serve(({ url }) => ({ status: url.startsWith('/401') ? 401 : 404 }))
    const urls = [server.origin, 'http://127.0.0.1:1', `${server.origin}/401?secret=hunter2`]
    const { code, stdout } = await igwnAuth(['request', '-f', ...urls, '-w', '%{json}\\n'])
    expect(code).toBe(22)
    const lines = stdout.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { http_code: 404, exitcode: 22, errormsg: '404 Not Found', fixes: [] },
      { http_code: 0, exitcode: 7, url: 'http://127.0.0.1:1/' },
      { http_code: 401, exitcode: 1, url: `${server.origin}/401`, summary: expect.any(String) },
    ])
    expect(stdout).not.toContain('hunter2')
  })

  it('prints after a request that was not sent, too', async () => {
    const words = ['request', 'http://127.0.0.1:1/', '--fail-if-no-auth', '-w', '%{json}\\n']
    const { code, stdout } = await igwnAuth(words)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ http_code: 0, exitcode: 1, fixes: [expect.any(String)] })
  })
})

it('-k is refused, with what to do instead', async () => {
  for (const option of ['-k', '--insecure', '-fsSLk']) {
    const { code, stderr, seen } = await run([option])
    expect(code).toBe(2)
    expect(stderr).toContain('Use --cacert FILE to trust its CA')
    expect(seen).toEqual([])
  }
})

it.each([
  ['--token', 'BEARER_TOKEN_FILE'],
  ['--bearer', 'BEARER_TOKEN_FILE'],
  ['--oauth2-bearer', 'BEARER_TOKEN_FILE'],
  ['--cert-type', 'Certificates are PEM'],
  ['--password', '-u NAME'],
  ['--no-check-certificate', '--cacert FILE'],
  ['--proxy', 'HTTPS_PROXY'],
  ['-x', 'HTTPS_PROXY'],
  ['--digest', 'tokens, certificates and Basic'],
  ['--location-trusted', '--trusted-origin'],
  ['--method', '-X, --request'],
  ['--user-agnet', 'Did you mean --user-agent?'],
  ['--scopes', 'Did you mean --scope?'],
  ['--dump-headers', 'Did you mean --dump-header?'],
])('%s is unknown, and the message says %s', async (option, advice) => {
  const { code, stderr } = await igwnAuth(['request', 'a', option, 'hunter2'])
  expect(code).toBe(2)
  expect(stderr).toContain(`unknown option '${option}'`)
  expect(stderr).toContain(advice)
  expect(stderr).not.toContain('hunter2')
})
