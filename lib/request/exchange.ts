import axios, { type AxiosError, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError } from '../errors'
import type { Explanation } from '../explain/explanation'
import type { IgwnAxiosError, Refusal } from '../explain/refusal'
import { causeIn } from '../formats/error-causes'
import { mergeOptions, resolveOptions, type ResolvedOptions } from '../options'
import type { Credentials } from '../schemes/credentials'
import { isPromise } from '../tokens/token'
import type { ExpectedTransfer } from '../tokens/token-lifetime'
import { abortable, throwIfAborted } from './abort'
import { attacher, type AttachBehavior } from './attach'
import { newContext, type RequestContext } from './context'
import { destinationFinder, notHttpUrl, objectUrlOf } from './destination'
import { explainUnsent, isRefusal, refusalOf } from './explain-refusal'
import { isFromNetworkProxy } from './network-proxy'
import type { SendVerified } from './integrity'
import type { ObjectRequests } from './object-requests'
import { RedirectToFollow, redirectedContext } from './redirects'
import { replacementFor } from './replacement'
import { emit, emitCredentials, emitSkipped, isObserved } from './request-events'
import { callAdapter, transmit } from './transmit'

type Request = InternalAxiosRequestConfig

/** Sends the requests of one instance with credentials. */
export interface Exchange {
  /** Sends a request that has reached its adapter. */
  readonly send: (caller: Request, adapter: Request['adapter']) => Promise<AxiosResponse>
  /** Explains what would be sent. */
  readonly explain: (caller: Request, transfer?: ExpectedTransfer) => Promise<Explanation>
  /** Whether a request must not be sent past the exchange. */
  readonly isRequired: (caller: Request) => boolean
  /** Closes the connections that were made with certificates. */
  readonly close: () => void
}

/**
 * The way of a request from the adapter of the caller's instance to the response:
 *
 *   attach ──► transmit ──► response ──► caller
 *     ▲            ├─ redirect to another origin ─► attach again for that origin   (redirects)
 *     └────────────┴─ 401 with a Bearer challenge ─► another credential, once       (retry-after-401)
 *
 * It runs beneath all interceptors: those of others see one request and one response.
 */
