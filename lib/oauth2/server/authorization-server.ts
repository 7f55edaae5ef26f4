import axios from 'axios'
import { IgwnAuthError } from '../../errors'
import { secondsNow, since } from '../../clock'
import { clientAuthentication } from './client-authentication'
import { conversation, type Conversation, type Talk } from './openid-client-transport'
import { failed } from './failures'
import { httpByAxios } from './axios-transport'
import { checkClient, type OAuthClient, type ServerMetadata } from '../client'
import { isRefused, OAuthError } from '../errors'
import { unlessCanceled } from './abortable'

type OpenIdClient = typeof import('openid-client')
type Configuration = InstanceType<OpenIdClient['Configuration']>

/** What a call to the server has at hand. */
export interface Tools {
  readonly oc: OpenIdClient
  readonly config: Configuration
}

/** An authorization server as one client of it sees it. */
export interface AuthorizationServer {
  /** With the secrets of whoever gave it. */
  readonly client: OAuthClient
  /** For people, and for what is kept under its name. */
  readonly name: string
  /** Its endpoints, discovered where they were not given. */
  metadata(signal?: AbortSignal): Promise<ServerMetadata>
  /** Speaks with it by openid-client; what goes wrong is an error of ours. */
  ask<T>(about: About, call: (tools: Tools) => Promise<T>): Promise<T>
  /** Fetches a document that it publishes. */
  fetchJson(url: string, signal?: AbortSignal): Promise<unknown>
}

export type About = Omit<Talk, 'server'> & {
  /** The audience that the request names, for the advice in an error. */
  readonly audience?: string | undefined
}

/**
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when the client cannot be used
 */
export function authorizationServer(given: OAuthClient): AuthorizationServer {
  const client = checkClient(given)
  const authentication = clientAuthentication(client)
  const http = client.axios ?? axios
  const { passphrase, allowInsecureHttp } = client
  const send = httpByAxios(http, { cert: () => certOf(client), passphrase, allowInsecureHttp })
  // As axios reads it; and no signal waits for longer.
  const timeout = () => Math.min(Math.ceil(Number(http.defaults.timeout)) || DEFAULT_TIMEOUT, MAX_TIMEOUT)
  const speaker = { client, send, authentication, timeout }
  const name = client.issuer ?? client.metadata?.issuer ?? originOf(client.metadata)
  const discovered = rememberedForADay(discover)

  return { client, name, metadata, ask, fetchJson }

  async function metadata(signal?: AbortSignal): Promise<ServerMetadata> {
    if (client.metadata) return { issuer: client.issuer, ...client.metadata }
    return unlessCanceled(discovered(), signal)
  }

  async function ask<T>({ audience, ...about }: About, call: (tools: Tools) => Promise<T>): Promise<T> {
    const oc = await openIdClient()
    const server = await metadata(about.signal)
    const talk = conversation(speaker, { ...about, server })
    try {
      return await call({ oc, config: configuration(oc, server, talk) })
    } catch (error) {
      throw failed(error, talk, { issuer: name, authentication: authentication.nameFor(server), audience })
    }
  }

  async function fetchJson(url: string, signal?: AbortSignal): Promise<unknown> {
    const talk = conversation(speaker, { server: {}, signal })
    const response = await talk.fetch(url, { method: 'GET', headers: { accept: 'application/json' } })
    const { json } = talk.lastAnswer() ?? {}
    if (response.status === 200 && json) return json
    throw new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `${url} gave no JSON (status ${response.status}). Check the metadata of ${name}.`,
      { status: response.status },
    )
  }

  function configuration(oc: OpenIdClient, server: ServerMetadata, talk: Conversation): Configuration {
    const config = new oc.Configuration(
      // openid-client wants an issuer; where none is known, nothing is compared with it but what names one.
      { ...server, issuer: server.issuer ?? name } as ConstructorParameters<OpenIdClient['Configuration']>[0],
      client.clientId ?? '-',
      {
        use_mtls_endpoint_aliases: isByCertificate(client),
        ...(client.idTokenAlg !== undefined && { id_token_signed_response_alg: client.idTokenAlg }),
      },
      // Ours is put on when the request leaves.
      () => undefined,
    )
    config[oc.customFetch] = talk.fetch
    // Ours is for each answer, and told from a cancellation.
    config.timeout = 0
    allowInsecureRequests(oc)(config)
    return config
  }

  /** OpenID Connect Discovery 1.0, else RFC 8414. */
  async function discover(): Promise<ServerMetadata> {
    const oc = await openIdClient()
    const issuer = new URL(client.issuer ?? '')
    try {
      return await discoverBy(oc, issuer, 'oidc')
    } catch (error) {
      const isElsewhere = error instanceof OAuthError && error.status !== undefined && error.status >= 400
      if (!isElsewhere || issuer.href.includes('/.well-known/')) throw error
      return discoverBy(oc, issuer, 'oauth2').catch(() => {
        throw error
      })
    }
  }

  async function discoverBy(
    oc: OpenIdClient,
    issuer: URL,
    algorithm: 'oidc' | 'oauth2',
  ): Promise<ServerMetadata> {
    const talk = conversation(speaker, { server: {} })
    try {
      const found = await oc.discovery(issuer, client.clientId ?? '-', undefined, undefined, {
        algorithm,
        // A deadline of ours; theirs cannot be switched off here.
        timeout: timeout() / 1000 + 60,
        [oc.customFetch]: talk.fetch,
        execute: [allowInsecureRequests(oc)],
      })
      return found.serverMetadata()
    } catch (error) {
      const reason = failed(error, talk, { issuer: name, authentication: 'none' })
      throw isRefused(reason) ? noMetadata(reason) : reason
    }
  }

  function noMetadata({ status }: OAuthError): OAuthError {
    return new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `${name} publishes no metadata (status ${status ?? 'unknown'}). Check issuer, or give metadata.`,
      { status },
    )
  }
}

