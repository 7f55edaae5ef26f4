import { anObject, nonEmptyText, textOrFunction, type Check } from '../../check-values'
import { secondsNow } from '../../clock'
import { IgwnAuthError } from '../../errors'
import { storedToken } from '../../stores/stored-token'
import type { StoredToken, TokenStore } from '../../stores/token-store'
import { tokenStore } from '../../tokens/reuse'
import type { ClientAuthenticationMethod, OAuthClient, ServerMetadata } from '../client'
import { OAuthError } from '../errors'

/** Metadata of a client, with the names of RFC 7591 section 2 and OpenID Connect Dynamic Client Registration 1.0 section 2. */
export interface ClientMetadata {
  /** The name that the server shows to users. */
  readonly client_name?: string | undefined
  /** Where the server may redirect users to. */
  readonly redirect_uris?: readonly string[] | undefined
  /** Grants that the client may use. */
  readonly grant_types?: readonly string[] | undefined
  /** Response types of the authorization endpoint. */
  readonly response_types?: readonly string[] | undefined
  /** How the client authenticates; `none` for a public client. */
  readonly token_endpoint_auth_method?: string | undefined
  /** Scopes that the client may request, separated by spaces. */
  readonly scope?: string | undefined
  /** Addresses of the people responsible. */
  readonly contacts?: readonly string[] | undefined
  readonly [name: string]: unknown
}

/** A registered client, without its secrets (RFC 7591 section 3.2.1, RFC 7592 section 3). */
export interface RegisteredClient extends ClientMetadata {
  /** The id that the server gave the client. */
  readonly client_id: string
  /** Where the registration is read and changed; absent when the server does not support that. */
  readonly registration_client_uri?: string | undefined
}

/** How a client is registered. */
export interface RegistrationOptions {
  /**
   * Where the registration is kept, with its secrets: the registration access token, and a client secret if the server issues one. Without
   * it each start of the program would register another client.
   */
  readonly store: TokenStore
  /** The key of the registration in the store. Default: made of the issuer and the redirect URI. */
  readonly storeKey?: string | undefined
  /**
   * Metadata of the client. Default: a native public client with the grants `authorization_code`, `refresh_token` and device code, as far
   * as the server lists them, and the redirect URI of `authorizationCode`. Members given here replace those.
   */
  readonly metadata?: ClientMetadata | undefined
  /**
   * The initial access token of a server that does not let everyone register (RFC 7591 section 3), or a function that returns it. Default:
   * none.
   */
  readonly initialAccessToken?: string | (() => string | Promise<string>) | undefined
}

export const REGISTRATION_CHECKS: Record<keyof RegistrationOptions, Check> = {
  store: tokenStore,
  storeKey: nonEmptyText,
  metadata: anObject,
  initialAccessToken: textOrFunction,
}

