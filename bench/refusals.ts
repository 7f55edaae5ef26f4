import http from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import axios, { type AxiosAdapter, type AxiosInstance } from 'axios'
import { applyIgwnAuth, reuse } from 'axios-igwn-auth'
import { compare, type Effort } from './measure'
import { counted, measured, type Result } from './report'

/** What refusals cost: renewals in a storm of them, and what the readiness to answer costs those that are not refused. */
export async function* refusals({ rounds, batch }: Effort): AsyncGenerator<Result> {
  yield* storm('50 staggered refusals', 50, (number) => number * 4)
  yield* storm('1,000 concurrent requests on a refused token', 1000, () => 20)

  const adapter: AxiosAdapter = (config) =>
    Promise.resolve({ data: {}, status: 200, statusText: 'OK', headers: {}, config })
  const make = () =>
    applyIgwnAuth(axios.create({ adapter, baseURL: 'https://127.0.0.1' }), { token: 'abc', cert: false })
  const [attachAlone, whole] = [withoutAnswer(make), make()]
  const effort = { rounds, batch: batch * 5 }
  const times = await compare(
    { attachAlone: () => attachAlone.get('/'), whole: () => whole.get('/') },
    effort,
  )
  yield measured('a request that is not refused, over attaching alone', '×', times.whole.ratio, 1.02)
}

/** Requests with a token that the server refuses from the start, sent so many milliseconds apart: how often it is renewed. */
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
  const all = await Promise.allSettled(
    Array.from({ length: requests }, (_, number) => instance.get(`/${number}`)),
  )
  server.close()
  server.closeAllConnections()
  yield counted(`${what}: renewals`, renewals, 1)
  yield counted('  requests lost', all.filter(({ status }) => status === 'rejected').length, 0)
}

/**
 * An instance whose exchange attaches and does nothing else: while it is made, the handlers of responses, which alone come
 * in twos, are not taken. The package has no such option; this is to measure by.
 */
function withoutAnswer(make: () => AxiosInstance): AxiosInstance {
  const manager = Object.getPrototypeOf(axios.interceptors.request) as {
    use: (...handlers: unknown[]) => number
  }
  const { use } = manager
  manager.use = function (...handlers) {
    return handlers.length === 2 ? -1 : use.apply(this, handlers)
  }
  try {
    return make()
  } finally {
    manager.use = use
  }
}
