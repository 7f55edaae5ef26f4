import http from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import axios, { type AxiosError, type AxiosInstance, type AxiosRequestConfig } from 'axios'
import {
  applyIgwnAuth,
  createX509Agent,
  explain,
  findNetrcCredentials,
  findSciToken,
  findX509Credentials,
  igwnAxios,
  removeIgwnAuth,
  reuse,
  type TokenSource,
} from 'axios-igwn-auth'
import type { Site } from './site'

/** The number of concurrent actions. */
const WORKERS = 8

/** Requests of every kind; each checks its result. */
export function traffic(site: Site) {
  const wrong = new Map<string, number>()
  const ours = applyIgwnAuth(axios.create(), { onEvent: () => undefined })
  const kept = portal(site)
  const bySource = applyIgwnAuth(axios.create({ baseURL: site.b }), { token: kept.source })
  const actions = actionsOn(site, ours, bySource)
  let count = 0

  return {
    get count() {
      return count
    },
    kinds: Object.keys(actions).length,
    get wrong() {
      const twice = kept.most() > 1 ? ['reuse sent two token requests at once'] : []
      return [...twice, ...Array.from(wrong, ([what, times]) => `${what} (${times} times)`)]
    },
    async until(end: number): Promise<void> {
      await Promise.all(Array.from({ length: WORKERS }, () => work(end)))
    },
    close(): void {
      for (const instance of [ours, bySource, igwnAxios]) removeIgwnAuth(instance)
    },
  }

  async function work(end: number): Promise<void> {
    const names = Object.keys(actions)
    while (Date.now() < end) {
      const name = names[Math.floor(Math.random() * names.length)] ?? ''
      count += 1
      try {
        await actions[name]?.()
      } catch (error) {
        const what = `${name}: ${error instanceof Error ? error.message : String(error)}`
        wrong.set(what, (wrong.get(what) ?? 0) + 1)
      }
    }
  }
}

type Actions = Record<string, () => Promise<unknown>>

function actionsOn(site: Site, ours: AxiosInstance, bySource: AxiosInstance): Actions {
  const { a, b, clear } = site
  const get = (url: string, config: AxiosRequestConfig = {}) => ours.get<Record<string, unknown>>(url, config)
  const body = { event: 'x'.repeat(1000) }

  return {
    async 'a token and a certificate'() {
      const { data } = await get(`${a}/data`)
      if (data.certificate !== true) throw new Error('no certificate was presented')
    },
    'a token of another origin': () => get(`${b}/data`),
    'a body': () => ours.post(`${a}/data`, body),
    igwnAxios: () => igwnAxios.get(`${a}/data`),
    'a hundred concurrent requests': () => Promise.all(Array.from({ length: 100 }, () => get(`${a}/data`))),
    'a redirect to another origin': () => get(`${a}/away`),
    'a redirect to the same origin': () => ours.post(`${a}/around`, body),
    'no credential at all': () => get(`${a}/open`, { igwnAuth: { forceNoAuth: true } }),
    'a password instead of a token': () => get(clear, { igwnAuth: { token: false } }),
    'a token source': () => bySource.get('/data'),
    'concurrent requests with a token source': () =>
      Promise.all(Array.from({ length: 20 }, () => bySource.get('/data'))),
    'a 403': () => fails(get(`${a}/forbidden`), 'ERR_BAD_REQUEST'),
    'a connection that is reset': () => fails(get(`${a}/reset`), 'ECONNRESET'),
    'a response that is cut': () => fails(get(`${a}/cut`), 'ECONNRESET', 'ECONNABORTED', 'ERR_BAD_RESPONSE'),
    'a timeout': () => fails(get(`${a}/slow`, { timeout: 30 }), 'ECONNABORTED'),
    'an abort': () =>
      fails(
        get(`${a}/slow`, { signal: AbortSignal.timeout(Math.floor(Math.random() * 40)) }),
        'ERR_CANCELED',
      ),
    'no server': () => fails(get('https://127.0.0.1:1/'), 'ECONNREFUSED'),
    async 'a stream that is read'() {
      let bytes = 0
      for await (const chunk of await streamOf(`${a}/stream`)) bytes += (chunk as Buffer).length
      if (bytes !== 1024 * 1024) throw new Error(`${bytes} bytes came`)
    },
    async 'a stream that is abandoned'() {
      ;(await streamOf(`${a}/stream`)).destroy()
    },
    async 'a new instance'() {
      const instance = applyIgwnAuth(axios.create(), { tokenScope: 'read:/data' })
      await instance.get(`${a}/data`)
      removeIgwnAuth(instance)
    },
    async 'a new agent'() {
      const httpsAgent = createX509Agent(await findX509Credentials())
      await get(`${a}/data`, { httpsAgent })
      httpsAgent.destroy()
    },
    async 'functions without an instance'() {
      await findSciToken({ audience: a })
      if (!findNetrcCredentials(clear)) throw new Error('no netrc entry was found')
    },
    async 'an explanation'() {
      await explain(`${a}/data`)
    },
  }

  async function streamOf(url: string): Promise<Readable> {
    return (await ours.get<Readable>(url, { responseType: 'stream' })).data
  }
}

/** A source of short-lived tokens from the site, and the maximum number of its concurrent requests. */
function portal(site: Site): { source: TokenSource; most: () => number } {
  // An instance without the package: only its CA is shared.
  const plain = axios.create({ httpsAgent: new https.Agent({ ca: site.ca }), httpAgent: new http.Agent() })
  let concurrent = 0
  let most = 0
  const source: TokenSource = {
    async getToken() {
      most = Math.max(most, (concurrent += 1))
      try {
        return (await plain.get<{ access_token: string }>(`${site.b}/token`)).data.access_token
      } finally {
        concurrent -= 1
      }
    },
  }
  return { source: reuse(source, { minTimeLeft: 1, renewBefore: 1 }), most: () => most }
}

/** Waits for a request that must fail with one of these codes. */
async function fails(request: Promise<unknown>, ...codes: string[]): Promise<void> {
  const error = await request.then(
    () => undefined,
    (failure: unknown) => failure as AxiosError,
  )
  if (!error) throw new Error('it did not fail')
  if (!codes.includes(error.code ?? ''))
    throw new Error(`unexpected error: ${error.code ?? ''} ${error.message}`)
}
