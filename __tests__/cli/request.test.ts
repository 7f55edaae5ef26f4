import fs from 'node:fs'
import path from 'node:path'
import { igwnAuth, runtimeFile, shell, slashTmp } from '../support/command'
import { createAuthority, secondsFromNow, type Authority, type Issued } from '../support/pki'
import { serve, type TestServer } from '../support/server'
import { startSite, type Site } from '../support/site'
import { emptyPlaces, mint, put, room } from '../support/tokens'

let site: Site
let authority: Authority
let ofServer: Issued
beforeAll(async () => {
  site = await startSite({ login: 'albert:rainbow' })
  authority = await createAuthority()
  ofServer = await authority.issueServer()
})
afterAll(async () => {
  await site.close()
})

let env: NodeJS.ProcessEnv
beforeEach(() => {
  emptyPlaces()
  site.requests.length = 0
  put(room('ca.pem'), site.ca)
  env = { SSL_CERT_FILE: room('ca.pem') }
})

/** A token for any server. */
const anyToken = () => mint({ aud: 'ANY' })

describe('a request', () => {
  it('sends the selected token and prints the response', async () => {
    put(runtimeFile(), site.mint())
    const { code, stdout, stderr } = await igwnAuth(
      ['get', `${site.origin}/gracedb/x`, '--scope', 'gracedb.read'],
      { env },
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ path: '/gracedb/x', user: 'albert.einstein' })
    expect(site.requests[0]?.headers['user-agent']).toMatch(/^igwn-auth\/\d/)
  })

  it('sends Basic credentials from netrc, and presents a certificate', async () => {
    put(room('.netrc'), 'machine localhost login albert password rainbow')
    expect(await igwnAuth(['get', `${site.origin}/logbook/x`], { env })).toMatchObject({
      code: 0,
      stderr: '',
    })
    put(path.join(slashTmp(), 'x509up_u1000'), (await site.authority.issueUser('Alice Adams')).bundle)
    const { stdout } = await igwnAuth(['get', `${site.origin}/grid/x`], { env })
    expect(JSON.parse(stdout)).toMatchObject({ user: 'CN=Alice Adams' })
  })

  it('has the method, headers and body of the command line', async () => {
    const server = await serve(() => ({}))
    put(room('headers'), '\ufeffX-From: a file\r\nX-Twice: 3\n\n')
    put(room('body'), 'line 1\r\nline 2\n')
    const words = [
      '-X',
      'put',
      '-H',
      'X-Twice: 1',
      '-H',
      'x-twice:2',
      '-H',
      'Accept:',
      '-H',
      'X-Empty;',
      '-H',
      `@${room('headers')}`,
    ]
    const all = [
      'get',
      server.origin,
      ...words,
      '-d',
      'a=b',
      '-d',
      `@${room('body')}`,
      '--data',
      '@-',
      '-H',
      'Content-Type: text/plain',
    ]
    expect(await igwnAuth(all, { stdin: 'from stdin' })).toMatchObject({ code: 0, stderr: '' })
    const [{ method, headers, body } = { method: '', headers: {}, body: '' }] = server.seen
    expect({ method, body }).toEqual({ method: 'PUT', body: 'a=b&line 1\r\nline 2\n&from stdin' })
    expect(headers).toMatchObject({
      'x-from': 'a file',
      'x-twice': '1, 2, 3',
      'x-empty': '',
      'content-type': 'text/plain',
      'accept-encoding': 'identity',
    })
    expect(headers).not.toHaveProperty('accept')
  })

  it('with a body is a POST of a form by default', async () => {
    const server = await serve(() => ({}))
    await igwnAuth(['get', server.origin, '-d', 'a=b'])
    expect(server.seen[0]).toMatchObject({
      method: 'POST',
      body: 'a=b',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  })

  it('keeps an Authorization header of the command line', async () => {
    put(runtimeFile(), anyToken())
    const server = await serve(() => ({}))
    await igwnAuth(['get', server.origin, '-H', 'Authorization: Bearer own'])
    await igwnAuth(['get', server.origin, '-H', 'authorization:'])
    expect(server.authorizations).toEqual(['Bearer own', undefined])
  })

  it('drops the token when it is redirected to another origin', async () => {
    const elsewhere = await serve(() => ({ body: 'elsewhere' }), { host: '127.0.0.2' })
    const server = await serve(() => ({ status: 302, headers: { Location: elsewhere.origin } }))
    put(runtimeFile(), mint({ aud: server.origin }))
    const { code, stdout } = await igwnAuth(['get', server.origin])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'elsewhere' })
    expect([server.authorizations[0]?.slice(0, 9), ...elsewhere.authorizations]).toEqual([
      'Bearer ey',
      undefined,
    ])
  })

  it('with --fail-if-no-auth is not sent without a credential; the reason and a fix are printed', async () => {
    const { code, stdout, stderr } = await igwnAuth(
      ['get', `${site.origin}/gracedb/x`, '--fail-if-no-auth'],
      { env },
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^igwn-auth: No credential for https:\/\/localhost:\d+/)
    expect(stderr).toContain('\n  To fix: igwn-auth login --vault VAULT --issuer ISSUER --audience=')
    expect(site.requests).toEqual([])
  })
})

