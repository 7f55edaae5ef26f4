/**
 * The secrets matrix of the command: every credential, outcome and kind of output. The server repeats what it got in header
 * fields, the reason phrase and URLs, and in the body where that is saved to a file; standard output has the body as it is.
 */
import fs from 'node:fs'
import http from 'node:http'
import { everyCombination } from '../support/combinations'
import { igwnAuth, runtimeFile } from '../support/command'
import { expectNoSecret } from '../support/expect-no-secret'
import { listen } from '../support/listen'
import { emptyPlaces, mint, put, room, signatureOf } from '../support/tokens'

const PASSWORD = 'correct-horse/battery+7'
const token = mint({ aud: 'ANY' })
const secrets = [token, signatureOf(token), PASSWORD, `albert:${PASSWORD}`]

let origin: string
/** Values of `Authorization` that reached the server. */
const received = new Set<string | undefined>()

beforeAll(async () => {
  origin = `http://localhost:${(await listen(http.createServer(answer))).port}`
})

/** Behaves as the path says: `/<status>`, with `/body` at its end for a body that repeats the credentials. */
function answer({ headers, url = '' }: http.IncomingMessage, response: http.ServerResponse): void {
  received.add(headers.authorization)
  const [, place = '', more] = url.split('/')
  const [scheme = '', value = ''] = headers.authorization?.split(' ') ?? []
  const secret = scheme === 'Basic' ? Buffer.from(value, 'base64').toString().split(':')[1]! : value
  const shown = `${secret} ${value} ${encodeURIComponent(encodeURIComponent(secret))}`
  const escaped = JSON.stringify({ no: secret, form: value }).replaceAll('/', '\\/')
  response.statusMessage = `no ${shown}`
  response.setHeader('X-Repeated', shown)
  response.setHeader('Content-Type', `text/plain; a="${secret}"`)
  switch (place) {
    case 'redirect':
      response.writeHead(302, { Location: `/200/${encodeURIComponent(secret)}/${value}` }).end()
      return
    case 'cut':
      response.writeHead(200, { 'Content-Length': 100, ETag: `"${value}"` })
      response.write('abc', () => response.destroy())
      return
    case '401':
      response.setHeader('WWW-Authenticate', `Bearer error="invalid_token", error_description="no ${shown}"`)
  }
  response.statusCode = Number(place)
  response.end(more === 'body' ? `no ${secret}, ${escaped}` : 'no')
}

const CREDENTIALS: Record<string, { readonly words: string[]; readonly place: () => void }> = {
  'a token': { words: [], place: () => put(runtimeFile(), token) },
  'a netrc password': {
    words: [],
    place: () => put(room('.netrc'), `machine localhost login albert password ${PASSWORD}\n`),
  },
  'a password of the command line': { words: ['-u', `albert:${PASSWORD}`], place: () => undefined },
  'a header of the command line': { words: ['-H', `Authorization: Bearer ${token}`], place: () => undefined },
}

const OUTCOMES = ['200', '401', '403', '404', '503', 'redirect', 'cut']

const OUTPUTS: Record<string, string[]> = {
  '-v': ['-v'],
  '-i': ['-i'],
  '-f': ['-f'],
  '--write-out of JSON': ['-w', '%{json}'],
  '--write-out of variables': [
    '-w',
    '%{url_effective} %{redirect_url} %{content_type} %{errormsg} %header{X-Repeated} %header{Location}',
  ],
  'a file': ['-v', '-o', 'file', '--retry', '0', '-w', '%{json}'],
  'a file of header fields': ['-D', 'fields', '-o', 'file', '--retry', '0'],
}

describe.each(
  Object.entries(CREDENTIALS).map(([name, credential], index) => [name, credential, index] as const),
)('%s', (name, { words, place }, first) => {
  beforeEach(() => {
    emptyPlaces()
    place()
  })

  const rows = OUTCOMES.flatMap((outcome, second) =>
    Object.keys(OUTPUTS)
      .map((output) => [outcome, output] as const)
      // Each outcome meets each output with one of the credentials.
      .filter((_, third) => everyCombination || (second + third) % Object.keys(CREDENTIALS).length === first),
  )
  it.each(rows)('shows in no output: %s, %s', async (outcome, output) => {
    const more = OUTPUTS[output] ?? []
    const isFile = more.includes('-o')
    received.clear()
    const url = `${origin}/${outcome}${isFile ? '/body' : ''}`
    const { stdout, stderr } = await igwnAuth(['get', url, ...words, ...more], { cwd: room('') })
    expect([...received].join()).toMatch(/^(?:Bearer|Basic) /)
    const isOwn = name.includes('command line')
    // Own credentials of the caller are printed with -i and -D as the server sends them, as curl does it.
    if (!(isOwn && /^-i$|header fields/.test(output))) {
      expectNoSecret(stdout, secrets)
      expectNoSecret(stderr, secrets)
      if (fs.existsSync(room('fields'))) expectNoSecret(fs.readFileSync(room('fields'), 'utf8'), secrets)
    }
    if (fs.existsSync(room('file.part.json')))
      expectNoSecret(fs.readFileSync(room('file.part.json'), 'utf8'), secrets)
  })
})
