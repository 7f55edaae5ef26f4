import { CanceledError } from 'axios'
import { parseChallenges } from '../../formats/www-authenticate'
import { answerAsResponse, refuseRedirect, type Fetch } from './as-fetch'
import type { ClientAuthentication } from './client-authentication'
import { forgive, type ReadAnswer } from './normalize-response'
import type { PlainAnswer, PlainRequest, SendPlain } from './axios-transport'
import type { OAuthClient, OAuthEndpoint, OAuthRequest, ServerMetadata } from '../client'
import { sendingFailed } from './network-error'
import { SentSecrets } from './redact-response'

/** Whom a conversation is with, and about what. */
export interface Talk {
  /** Undefined where the client says nothing of itself: metadata, keys, user info. */
  readonly endpoint?: OAuthEndpoint | undefined
  readonly server: ServerMetadata
  /** Ends the conversation. */
  readonly signal?: AbortSignal | undefined
  /** Says what openid-client has no way to be told. */
  readonly amend?: ((body: URLSearchParams) => void) | undefined
  /** The access token in the request, where it is bound to the client's key. */
  readonly boundToken?: string | undefined
}

export interface Conversation {
  readonly fetch: Fetch
  /** What went wrong in sending; undefined when an answer came. */
  readonly failure: () => unknown
  readonly lastAnswer: () => ReadAnswer | undefined
  readonly secrets: SentSecrets
}

/** What conversations with one server have in common. */
export interface Speaker {
  readonly client: OAuthClient
  readonly send: SendPlain
  readonly authentication: ClientAuthentication
  /** Milliseconds for one answer. */
  readonly timeout: () => number
}

/**
 * Lets openid-client speak with a server: puts the client's authentication and proof on each request, has the caller's hooks
 * see it and its answer, and forgives odd answers.
 */
export function conversation({ client, send, authentication, timeout }: Speaker, talk: Talk): Conversation {
  const { endpoint, server, amend, signal, boundToken } = talk
  const { dpop } = client
  const secrets = new SentSecrets()
  let failure: unknown
  let last: ReadAnswer | undefined

  const fetch: Fetch = async (url, options) => {
    try {
      last = undefined
      const first = await once(url, options)
      last = learnsNonce(first, url) ? await once(url, options) : first
      refuseRedirect(last, url, secrets)
      return answerAsResponse(last)
    } catch (error) {
      failure = error
      throw error
    }
  }
  return { fetch, failure: () => failure, lastAnswer: () => last, secrets }

  /** One request; a second one is made anew, since an assertion and a proof are good once. */
  function once(url: string, options: Parameters<Fetch>[1]): Promise<ReadAnswer> {
    return endpoint ? toEndpoint(endpoint, new URL(url), options) : plainly(new URL(url), options)
  }

  async function plainly(url: URL, { method, headers }: Parameters<Fetch>[1]): Promise<ReadAnswer> {
    const fields = withoutUserAgent(headers)
    secrets.addOf(new URLSearchParams(), fields.authorization)
    if (dpop && boundToken !== undefined) {
      fields.authorization = `DPoP ${boundToken}`
      fields.dpop = await dpop.proof({ method, url, accessToken: boundToken })
    }
    const answer = await exchanged({ url, method, headers: fields })
    // Only read: what is no answer of an endpoint needs no forgiveness.
    return { ...answer, json: forgive(answer).json }
  }

  async function toEndpoint(to: OAuthEndpoint, url: URL, options: Parameters<Fetch>[1]): Promise<ReadAnswer> {
    const body = new URLSearchParams(options.body as URLSearchParams)
    amend?.(body)
    const method = to === 'token' ? (client.tokenMethod ?? options.method) : options.method
    const request: OAuthRequest = {
      endpoint: to,
      url: new URL(url),
      headers: withoutUserAgent(options.headers),
      body,
    }
    await authentication.authenticate(request, server)
    if (dpop && to === 'token') request.headers.dpop = await dpop.proof({ method, url })
    secrets.addOf(body, request.headers.authorization)
    await client.onRequest?.(request)
    secrets.addOf(body, request.headers.authorization)

    const answer = { endpoint: to, ...(await exchanged(asSent(request, method))) }
    await client.onResponse?.(answer)
    return forgive(answer)
  }

  async function exchanged(request: Omit<PlainRequest, 'signal'>): Promise<PlainAnswer> {
    const milliseconds = timeout()
    const deadline = AbortSignal.timeout(milliseconds)
    try {
      return await send({ ...request, signal: signal ? AbortSignal.any([signal, deadline]) : deadline })
    } catch (error) {
      if (signal?.aborted) throw new CanceledError()
      throw sendingFailed(error, request.url, secrets, deadline.aborted ? milliseconds : undefined)
    }
  }

  /** Remembers a nonce for the next proof, and says whether it was wanted for this one (RFC 9449 sections 8 and 9). */
  function learnsNonce({ headers, json }: ReadAnswer, url: string): boolean {
    const nonce = headers['dpop-nonce']
    if (!dpop || nonce === undefined) return false
    dpop.remember(new URL(url).origin, nonce)
    const errors = parseChallenges(headers['www-authenticate']).map(({ params }) => params.error)
    return [json?.error, ...errors].includes('use_dpop_nonce')
  }
}

function asSent({ url, headers, body }: OAuthRequest, method: string): Omit<PlainRequest, 'signal'> {
  if (method !== 'GET') return { url, method, headers, body: body.toString() }
  const withQuery = new URL(url)
  for (const [name, value] of body) withQuery.searchParams.append(name, value)
  return { url: withQuery, method, headers: without(headers, 'content-type') }
}

/** openid-client would give its own name; the caller's axios has one. */
function withoutUserAgent(headers: Readonly<Record<string, string>>): Record<string, string> {
  return without(headers, 'user-agent')
}

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([field]) => field !== name))
}