/** Milliseconds, as of openid-client. */
const DEFAULT_TIMEOUT = 30_000
const MAX_TIMEOUT = 2 ** 31 - 1

/** Seconds. Endpoints move seldom, and programs run for long. */
const REDISCOVER_AFTER = 86_400
/** Seconds until it is tried again when there was nothing new to be had. */
const RETRY_AFTER = 300

/** Keeps what was found; a failure is not remembered, and what is old serves where nothing new can be had. */
function rememberedForADay<T>(find: () => Promise<T>): () => Promise<T> {
  let held: { value: T; at: number } | undefined
  let pending: Promise<T> | undefined

  return async () => {
    if (held && since(held.at) < REDISCOVER_AFTER) return held.value
    pending ??= find().finally(() => {
      pending = undefined
    })
    try {
      const value = await pending
      held = { value, at: secondsNow() }
      return value
    } catch (error) {
      if (!held) throw error
      held = { ...held, at: secondsNow() - REDISCOVER_AFTER + RETRY_AFTER }
      return held.value
    }
  }
}

/** Deprecated for nothing but to warn: what goes in clear, and where to, is judged when it is sent, by our own rules. */
function allowInsecureRequests(oc: OpenIdClient): (config: Configuration) => void {
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return oc.allowInsecureRequests
}

/** Loaded with the first flow: programs without one need not pay for it, and it is for ES modules alone. */
async function openIdClient(): Promise<OpenIdClient> {
  return import('openid-client')
}

function isByCertificate({ clientAuthentication: method, cert }: OAuthClient): boolean {
  return method === 'tls_client_auth' || method === 'self_signed_tls_client_auth' || Boolean(cert)
}

/** The certificate of the client, where it is one of ours to present. */
function certOf(client: OAuthClient): OAuthClient['cert'] {
  if (client.cert !== undefined) return client.cert
  return isByCertificate(client) && client.axios?.defaults.httpsAgent === undefined
}

/** Where no issuer is known, the origin of an endpoint names the server. */
function originOf(metadata: ServerMetadata | undefined): string {
  const endpoint = metadata?.token_endpoint ?? metadata?.authorization_endpoint ?? ''
  if (URL.canParse(endpoint)) return new URL(endpoint).origin
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    'client.metadata must have a token_endpoint that is a URL, as https://issuer.example.org/token.',
  )
}
