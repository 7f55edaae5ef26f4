import type { AxiosInstance } from 'axios'
import { checkValues, flag, textOrList, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import type { IgwnAuthOptions } from '../options'
import { kindOf } from '../tokens/token'
import { aFunction, anObject, aText, oneOf, textOrFunction } from './checks'
import type { DPoPKey } from './dpop/dpop-key'
import type { PrivateKey } from './dpop/signing-key'

/**
 * What an authorization server says of itself, in the names of RFC 8414 section 2 and OpenID Connect Discovery 1.0
 * section 3.
 */
export interface ServerMetadata {
  /** Its name, as in its tokens. Default is that of the client; where there is none, it is compared with nothing. */
  readonly issuer?: string | undefined
  /** Where people log in. */
  readonly authorization_endpoint?: string | undefined
  /** Where tokens are got. */
  readonly token_endpoint?: string | undefined
  /** Where the login on another device begins (RFC 8628). */
  readonly device_authorization_endpoint?: string | undefined
  /** Where tokens are revoked (RFC 7009). */
  readonly revocation_endpoint?: string | undefined
  /** Where one asks about a token (RFC 7662). */
  readonly introspection_endpoint?: string | undefined
  /** Where one asks about the person. */
  readonly userinfo_endpoint?: string | undefined
  /** Where people log out. */
  readonly end_session_endpoint?: string | undefined
  /** Where its keys are, to verify id_tokens with. */
  readonly jwks_uri?: string | undefined
  /** How clients may authenticate. Default is `client_secret_basic`. */
  readonly token_endpoint_auth_methods_supported?: readonly string[] | undefined
  /** What signs its id_tokens. Default is RS256. */
  readonly id_token_signing_alg_values_supported?: readonly string[] | undefined
  /** Where clients with a certificate go (RFC 8705 section 5). */
  readonly mtls_endpoint_aliases?: Readonly<Record<string, string | undefined>> | undefined
  readonly [name: string]: unknown
}

/** The endpoints that a client has something to send to. */
export type OAuthEndpoint = 'token' | 'device_authorization' | 'revocation' | 'introspection'

/** A request to one of them as it is about to leave, with the client's authentication on it. Secret; free to be changed. */
export interface OAuthRequest {
  /** What it is for. */
  readonly endpoint: OAuthEndpoint
  /** Where it goes. */
  url: URL
  /** Names in lower case. */
  readonly headers: Record<string, string>
  /** Its parameters; with `tokenMethod` GET they go into the query. */
  readonly body: URLSearchParams
}

/** An answer as it came, before anything is made of it. Secret; free to be changed. */
export interface OAuthResponse {
  /** What was asked. */
  readonly endpoint: OAuthEndpoint
  /** Of HTTP. */
  status: number
  /** Names in lower case. */
  readonly headers: Record<string, string>
  /** As text, whatever it is. */
  body: string
}

/** How a client says who it is: the methods of RFC 6749 section 2.3, RFC 7523, OpenID Connect Core section 9 and RFC 8705. */
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
 * A client of an authorization server (RFC 6749 section 1.1): whom it asks, and how it says who it is.
 *
 * The server's endpoints are discovered from `issuer`, by OpenID Connect Discovery 1.0, else by RFC 8414, once a day; or
 * given as `metadata`, and then nothing is discovered.
 */
export interface OAuthClient {
  /** The issuer, a URL as its tokens name it; its endpoints are discovered. Default is none: then `metadata` has the endpoints. */
  readonly issuer?: string | undefined
  /** The endpoints, where they are not to be discovered: at least the one that is needed. Default is what is discovered. */
  readonly metadata?: ServerMetadata | undefined
  /** `client_id`, as registered. (A JWT bearer assertion needs none.) Default is none. */
  readonly clientId?: string | undefined
  /** `client_secret`, or a function that gives it, called for each request. Default is none. */
  readonly clientSecret?: string | (() => string | Promise<string>) | undefined
  /** The key that signs for `private_key_jwt`. Default is none. */
  readonly privateKey?: PrivateKey | undefined
  /** Of an encrypted `privateKey`, and of the key of `cert`. Default is none. */
  readonly passphrase?: string | (() => string) | undefined
  /**
   * The algorithm that signs for `private_key_jwt` and `client_secret_jwt` (RFC 7518 section 3.1). Default goes by the key:
   * RS256, ES256, ES384, ES512 or EdDSA; HS256 for a secret.
   */
  readonly alg?: string | undefined
  /** `kid`, the name of the key at the server. Default is the one in a JWK, else none. */
  readonly kid?: string | undefined
  /** `aud` of the assertion that authenticates the client. Default is the issuer, or the token endpoint where that is unknown. */
  readonly assertionAudience?: string | undefined
  /** More claims of that assertion, over those that are made. Default is none. */
  readonly assertionClaims?: Readonly<Record<string, unknown>> | undefined
  /** More members of its header. Default is none. */
  readonly assertionHeader?: Readonly<Record<string, unknown>> | undefined
  /**
   * How the client says who it is (RFC 6749 section 2.3), by the name of its method in the registry of IANA, or a function
   * that puts it on the request. Default is `private_key_jwt` with a private key; with a secret, `client_secret_basic`, or
   * `client_secret_post` where the server takes only that; else `none`.
   *
   * `client_secret_basic_raw` is the former without the encoding that RFC 6749 section 2.3.1 wants, for servers that do not
   * decode it.
   */
  readonly clientAuthentication?:
    ClientAuthenticationMethod | ((request: OAuthRequest) => void | Promise<void>) | undefined
  /**
   * The certificate of `tls_client_auth` and `self_signed_tls_client_auth` (RFC 8705), as the option `cert` of an instance:
   * a path, both paths, or `true` for the one that is found on this machine. Default is `true` for those two where `http` has
   * no agent of its own, else `false`. With one, `mtls_endpoint_aliases` are used.
   */
  readonly cert?: IgwnAuthOptions['cert']
  /**
   * Proves possession of a key to the token endpoint (DPoP, RFC 9449), so that tokens are of use only with that key; see
   * {@link DPoPKey}. Default is none.
   */
  readonly dpop?: DPoPKey | undefined
  /**
   * How the token endpoint is told for which server a token shall be: by `resource` (RFC 8707), by `audience` (RFC 8693, and
   * what INDIGO IAM reads), or `false` for not at all, which gives tokens that are good at many servers. Default is
   * `resource`. Servers must ignore a parameter they do not know (RFC 6749 section 3.2).
   */
  readonly audienceParameter?: 'resource' | 'audience' | false | undefined
  /** Sends token requests in the query of a GET, for servers that know no better. Default is `POST` (RFC 6749 section 3.2). */
  readonly tokenMethod?: 'POST' | 'GET' | undefined
  /**
   * The algorithm that signs id_tokens for this client. Default is any that the server says it signs with, else RS256; and
   * never one with a secret unless it is named here.
   */
  readonly idTokenAlg?: string | undefined
  /**
   * The instance by whose ways the server is asked: its proxy, agents, adapter and `timeout` (milliseconds, for the whole
   * answer; 30 s where it has none), read at each request. Its interceptors, headers, `baseURL` and the like are not used.
   * Default is axios itself.
   */
  readonly axios?: AxiosInstance | undefined
  /** Let secrets cross a clear-text connection to a host that is not this machine. Default is false. */
  readonly allowInsecureHttp?: boolean | undefined
  /** Sees each request with a client's authentication before it leaves, and may change it (Authlib: `*_request` hooks). Default is none. */
  readonly onRequest?: ((request: OAuthRequest) => void | Promise<void>) | undefined
  /** Sees each answer to one before it is read, and may change it (Authlib: `*_response` hooks). Default is none. */
  readonly onResponse?: ((response: OAuthResponse) => void | Promise<void>) | undefined
}

/**
 * Checks a client, name by name. Returns it without undefined values.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION`
 */
export function checkClient(client: OAuthClient): OAuthClient {
  const checked: OAuthClient = checkValues(client, CHECKS, 'client')
  if (checked.issuer === undefined && checked.metadata === undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'client must have an issuer, or metadata with a token_endpoint: without, there is nobody to ask.',
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
      return `must be the URL of an issuer, as https://issuer.example.org, not ${typeof value === 'string' ? 'this text' : kindOf(value)}`
    return new URL(value).username || new URL(value).password ? 'must not hold a login' : undefined
  },
  metadata: anObject,
  clientId: aText,
  clientSecret: textOrFunction,
  privateKey: (value) =>
    typeof value === 'string' || (typeof value === 'object' && value !== null)
      ? undefined
      : `must be PEM, a JWK or a KeyObject, not ${kindOf(value)}`,
  passphrase: textOrFunction,
  alg: aText,
  kid: aText,
  assertionAudience: aText,
  assertionClaims: anObject,
  assertionHeader: anObject,
  clientAuthentication: (value) => (typeof value === 'function' ? undefined : oneOf(...METHODS)(value)),
  cert: (value) => (typeof value === 'boolean' ? undefined : textOrList(value)),
  dpop: (value) =>
    typeof (value as DPoPKey | null)?.proof === 'function'
      ? undefined
      : `must be what dpopKey() makes, not ${kindOf(value)}`,
  audienceParameter: oneOf('resource', 'audience', false),
  tokenMethod: oneOf('POST', 'GET'),
  idTokenAlg: aText,
  axios: (value) =>
    typeof value === 'function' && 'defaults' in value
      ? undefined
      : `must be an axios instance, not ${kindOf(value)}`,
  allowInsecureHttp: flag,
  onRequest: aFunction,
  onResponse: aFunction,
}
