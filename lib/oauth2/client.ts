import type { AxiosInstance } from 'axios'
import {
  aFunction,
  anObject,
  axiosInstance,
  checkValues,
  flag,
  kindOf,
  nonEmptyText,
  oneOf,
  textOrFunction,
  textOrList,
  type Check,
} from '../check-values'
import { IgwnAuthError } from '../errors'
import type { IgwnAuthOptions } from '../options'
import type { DPoPKey } from './dpop/dpop'
import type { PrivateKey } from './dpop/signing-key'
import { PRESETS, withPreset, type Preset } from './presets'
import { REGISTRATION_CHECKS, type RegistrationOptions } from './server/registration'

/**
 * Metadata of an authorization server, with the names of RFC 8414 section 2 and OpenID Connect Discovery 1.0 section 3.
 */
export interface ServerMetadata {
  /** The issuer, exactly as in its tokens. Default: that of the client; without one, `iss` is not compared. */
  readonly issuer?: string | undefined
  /** Where users log in. */
  readonly authorization_endpoint?: string | undefined
  /** Where tokens are requested. */
  readonly token_endpoint?: string | undefined
  /** Where the device flow starts (RFC 8628). */
  readonly device_authorization_endpoint?: string | undefined
  /** Where clients are registered (RFC 7591). */
  readonly registration_endpoint?: string | undefined
  /** Where tokens are revoked (RFC 7009). */
  readonly revocation_endpoint?: string | undefined
  /** Where the state of a token is requested (RFC 7662). */
  readonly introspection_endpoint?: string | undefined
  /** Where claims about the user are requested. */
  readonly userinfo_endpoint?: string | undefined
  /** Where users log out. */
  readonly end_session_endpoint?: string | undefined
  /** The JWK set that verifies id_tokens. */
  readonly jwks_uri?: string | undefined
  /** Supported client authentication methods. Default: `client_secret_basic`. */
  readonly token_endpoint_auth_methods_supported?: readonly string[] | undefined
  /** Signature algorithms of id_tokens. Default: RS256. */
  readonly id_token_signing_alg_values_supported?: readonly string[] | undefined
  /** Endpoints for clients with a certificate (RFC 8705 section 5). */
  readonly mtls_endpoint_aliases?: Readonly<Record<string, string | undefined>> | undefined
  readonly [name: string]: unknown
}

/** The endpoints at which a client authenticates. */
export type OAuthEndpoint = 'token' | 'device_authorization' | 'revocation' | 'introspection'

/** A request to an endpoint just before it is sent, with client authentication. Contains secrets. May be changed. */
export interface OAuthRequest {
  /** The endpoint. */
  readonly endpoint: OAuthEndpoint
  /** The URL. */
  url: URL
  /** Names in lower case. */
  readonly headers: Record<string, string>
  /** The parameters. With `tokenMethod` GET they are sent in the query. */
  readonly body: URLSearchParams
}

/** A response of an endpoint before it is parsed. Contains secrets. May be changed. */
export interface OAuthResponse {
  /** The endpoint. */
  readonly endpoint: OAuthEndpoint
  /** HTTP status. */
  status: number
  /** Names in lower case. */
  readonly headers: Record<string, string>
  /** The body as text. */
  body: string
}

/** Client authentication methods of RFC 6749 section 2.3, RFC 7523, OpenID Connect Core section 9 and RFC 8705. */
export type ClientAuthenticationMethod =
  | 'client_secret_basic'
  | 'client_secret_basic_raw'
  | 'client_secret_post'
  | 'client_secret_jwt'
  | 'private_key_jwt'
  | 'tls_client_auth'
  | 'self_signed_tls_client_auth'
  | 'none'

/**
 * A client of an authorization server (RFC 6749 section 1.1).
 *
 * The endpoints are discovered from `issuer` with OpenID Connect Discovery 1.0 or RFC 8414, once a day. With `metadata` nothing is
 * discovered.
 */
