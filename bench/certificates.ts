import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import axios, { type AxiosInstance } from 'axios'
import { applyIgwnAuth, removeIgwnAuth } from 'axios-igwn-auth'
import { compare, spreadOf } from './measure'
import { counted, measured, measuredTwice, type Result } from './report'
import type { Setting } from './setting'

/** Requests with a client certificate, compared with a new agent for each request, and through a network proxy. */
export async function* certificates({ environment, listening, quick }: Setting): AsyncGenerator<Result> {
  const folder = environment.folder('certificates')
  const cert = path.join(folder, 'x509up')
  fs.writeFileSync(cert, listening.proxy, { mode: 0o600 })
  process.env.REQUESTS_CA_BUNDLE = path.join(folder, 'ca.pem')
  fs.writeFileSync(process.env.REQUESTS_CA_BUNDLE, listening.ca)
  const tls = { ca: listening.ca, cert: listening.proxy, key: listening.proxy }
  const plain = axios.create({ baseURL: listening.asking })
  const ours = applyIgwnAuth(axios.create({ baseURL: listening.asking }), { cert, token: false })
  const keepAlive = new https.Agent({ ...tls, keepAlive: true })
  const anew = async () => {
    const httpsAgent = new https.Agent(tls)
    await plain.get('/', { httpsAgent })
    httpsAgent.destroy()
  }
  try {
    const many = quick ? 20 : 200
    yield counted(`${many} requests in a row: handshakes`, await handshakesOf(ours, many), 1)
    const { byHand, ...times } = await compare(
      {
        byHand: () => plain.get('/', { httpsAgent: keepAlive }),
        ours: () => ours.get('/'),
        anew,
      },
      { rounds: quick ? 3 : 51, batch: quick ? 5 : 10, warmUp: quick ? 2 : 20 },
    )
    yield measuredTwice('one request, one agent that is kept by hand', 'µs', byHand.time)
    yield measuredTwice('  ours over it', '×', times.ours.ratio, 1.1)
    yield measuredTwice('  an agent for each request over it', '×', times.anew.ratio)

    const rounds = quick ? 1 : 15
    yield measured('20 at a time: ours', 'per s', await throughput(() => ours.get('/'), rounds))
    yield measured('  an agent for each request', 'per s', await throughput(anew, rounds))

    yield* throughProxy(listening.tunnel)
  } finally {
    removeIgwnAuth(ours)
    keepAlive.destroy()
    delete process.env.REQUESTS_CA_BUNDLE
  }

  /** axios makes a tunnel for each request, whichever agent it uses. */
  async function* throughProxy(url: string): AsyncGenerator<Result> {
    process.env.HTTPS_PROXY = url
    const baseURL = listening.asking.replace('127.0.0.1', 'localhost')
    try {
      yield counted('20 requests through a CONNECT proxy: handshakes', await handshakesOf(ours, 20, baseURL))
      const { byHand, tunneled } = await compare(
        {
          byHand: () => plain.get('/', { baseURL, httpsAgent: keepAlive }),
          tunneled: () => ours.get('/', { baseURL }),
        },
        { rounds: quick ? 3 : 31, batch: quick ? 5 : 10, warmUp: 2 },
      )
      yield measuredTwice('  one request, one agent that is kept by hand', 'µs', byHand.time)
      yield measuredTwice('  ours over it', '×', tunneled.ratio, 1.1)
    } finally {
      delete process.env.HTTPS_PROXY
    }
  }
}

/** As counted by the server. */
async function handshakesOf(instance: AxiosInstance, requests: number, url = '/'): Promise<number> {
  const handshakes = async () => (await instance.get<{ handshakes: number }>(url)).data.handshakes
  // Includes the one of the first request.
  const before = (await handshakes()) - 1
  for (let request = 2; request < requests; request++) await instance.get(url)
  return (await handshakes()) - before
}

/** Requests per second, with twenty in flight. */
async function throughput(request: () => Promise<unknown>, rounds: number) {
  const rates: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const begin = performance.now()
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let times = 0; times < 5; times++) await request()
      }),
    )
    // The first round opens the connections.
    if (round > 0) rates.push(100_000 / (performance.now() - begin))
  }
  return spreadOf(rates)
}
