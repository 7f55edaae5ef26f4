import http from 'node:http'
import https from 'node:https'
import type { AxiosAdapter, AxiosRequestConfig } from 'axios'
import { BARE, ways } from './ways'
import { compare, type Effort } from './measure'
import { measuredTwice, type Result } from './report'
import type { Setting } from './setting'

/** Requests in sequence with a token, by this and other packages, compared with axios alone and a fixed header. */
export async function* requests({ token, listening, quick }: Setting): AsyncGenerator<Result> {
  const rounds = quick ? 9 : 151
  const network = { rounds, batch: quick ? 10 : 25, warmUp: quick ? 15 : 40 }
  const httpsAgent = new https.Agent({ keepAlive: true, ca: listening.ca })
  yield* overhead('HTTPS', { baseURL: listening.https, httpsAgent }, token, network)
  httpsAgent.destroy()
  const httpAgent = new http.Agent({ keepAlive: true })
  yield* overhead('HTTP', { baseURL: listening.http, httpAgent }, token, network)
  httpAgent.destroy()
  const instant = { baseURL: 'https://127.0.0.1', adapter: answerAtOnce }
  yield* overhead('no network', instant, token, { rounds, batch: quick ? 50 : 200 })
}

async function* overhead(
  where: string,
  config: AxiosRequestConfig,
  token: string,
  effort: Effort,
): AsyncGenerator<Result> {
  const instances = ways(config, token)
  for (const [name, instance] of Object.entries(instances)) {
    const { data } = await instance.get<{ allowed: boolean }>('/')
    if (!data.allowed) throw new Error(`${name}: no token was sent; there is nothing to measure`)
  }
  const runs = Object.entries(instances).map(([name, instance]) => [name, () => instance.get('/')] as const)
  const times = await compare(Object.fromEntries(runs), effort)
  for (const [name, { time, ratio }] of Object.entries(times)) {
    if (name === BARE) yield measuredTwice(`${where}: ${name}`, 'µs', time)
    else yield measuredTwice(`${where}: ${name}`, '×', ratio)
  }
}

/** An adapter without a network: only the time of axios and this package remains. */
export const answerAtOnce: AxiosAdapter = (config) => {
  const allowed = config.headers.has('Authorization')
  return Promise.resolve({ data: { allowed }, status: 200, statusText: 'OK', headers: {}, config })
}