export interface OAuthClient {
  /** The issuer URL, exactly as in its tokens; used for discovery. Default: none; then set `metadata`. */
  readonly issuer?: string | undefined
  /** The endpoints; at least those that are used. Default: discovered. */
  readonly metadata?: ServerMetadata | undefined
  /** `client_id`, as registered. Not needed for JWT bearer assertions. Default: none. */
  readonly clientId?: string | undefined
  /**
   * Registers the client at the server when it is first used (RFC 7591), and once again when the server no longer knows it
   * (`invalid_client`). Instead of `clientId`. See {@link RegistrationOptions}. Default: none.
   */
  readonly registration?: RegistrationOptions | undefined
  /**
   * The kind of the server. It sets the defaults of `audienceParameter`, and scopes that are added to each login so that it returns a
   * refresh token: see the table in docs/oauth2-clients.md. `igwn` also sets `issuer`. Default: none.
   */
  readonly preset?: Preset | undefined
  /** `client_secret`, or a function that returns it, called for each request. Default: none. */
  readonly clientSecret?: string | (() => string | Promise<string>) | undefined
  /** The private key that signs for `private_key_jwt`. Default: none. */
  readonly privateKey?: PrivateKey | undefined
  /** Passphrase of an encrypted `privateKey`, and of the key of `cert`. Default: none. */
  readonly passphrase?: string | (() => string) | undefined
  /**
   * Signature algorithm of `private_key_jwt` and `client_secret_jwt` (RFC 7518 section 3.1). Default: RS256, ES256, ES384, ES512
   * or EdDSA, depending on the key; HS256 for a secret.
   */
  readonly alg?: string | undefined
  /** `kid`, the id of the key at the server. Default: the one in a JWK, else none. */
  readonly kid?: string | undefined
  /** `aud` of the client assertion. Default: the issuer, or the token endpoint when the issuer is unknown. */
  readonly assertionAudience?: string | undefined
  /** More claims of the client assertion; they override the generated ones. Default: none. */
  readonly assertionClaims?: Readonly<Record<string, unknown>> | undefined
  /** More members of its JWT header. Default: none. */
  readonly assertionHeader?: Readonly<Record<string, unknown>> | undefined
  /**
   * Client authentication method (RFC 6749 section 2.3) by its IANA name, or a function that adds it to the request. Default:
   * `private_key_jwt` with a private key; with a secret `client_secret_basic`, or `client_secret_post` if the server supports only
   * that; else `none`.
   *
   * `client_secret_basic_raw` skips the form encoding that RFC 6749 section 2.3.1 requires, for servers that do not decode it.
   */
  readonly clientAuthentication?:
    ClientAuthenticationMethod | ((request: OAuthRequest) => void | Promise<void>) | undefined
  /**
   * The certificate for `tls_client_auth` and `self_signed_tls_client_auth` (RFC 8705), as the option `cert` of an instance: a
   * path, both paths, or `true` to search for one. Default: `true` for these methods unless `axios` has its own `httpsAgent`, else
   * `false`. With a certificate, `mtls_endpoint_aliases` are used.
   */
  readonly cert?: IgwnAuthOptions['cert']
  /** A key that tokens are bound to (DPoP, RFC 9449); see {@link DPoPKey}. Default: none. */
  readonly dpop?: DPoPKey | undefined
  /**
   * The parameter that names the audience in token requests: `resource` (RFC 8707), `audience` (RFC 8693; INDIGO IAM), or `false`
   * for none, which gives tokens that several servers accept. Default: that of `preset`, else `resource`. Servers ignore unknown parameters (RFC 6749
   * section 3.2).
   */
  readonly audienceParameter?: 'resource' | 'audience' | false | undefined
  /** `GET` sends token requests in the query, for servers that do not support POST. Default: `POST` (RFC 6749 section 3.2). */
  readonly tokenMethod?: 'POST' | 'GET' | undefined
  /**
   * Signature algorithm of id_tokens for this client. Default: any that the server supports, else RS256. Algorithms with a secret
   * (HS256) are accepted only when set here.
   */
  readonly idTokenAlg?: string | undefined
  /**
   * An axios instance whose proxy, agents, adapter and `timeout` (milliseconds, for the whole response; 30000 if it has none) are
   * used. They are read at each request. Its interceptors, headers, `baseURL` and other defaults are not used. Default: axios
   * itself.
   */
  readonly axios?: AxiosInstance | undefined
  /** Allows secrets over plain HTTP to other hosts than loopback. Default: false. */
  readonly allowInsecureHttp?: boolean | undefined
  /** Called with each request with client authentication before it is sent; may change it (Authlib: `*_request` hooks). Default: none. */
  readonly onRequest?: ((request: OAuthRequest) => void | Promise<void>) | undefined
  /** Called with each response to one before it is parsed; may change it (Authlib: `*_response` hooks). Default: none. */
  readonly onResponse?: ((response: OAuthResponse) => void | Promise<void>) | undefined
}

/**
 * Checks the options of a client, name by name. Returns them without undefined values.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION`
 */
export function checkClient(client: OAuthClient): OAuthClient {
  const checked: OAuthClient = withPreset(checkValues(client, CHECKS, 'client'))
  if (checked.registration && checked.clientId !== undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'client.registration and client.clientId contradict each other. Set clientId for a client that is registered already.',
    )
  if (checked.issuer === undefined && checked.metadata === undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'client needs an issuer, or metadata with a token_endpoint.',
    )
  return checked
}

const METHODS: readonly ClientAuthenticationMethod[] = [
  'client_secret_basic',
  'client_secret_basic_raw',
  'client_secret_post',
  'client_secret_jwt',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'none',
]

const CHECKS: Record<keyof OAuthClient, Check> = {
  issuer: (value) => {
    const isUrl = typeof value === 'string' && URL.canParse(value) && /^https?:/i.test(value)
    if (!isUrl)
      return `must be an issuer URL, such as https://issuer.example.org, not ${typeof value === 'string' ? 'this string' : kindOf(value)}`
    return new URL(value).username || new URL(value).password ? 'must not contain a password' : undefined
  },
  metadata: anObject,
  clientId: nonEmptyText,
  registration: (value) => {
    const { store } = checkValues(value, REGISTRATION_CHECKS, 'client.registration')
    return store === undefined ? 'needs a store, such as fileStore(), that keeps the registration' : undefined
  },
  preset: oneOf(...Object.keys(PRESETS)),
  clientSecret: textOrFunction,
  privateKey: (value) =>
    typeof value === 'string' || (typeof value === 'object' && value !== null)
      ? undefined
      : `must be PEM, a JWK or a KeyObject, not ${kindOf(value)}`,
  passphrase: textOrFunction,
  alg: nonEmptyText,
  kid: nonEmptyText,
  assertionAudience: nonEmptyText,
  assertionClaims: anObject,
  assertionHeader: anObject,
  clientAuthentication: (value) => (typeof value === 'function' ? undefined : oneOf(...METHODS)(value)),
  cert: (value) => (typeof value === 'boolean' ? undefined : textOrList(value)),
  dpop: (value) =>
    typeof (value as DPoPKey | null)?.proof === 'function'
      ? undefined
      : `must be the result of dpopKey(), not ${kindOf(value)}`,
  audienceParameter: oneOf('resource', 'audience', false),
  tokenMethod: oneOf('POST', 'GET'),
  idTokenAlg: nonEmptyText,
  axios: axiosInstance,
  allowInsecureHttp: flag,
  onRequest: aFunction,
  onResponse: aFunction,
}
