import http from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import axios from 'axios'
import { applyIgwnAuth, reuse } from 'axios-igwn-auth'
import { counted, type Result } from './report'

/** The number of renewals and lost requests when many requests are refused at once. */
export async function* refusals(): AsyncGenerator<Result> {
  yield* storm('50 staggered refusals', 50, (number) => number * 4)
  yield* storm('1,000 at once on a refused token', 1000, () => 20)
}

/** The number of renewals for requests that are sent this many milliseconds apart with a refused token. */
async function* storm(
  what: string,
  requests: number,
  answerAfter: (number: number) => number,
): AsyncGenerator<Result> {
  let renewals = -1
  const token = reuse({ getToken: () => Promise.resolve(`token-${(renewals += 1)}`) })
  const server = http.createServer((request, response) => {
    const refused = request.headers.authorization === 'Bearer token-0'
    setTimeout(
      () => {
        response.writeHead(
          refused ? 401 : 200,
          refused ? { 'WWW-Authenticate': 'Bearer error="invalid_token"' } : {},
        )
        response.end()
      },
      answerAfter(Number(request.url?.slice(1))),
    )
  })
  server.listen(0, '127.0.0.1', 2048)
  await once(server, 'listening')
  const instance = applyIgwnAuth(
    axios.create({ baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, proxy: false }),
    { token },
  )
  const begin = performance.now()
  const all = await Promise.allSettled(
    Array.from({ length: requests }, (_, number) => instance.get(`/${number}`)),
  )
  const took = performance.now() - begin
  server.close()
  server.closeAllConnections()
  yield counted(`${what}: renewals`, renewals, 1)
  yield counted('  until all are answered', took, undefined, 'ms')
  yield counted('  requests lost', all.filter(({ status }) => status === 'rejected').length, 0)
}
