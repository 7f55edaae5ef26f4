import { aFunction, checkValues } from '../check-values'
import { IgwnAuthError } from '../errors'
import { mergeOptions, resolveOptions, type IgwnAuthOptions } from '../options'
import { urlOf } from '../request/destination'
import { fetchExchange } from './exchange'
import { fetchRequest, type FetchInput, type IgwnRequestInit } from './fetch-request'
import type { FetchFunction } from './transmit'

/** `fetch` with IGWN auth. */
export interface IgwnFetch {
  /**
   * Sends a request as `fetch` does, with the credentials that are found for it. It is sent again once after a 401 with a Bearer
   * challenge, and redirects are followed origin by origin. A refusal stays a response; {@link explanationOf} explains it.
   *
   * @param input - the URL, or a `Request`, whose body is read into memory
   * @param init - options of `fetch`, and `igwnAuth` with options for this request. `credentials: 'omit'` sends no credential of ours
   * @throws {@link IgwnAuthError} before anything is sent, when a required credential is missing, a given one is unusable, or an
   *   option is invalid. Otherwise as `fetch`: a `TypeError` for a failed connection, the reason of the signal for an abort
   */
  (input: FetchInput, init?: IgwnRequestInit | null): Promise<Response>
  /** Closes the connections that were made with certificates. The function stays usable. */
  close(): void
}

/** Options of {@link createIgwnFetch} besides those of the credentials. */
export interface IgwnFetchSettings {
  /** Sends the requests. Default is the global `fetch` at the time of each request. */
  readonly fetch?: ((input: string, init?: RequestInit) => Promise<Response>) | undefined
}

/**
 * Creates a `fetch` with IGWN auth, by the rules of `applyIgwnAuth`. Searches and connections are kept with it. Certificates, and
 * CAs that the environment names, need the package `undici` on Node.js (`npm install undici@7`); Deno and Bun need no package.
 *
 * @param options - as for `applyIgwnAuth`. Default is none: what is found on this host is sent
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option is invalid
 */
export function createIgwnFetch(options: IgwnAuthOptions = {}, settings: IgwnFetchSettings = {}): IgwnFetch {
  const ofInstance = mergeOptions({}, resolveOptions(options, 'options'))
  checkValues(settings, { fetch: aFunction }, 'settings')
  const exchange = fetchExchange()
  const send: FetchFunction = (input, init) => (settings.fetch ?? globalThis.fetch)(input, init)

  return Object.assign(igwnFetch, {
    close: () => {
      exchange.close()
    },
  })

  async function igwnFetch(input: FetchInput, init?: IgwnRequestInit | null): Promise<Response> {
    const { igwnAuth, ...plain } = init ?? {}
    const url = urlOf({ url: input instanceof Request ? input.url : String(input) })
    if (igwnAuth === false || !url) return (settings.fetch ?? globalThis.fetch)(input as string, plain)
    if (url.username !== '' || url.password !== '') throw userinfo()
    const merged =
      igwnAuth === undefined ? ofInstance : mergeOptions(ofInstance, resolveOptions(igwnAuth, 'igwnAuth'))
    const request = await fetchRequest(input, plain, url)
    const isOmitted = request.init.credentials === 'omit'
    return exchange.send(request, url, isOmitted ? mergeOptions(merged, { forceNoAuth: true }) : merged, send)
  }
}

/** The URL is not repeated, as `fetch` does it in its error. */
function userinfo(): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    'The URL has a username or password, which fetch does not accept. Put them into netrc, or set the Authorization header.',
  )
}

/** `fetch` with IGWN auth, ready to use: it finds the credentials of this host and sends them. */
export const igwnFetch: IgwnFetch = /* @__PURE__ */ createIgwnFetch()
