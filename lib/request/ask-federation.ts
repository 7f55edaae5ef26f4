import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { AxiosHeaders, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import type { Ask } from '../federation/ask'

/**
 * Asks discovery hosts and directors over axios, without a credential and without following redirects: only what these hosts
 * themselves say counts.
 *
 * @param send - sends a config that is complete
 */
export function federationAsker(
  send: (config: InternalAxiosRequestConfig) => Promise<AxiosResponse<unknown>>,
): Ask {
  return async ({ method, url, headers, attempts = 1 }) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await send({
          method,
          url,
          headers: new AxiosHeaders({ Accept: '*/*', ...headers }),
          responseType: 'text',
          transformResponse: [],
          timeout: TIMEOUT,
          maxContentLength: MAX_BYTES,
          maxRedirects: 0,
          // The fetch adapter of axios 1.18 ignores maxRedirects.
          fetchOptions: { redirect: 'manual' },
          validateStatus: () => true,
        })
        return {
          status: response.status,
          headers: Object.assign({}, response.headers),
          body: await textOf(response.data),
        }
      } catch (error) {
        const { code } = error as { code?: unknown }
        if (attempt >= attempts || (code !== 'ECONNABORTED' && code !== 'ETIMEDOUT')) throw error
      }
    }
  }
}

/** Milliseconds; a director asks servers whether they have the object. */
const TIMEOUT = 20_000
/** Bytes; more than any discovery document or list of servers needs. */
const MAX_BYTES = 1024 * 1024

/** Adapters of the caller may parse JSON, or return a stream. */
async function textOf(data: unknown): Promise<string> {
  if (data instanceof Readable) return text(data)
  return typeof data === 'string' ? data : JSON.stringify(data ?? '')
}