describe('the output', () => {
  it('has status and headers before the body with --include, and alone with --head', async () => {
    const server = await serve(() => ({
      headers: { 'X-A': 'b', 'Set-Cookie': ['a=1', 'b=2'] },
      body: 'the body',
    }))
    const { stdout } = await igwnAuth(['get', server.origin, '-i'])
    const [head = '', body] = stdout.split('\n\n')
    expect(head.split('\n')).toEqual(
      expect.arrayContaining(['HTTP/1.1 200 OK', 'x-a: b', 'set-cookie: a=1', 'set-cookie: b=2']),
    )
    expect(body).toBe('the body')
    const alone = await igwnAuth(['get', server.origin, '-I'])
    expect(alone.stdout).toMatch(/^HTTP\/1.1 200 OK\n[^]*\n\n$/)
    expect(server.seen.map(({ method }) => method)).toEqual(['GET', 'HEAD'])
  })

  it('is the body byte by byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256))
    const server = await serve(() => ({ body: bytes, headers: { 'Content-Encoding': 'gzip' } }))
    await shell(`$IGWN_AUTH get ${server.origin} > ${room('out')}`)
    expect(fs.readFileSync(room('out')).equals(bytes)).toBe(true)
  })

  it.each([
    ['no such event', 'no such event\nigwn-auth: 404 Not Found\n'],
    ['no such event\n', 'no such event\nigwn-auth: 404 Not Found\n'],
    ['', 'igwn-auth: 404 Not Found\n'],
  ])(
    'of a failed request, %j, ends with a newline before the message on the same output',
    async (body, all) => {
      const server = await serve(() => ({ status: 404, body }))
      expect(await shell(`$IGWN_AUTH get ${server.origin} 2>&1`)).toMatchObject({ stdout: all })
      // On separate outputs the body is unchanged.
      expect(await igwnAuth(['get', server.origin])).toMatchObject({ stdout: body })
    },
  )

  it('ends without a message when its reader stops early', async () => {
    const server = await serve(() => ({ body: Buffer.alloc(5_000_000, 'x') }))
    const { stdout, stderr } = await shell(
      `{ $IGWN_AUTH get ${server.origin}; echo "code $?" >&2; } | head -c 10`,
    )
    expect({ stdout, stderr }).toEqual({ stdout: 'xxxxxxxxxx', stderr: 'code 141\n' })
  })

  it('waits for a slow reader, longer than --timeout', async () => {
    const server = await serve(() => ({ body: Buffer.alloc(3_000_000, 'x') }))
    const line = `$IGWN_AUTH get ${server.origin} --timeout 1 | { sleep 2; wc -c; }`
    const { stdout, stderr } = await shell(line)
    expect({ stdout: stdout.trim(), stderr }).toEqual({ stdout: '3000000', stderr: '' })
  })

  it('shows with --verbose how credentials are selected, and the response headers', async () => {
    put(runtimeFile(), site.mint())
    process.env.BEARER_TOKEN = 'garbage'
    const { stdout, stderr } = await igwnAuth(['get', `${site.origin}/gracedb/x?key=parameter`, '-v'], {
      env,
    })
    delete process.env.BEARER_TOKEN
    expect(JSON.parse(stdout)).toMatchObject({ path: '/gracedb/x?key=parameter' })
    const lines = stderr.split('\n')
    expect(lines[0]).toBe(`> GET ${site.origin}/gracedb/x`)
    expect(lines[1]).toMatch(/^\* skipped: BEARER_TOKEN .*JWT/)
    expect(lines[2]).toMatch(/^\* selected: token from .*bt_u1000, expires .*Z, in 9 minutes$/)
    expect(lines[3]).toBe('* attached: token')
    expect(lines[4]).toBe('< HTTP/1.1 200 OK')
    expect(lines).toContain('< content-type: application/json')
    expect(stderr).not.toContain('parameter')
  })
})