export function exchange(instanceOptions: ResolvedOptions, behavior?: AttachBehavior): Exchange {
  const attaching = attacher(behavior)
  const findDestination = destinationFinder()
  let objects: ObjectRequests | undefined
  let sendVerified: SendVerified | undefined

  return {
    send(caller, adapter) {
      const url = findDestination(caller)
      try {
        // Anything but http(s) gets no credential, and an interceptor that ran after ours may have switched us off.
        if (!url || igwnAuthOf(caller) === false) return sendElsewhere(caller, adapter)
        return dispatch(contextOf(caller, adapter, url))
      } catch (error) {
        return Promise.reject(error)
      }
    },
    async explain(caller, transfer) {
      const url = findDestination(caller)
      if (url) return explainUnsent(contextOf(caller, caller.adapter, url), attaching, { transfer })
      const objectUrl = objectUrlOf(caller)
      if (objectUrl === undefined) throw notHttpUrl()
      const { context, error: problem } = await (await loadObjects()).look(caller, caller.adapter, objectUrl)
      return explainUnsent(context, attaching, { problem, transfer })
    },
    isRequired,
    close: attaching.close,
  }

  function isRequired(caller: Request): boolean {
    const { token, failIfNoAuth } = optionsFor(igwnAuthOf(caller))
    return token === true || failIfNoAuth === true
  }

  function sendElsewhere(caller: Request, adapter: Request['adapter']): Promise<AxiosResponse> {
    const url = igwnAuthOf(caller) === false ? undefined : objectUrlOf(caller)
    if (url === undefined) return sendWithout(caller, adapter)
    return objects
      ? objects.send(caller, adapter, url)
      : loadObjects().then((loaded) => loaded.send(caller, adapter, url))
  }

  /** Loaded on first use: most programs have no `osdf:` URL. */
  async function loadObjects(): Promise<ObjectRequests> {
    const { objectRequests } = await import('./object-requests')
    return (objects ??= objectRequests({ send: dispatch, contextOf }))
  }

  function dispatch(context: RequestContext): Promise<AxiosResponse> {
    if (!context.options.integrity && !context.object) return send(context)
    return sendVerified ? sendVerified(context, send) : loadVerified(context)
  }

  /** Loaded on first use: most requests are not verified. */
  async function loadVerified(context: RequestContext): Promise<AxiosResponse> {
    sendVerified = (await import('./integrity')).sendVerified
    return sendVerified(context, send)
  }

  function sendWithout(caller: Request, adapter: Request['adapter']): Promise<AxiosResponse> {
    if (caller.socketPath != null && isRequired(caller))
      throw new IgwnAuthError(
        'ERR_IGWN_NO_CREDENTIAL',
        'No credential is sent to a UNIX socket (socketPath), and the options require one. Nothing was sent. Set igwnAuth to false for this request.',
      )
    return callAdapter(adapter, caller)
  }

  async function send(context: RequestContext, replacement?: Credentials): Promise<AxiosResponse> {
    let credentials: Credentials
    try {
      const found = replacement ?? attaching.attach(context)
      credentials = isPromise(found) ? await abortable(found, context.request, context.caller) : found
    } catch (error) {
      emitSkipped(context, error instanceof IgwnAuthError ? error.reasons : [])
      throw error
    }
    if (isObserved(context)) emitCredentials(context, credentials)
    throwIfAborted(context.request, context.caller)
    const { sends } = context
    let response: AxiosResponse
    try {
      response = await transmit(context, credentials)
    } catch (error) {
      // Of a scheme, and a response in it is of another server.
      if (context.sends === sends) throw error
      return afterFailure(context, credentials, error)
    }
    if (isRefusal(response)) return afterRefusal(context, credentials, response)
    context.progress?.deliver()
    return response
  }

  /** A redirect to another origin continues there; a refusal may be retried; everything else is explained and thrown. */
  function afterFailure(
    context: RequestContext,
    credentials: Credentials,
    error: unknown,
  ): Promise<AxiosResponse> {
    const redirect = causeIn(error, RedirectToFollow)
    if (redirect) return follow(context, credentials, redirect, error)
    const ours = causeIn(error, IgwnAuthError)
    if (ours) throw ours
    const { response } = (error ?? {}) as Partial<AxiosError>
    if (response && isRefusal(response)) return afterRefusal(context, credentials, response, error)
    context.progress?.deliver()
    throw explained(context, error, refusalOf(context, credentials, response, error, attaching))
  }

  function follow(
    context: RequestContext,
    credentials: Credentials,
    { request }: RedirectToFollow,
    error: unknown,
  ): Promise<AxiosResponse> {
    const isProxy = isFromNetworkProxy(error, context.url, context.request.proxy)
    return send(redirectedContext(context, credentials, request, isProxy, isAuthenticated))
  }

  /** A refusal is retried once with another credential; one that remains is explained. */
  async function afterRefusal(
    context: RequestContext,
    credentials: Credentials,
    response: AxiosResponse,
    error?: unknown,
  ): Promise<AxiosResponse> {
    const last = context.redirected
      ? { ...context, request: context.redirected, redirected: undefined }
      : context
    const replacement = await replacementFor(last, credentials, response, attaching.attach, (value) =>
      abortable(value, last.request, last.caller),
    )
    if (replacement) return send({ ...last, retried: true }, replacement)
    context.progress?.deliver()
    if (error === undefined) {
      // The caller's `validateStatus` accepts it.
      if (isObserved(last))
        emitRefused(
          last,
          response,
          refusalOf(last, credentials, response, undefined, attaching)?.summary ?? '',
        )
      return response
    }
    throw explained(last, error, refusalOf(last, credentials, response, error, attaching))
  }

  function explained(context: RequestContext, error: unknown, refusal: Refusal | undefined): unknown {
    if (!refusal || !axios.isAxiosError(error) || !Object.isExtensible(error)) return error
    const failure: IgwnAxiosError = error
    if (failure.igwnAuth) return error
    failure.igwnAuth = refusal
    Object.defineProperty(failure, 'toJSON', { value: toJSON, configurable: true, writable: true })
    emitRefused(context, failure.response, refusal.summary)
    return error
  }

  function optionsFor(igwnAuth: Request['igwnAuth']): ResolvedOptions {
    if (igwnAuth === undefined) return instanceOptions
    if (igwnAuth === false) return WITHOUT_CREDENTIALS
    return mergeOptions(instanceOptions, resolveOptions(igwnAuth, 'igwnAuth'))
  }

  function contextOf(caller: Request, adapter: Request['adapter'], url: URL): RequestContext {
    return newContext(caller, adapter, url, optionsFor(igwnAuthOf(caller)), isAuthenticated(caller, url))
  }
}

/** What `igwnAuth: false` means. */
const WITHOUT_CREDENTIALS: ResolvedOptions = { forceNoAuth: true }

/** The options of a request. Interceptors may copy a config into an object with a prototype, which may be polluted. */
export function igwnAuthOf(config: Request): Request['igwnAuth'] {
  return Object.hasOwn(config, 'igwnAuth') ? config.igwnAuth : undefined
}

function emitRefused(context: RequestContext, response: AxiosResponse | undefined, summary: string): void {
  emit(context, { type: 'refused', status: response?.status, summary })
}

/** As axios does it, with the summary and the reasons. */
function toJSON(this: IgwnAxiosError): object {
  const { summary, reasons } = this.igwnAuth ?? {}
  return { ...axios.AxiosError.prototype.toJSON.call(this), summary, reasons }
}

/** Whether the caller authenticates: with an `Authorization`, even one set to false or null, `auth`, or userinfo in the URL. */
function isAuthenticated({ headers, auth }: Request, { username, password }: URL): boolean {
  if (auth != null || username !== '' || password !== '') return true
  // As `headers.has` does it, in a tenth of the time.
  for (const name in headers)
    if (name.length === 13 && name.toLowerCase() === 'authorization' && headers[name] !== undefined)
      return true
  return false
}
