/** Memory: a large file needs no more than a small one. */
import fs from 'node:fs'
import http from 'node:http'
import { igwnAuth } from '../support/command'
import { listen } from '../support/listen'
import { emptyPlaces, put, room } from '../support/tokens'

const MB = 1024 * 1024

let origin: string
/** Bytes of the body of each upload. */
let received: number[]

beforeEach(async () => {
  emptyPlaces()
  received = []
  const server = http.createServer((request, response) => {
    if (request.method === 'GET') {
      send(response, Number(request.url?.slice(1)))
      return
    }
    const index = received.push(0) - 1
    request.on('data', ({ length }: Buffer) => (received[index] = (received[index] ?? 0) + length))
    request.on('end', () => response.end())
  })
  origin = `http://127.0.0.1:${(await listen(server)).port}`
})

/** Responds with so many bytes. */
function send(response: http.ServerResponse, megabytes: number): void {
  const chunk = Buffer.alloc(MB, 'x')
  let left = megabytes
  response.writeHead(200, { 'Content-Length': left * MB })
  const more = () => {
    while (left > 0) {
      left -= 1
      if (!response.write(chunk)) return
    }
    response.end()
  }
  response.on('drain', more)
  more()
}

/** The most memory that the command used, in kilobytes. */
async function memoryOf(...words: string[]): Promise<number> {
  const watch = put(
    room('watch.cjs'),
    "process.on('exit', () => console.error(process.resourceUsage().maxRSS))",
  )
  const env = { NODE_OPTIONS: `--require "${watch}"` }
  const { code, stderr } = await igwnAuth(words, { env, ownProcess: true })
  expect(code).toBe(0)
  expect(stderr).toMatch(/^\d+\n$/)
  return Number(stderr)
}

/** A file with holes. */
function sparse(name: string, size: number): string {
  const file = put(room(name), '')
  fs.truncateSync(file, size)
  return file
}

it('a download does not keep the file', async () => {
  const file = room('file')
  const small = await memoryOf('get', `${origin}/1`, '-o', file)
  const large = await memoryOf('get', `${origin}/300`, '-o', file)
  expect(fs.statSync(file).size).toBe(300 * MB)
  expect(large - small).toBeLessThan(16_000)
})

it('an upload with -T, -d @FILE or -F does not keep the file, which may be larger than 2 GiB', async () => {
  const url = `${origin}/f`
  const small = await memoryOf('request', url, '-T', sparse('small', 1))
  const large = sparse('large', 2 ** 31 + 1)
  const medium = sparse('medium', 150 * MB)
  for (const words of [
    ['-T', large],
    ['-d', `@${medium}`],
    ['-F', `f=@${medium}`],
  ])
    expect((await memoryOf('request', url, ...words)) - small).toBeLessThan(64 * 1024)
  expect(received).toEqual([1, 2 ** 31 + 1, 150 * MB, expect.any(Number)])
}, 300_000)