describe('a refusal', () => {
  it('by 403 names the required scope and the token that was sent; exit code 1, the body on stdout', async () => {
    put(runtimeFile(), site.mint({ scope: 'gracedb.write' }))
    const { code, stdout, stderr } = await igwnAuth(['get', `${site.origin}/gracedb/x`], { env })
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toEqual({ error: 'the token does not have scope gracedb.read' })
    expect(stderr).toMatch(/^igwn-auth: 403 Forbidden: .*gracedb\.read.*bt_u1000.*gracedb\.write/)
  })

  it('by 401 names each token that was not sent, and the command that gets one', async () => {
    put(runtimeFile(), site.mint({}, { expiresIn: -130 }))
    const { code, stderr } = await igwnAuth(['get', `${site.origin}/gracedb/x`, '--fail'], { env })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^igwn-auth: 401 Unauthorized: .*gracedb\.read.*bt_u1000 expired 2 minutes ago\n {2}To fix: igwn-auth login /,
    )
  })

  it('by TLS says whether a certificate was presented', async () => {
    const other = await createAuthority('Another CA')
    const strict = await serve(() => ({}), {
      host: 'localhost',
      tls: {
        cert: ofServer.certificate,
        key: ofServer.key,
        ca: other.certificate,
        requestCert: true,
        minVersion: 'TLSv1.3',
      },
    })
    put(room('ca.pem'), authority.certificate)
    const { code, stderr } = await igwnAuth(['get', strict.origin], { env })
    expect(code).toBe(1)
    expect(stderr).toContain('refused the connection')
    expect(stderr).toContain('it requires a certificate, and received none')
  })

  describe('by the page of nginx for a missing certificate', () => {
    const page = '<html>\r\n<center>No required SSL certificate was sent</center>\r\n</html>\r\n'
    const received =
      'The server refused the request with status 400: it requires a certificate, and received none.'
    let nginx: TestServer
    beforeEach(async () => {
      const tls = { cert: ofServer.certificate, key: ofServer.key }
      nginx = await serve(() => ({ status: 400, body: page }), { host: 'localhost', tls })
      put(room('ca.pem'), authority.certificate)
    })

    it.each([[[]], [['--fail']], [['-o', 'file']]])('is explained with %j: exit code 1', async (words) => {
      const { code, stdout, stderr } = await igwnAuth(['get', nginx.origin, ...words], {
        env,
        cwd: slashTmp(),
      })
      expect({ code, stdout }).toEqual({ code: 1, stdout: words.length === 0 ? page : '' })
      expect(stderr).toBe(
        `igwn-auth: ${received} No certificate was presented.\n  To fix: grid-proxy-init, or voms-proxy-init -rfc\n`,
      )
    })

    it('names an expired proxy', async () => {
      const alice = await authority.issueUser('Alice Adams')
      const expired = await authority.issueProxy(alice, { notAfter: secondsFromNow(-3600) })
      put(path.join(slashTmp(), 'x509up_u1000'), expired.bundle)
      const { code, stderr } = await igwnAuth(['get', '-f', nginx.origin], { env })
      expect(code).toBe(1)
      expect(stderr).toContain(
        `${received} No certificate was presented: /tmp/x509up_u1000 expired 60 minutes ago`,
      )
      expect(stderr).toContain('To fix: grid-proxy-init')
    })

    it('names the certificate that it refuses', async () => {
      const file = put(room('user.pem'), (await authority.issueUser('Alice Adams')).bundle)
      const { stderr } = await igwnAuth(['get', '-f', nginx.origin, '-E', file], { env })
      expect(stderr).toContain(
        `The certificate presented was /DC=org/DC=example/CN=Alice Adams, from ${file}`,
      )
      expect(stderr).not.toContain('To fix:')
    })
  })

  it('by a network proxy says so, with what to do', async () => {
    const proxy = await serve(() => ({ status: 407, body: 'no' }))
    const { code, stderr } = await igwnAuth(['get', 'http://a.example.org/'], {
      env: { HTTP_PROXY: proxy.origin },
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^igwn-auth: 407 Proxy Authentication Required: the network proxy answered with 407; the request did not reach a\.example\.org\n {2}To fix: put the username and the password of the network proxy into its URL/,
    )
  })

  it('with a challenge for Basic names the line that netrc needs', async () => {
    const server = await serve(() => ({ status: 401, headers: { 'WWW-Authenticate': 'Basic' } }))
    const { code, stderr } = await igwnAuth(['get', '-f', server.origin])
    expect(code).toBe(1)
    expect(stderr).toContain('To fix: add the line "machine 127.0.0.1 login USERNAME password PASSWORD" to ')
  })

  it('of another kind is exit code 22, with the body on stdout unless --fail is set', async () => {
    const server = await serve(() => ({ status: 404, body: '{"detail":"no such event"}' }))
    const loud = await igwnAuth(['get', server.origin])
    expect(loud).toMatchObject({
      code: 22,
      stdout: '{"detail":"no such event"}',
      stderr: 'igwn-auth: 404 Not Found\n',
    })
    const quiet = await igwnAuth(['get', server.origin, '-f'])
    expect(quiet).toMatchObject({ code: 22, stdout: '', stderr: 'igwn-auth: 404 Not Found\n' })
  })
})

