/**
 * Finds the SciToken, X.509 proxy or netrc login that is there, puts the right one on each request of axios, and says why when
 * there is none. {@link igwnAxios} and {@link applyIgwnAuth} do it all; the rest are its parts.
 *
 * @module axios-igwn-auth
 */

// In the order in which a request meets them: find, judge, attach.
export { findSciToken, type FindSciTokenOptions } from './tokens/find-sci-token'
export { SciToken, type TokenProfile } from './tokens/scitoken'
export { isValidToken, type TokenRequirements } from './tokens/validate-claims'
export { targetAudience } from './tokens/target-audience'
export {
  tokenAuthorizationHeader,
  type ObjectRequirements,
  type Token,
  type TokenQuery,
  type TokenSource,
} from './tokens/token'
export type { DigestAlgorithm } from './formats/digest-algorithms'
// The object of an explanation; the subpath `/pelican` resolves one.
export type { ResolvedObject } from './federation/object-resolver'
export type { Federation } from './federation/discovery'
export type { ObjectServer, PelicanHeaders } from './federation/pelican-headers'
export { parseChallenges, type Challenge, type StepUp } from './formats/www-authenticate'
export { findX509Credentials, type FindX509Options } from './x509/find-x509-credentials'
export { X509Credential, type PemPair } from './x509/x509-credential'
export type { CertificateInfo } from './x509/certificates'
export { createX509Agent, type X509AgentOptions } from './x509/create-x509-agent'
export type { Passphrase } from './x509/load-credential'
export { findNetrcCredentials, type NetrcOptions } from './netrc/find-netrc-credentials'
export type { BasicCredentials } from './formats/basic-credentials'
export { staticToken } from './tokens/static-token'
export type { TokenResult } from './tokens/token-response'
export type { TokenResponse } from './tokens/token-response'
export { discoveredTokens } from './tokens/discovered-tokens'
export { chain } from './tokens/chain'
export { reuse, type ReuseOptions } from './tokens/reuse'
export { autoRenew, type AutoRenewingSource, type AutoRenewOptions } from './tokens/auto-renew'
export {
  externallyManagedJwt,
  type ExternallyManagedJwt,
  type ExternallyManagedJwtOptions,
  type JwtResult,
  type Jwt,
  type JwtProvider,
  type JwtOptions,
} from './tokens/externally-managed-jwt'
export { oidcAgent, type OidcAgentOptions } from './tokens/oidc-agent'
export { tokenCommand, type TokenCommandOptions } from './tokens/token-command'
export { getSciToken, type GetSciTokenOptions } from './vault/get-sci-token'
export { fileStore } from './stores/file-store'
export { keyvStore, type KeyvLike, type KeyvStoreOptions } from './stores/keyv-store'
export type { RedisLike } from './stores/redis-client'
export { redisLock, type RedisLockOptions } from './stores/redis-lock'
export { redisStore } from './stores/redis-store'
export type { HeldLock, StoredToken, TokenStore } from './stores/token-store'
export { applyAutoRetry, removeAutoRetry, type AutoRetryOptions } from './instance/apply-auto-retry'
export {
  igwnAxios,
  request,
  get,
  del as delete,
  head,
  patch,
  post,
  put,
  type IgwnAxiosInstance,
} from './instance/igwn-axios'
export { applyIgwnAuth, removeIgwnAuth } from './instance/apply-igwn-auth'
export type { AuthScheme, SchemeRequest, RequestChanges, SchemeResponse } from './schemes/auth-scheme'
export { workloadIdentity, type WorkloadIdentityOptions } from './instance/workload-identity'
export { explain } from './instance/explain'
export type { ExpectedTransfer, TokenLifetime, TokenRenewer } from './tokens/token-lifetime'
export type { AttachedCredential } from './explain/attached-credentials'
export type { Explanation } from './explain/explanation'
export type { Finding, FindingKind, FindingVerdict, TokenInfo } from './explain/finding'
export { HTTPSciTokenAuth, type HTTPSciTokenAuthOptions } from './instance/http-sci-token-auth'
export type { IgwnAxiosError, Refusal } from './explain/refusal'
export { noHostCredentials, type IgwnAuthOptions, type TokenFunction } from './options'
export {
  EVENT_CHANNEL,
  type CredentialKind,
  type IgwnAuthEventListener,
  type RequestEvent,
  type IgwnAuthEvent,
} from './events'
export {
  IgwnAuthError,
  isIgwnAuthError,
  type IgwnAuthErrorCode,
  type Reason,
  type ReasonCode,
} from './errors'
