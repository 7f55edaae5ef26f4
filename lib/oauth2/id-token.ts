import { createHash, createSecretKey } from 'node:crypto'
import { shortName } from '../check-values'
import { secondsNow } from '../clock'
import { decodeJwt, type DecodedJwt } from '../formats/jwt'
import { sanitize } from '../secrets/sanitize'
import { keysIn, publishedKeys, type KeySet } from '../tokens/published-keys'
import { ALGORITHMS, IF_CHANGED, signingKey } from '../tokens/verify-signature'
import type { OAuthClient, ServerMetadata } from './client'
import { OAuthError } from './errors'
import type { AuthorizationServer } from './server/authorization-server'

/** The claims of an id_token (OpenID Connect Core 1.0 section 2). */
export interface IdTokenClaims {
  /** Issuer. */
  readonly iss: string
  /** The user's id at the issuer. */
  readonly sub: string
  /** Audience: this client, perhaps among others. */
  readonly aud: string | readonly string[]
  /** Expiry in seconds since the epoch. */
  readonly exp: number
  /** Time of issue in seconds since the epoch. */
  readonly iat: number
  readonly [claim: string]: unknown
}

/** Expected values of an id_token, besides issuer, client and time. */
export interface IdTokenChecks {
  /** `nonce` of the login. Default: not checked. */
  readonly nonce?: string | undefined
  /** The access token of the same response, for `at_hash`. Default: not checked. */
  readonly accessToken?: string | undefined
  /** The authorization code of the same response, for `c_hash`. Default: not checked. */
  readonly code?: string | undefined
  /** Maximum age of the login in seconds, for `auth_time`. Default: not checked. */
  readonly maxAge?: number | undefined
  /** Aborts requests for the keys of the server. Default: none. */
  readonly signal?: AbortSignal | undefined
}

/** Verifies id_tokens of a server (OpenID Connect Core 1.0 section 3.1.3.7). */
export interface IdTokenVerifier {
  /**
   * Checks the signature, with the keys that the server publishes, and the claims. Rejects with `ERR_IGWN_OAUTH_ID_TOKEN` when the
   * id_token is invalid or cannot be verified.
   */
  readonly verify: (idToken: string, checks?: IdTokenChecks) => Promise<IdTokenClaims>
  /**
   * The same for an id_token that the token endpoint sent directly: the signature is not checked when the server publishes no keys,
   * because TLS authenticated the server (item 6).
   */
  readonly verifyDirect: (idToken: string, checks?: IdTokenChecks) => Promise<IdTokenClaims>
  /** Whether the claims are valid, without a request to the server. */
  readonly hasValidClaims: (idToken: string, checks?: IdTokenChecks) => Promise<boolean>
}

/** Seconds; also that of openid-client. */
export const CLOCK_TOLERANCE = 60

