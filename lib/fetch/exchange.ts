import type { InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import { causeIn } from '../formats/error-causes'
import type { ResolvedOptions } from '../options'
import type { FetchLimit } from '../request/adapters'
import { attacher } from '../request/attach'
import { newContext, type RequestContext } from '../request/context'
import { isRefusal, refusalOf } from '../request/explain-refusal'
import { redirectedContext, redirectOf, REDIRECTS } from '../request/redirects'
import { replacementFor } from '../request/replacement'
import { emit, emitCredentials, emitSkipped, isObserved } from '../request/request-events'
import { discard } from '../request/resend'
import type { Credentials } from '../schemes/credentials'
import { abortable } from './abort'
import { connections, hasOwnDispatcher } from './connections'
import { explain } from './explanation-of'
import type { FetchRequest } from './fetch-request'
import { responseOf, transmit, type FetchFunction, type Sending } from './transmit'

/** Sends the requests of one `igwnFetch` with credentials. */
export interface FetchExchange {
  readonly send: (
    request: FetchRequest,
    url: URL,
    options: ResolvedOptions,
    fetch: FetchFunction,
  ) => Promise<Response>
  /** Closes the connections that were made with certificates or CAs of ours. */
  readonly close: () => void
}

/**
 * The way of a request to its response, by the rules of `lib/request`:
 *
 *   attach ──► transmit ──► response ──► caller
 *     ▲            ├─ redirect ──────────────────────► attach again for the origin of the target   (redirects)
 *     └────────────┴─ 401 with a Bearer challenge ───► another credential, once                    (retry-after-401)
 */
export function fetchExchange(): FetchExchange {
  const attaching = attacher()
  const connecting = connections()
  let isUndiciMissing = false

  return {
    async send(request, url, options, fetch) {
      let context = contextOf(request, url, options)
      let replacement: Credentials | undefined
      let isRedirected = false
      for (;;) {
        const credentials = replacement ?? (await find(request, context))
        replacement = undefined
        const connection = await connecting.optionsFor(credentials.tls)
        if (connection === 'undici is missing') {
          isUndiciMissing = true
          context = { ...context, adapter: limitOf(request) }
          continue
        }
        if (isObserved(context)) emitCredentials(context, credentials)
        request.signal?.throwIfAborted()
        const sending: Sending = { request, context, credentials, connection, fetch }
        const response = await sendOnce(sending)
        const next = followed(sending, response)
        if (next) {
          context = next
          isRedirected = true
          continue
        }
        if (isRefusal(response)) replacement = await afterRefusal(sending, response)
        if (!replacement)
          return isRedirected ? Object.defineProperty(response, 'redirected', { value: true }) : response
        context = { ...context, retried: true }
      }
    },
    close() {
      attaching.close()
      connecting.close()
    },
  }

  function contextOf(request: FetchRequest, url: URL, options: ResolvedOptions): RequestContext {
    return newContext(request.config, limitOf(request), url, options, isAuthenticated(request.config))
  }

  function limitOf({ isConnected }: FetchRequest): FetchLimit | undefined {
    if (isConnected || hasOwnDispatcher()) return 'fetch with a dispatcher'
    return isUndiciMissing ? 'fetch without undici' : undefined
  }

  async function find({ signal }: FetchRequest, context: RequestContext): Promise<Credentials> {
    try {
      return await abortable(Promise.resolve(attaching.attach(context)), signal)
    } catch (error) {
      emitSkipped(context, error instanceof IgwnAuthError ? error.reasons : [])
      throw error
    }
  }

  async function sendOnce(sending: Sending): Promise<Response> {
    const { context, credentials } = sending
    try {
      return await transmit(sending)
    } catch (error) {
      const refusal = causeIn(error, IgwnAuthError)
        ? undefined
        : refusalOf(context, credentials, undefined, error, attaching)
      if (!refusal || typeof error !== 'object' || error === null) throw error
      emit(context, { type: 'refused', summary: refusal.summary })
      throw explain(error, refusal)
    }
  }

  /** The credentials for the retry of a refusal; without one the response is explained. */
  async function afterRefusal(
    { request, context, credentials }: Sending,
    response: Response,
  ): Promise<Credentials | undefined> {
    const refused = { ...responseOf(response), data: response.body }
    const replacement = await replacementFor(context, credentials, refused, attaching.attach, (value) =>
      abortable(value, request.signal),
    )
    if (replacement) return replacement
    const refusal = refusalOf(context, credentials, refused, undefined, attaching)
    if (!refusal) return undefined
    explain(response, refusal)
    emit(context, { type: 'refused', status: response.status, summary: refusal.summary })
    return undefined
  }
}

/** The request that a redirect leads to; undefined where there is none to follow. */
function followed(
  { request, context, credentials }: Sending,
  { status, headers, body }: Response,
): RequestContext | undefined {
  const location = headers.get('Location') ?? undefined
  if (request.redirect !== 'follow' || !REDIRECTS.has(status) || location === undefined) return undefined
  discard({ data: body })
  const redirect = redirectOf(context, credentials, { status, location })
  // As fetch: an invalid target, another protocol, and too many redirects are network errors.
  if (!redirect) throw new TypeError('fetch failed', { cause: new Error('the redirect cannot be followed') })
  return redirectedContext(context, credentials, redirect.request, false, isAuthenticated)
}

/** Whether the caller authenticates; a URL with userinfo does not get here. */
function isAuthenticated({ headers }: InternalAxiosRequestConfig): boolean {
  return Object.hasOwn(headers, 'authorization')
}
