/** Command lines of curl that people type: each works as with curl, or is refused with a sentence that names what to use. */
import fs from 'node:fs'
import path from 'node:path'
import { igwnAuth } from '../support/command'
import { serve, type Seen, type TestServer } from '../support/server'
import { emptyPlaces, put } from '../support/tokens'

let server: TestServer
let cwd: string

beforeAll(async () => {
  server = await serve(({ url, method, body }) => {
    if (url === '/moved') return { status: 302, headers: { Location: '/d/f' } }
    return { headers: { ETag: '"1"' }, body: method === 'HEAD' ? '' : `${method} ${url} ${body}\n` }
  })
})
beforeEach(() => {
  emptyPlaces()
  cwd = fs.mkdtempSync(path.join(String(process.env.TMPDIR), 'curl-'))
  put(path.join(cwd, 'file'), 'content')
  put(path.join(cwd, 'headers'), 'X-A: 1\nX-B: 2\n')
  put(path.join(cwd, 'netrc'), 'machine 127.0.0.1 login al password pw\n')
})

/** Runs a line; in it `URL` is a file of the server. */
async function run(line: string) {
  server.seen.length = 0
  const words = (line.match(/'[^']*'|\S+/g) ?? []).map((word) =>
    word.replace(/^'(.*)'$/, '$1').replace('URL', `${server.origin}/d/f`),
  )
  const ended = await igwnAuth(['request', ...words], { cwd })
  return { ...ended, last: server.seen.at(-1) }
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

it.each<[string, Partial<Omit<Seen, 'headers'>> & { headers?: Record<string, unknown> }, string?]>([
  ['-sSfL URL', { method: 'GET' }, 'GET /d/f \n'],
  ['-fsSL -o out URL', { method: 'GET' }, ''],
  ["-s -o /dev/null -w '%{http_code}' URL", { method: 'GET' }, '200'],
  ["-sI -o /dev/null -w '%{http_code} %{size_download}' URL", { method: 'HEAD' }, '200 0'],
  ['-sL --fail-with-body URL', { method: 'GET' }],
  ['-sN URL', { method: 'GET' }],
  ['-# -o out URL', { method: 'GET' }],
  ['-sO URL', { method: 'GET' }, ''],
  ['-sS -C - -o out URL', { method: 'GET' }, ''],
  ['-s --retry 3 -m 100 URL', { method: 'GET' }],
  ['-sr 0-3 URL', { headers: { range: 'bytes=0-3' } }],
  ['-s --range -5 URL', { headers: { range: 'bytes=-5' } }],
  ['-se http://a.example.org/ URL', { headers: { referer: 'http://a.example.org/' } }],
  ["-sb 'a=1; b=2' URL", { headers: { cookie: 'a=1; b=2' } }],
  ["-sA 'me/1 (x)' URL", { headers: { 'user-agent': 'me/1 (x)' } }],
  ['-su al:pw URL', { headers: { authorization: basic('al:pw') } }],
  ['-s --netrc-file netrc URL', { headers: { authorization: basic('al:pw') } }],
  ['-s --http1.1 URL', { method: 'GET' }],
  ['-s4 URL', { method: 'GET' }],
  ['-s --compressed URL', { headers: { 'accept-encoding': 'gzip, deflate, br' } }],
  ["-sH 'X-A: 1' -H 'X-A: 2' URL", { headers: { 'x-a': '1, 2' } }],
  ["-sH 'Accept:' -H 'X-Empty;' URL", { headers: { 'x-empty': '' } }],
  ['-sH @headers URL', { headers: { 'x-a': '1', 'x-b': '2' } }],
  ['-sX DELETE URL', { method: 'DELETE' }],
  ['-sX POST URL', { method: 'POST', body: '' }],
  ['-sd a=1 -d b=2 URL', { method: 'POST', body: 'a=1&b=2' }],
  ['-s --data-ascii a=1 URL', { method: 'POST', body: 'a=1' }],
  ["-sd '' URL", { method: 'POST', body: '' }],
  ['-sX PUT -d @file URL', { method: 'PUT', body: 'content' }],
  ['-s --data-binary @file URL', { method: 'POST', body: 'content' }],
  ['-s --data-raw @file URL', { method: 'POST', body: '@file' }],
  ["-sG -d a=1 --data-urlencode 'b=c d' URL", { method: 'GET', url: '/d/f?a=1&b=c%20d' }],
  ['-sIG -d a=1 URL', { method: 'HEAD', url: '/d/f?a=1' }],
  ['-sI -X GET URL', { method: 'GET' }],
  ["-s --json '{}' URL", { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }],
  ['-sF a=b -F f=@file URL', { method: 'POST' }],
  ['-sT file URL', { method: 'PUT', body: 'content' }],
  ['-si URL', { method: 'GET' }],
  ['-sD - URL', { method: 'GET' }],
  ['-sv URL', { method: 'GET' }],
  ['-s URL -o one URL -o two', { method: 'GET' }, ''],
  ["-s -w '%{num_redirects}' -o out URL/../../moved", { url: '/d/f' }, '1'],
])('%s', async (line, request, ...[stdout]) => {
  const { code, stdout: printed, last } = await run(line)
  expect({ code, last }).toMatchObject({ code: 0, last: request })
  if (stdout !== undefined) expect(printed).toBe(stdout)
})

it.each<[string, string]>([
  ['-k URL', '--cacert FILE'],
  ['-OJ URL', '-o, --output FILE'],
  ['--output-dir d -O URL', '-o, --output FILE'],
  ['--create-dirs -o d/f URL', 'Create the folder'],
  ['--remote-name-all URL', 'Use -O'],
  ['-z yesterday URL', 'If-Modified-Since'],
  ['-R -O URL', 'time of its download'],
  ['-c jar URL', 'send them with -b'],
  ['-b jar URL', "must be 'name=value'"],
  ['-n URL', 'netrc is used by default'],
  ['--netrc-optional URL', 'netrc is used by default'],
  ['--negotiate -u : URL', 'Kerberos is not supported'],
  ['--digest -u al:pw URL', 'Basic (-u, netrc)'],
  ['--oauth2-bearer hunter2 URL', 'BEARER_TOKEN_FILE'],
  ['--cert c.p12 --cert-type P12 URL', 'openssl'],
  ['--cert c.pem --key k.pem --pass hunter2 URL', '--passphrase-file'],
  ['-x http://proxy:3128 URL', 'HTTPS_PROXY'],
  ['-U al:hunter2 URL', 'HTTPS_PROXY'],
  ['--connect-timeout 5 URL', '--timeout'],
  ['--retry-delay 5 URL', 'The delay grows by itself'],
  ['--retry-connrefused URL', '--retry resumes downloads'],
  ['--max-redirs 3 URL', 'Redirects are followed'],
  ['--location-trusted URL', '--trusted-origin'],
  ['--http2 URL', 'HTTP/1.1 is used'],
  ['--tlsv1.2 URL', 'TLS 1.2 or 1.3 is used'],
  ['-Z -O URL', 'one after the other'],
  ['-K config', 'Run the command once for each request'],
  ['-o a URL --next -o b URL', 'Run the command once for each request'],
  ['--url-query a=b URL', '-G with --data-urlencode'],
  ['--url URL', 'Give the URL without an option'],
  ['--limit-rate 1M URL', '--max-time'],
  ['--resolve a:1:127.0.0.1 URL', 'the host of the URL'],
  ['--trace-ascii - URL', 'Use -v'],
  ['-I -d a=1 URL', 'with --get the data is in the URL'],
  ['-o out URL URL', '--output is needed once for each URL'],
  ["-e 'a\nb' URL", 'must be one line'],
])('%s is refused, and the message says %s', async (line, advice) => {
  const { code, stderr, last } = await run(line)
  expect({ code, last }).toEqual({ code: 2, last: undefined })
  expect(stderr).toContain(advice)
  expect(stderr).not.toContain('hunter2')
})
