import axios, { type InternalAxiosRequestConfig } from 'axios'
import { secondsNow, since } from '../../clock'
import { IgwnAuthError } from '../../errors'
import { abortable } from '../../request/abort'
import { sanitize } from '../../secrets/sanitize'
import { checkClient, type OAuthClient, type ServerMetadata } from '../client'
import { isRefused, OAuthError } from '../errors'
import { CLOCK_TOLERANCE, idTokenVerifier, type IdTokenVerifier } from '../id-token'
import { axiosTransport } from './axios-transport'
import { clientAuthentication } from './client-authentication'
import { oauthFailure } from './failures'
import type { ParsedResponse } from './normalize-response'
import { openIdTransport, type RequestPurpose, type Transport } from './openid-client-transport'
import { registrationOf, type JsonRequest, type Registration } from './registration'

type OpenIdClient = typeof import('openid-client')
type Configuration = InstanceType<OpenIdClient['Configuration']>

/** What a call of openid-client needs. */
export interface Tools {
  readonly oc: OpenIdClient
  readonly config: Configuration
  readonly lastResponse: () => ParsedResponse | undefined
}

/** An authorization server and one client of it. */
export interface AuthorizationServer {
  /** With its secrets. */
  readonly client: OAuthClient
  /** For messages and store keys. */
  readonly name: string
  readonly idTokens: IdTokenVerifier
  /** The metadata of the client, else discovered. */
  metadata(signal?: AbortSignal): Promise<ServerMetadata>
  /** The client that requests are sent as: with `registration`, the registered one. */
  acting(signal?: AbortSignal): Promise<OAuthClient>
  /** Absent without `registration`. */
  readonly registration?: Registration | undefined
  /** Calls openid-client; rejects with our errors. */
  request<T>(purpose: ServerRequest, call: (tools: Tools) => Promise<T>): Promise<T>
  /** Fetches a public document of the server. */
  fetchJson(url: string, signal?: AbortSignal): Promise<unknown>
}

export type ServerRequest = Omit<RequestPurpose, 'server'> & {
  /** The audience in the request, for the advice in an error. */
  readonly audience?: string | undefined
}

/**
 * @param redirectUri - of the logins, for a registration
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client
 */
