// In the order in which a request meets them: find, judge, attach.
export { findSciToken, type FindOptions } from './find-sci-token'
export { SciToken, type TokenProfile } from './scitoken'
export { isValidToken } from './judge-token'
export { targetAudience } from './target-audience'
export { tokenAuthorizationHeader, type Token, type TokenQuery, type TokenSource } from './token'
export { staticToken } from './sources/static-token'
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
} from './igwn-axios'
export { applyIgwnAuth, removeIgwnAuth } from './apply-igwn-auth'
export type { IgwnAuthOptions, TokenFunction } from './options'
export { IgwnAuthError, type IgwnAuthErrorCode, type Reason, type ReasonCode } from './errors'
