/** What a server sends cannot control a terminal: CVE-2003-0063 and its like. */
import net from 'node:net'
import { igwnAuth, itOnTerminal, onTerminal } from '../support/command'
import { listen } from '../support/listen'
import { emptyPlaces } from '../support/tokens'

/** C1 control characters, which are valid in a header field. */
const C1 = '\x9b31m\x85'

let url: string
let body: string

beforeEach(async () => {
  emptyPlaces()
  body = 'ok\n'
  const server = net.createServer((socket) => {
    socket.once('data', () => {
      const lines = [
        'HTTP/1.1 200 OK',
        `Content-Type: text/plain${C1}`,
        `X-Name: a${C1}b`,
        'Connection: close',
      ]
      socket.end(Buffer.from([...lines, '', body].join('\r\n'), 'latin1'))
    })
  })
  url = `http://localhost:${(await listen(server)).port}`
})

it.each([
  ['-i', ['-i']],
  ['-v', ['-v']],
  ['a variable of --write-out', ['-w', '%{content_type}']],
  ['a header field of --write-out', ['-w', '%header{X-Name}']],
  ['JSON of --write-out', ['-w', '%{json}']],
])('replaces control characters of header fields in %s', async (_, words) => {
  const { code, stdout, stderr } = await igwnAuth(['get', url, ...words])
  expect(code).toBe(0)
  expect(stdout + stderr).toMatch(/text\/plain|a\?31m\?b/)
  expect(stdout + stderr).not.toMatch(/[\x80-\x9f]/)
})

it('replaces them in messages about arguments', async () => {
  const { code, stderr } = await igwnAuth(['get', url, '--timeout', '1\u001b[2J\u009b'])
  expect(code).toBe(2)
  expect(stderr).toContain('1?[2J?')
})

itOnTerminal.each(['\u001b]0;title\u0007', '\u009b2J', `${'a\n'.repeat(50_000)}\u001b[2J`])(
  'prints no body on a terminal that has them',
  async (text) => {
    body = Buffer.from(text).toString('latin1')
    const { code, stdout } = await onTerminal(['get', url])
    expect(code).toBe(23)
    expect(stdout).toContain('the response is binary and not printed on a terminal')
    expect(stdout).not.toContain(text.slice(-4))
  },
)
