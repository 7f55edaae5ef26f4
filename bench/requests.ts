import http from 'node:http'
import https from 'node:https'
import axios, { type AxiosAdapter, type AxiosRequestConfig } from 'axios'
import { applyIgwnAuth } from 'axios-igwn-auth'
import { compare, type Effort } from './measure'
import { measured, type Result } from './report'
import { startServer } from './start-server'

/** A request with a token that is discovered, against one of axios alone that is given the same header. */
export async function* requests(token: string, effort: Effort): AsyncGenerator<Result> {
  const { listening, stop } = await startServer()
  try {
    const httpAgent = new http.Agent({ keepAlive: true })
    const httpsAgent = new https.Agent({ keepAlive: true, ca: listening.ca })
    yield* overhead(
      'HTTPS, loopback, keep-alive',
      { baseURL: listening.https, httpsAgent },
      token,
      effort,
      1.15,
    )
    yield* overhead('HTTP, loopback, keep-alive', { baseURL: listening.http, httpAgent }, token, effort, 1.25)
    httpAgent.destroy()
    httpsAgent.destroy()
  } finally {
    stop()
  }
  const instant = { baseURL: 'https://127.0.0.1', adapter: answerAtOnce }
  yield* overhead('no network (an adapter that answers at once)', instant, token, {
    rounds: effort.rounds,
    batch: effort.batch * 5,
  })
}

async function* overhead(
  what: string,
  config: AxiosRequestConfig,
  token: string,
  effort: Effort,
  target?: number,
): AsyncGenerator<Result> {
  const bare = axios.create({ ...config, headers: { Authorization: `Bearer ${token}` } })
  const ours = applyIgwnAuth(axios.create(config))
  const allowed = await ours.get<{ allowed: boolean }>('/checked')
  if (!allowed.data.allowed) throw new Error('the token was not discovered; there is nothing to measure')

  const times = await compare(
    { bare: () => bare.get('/'), ours: () => ours.get('/'), control: () => bare.get('/') },
    effort,
  )
  yield measured(what, '×', times.ours.ratio, target)
  yield measured('  axios alone against itself: the noise', '×', times.control.ratio)
  yield measured('  one request of axios alone', 'µs', times.bare.microseconds)
  yield measured('  one request with a discovered token', 'µs', times.ours.microseconds)
}

const answerAtOnce: AxiosAdapter = (config) => {
  const allowed = config.headers.has('Authorization')
  return Promise.resolve({ data: { allowed }, status: 200, statusText: 'OK', headers: {}, config })
}
