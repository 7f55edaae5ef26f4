/** A server of large files, in a process of its own: `/N` has N bytes. It sends its origin to its parent, and ends with it. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

const MB = Buffer.alloc(1024 * 1024, 'x')

const server = http.createServer((request, response) => {
  request.resume()
  if (request.method !== 'GET') {
    request.on('end', () => response.end())
    return
  }
  let left = Number(request.url?.slice(1))
  response.writeHead(200, { 'Content-Length': left, ETag: '"1"' })
  const more = () => {
    while (left > 0) {
      const chunk = left < MB.length ? MB.subarray(0, left) : MB
      left -= chunk.length
      if (!response.write(chunk)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.on('disconnect', () => process.exit())
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