export function idTokenVerifier({
  client,
  name,
  metadata,
  acting,
  fetchJson,
}: Pick<AuthorizationServer, 'client' | 'name' | 'metadata' | 'acting' | 'fetchJson'>): IdTokenVerifier {
  const keys = publishedKeys(async (url) => keysIn(await fetchJson(url), url))

  return { verify, verifyDirect, hasValidClaims }

  async function verify(idToken: string, checks: IdTokenChecks = {}): Promise<IdTokenClaims> {
    const about = await metadata(checks.signal)
    const jwt = decoded(idToken)
    const alg = algorithmOf(jwt, about)
    await checkSignature(idToken, jwt, alg, about)
    return checkedClaims(jwt, about, await acting(checks.signal), checks)
  }

  async function verifyDirect(idToken: string, checks: IdTokenChecks = {}): Promise<IdTokenClaims> {
    const about = await metadata(checks.signal)
    return about.jwks_uri === undefined
      ? checkedClaims(decoded(idToken), about, await acting(checks.signal), checks)
      : verify(idToken, checks)
  }

  async function hasValidClaims(idToken: string, checks: IdTokenChecks = {}): Promise<boolean> {
    // Not abortable: a response that has arrived must not be lost.
    const about = await metadata()
    try {
      checkedClaims(decoded(idToken), about, await acting(), checks)
      return true
    } catch {
      return false
    }
  }

  function decoded(idToken: string): DecodedJwt {
    const jwt = decodeJwt(idToken)
    if (!jwt) throw invalid('it is not a JWT')
    const { typ, crit } = jwt.header
    // Explicit types are for other kinds of JWT (RFC 8725 section 3.11), such as at+jwt and logout+jwt.
    if (typeof typ === 'string' && /\+jwt$/i.test(typ)) throw invalid(`its typ is ${sanitize(typ)}`)
    // Extensions that must be understood (RFC 7515 section 4.1.11); none is supported.
    if (crit !== undefined) throw invalid(`its header has crit ${sanitize(JSON.stringify(crit))}`)
    return jwt
  }

  /** The algorithm of the header, if this client accepts it: the token alone must not choose. */
  function algorithmOf({ header }: DecodedJwt, about: ServerMetadata): string {
    const accepted = client.idTokenAlg
      ? [client.idTokenAlg]
      : (about.id_token_signing_alg_values_supported ?? ['RS256']).filter((one) => ALGORITHMS.has(one))
    const { alg } = header
    if (typeof alg === 'string' && accepted.includes(alg)) return alg
    throw invalid(
      `its alg is ${typeof alg === 'string' ? sanitize(alg) : 'missing'}, expected ${accepted.map(shortName).join(' or ')}. Set idTokenAlg if that is wrong`,
    )
  }

  async function checkSignature(
    idToken: string,
    { header }: DecodedJwt,
    alg: string,
    { jwks_uri: url }: ServerMetadata,
  ): Promise<void> {
    const { kid } = header
    const id = typeof kid === 'string' ? kid : undefined
    const isSecret = alg.startsWith('HS')
    if (!isSecret && url === undefined)
      throw invalid('the server has no jwks_uri with its keys. Set it in metadata')
    const publisher = url ?? name
    const found = await signingKey(idToken, isSecret ? secretKey : keys, publisher, { kid: id, alg }).catch(
      (error: unknown) => {
        throw error instanceof OAuthError ? error : invalid(sanitize((error as Error).message))
      },
    )
    const hint = found.mayBeNew ? `. ${IF_CHANGED}` : ''
    if (!found.isPublished)
      throw invalid(`${sanitize(publisher)} has no key ${id === undefined ? 'for it' : sanitize(id)}${hint}`)
    if (!found.key) throw invalid(`invalid signature${hint}`)
  }

  async function secretKey(): Promise<KeySet> {
    const { clientSecret } = await acting()
    const secret = typeof clientSecret === 'function' ? await clientSecret() : clientSecret
    if (secret === undefined) throw invalid('it is signed with the client secret. Set clientSecret')
    return { keys: [createSecretKey(Buffer.from(secret))], isFresh: true }
  }

  function checkedClaims(
    { claims, header }: DecodedJwt,
    about: ServerMetadata,
    { clientId }: OAuthClient,
    checks: IdTokenChecks,
  ) {
    const problem = claimProblem(claims, String(header.alg), about.issuer, clientId, checks)
    if (problem !== undefined) throw invalid(problem)
    return claims as unknown as IdTokenClaims
  }

  function invalid(why: string): OAuthError {
    return new OAuthError(
      'ERR_IGWN_OAUTH_ID_TOKEN',
      `The id_token of ${name} is invalid: ${why}. Do not accept the login.`,
    )
  }
}

function claimProblem(
  claims: Readonly<Record<string, unknown>>,
  alg: string,
  issuer: string | undefined,
  clientId: string | undefined,
  { nonce, maxAge, accessToken, code }: IdTokenChecks,
): string | undefined {
  const { iss, sub, aud, azp, exp, iat, nbf, tid, auth_time: authTime } = claims
  const missing = ['iss', 'sub', 'aud', 'exp', 'iat'].find((name) => claims[name] === undefined)
  if (missing) return `it has no ${missing}`
  if (typeof sub !== 'string') return 'sub is not a string'
  // Microsoft Entra ID names the tenant only in the token.
  const expected = issuer?.replace('{tenantid}', String(tid))
  if (expected !== undefined && iss !== expected) return `iss is ${shown(iss)}, expected ${shown(expected)}`
  const audiences = [aud].flat()
  if (clientId !== undefined) {
    if (!audiences.includes(clientId)) return `aud is ${shown(aud)}, expected ${shown(clientId)}`
    if (azp !== undefined && azp !== clientId) return `azp is ${shown(azp)}, expected ${shown(clientId)}`
    if (audiences.length > 1 && azp === undefined) return 'it has several audiences and no azp'
  }
  const now = secondsNow()
  if (!(numberOf(exp) > now - CLOCK_TOLERANCE)) return 'it has expired'
  if (!(numberOf(iat) <= now + CLOCK_TOLERANCE)) return 'iat is in the future'
  if (nbf !== undefined && !(numberOf(nbf) <= now + CLOCK_TOLERANCE)) return 'nbf is in the future'
  if (nonce !== undefined && claims.nonce !== nonce) return 'nonce is not that of this login'
  if (maxAge !== undefined && !(numberOf(authTime) + maxAge >= now - CLOCK_TOLERANCE))
    return authTime === undefined ? 'it has no auth_time' : 'the login is older than maxAge'
  if (hashDiffers(claims.at_hash, accessToken, alg)) return 'at_hash does not match the access token'
  if (hashDiffers(claims.c_hash, code, alg)) return 'c_hash does not match the code'
  return undefined
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : NaN
}

function shown(value: unknown): string {
  return sanitize(JSON.stringify(value))
}

/** Compares with the left half of the hash (OpenID Connect Core 1.0 section 3.1.3.6). Both are optional. */
function hashDiffers(claim: unknown, text: string | undefined, alg: string): boolean {
  if (claim === undefined || text === undefined) return false
  const size = /(?:256|384|512)$/.exec(alg)?.[0]
  if (size === undefined) return false
  const hash = createHash(`sha${size}`).update(text).digest()
  return claim !== hash.subarray(0, hash.length / 2).toString('base64url')
}
