/**
 * Objects in Pelican federations such as OSDF: {@link resolveObject} says where one is and which token it needs. Requests of an
 * instance with IGWN auth take `osdf:///path`, `pelican://federation/path` and `stash:///path` as URLs; they need nothing of this subpath.
 *
 * @module axios-igwn-auth/pelican
 */

// Declares `igwnAuth` in the request config, also for programs that import only this subpath.
import '../instance/apply-igwn-auth'

export { federationOf, resolveObject, type PelicanOptions, type ResolveObjectOptions } from './resolve-object'
export type { Federation } from '../federation/discovery'
export type { ResolvedObject } from '../federation/object-resolver'
export {
  parsePelicanHeaders,
  type HeaderFields,
  type ObjectServer,
  type PelicanHeaders,
} from '../federation/pelican-headers'
// The same class as in the main entry.
export { IgwnAuthError, type IgwnAuthErrorCode, type Reason, type ReasonCode } from '../errors'
