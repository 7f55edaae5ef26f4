import { CanceledError } from 'axios'
import { parseChallenges } from '../../formats/www-authenticate'
import type { OAuthClient, OAuthEndpoint, OAuthRequest, ServerMetadata } from '../client'
import { OAuthError } from '../errors'
import type { HttpRequest, HttpResponse, SendHttp } from './axios-transport'
import type { ClientAuthentication } from './client-authentication'
import { networkError } from './failures'
import { normalizeResponse, type ParsedResponse } from './normalize-response'
import { SentSecrets } from '../../secrets/sent-secrets'

/** What openid-client calls instead of `fetch`. */
export type Fetch = (
  url: string,
  options: {
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
  },
) => Promise<Response>

/** What a request is for. */
export interface RequestPurpose {
  /** Undefined for requests without client authentication: metadata, keys, user info. */
  readonly endpoint?: OAuthEndpoint | undefined
  readonly server: ServerMetadata
  readonly signal?: AbortSignal | undefined
  /** Sets parameters for which openid-client has no option. */
  readonly amendBody?: ((body: URLSearchParams) => void) | undefined
  /** The access token in the request, when it is bound to the DPoP key of the client. */
  readonly boundToken?: string | undefined
}

export interface Transport {
  readonly fetch: Fetch
  /** Why sending failed; undefined when a response arrived. */
  readonly failure: () => unknown
  readonly lastResponse: () => ParsedResponse | undefined
  readonly secrets: SentSecrets
}

/** The parts that all requests of one client share. */
export interface TransportParts {
  readonly client: OAuthClient
  readonly send: SendHttp
  readonly authentication: ClientAuthentication
  /** Milliseconds for one response. */
  readonly timeout: () => number
}

/**
 * A `fetch` for openid-client: adds client authentication and DPoP proof to each request, calls the hooks of the caller, and
 * normalizes responses of non-conforming servers.
 */
export function openIdTransport(
  { client, send, authentication, timeout }: TransportParts,
  { endpoint, server, amendBody, signal, boundToken }: RequestPurpose,
): Transport {
  const { dpop } = client
  const secrets = new SentSecrets()
  let failure: unknown
  let last: ParsedResponse | undefined

  const fetch: Fetch = async (url, options) => {
    try {
      last = undefined
      const first = await once(url, options)
      last = learnsNonce(first, url) ? await once(url, options) : first
      rejectRedirect(last, url, secrets)
      return asFetchResponse(last)
    } catch (error) {
      failure = error
      throw error
    }
  }
  return { fetch, failure: () => failure, lastResponse: () => last, secrets }

  /** Sends one request. A second one is built from scratch: assertions and proofs can be used once. */
  function once(url: string, options: Parameters<Fetch>[1]): Promise<ParsedResponse> {
    return endpoint
      ? toEndpoint(endpoint, new URL(url), options)
      : withoutAuthentication(new URL(url), options)
  }

  async function withoutAuthentication(
    url: URL,
    { method, headers, body }: Parameters<Fetch>[1],
  ): Promise<ParsedResponse> {
    const fields = withoutUserAgent(headers)
    secrets.addOf(new URLSearchParams(), fields.authorization)
    if (dpop && boundToken !== undefined) {
      fields.authorization = `DPoP ${boundToken}`
      fields.dpop = await dpop.proof({ method, url, accessToken: boundToken })
    }
    const text = typeof body === 'string' ? body : undefined
    const response = await exchanged({ url, method, headers: fields, body: text })
    // Parsed, but passed on as it is.
    return { ...response, json: normalizeResponse(response).json }
  }

  async function toEndpoint(
    to: OAuthEndpoint,
    url: URL,
    options: Parameters<Fetch>[1],
  ): Promise<ParsedResponse> {
    const body = new URLSearchParams(options.body as URLSearchParams)
    amendBody?.(body)
    const method = to === 'token' ? (client.tokenMethod ?? options.method) : options.method
    const headers = withoutUserAgent(options.headers)
    const request: OAuthRequest = { endpoint: to, url: new URL(url), headers, body }
    await authentication.authenticate(request, server)
    if (dpop && to === 'token') headers.dpop = await dpop.proof({ method, url })
    secrets.addOf(body, headers.authorization)
    await client.onRequest?.(request)
    secrets.addOf(body, headers.authorization)

    const response = { endpoint: to, ...(await exchanged(asSent(request, method))) }
    await client.onResponse?.(response)
    return normalizeResponse(response)
  }

  async function exchanged(request: Omit<HttpRequest, 'signal'>): Promise<HttpResponse> {
    const milliseconds = timeout()
    const deadline = AbortSignal.timeout(milliseconds)
    try {
      return await send({ ...request, signal: signal ? AbortSignal.any([signal, deadline]) : deadline })
    } catch (error) {
      if (signal?.aborted) throw new CanceledError()
      throw networkError(error, request.url, secrets, deadline.aborted ? milliseconds : undefined)
    }
  }

  /** Stores a nonce for the next proof. Returns whether this request was rejected for lack of it (RFC 9449 sections 8 and 9). */
  function learnsNonce({ headers, json }: ParsedResponse, url: string): boolean {
    const nonce = headers['dpop-nonce']
    if (!dpop || nonce === undefined) return false
    dpop.remember(new URL(url).origin, nonce)
    const errors = parseChallenges(headers['www-authenticate']).map(({ params }) => params.error)
    return [json?.error, ...errors].includes('use_dpop_nonce')
  }

  /** Without the id_token of a token response: `requestToken` verifies it. */
  function asFetchResponse({ status, headers, body, json }: ParsedResponse): Response {
    const fields = new Headers()
    for (const [name, value] of Object.entries(headers)) trySet(fields, name, value)
    const hasIdToken = endpoint === 'token' && json?.id_token !== undefined
    const text = hasIdToken ? JSON.stringify({ ...json, id_token: undefined }) : body
    return new Response(BODILESS.has(status) ? null : text, { status, headers: fields })
  }
}

/** The constructor of `Response` throws for a body with these. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304])

function trySet(fields: Headers, name: string, value: string): void {
  // They describe the bytes that were received, not the text that is passed on.
  if (/^(?:content-(?:length|encoding)|transfer-encoding)$/.test(name)) return
  try {
    fields.set(name, value)
  } catch {
    // Invalid names and values: openid-client reads none of these.
  }
}

/** The request contained secrets, so a redirect is not followed. */
function rejectRedirect({ status, headers }: HttpResponse, url: string, secrets: SentSecrets): void {
  if (status < 300 || status > 399) return
  const from = new URL(url)
  const to = URL.canParse(headers.location ?? '', from.href) ? new URL(headers.location ?? '', from) : from
  throw new OAuthError(
    'ERR_IGWN_OAUTH_RESPONSE',
    `${from.origin}${from.pathname} redirects to ${secrets.redact(to.origin + to.pathname)}. Redirects are not followed because the request contains secrets. If the new URL is correct, use it instead.`,
    { status },
  )
}

function asSent({ url, headers, body }: OAuthRequest, method: string): Omit<HttpRequest, 'signal'> {
  if (method !== 'GET') return { url, method, headers, body: body.toString() }
  const withQuery = new URL(url)
  for (const [name, value] of body) withQuery.searchParams.append(name, value)
  return { url: withQuery, method, headers: without(headers, 'content-type') }
}

/** That of axios is sent, not that of openid-client. */
function withoutUserAgent(headers: Readonly<Record<string, string>>): Record<string, string> {
  return without(headers, 'user-agent')
}

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([field]) => field !== name))
}
