import axios, { type AxiosInstance, type AxiosRequestConfig, type HeadersDefaults } from 'axios'

/**
 * A new axios instance with the current defaults of another, but without its interceptors and without credentials: `auth`,
 * `igwnAuth` and every `Authorization` header are left out.
 */
export function plainInstance(instance: AxiosInstance = axios): AxiosInstance {
  const headers = withoutAuthorization(instance.defaults.headers) as HeadersDefaults
  const defaults = { ...instance.defaults, headers, auth: undefined, igwnAuth: undefined }
  return newInstance(defaults as unknown as AxiosRequestConfig)
}

/** A new axios instance with these defaults alone. */
export function newInstance(defaults: AxiosRequestConfig = {}): AxiosInstance {
  return new axios.Axios(defaults) as AxiosInstance
}

/**
 * The defaults of an instance that decide how it connects: adapter, proxy, agents, `timeout`. Nothing that is sent (headers,
 * `auth`, `params`) and nothing that changes the URL or the body.
 */
export function connectionDefaults({ defaults }: { readonly defaults: object }): AxiosRequestConfig {
  const all = defaults as Record<string, unknown>
  return Object.fromEntries(
    CONNECTION_DEFAULTS.filter((name) => all[name] !== undefined).map((name) => [name, all[name]]),
  )
}

const CONNECTION_DEFAULTS = [
  'adapter',
  'proxy',
  'httpAgent',
  'httpsAgent',
  'timeout',
  'transport',
  'lookup',
  'family',
  'httpVersion',
  'http2Options',
  'fetchOptions',
  'env',
  'insecureHTTPParser',
  'maxRate',
] as const

/** Header fields, also those of one method (`headers.post`). */
function withoutAuthorization(headers: object): object {
  const fields: [string, unknown][] = Object.entries(headers)
  return Object.fromEntries(
    fields
      .filter(([name]) => name.toLowerCase() !== 'authorization')
      .map(([name, value]) => [name, isMethodGroup(value) ? withoutAuthorization(value) : value]),
  )
}

function isMethodGroup(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