describe('a failed connection', () => {
  it('that is refused is exit code 7', async () => {
    expect(await igwnAuth(['get', 'http://127.0.0.1:1/'])).toMatchObject({
      code: 7,
      stdout: '',
      stderr: 'igwn-auth: 127.0.0.1:1: connection refused (connect ECONNREFUSED 127.0.0.1:1)\n',
    })
  })

  it('to a server without TLS is exit code 35', async () => {
    const server = await serve(() => ({}))
    expect(await igwnAuth(['get', server.origin.replace('http:', 'https:')])).toMatchObject({
      code: 35,
      stderr: `igwn-auth: 127.0.0.1:${server.port}: TLS failed (wrong version number)\n`,
    })
  })

  it('to an untrusted server is exit code 60, with a fix', async () => {
    const { code, stderr } = await igwnAuth(['get', `${site.origin}/x`], { env: { SSL_CERT_FILE: '' } })
    expect(code).toBe(60)
    expect(stderr).toMatch(/^igwn-auth: the certificate of localhost:\d+ is not trusted \(.+\)/)
    expect(stderr).toContain('SSL_CERT_FILE')
    expect(stderr).not.toContain('To fix: igwn-auth login')
    expect(stderr.match(/trusted/g)).toHaveLength(1)
  })

  it('with too many redirects is exit code 47', async () => {
    const server = await serve(() => ({ status: 302, headers: { Location: '/again' } }))
    expect((await igwnAuth(['get', server.origin])).code).toBe(47)
  })

  it('to a server that sends nothing is exit code 28', async () => {
    const server = await serve(() => new Promise(() => undefined))
    expect(await igwnAuth(['get', server.origin, '--timeout', '0.3'])).toMatchObject({
      code: 28,
      stderr: `igwn-auth: 127.0.0.1:${server.port} sent nothing for 0.3 seconds\n`,
    })
    expect(await igwnAuth(['get', server.origin, '--max-time', '1'])).toMatchObject({
      code: 28,
      stderr: 'igwn-auth: took longer than 1 second\n',
    })
  })

  it('is not tried when a file of the command line cannot be read: exit code 26', async () => {
    const server = await serve(() => ({}))
    for (const words of [
      ['-d', '@none'],
      ['-H', '@none'],
    ])
      expect(await igwnAuth(['get', server.origin, ...words], { cwd: slashTmp() })).toMatchObject({
        code: 26,
        stderr: 'igwn-auth: none cannot be read (ENOENT)\n',
      })
    expect(server.seen).toEqual([])
  })
})

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s ends it like other programs', async (name) => {
    const server = await serve(() => new Promise(() => undefined))
    const ended = await igwnAuth(['get', server.origin], {
      ownProcess: true,
      meanwhile: async ({ child }) => {
        while (server.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
        child.kill(name)
      },
    })
    expect(ended).toEqual({ code: null, signal: name, stdout: '', stderr: 'igwn-auth: interrupted\n' })
  })
})