export function authorizationServer(options: OAuthClient, redirectUri?: string): AuthorizationServer {
  const client = checkClient(options)
  let sentAs = { client, authentication: clientAuthentication(client) }
  const instance = client.axios ?? axios
  const { passphrase, allowInsecureHttp } = client
  const send = axiosTransport(instance, { cert: () => certOf(client), passphrase, allowInsecureHttp })
  // 0 is no timeout in axios; AbortSignal.timeout has a maximum.
  const timeout = () => Math.min(Math.ceil(Number(instance.defaults.timeout)) || DEFAULT_TIMEOUT, MAX_TIMEOUT)
  const partsOf = (sender = sentAs) => ({ ...sender, send, timeout })
  const name = client.issuer ?? client.metadata?.issuer ?? originOf(client.metadata)
  const discovered = cachedForADay(discover)
  const registration =
    client.registration &&
    registrationOf({ client, name, metadata, send: sendJson }, client.registration, redirectUri)
  const server = { client, name, metadata, acting, registration, request, fetchJson }
  return { ...server, idTokens: idTokenVerifier(server) }

  async function metadata(signal?: AbortSignal): Promise<ServerMetadata> {
    if (client.metadata) return { issuer: client.issuer, ...client.metadata }
    return abortable(discovered(), { signal } as unknown as InternalAxiosRequestConfig)
  }

  async function acting(signal?: AbortSignal): Promise<OAuthClient> {
    return registration ? registration.client(signal) : client
  }

  async function request<T>(purpose: ServerRequest, call: (tools: Tools) => Promise<T>): Promise<T> {
    const sender = await acting(purpose.signal)
    try {
      return await requestAs(sender, purpose, call)
    } catch (error) {
      const isUnknown = registration !== undefined && isRefused(error, 'invalid_client')
      const next = isUnknown ? await registration.replaced(sender, purpose.signal) : undefined
      if (!next) throw error
      return requestAs(next, purpose, call)
    }
  }

  async function requestAs<T>(
    sender: OAuthClient,
    { audience, ...purpose }: ServerRequest,
    call: (tools: Tools) => Promise<T>,
  ): Promise<T> {
    const oc = await openIdClient()
    const about = await metadata(purpose.signal)
    if (sentAs.client !== sender) sentAs = { client: sender, authentication: clientAuthentication(sender) }
    const parts = partsOf()
    const transport = openIdTransport(parts, { ...purpose, server: about })
    try {
      const config = configuration(oc, about, transport, sender.clientId)
      const result = await call({ oc, config, lastResponse: transport.lastResponse })
      if (purpose.endpoint) registration?.accepted(sender)
      return result
    } catch (error) {
      const facts = { issuer: name, authentication: parts.authentication.nameFor(about), audience }
      throw oauthFailure(error, transport, facts)
    }
  }

  async function fetchJson(url: string, signal?: AbortSignal): Promise<unknown> {
    const transport = openIdTransport(partsOf(), { server: {}, signal })
    const response = await transport.fetch(url, { method: 'GET', headers: { accept: 'application/json' } })
    const { json } = transport.lastResponse() ?? {}
    if (response.status === 200 && json) return json
    throw new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `The response of ${sanitize(url)} is not JSON (status ${response.status}). Check the metadata of ${name}.`,
      { status: response.status },
    )
  }

  /** A request to an endpoint for registrations, with a token of its own (RFC 7591 section 3, RFC 7592 section 2). */
  async function sendJson(
    method: string,
    url: string,
    { json, token, signal }: JsonRequest,
  ): Promise<Readonly<Record<string, unknown>>> {
    const transport = openIdTransport(partsOf(), { server: {}, signal })
    const headers = {
      accept: 'application/json',
      ...(json && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    const { client_secret: secret } = json ?? {}
    if (typeof secret === 'string')
      transport.secrets.addOf(new URLSearchParams({ client_secret: secret }), undefined)
    const { status } = await transport.fetch(url, { method, headers, body: json && JSON.stringify(json) })
    const found = transport.lastResponse()?.json
    if (status >= 200 && status < 300 && (found || method === 'DELETE')) return found ?? {}
    const problem = { message: 'its status is not that of success, or it is not JSON' }
    throw oauthFailure(problem, transport, { issuer: name, authentication: 'none' })
  }

  function configuration(
    oc: OpenIdClient,
    about: ServerMetadata,
    transport: Transport,
    clientId = '-',
  ): Configuration {
    const config = new oc.Configuration(
      // openid-client requires an issuer. Where none is known, only responses that name one are compared with it.
      { ...about, issuer: about.issuer ?? name } as ConstructorParameters<OpenIdClient['Configuration']>[0],
      clientId,
      { [oc.clockTolerance]: CLOCK_TOLERANCE, use_mtls_endpoint_aliases: usesCertificate(client) },
      // The transport adds the client authentication.
      () => undefined,
    )
    config[oc.customFetch] = transport.fetch
    // The transport has its own deadline, and distinguishes it from an abort.
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
      const isNotFound = error instanceof OAuthError && error.status !== undefined && error.status >= 400
      if (!isNotFound || issuer.href.includes('/.well-known/')) throw error
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
    const transport = openIdTransport(partsOf(), { server: {} })
    try {
      const found = await oc.discovery(issuer, client.clientId ?? '-', undefined, undefined, {
        algorithm,
        // Later than our own deadline; that of openid-client cannot be switched off here.
        timeout: timeout() / 1000 + 60,
        [oc.customFetch]: transport.fetch,
        execute: [allowInsecureRequests(oc)],
      })
      return found.serverMetadata()
    } catch (error) {
      if (transport.failure() === undefined) {
        const { issuer: other } = transport.lastResponse()?.json ?? {}
        if ((error as { code?: unknown }).code === WRONG_ISSUER && typeof other === 'string')
          throw otherIssuer(other)
      }
      const reason = oauthFailure(error, transport, { issuer: name, authentication: 'none' })
      throw isRefused(reason) ? noMetadata(reason) : reason
    }
  }

  function noMetadata({ status, retryAfter }: OAuthError): OAuthError {
    return new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `${name} publishes no metadata (status ${status ?? 'unknown'}). Check issuer, or set metadata.`,
      { status, retryAfter },
    )
  }

  /** RFC 8414 section 3.3: such metadata must not be used. */
  function otherIssuer(other: string): OAuthError {
    const isSlash = other.replace(/\/$/, '') === name.replace(/\/$/, '')
    return new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `The metadata of ${name} is that of another issuer, ${sanitize(other)}. ${isSlash ? `Set issuer to ${sanitize(other)}: the slash at the end matters.` : 'Check issuer: it must be the same as in the metadata.'}`,
    )
  }
}

const WRONG_ISSUER = 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'

/** Milliseconds, as in openid-client. */
const DEFAULT_TIMEOUT = 30_000
const MAX_TIMEOUT = 2 ** 31 - 1

/** Seconds. Endpoints rarely change, and some programs run for months. */
const REDISCOVER_AFTER = 86_400
/** Seconds. */
const RETRY_AFTER = 300

/** Caches a result, not a failure. When it cannot be renewed, the old one is kept. */
function cachedForADay<T>(find: () => Promise<T>): () => Promise<T> {
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

/** Deprecated in openid-client only to warn. The transport applies our own rules for plain HTTP. */
function allowInsecureRequests(oc: OpenIdClient): (config: Configuration) => void {
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return oc.allowInsecureRequests
}

/** Loaded on first use: it is an ES module, and programs without OAuth 2 do not need it. */
async function openIdClient(): Promise<OpenIdClient> {
  return import('openid-client')
}

function usesCertificate({ clientAuthentication: method, cert }: OAuthClient): boolean {
  return method === 'tls_client_auth' || method === 'self_signed_tls_client_auth' || Boolean(cert)
}

/** The option `cert` for requests. An `httpsAgent` of the caller may have its own certificate. */
function certOf(client: OAuthClient): OAuthClient['cert'] {
  if (client.cert !== undefined) return client.cert
  return usesCertificate(client) && client.axios?.defaults.httpsAgent === undefined
}

/** Without an issuer, the origin of an endpoint is the name of the server. */
function originOf(metadata: ServerMetadata | undefined): string {
  const endpoint = metadata?.token_endpoint ?? metadata?.authorization_endpoint ?? ''
  if (URL.canParse(endpoint)) return new URL(endpoint).origin
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    'client.metadata needs a token_endpoint that is a URL, such as https://issuer.example.org/token.',
  )
}
