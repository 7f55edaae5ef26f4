import fs from 'node:fs'
import path from 'node:path'
import axios, { AxiosError, AxiosHeaders, type AxiosAdapter, type AxiosResponse } from 'axios'
import { applyIgwnAuth, removeIgwnAuth, reuse } from 'axios-igwn-auth'
import { slopeOf } from './measure'
import { counted, type Result } from './report'
import type { Setting } from './setting'

/** Memory growth over many requests with renewed tokens and certificates. */
export async function* memory(setting: Setting): AsyncGenerator<Result> {
  yield* heap(setting)
  yield* sockets(setting)
}

/** Each token is accepted a hundred times, then refused and replaced. */
async function* heap({ mint, quick }: Setting): AsyncGenerator<Result> {
  const requests = quick ? 10_000 : 1_000_000
  let renewals = 0
  let left = 0
  const token = reuse({
    getToken: () => {
      renewals += 1
      left = 100
      return Promise.resolve(mint(`ANY ${renewals}`))
    },
  })
  const adapter: AxiosAdapter = (config) => {
    const response = { data: {}, statusText: '', config, request: {} }
    if (left > 0) {
      left -= 1
      return Promise.resolve({ ...response, status: 200, headers: {} })
    }
    const headers = new AxiosHeaders({ 'www-authenticate': 'Bearer error="invalid_token"' })
    const refusal: AxiosResponse = { ...response, status: 401, headers }
    return Promise.reject(new AxiosError('refused', 'ERR_BAD_REQUEST', config, {}, refusal))
  }
  const instance = applyIgwnAuth(axios.create({ adapter, baseURL: 'https://127.0.0.1' }), { token })
  const points: [requests: number, bytes: number][] = []
  for (let request = 1; request <= requests; request++) {
    await instance.get('/')
    // The first fifth includes what is created once.
    if (request % (requests / 40) === 0 && request >= requests / 5) points.push([request, heapUsed()])
  }
  removeIgwnAuth(instance)
  const { slope, error } = slopeOf(points)
  yield counted('requests', requests)
  yield counted('  tokens, each refused in the end', renewals)
  yield counted('  heap after the first fifth', (points[0]?.[1] ?? NaN) / 1e6, undefined, 'MB')
  yield counted('  heap at the end', (points.at(-1)?.[1] ?? NaN) / 1e6, undefined, 'MB')
  yield counted('  growth for each request', slope, quick ? undefined : Math.max(1, 2 * error), 'bytes')
}

function heapUsed(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** A certificate that is renewed before every tenth request: agents for earlier ones must be released. */
async function* sockets({ listening, environment, quick }: Setting): AsyncGenerator<Result> {
  const folder = environment.folder('renewed')
  const cert = path.join(folder, 'x509up')
  process.env.REQUESTS_CA_BUNDLE = path.join(folder, 'ca.pem')
  fs.writeFileSync(process.env.REQUESTS_CA_BUNDLE, listening.ca)
  const instance = applyIgwnAuth(axios.create({ baseURL: listening.asking }), { cert, token: false })
  const renewals = quick ? 10 : 100
  for (let renewal = 0; renewal < renewals; renewal++) {
    fs.writeFileSync(`${cert}.new`, renewal % 2 === 0 ? listening.proxy : listening.renewedProxy, {
      mode: 0o600,
    })
    fs.renameSync(`${cert}.new`, cert)
    for (let times = 0; times < 10; times++) await instance.get('/')
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
  const { connections } = (await instance.get<{ connections: number }>('/')).data
  removeIgwnAuth(instance)
  delete process.env.REQUESTS_CA_BUNDLE
  yield counted('certificates, one after the other', renewals)
  yield counted('  connections that are open after the last', connections, 1)
}
