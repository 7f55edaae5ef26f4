import { createHash, createSecretKey, type KeyObject } from 'node:crypto'
import type { JwtPayload, VerifyOptions } from 'jsonwebtoken'
import { decodeJwt, type DecodedJwt } from '../formats/jwt'
import { sanitize } from '../secrets/sanitize'
import { secondsNow } from '../clock'
import { keysIn, publishedKeys } from '../tokens/published-keys'
import { ALGORITHMS } from '../tokens/verify-signature'
import type { AuthorizationServer } from './server/authorization-server'
import { shortName } from './checks'
import type { ServerMetadata } from './client'
import { OAuthError } from './errors'

/** The claims of an id_token (OpenID Connect Core 1.0 section 2). */
export interface IdTokenClaims {
  /** The issuer. */
  readonly iss: string
  /** Who it is about, at that issuer. */
  readonly sub: string
  /** For whom it is: this client. */
  readonly aud: string | readonly string[]
  /** Seconds since the epoch at which it ends. */
  readonly exp: number
  /** Seconds since the epoch at which it was made. */
  readonly iat: number
  readonly [claim: string]: unknown
}

/** What an id_token is compared with, beside issuer, client and time. */
export interface IdTokenChecks {
  /** `nonce` of the login. Default is not to look. */
  readonly nonce?: string | undefined
  /** The access token that came with it, for `at_hash`. */
  readonly accessToken?: string | undefined
  /** The code that came with it, for `c_hash`. */
  readonly code?: string | undefined
  /** Seconds since the person logged in, at most, for `auth_time`. Default is any. */
  readonly maxAge?: number | undefined
  /** Ends what is waited for. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Verifies id_tokens of a server: signature, by the keys it publishes, and claims (OpenID Connect Core 1.0 section 3.1.3.7).
 *
 * It rejects with `ERR_IGWN_OAUTH_ID_TOKEN` when a token is not to be trusted, or that cannot be found out.
 */
export function idTokenVerifier(
  server: AuthorizationServer,
): (idToken: string, checks?: IdTokenChecks) => Promise<IdTokenClaims> {
  const { client } = server
  const keys = publishedKeys(async (url) => keysIn(await server.fetchJson(url), url))

  return async (idToken, checks = {}) => {
    const metadata = await server.metadata(checks.signal)
    const jwt = decodeJwt(idToken)
    if (!jwt) throw untrusted('it is no JWT')
    const alg = algorithmOf(jwt, metadata)
    const key = await keyFor(jwt, alg, metadata)
    // Loaded here, as for verifying tokens: it takes longer to load than all of this package.
    const { default: jsonwebtoken } = await import('jsonwebtoken')
    const options: VerifyOptions & { complete: false } = {
      complete: false,
      algorithms: [alg as 'RS256'],
      clockTolerance: CLOCK_TOLERANCE,
      ...(metadata.issuer !== undefined && { issuer: metadata.issuer }),
      ...(client.clientId !== undefined && { audience: client.clientId }),
      ...(checks.nonce !== undefined && { nonce: checks.nonce }),
    }
    try {
      const claims = jsonwebtoken.verify(idToken, key, options) as JwtPayload
      const problem = problemIn(claims, alg, checks)
      if (problem) throw new Error(problem)
      return claims as unknown as IdTokenClaims
    } catch (error) {
      throw untrusted(sanitize((error as Error).message))
    }
  }

  /** Never what the token alone says: it must be one that this client expects. */
  function algorithmOf({ header }: DecodedJwt, metadata: ServerMetadata): string {
    const expected = client.idTokenAlg
      ? [client.idTokenAlg]
      : (metadata.id_token_signing_alg_values_supported ?? ['RS256']).filter((one) => ALGORITHMS.has(one))
    const { alg } = header
    if (typeof alg === 'string' && expected.includes(alg)) return alg
    throw untrusted(
      `it is signed with ${typeof alg === 'string' ? sanitize(alg) : 'nothing'}, not with ${expected.map(shortName).join(' or ')}; idTokenAlg says which it should be`,
    )
  }

  async function keyFor(
    { header }: DecodedJwt,
    alg: string,
    { jwks_uri: url }: ServerMetadata,
  ): Promise<KeyObject> {
    if (alg.startsWith('HS')) {
      const { clientSecret } = client
      const secret = typeof clientSecret === 'function' ? await clientSecret() : clientSecret
      if (secret !== undefined) return createSecretKey(Buffer.from(secret))
      throw untrusted('it is signed with the secret of the client, which there is not; set clientSecret')
    }
    if (url === undefined)
      throw untrusted('the server names no jwks_uri to get keys from; give it in metadata')
    const { kid } = header
    const name = typeof kid === 'string' ? kid : undefined
    const key = await keys(url, name).catch((error: unknown) => {
      throw error instanceof OAuthError ? error : untrusted(sanitize((error as Error).message))
    })
    if (key) return key
    throw untrusted(`${url} has no key ${name === undefined ? 'for it' : sanitize(name)}`)
  }

  function problemIn(claims: JwtPayload, alg: string, checks: IdTokenChecks): string | undefined {
    const missing = ['iss', 'sub', 'aud', 'exp', 'iat'].find((name) => claims[name] === undefined)
    if (missing) return `it has no ${missing}`
    const { aud, azp, auth_time: authTime } = claims as JwtPayload & { azp?: unknown; auth_time?: unknown }
    if (Array.isArray(aud) && aud.length > 1 && azp !== client.clientId)
      return 'it is for several clients, and azp is not this one'
    const { maxAge, accessToken, code } = checks
    if (maxAge !== undefined && !(Number(authTime) + maxAge >= secondsNow() - CLOCK_TOLERANCE))
      return authTime === undefined ? 'it has no auth_time' : 'the login is too long ago'
    if (
      accessToken !== undefined &&
      claims.at_hash !== undefined &&
      claims.at_hash !== halfHash(accessToken, alg)
    )
      return 'at_hash is of another access token'
    if (code !== undefined && claims.c_hash !== undefined && claims.c_hash !== halfHash(code, alg))
      return 'c_hash is of another code'
    return undefined
  }

  function untrusted(why: string): OAuthError {
    return new OAuthError(
      'ERR_IGWN_OAUTH_ID_TOKEN',
      `The id_token of ${server.name} is not to be trusted: ${why}. Do not let anybody in by it.`,
    )
  }
}

/** Seconds, as for tokens. */
const CLOCK_TOLERANCE = 60

/** OpenID Connect Core 1.0 section 3.1.3.6: the left half of a hash, by the algorithm of the signature. */
function halfHash(text: string, alg: string): string {
  const hash = createHash(`sha${alg.slice(2)}`)
    .update(text)
    .digest()
  return hash.subarray(0, hash.length / 2).toString('base64url')
}
