import fs from 'node:fs'
import http from 'node:http'
import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios'
import { applyIgwnAuth } from 'axios-igwn-auth'
import { compare, type Effort } from './measure'
import { counted, measured, type Result } from './report'
import { answerAtOnce } from './requests'
import type { Setting } from './setting'

/**
 * Where the time is spent: the cost that each step adds to a request, without a network and over a connection, where earlier
 * work evicts this package from the processor caches.
 */
export async function* breakdown({ token, listening, quick }: Setting): AsyncGenerator<Result> {
  const rounds = quick ? 9 : 151
  const lookups = await lookupsOf(applyIgwnAuth(axios.create({ ...instant })))
  yield counted('environment variables read for a request', lookups.variables.length)
  yield counted('  files checked: existing', lookups.files.filter((file) => fs.existsSync(file)).length)
  yield counted('  files checked: missing', lookups.files.filter((file) => !fs.existsSync(file)).length)

  const httpAgent = new http.Agent({ keepAlive: true })
  const wire = { baseURL: listening.http, httpAgent }
  yield* steps('no network', instant, token, lookups, { rounds, batch: quick ? 50 : 200 })
  yield* steps('HTTP', wire, token, lookups, { rounds, batch: quick ? 10 : 25, warmUp: quick ? 15 : 40 })
  httpAgent.destroy()
}

const instant: AxiosRequestConfig = { baseURL: 'https://127.0.0.1', adapter: answerAtOnce }

async function* steps(
  where: string,
  config: AxiosRequestConfig,
  token: string,
  lookups: Lookups,
  effort: Effort,
): AsyncGenerator<Result> {
  const fixed = { ...config, headers: { Authorization: `Bearer ${token}` } }
  const ours = (options: Parameters<typeof applyIgwnAuth>[1]) => applyIgwnAuth(axios.create(config), options)
  const instances = {
    bare: axios.create(fixed),
    looking: looking(fixed, lookups),
    neither: ours({ token, cert: false }),
    certificate: ours({ token }),
    token: ours({ cert: false }),
    both: ours({}),
  }
  const {
    bare,
    looking: lookupsAlone,
    ...times
  } = await compare(
    {
      bare: () => instances.bare.get('/'),
      looking: () => instances.looking.get('/'),
      neither: () => instances.neither.get('/'),
      certificate: () => instances.certificate.get('/'),
      token: () => instances.token.get('/'),
      both: () => instances.both.get('/'),
    },
    effort,
  )
  yield measured(`${where}: axios alone`, 'µs', bare.time.cpu)
  const added = (what: string, { extra }: typeof bare) =>
    measured(`  ${where}: added by ${what}`, 'µs', extra.cpu)
  yield added('these lookups alone', lookupsAlone)
  yield added('a private copy, sending it, hiding secrets', times.neither)
  yield added('the same and the search for a certificate', times.certificate)
  yield added('the same and the search for a token', times.token)
  yield added('everything', times.both)
}

/** The variables and files that one request looks up. */
interface Lookups {
  readonly variables: readonly string[]
  readonly files: readonly string[]
}

/** axios alone, with an interceptor that does the same lookups and ignores the results. */
function looking(config: AxiosRequestConfig, { variables, files }: Lookups): AxiosInstance {
  const instance = axios.create(config)
  instance.interceptors.request.use(
    (request) => {
      const { env } = process
      for (const name of variables) Reflect.get(env, name)
      for (const file of files) fs.statSync(file, { throwIfNoEntry: false })
      return request
    },
    (error) => Promise.reject(error as Error),
    { synchronous: true },
  )
  return instance
}

/** Records the variables and files that the second request of an instance looks up. */
async function lookupsOf(instance: AxiosInstance): Promise<Lookups> {
  await instance.get('/')
  const { env } = process
  const { statSync, lstatSync } = fs
  const system = fs as { -readonly [name in 'statSync' | 'lstatSync']: typeof fs.statSync }
  const variables: string[] = []
  const files: string[] = []
  process.env = new Proxy(env, {
    get: (target, name) => {
      variables.push(String(name))
      return Reflect.get(target, name) as unknown
    },
  })
  const watched = (stat: typeof fs.statSync) =>
    ((file: string, options: object) => {
      files.push(file)
      return stat(file, options)
    }) as typeof fs.statSync
  system.statSync = watched(statSync)
  system.lstatSync = watched(lstatSync)
  try {
    await instance.get('/')
  } finally {
    process.env = env
    Object.assign(system, { statSync, lstatSync })
  }
  return { variables, files }
}
