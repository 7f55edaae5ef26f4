/**
 * OAuth 1.0 (RFC 5849): {@link applyOAuth1} signs the requests of an instance, {@link oauth1Flow} obtains a token.
 *
 * @module axios-igwn-auth/oauth1
 */

// Declares `igwnAuth` in the request config, also for programs that import only this subpath.
import '../instance/apply-igwn-auth'

export {
  oauth1Flow,
  type AccessTokenConfig,
  type AuthorizationUrlOptions,
  type OAuth1Flow,
  type OAuth1FlowOptions,
  type OAuth1StepConfig,
  type RequestTokenConfig,
} from './oauth1-flow'
export { parseAuthorizationResponse, type AuthorizationResponse } from './parse-response'
export { OAuth1Token, type OAuth1TokenPair } from './oauth1-token'
export { applyOAuth1, type ConnectionOptions } from './apply-oauth1'
export { oauth1 } from './oauth1'
export type { OAuth1Options, SignatureType } from './oauth1-options'
export type { SignatureInput, SignatureMethod, SignatureMethodName } from './signature-method'
// The same class as in the main entry.
export { IgwnAuthError, type IgwnAuthErrorCode, type Reason, type ReasonCode } from '../errors'
