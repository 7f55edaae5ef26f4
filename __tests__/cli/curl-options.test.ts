/** Options that have the names and the meaning they have in curl. */
import { igwnAuth } from '../support/command'
import { serverGroup } from '../support/server'
import { emptyPlaces, put, room } from '../support/tokens'

const servers = serverGroup()
beforeEach(emptyPlaces)
afterAll(() => servers.close())

async function sent(...words: string[]) {
  const server = await servers.serve(() => ({}))
  expect(await igwnAuth(['request', `${server.origin}/d/`, ...words])).toMatchObject({ code: 0, stderr: '' })
  return server.seen[0]
}

it('-T streams a file to a URL with its name', async () => {
  put(room('a file'), 'content')
  expect(await sent('-T', room('a file'))).toMatchObject({
    method: 'PUT',
    body: 'content',
    headers: { 'content-length': '7' },
  })
})

it('-F sends a multipart form', async () => {
  put(room('f'), 'content')
  const request = await sent('-F', 'a=b', '-F', `f=@${room('f')};type=text/plain`)
  expect(request?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
  expect(request?.body).toContain('name="f"; filename="f"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n')
})

it('--json, -A and -u set headers', async () => {
  expect(await sent('--json', '{}', '-A', 'me', '-u', 'al:pw')).toMatchObject({
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json', 'user-agent': 'me', authorization: 'Basic YWw6cHc=' },
  })
})

it('-fsSL -C - are accepted', async () => {
  expect(await sent('-fsSL', '-C', '-')).toMatchObject({ method: 'GET' })
})

it("-w '%{json}' prints a line for every URL, also on failure", async () => {
  const server = await servers.serve(() => ({ status: 404 }))
  const { code, stdout } = await igwnAuth([
    'request',
    '-f',
    server.origin,
    'http://127.0.0.1:1',
    '-w',
    '%{json}\\n',
  ])
  expect(code).toBe(22)
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object),
  ).toMatchObject([
    { http_code: 404, exitcode: 22, errormsg: '404 Not Found' },
    { http_code: 0, exitcode: 7 },
  ])
})

it('-k is refused, and unknown options have advice', async () => {
  expect((await igwnAuth(['request', 'a', '-k'])).stderr).toContain('Use --cacert FILE')
  expect((await igwnAuth(['request', 'a', '--token', 'x'])).stderr).toContain('BEARER_TOKEN_FILE')
})
