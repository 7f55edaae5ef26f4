/**
 * OAuth 2 and OpenID Connect: a token source for each grant, and {@link webLogin} for web applications.
 *
 * @module axios-igwn-auth/oauth2
 */

export { clientCredentials } from './grants/client-credentials'
// eslint-disable-next-line @typescript-eslint/no-deprecated
export { password, type PasswordOptions } from './grants/password'
export { refreshToken, type RefreshTokenOptions } from './grants/refresh-token'
export { authorizationCode, type AuthorizationCodeOptions } from './grants/authorization-code'
export type { LoopbackHost } from './grants/loopback-listener'
export { deviceCode, type DeviceCodeOptions, type DevicePrompt } from './grants/device-code'
export { jwtBearer, type JwtBearerOptions } from './grants/jwt-bearer'
export { tokenExchange, type TokenInput, type TokenExchangeOptions } from './grants/token-exchange'
export type { FlowOptions, OAuthTokenSource } from './grants/renewing-grant'
export type { OAuthParameters } from './server/token-request'
export type { ScopeAndAudience } from '../tokens/requested-token'
export type {
  ClientAuthenticationMethod,
  OAuthClient,
  OAuthEndpoint,
  OAuthRequest,
  OAuthResponse,
  ServerMetadata,
} from './client'
export type { PrivateKey } from './dpop/signing-key'
export { OAuthError, type OAuthRefusal } from './errors'
export type { StoredToken, TokenStore } from '../stores/token-store'
export {
  webLogin,
  type AccessTokenInput,
  type LoginRedirect,
  type EndSessionOptions,
  type Introspection,
  type LoginOptions,
  type WebLogin,
  type WebLoginRequestOptions,
  type TokenHint,
  type UserInfo,
} from './web-login'
export type { PendingLogin } from './server/authorization-request'
export type { IdTokenChecks, IdTokenClaims } from './id-token'
export { OAuth2Auth, type OAuth2AuthOptions, type TokenPlacement } from './oauth2-auth'
export { dpop, dpopKey, type DPoPKey, type DPoPKeyOptions, type DPoPRequest } from './dpop/dpop'
export {
  clientRegistration,
  type ClientRegistration,
  type RegistrationRequestOptions,
} from './client-registration'
export type { ClientMetadata, RegisteredClient, RegistrationOptions } from './server/registration'
export type { Preset } from './presets'
export { igwn, type Igwn, type IgwnService } from './igwn'
// The same class as in the main entry.
export { IgwnAuthError, type IgwnAuthErrorCode, type Reason, type ReasonCode } from '../errors'