/** A request with JSON. */
export interface JsonRequest {
  readonly json?: Readonly<Record<string, unknown>> | undefined
  /** Sent as a Bearer token. */
  readonly token?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** The server of a registration. */
interface RegistrationServer {
  readonly client: OAuthClient
  readonly name: string
  readonly metadata: (signal?: AbortSignal) => Promise<ServerMetadata>
  readonly send: (
    method: string,
    url: string,
    request: JsonRequest,
  ) => Promise<Readonly<Record<string, unknown>>>
}

/** The registration of a client at one server (RFC 7591, RFC 7592), kept in a store. */
export interface Registration {
  /** The registered client: that of the store, else a new one. */
  client(signal?: AbortSignal): Promise<OAuthClient>
  /**
   * After `invalid_client`: the client that was registered meanwhile, else a new one. Undefined when the rejected one is new itself, so
   * that a server that accepts no registered client does not get more of them.
   */
  replaced(rejected: OAuthClient, signal?: AbortSignal): Promise<OAuthClient | undefined>
  /** The server has accepted this client. */
  accepted(client: OAuthClient): void
  /**
   * Registers again when the server has deleted the client. For a login page, on which the server reports that to the user only.
   */
  confirm(signal?: AbortSignal): Promise<void>
  read(signal?: AbortSignal): Promise<RegisteredClient>
  update(changes: ClientMetadata, signal?: AbortSignal): Promise<RegisteredClient>
  remove(signal?: AbortSignal): Promise<void>
}

export function registrationOf(
  { client: template, name, metadata, send }: RegistrationServer,
  { metadata: wanted = {}, store, storeKey, initialAccessToken }: RegistrationOptions,
  redirectUri = 'http://127.0.0.1/callback',
): Registration {
  const key = storeKey ?? ['registration', name, redirectUri].join(' ')
  let pending: Promise<StoredToken> | undefined
  let held: { readonly entry: StoredToken; readonly client: OAuthClient } | undefined
  /** The id of a client that was registered here, until the server accepts it. */
  let untried: string | undefined

  return {
    client: async (signal) => held?.client ?? clientOf(await registered(undefined, signal)),
    async replaced({ clientId }, signal) {
      if (clientId === untried) return undefined
      return clientOf(await registered(clientId, signal))
    },
    accepted({ clientId }) {
      if (clientId === untried) untried = undefined
    },
    async confirm(signal) {
      const entry = await registered(undefined, signal)
      if (entry.client_id === untried || entry.registration_client_uri === undefined) return
      try {
        await configured('GET', entry, { signal })
      } catch (error) {
        if (isDeleted(error)) clientOf(await registered(entry.client_id as string, signal))
      }
    },
    read: (signal) => changed('GET', () => undefined, signal),
    update: (changes, signal) =>
      changed('PUT', (current) => ({ ...withoutManagement(current), ...changes }), signal),
    async remove(signal) {
      const entry = await stored()
      if (!entry) return
      try {
        await configured('DELETE', entry, { signal })
      } catch (error) {
        if (!isDeleted(error)) throw error
      }
      held = undefined
      await store.delete(key)
    },
  }

  function clientOf(entry: StoredToken): OAuthClient {
    if (held?.entry === entry) return held.client
    const { client_id: clientId, client_secret: secret, token_endpoint_auth_method: method } = entry
    const client = {
      ...template,
      clientId: clientId as string,
      ...(typeof secret === 'string' && { clientSecret: secret }),
      ...(template.clientAuthentication === undefined &&
        METHODS.has(method) && { clientAuthentication: method as ClientAuthenticationMethod }),
    }
    held = { entry, client }
    return client
  }

  /** The registration in the store, unless it is the rejected one; else a new one. */
  function registered(rejected: string | undefined, signal: AbortSignal | undefined): Promise<StoredToken> {
    pending ??= locked(async () => {
      const entry = await stored()
      if (entry && entry.client_id !== rejected && !isExpired(entry)) return entry
      const made = await register(signal)
      untried = made.client_id as string
      await store.set(key, made)
      return made
    }).finally(() => (pending = undefined))
    return pending
  }

  function locked<T>(work: () => Promise<T>): Promise<T> {
    return store.lock ? store.lock(key, work) : work()
  }

  async function stored(): Promise<StoredToken | undefined> {
    const entry = storedToken(await store.get(key))
    if (entry === undefined || (entry !== 'malformed' && isText(entry.client_id))) return entry
    throw new IgwnAuthError(
      'ERR_IGWN_STORE_UNUSABLE',
      `The store has something that is not a registration under ${key}. Delete it, or set another storeKey.`,
    )
  }

  /** RFC 7591 section 3. */
  async function register(signal: AbortSignal | undefined): Promise<StoredToken> {
    const about = await metadata(signal)
    const { registration_endpoint: url } = about
    if (!isText(url) || !URL.canParse(url))
      throw new OAuthError(
        'ERR_IGWN_OAUTH_RESPONSE',
        `${name} has no registration_endpoint. Register the client there by hand, and set clientId.`,
      )
    const token = typeof initialAccessToken === 'function' ? await initialAccessToken() : initialAccessToken
    const json = { ...defaultMetadata(about, redirectUri), ...wanted }
    return entryOf(await send('POST', url, { json, token, signal }))
  }

  /** A request to the client configuration endpoint (RFC 7592 section 2). */
  async function configured(method: string, entry: StoredToken, request: Omit<JsonRequest, 'token'>) {
    const { registration_client_uri: url, access_token: token } = entry
    if (!isText(url) || !URL.canParse(url))
      throw new OAuthError(
        'ERR_IGWN_OAUTH_RESPONSE',
        `${name} gave no registration_client_uri for this client. Change the client there by hand.`,
      )
    return send(method, url, { ...request, token })
  }

  function changed(
    method: string,
    bodyOf: (entry: StoredToken) => Record<string, unknown> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<RegisteredClient> {
    return locked(async () => {
      const entry = await stored()
      if (!entry)
        throw new IgwnAuthError(
          'ERR_IGWN_TOKEN_NOT_FOUND',
          `No client is registered at ${name}: the store has none under ${key}. The first token request registers one.`,
        )
      const response = await configured(method, entry, { json: bodyOf(entry), signal })
      // The server may have replaced the registration access token (RFC 7592 section 3).
      const next = entryOf({ ...management(entry), ...response })
      await store.set(key, next)
      held = undefined
      return publicPart(next)
    })
  }

  /** A registration as the store keeps it: the registration access token is its access token. */
  function entryOf(response: Readonly<Record<string, unknown>>): StoredToken {
    const { registration_access_token: token } = response
    const rest = Object.fromEntries(Object.entries(response).filter(([name]) => !OF_TOKENS.includes(name)))
    if (!isText(rest.client_id))
      throw new OAuthError(
        'ERR_IGWN_OAUTH_RESPONSE',
        `The response of ${name} to a registration has no client_id. Check registration_endpoint.`,
      )
    return { ...rest, access_token: isText(token) ? token : NO_TOKEN }
  }
}

/** Members that a store would take for those of a token: it deletes what has expired. */
const OF_TOKENS = ['registration_access_token', 'expires_at', 'refresh_token']

/** In the store, where the server gave no registration access token. */
const NO_TOKEN = 'none'

/** For a native public client (RFC 8252), as far as the server says what it supports. */
function defaultMetadata(about: ServerMetadata, redirectUri: string): ClientMetadata {
  const { grant_types_supported: grants, token_endpoint_auth_methods_supported: methods } = about
  const isSupported = (list: unknown) => (one: string) => !Array.isArray(list) || list.includes(one)
  return {
    application_type: 'native',
    redirect_uris: [redirectUri],
    response_types: ['code'],
    grant_types: GRANTS.filter(isSupported(grants)),
    // Some servers have no public clients.
    token_endpoint_auth_method: [...METHODS].find(isSupported(methods)) ?? 'none',
  }
}

const GRANTS = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code']

/** Authentication methods of a registered client, the preferred one first. */
const METHODS: ReadonlySet<unknown> & ReadonlySet<string> = new Set([
  'none',
  'client_secret_basic',
  'client_secret_post',
])

/** RFC 7592 section 2.1: the server responds with 401 when there is no such client. */
function isDeleted(error: unknown): boolean {
  return error instanceof OAuthError && error.status === 401
}

function isExpired({ client_secret_expires_at: expiry }: StoredToken): boolean {
  return typeof expiry === 'number' && expiry > 0 && expiry < secondsNow()
}

/** What only the server sets, and a response may leave out. */
function management(entry: StoredToken): Record<string, unknown> {
  const { registration_client_uri: uri, access_token: token, client_secret: secret } = entry
  return {
    registration_client_uri: uri,
    ...(token !== NO_TOKEN && { registration_access_token: token }),
    ...(secret !== undefined && { client_secret: secret }),
  }
}

/** The metadata to send in an update (RFC 7592 section 2.2). */
function withoutManagement(entry: StoredToken): Record<string, unknown> {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => !MANAGEMENT.includes(name)))
}

const MANAGEMENT = [
  'access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]

/** Without its secrets. */
function publicPart({ access_token: _, client_secret: __, ...rest }: StoredToken): RegisteredClient {
  return rest as unknown as RegisteredClient
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
