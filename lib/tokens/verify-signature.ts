import type { JsonWebKey, KeyObject } from 'node:crypto'
import axios, { type AxiosInstance } from 'axios'
import type { ClaimProblem } from './validate-claims'
import type { SciToken } from './scitoken'
import { sanitize } from '../secrets/sanitize'
import { since, secondsNow } from '../clock'
import { keysIn, publishedKeys, RENEW_AFTER } from './published-keys'

/** Checks the signature of a token; undefined when it is right, else why not. */
export type Verify = (token: SciToken) => Promise<ClaimProblem | undefined>

/**
 * Checks signatures with the keys that issuers publish: metadata of OpenID Connect Discovery 1.0, else of RFC 8414, and
 * from there the JWK set (RFC 7517). Over https only. Keys and good verdicts are kept as WLCG profile 1.3 section 4.3.1
 * says: renewed after six hours, used for two days when the issuer cannot be reached.
 *
 * @param http - fetches the keys; its proxy, CA and time-out are used
 */
export function verifier(http: AxiosInstance): Verify {
  const keys = publishedKeys(keysOfIssuers(http))
  const verified = new WeakMap<SciToken, number>()

  return async (token) => {
    if (since(verified.get(token)) < RENEW_AFTER) return undefined
    const { issuer } = token
    const { kid, alg } = token.header
    if (typeof alg !== 'string' || !ALGORITHMS.has(alg))
      return unverified(
        `is signed with ${typeof alg === 'string' ? sanitize(alg) : 'no algorithm'}, which cannot be checked`,
      )
    if (!issuer?.startsWith('https://')) return unverified('has no https issuer to get keys from')
    let key: KeyObject | undefined
    try {
      key = await keys(issuer, typeof kid === 'string' ? kid : undefined)
    } catch (error) {
      return unverified(`could not be verified: ${sanitize((error as Error).message)}`)
    }
    if (!key)
      return unverified(
        `could not be verified: ${sanitize(issuer)} publishes no key ${typeof kid === 'string' ? sanitize(kid) : 'for it'}`,
      )
    if (!(await isSignedBy(token, key, alg)))
      return { code: 'signature', message: `has a signature that no key of ${sanitize(issuer)} made` }
    verified.set(token, secondsNow())
    return undefined
  }
}

/** Asymmetric ones only (WLCG profile section 4.2): with HMAC, whoever knows the public key could sign. */
export const ALGORITHMS: ReadonlySet<string> = new Set([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
])

function unverified(message: string): ClaimProblem {
  return { code: 'not-verified', message }
}

async function isSignedBy(token: SciToken, key: KeyObject, alg: string): Promise<boolean> {
  // Loaded here: most programs never verify, and it takes longer to load than all of this package.
  const { default: jsonwebtoken } = await import('jsonwebtoken')
  try {
    jsonwebtoken.verify(token.serialize(), key, {
      algorithms: [alg as 'RS256'],
      // Judged already, with our margins.
      ignoreExpiration: true,
      ignoreNotBefore: true,
    })
    return true
  } catch {
    return false
  }
}

/** Fetches the keys of an issuer: from its metadata, where they are. */
function keysOfIssuers(http: AxiosInstance): (issuer: string) => Promise<readonly JsonWebKey[]> {
  return async (issuer) => {
    const { jwks_uri: uri } = await metadataOf(issuer)
    if (typeof uri !== 'string' || !uri.startsWith('https://'))
      throw new Error(`${issuer} names no https jwks_uri`)
    return keysIn(await fetchJson(uri), uri)
  }

  async function metadataOf(issuer: string): Promise<{ jwks_uri?: unknown }> {
    const { origin, pathname } = new URL(issuer)
    const path = pathname.replace(/\/$/, '')
    let failure: unknown
    for (const url of [
      `${origin}${path}/.well-known/openid-configuration`,
      `${origin}/.well-known/oauth-authorization-server${path}`,
    ]) {
      try {
        const metadata = (await fetchJson(url)) as { issuer?: unknown; jwks_uri?: unknown }
        // RFC 8414 section 3.3: metadata that names another issuer must not be used.
        if (metadata.issuer === issuer) return metadata
        failure ??= new Error(`${url} is the metadata of another issuer`)
      } catch (error) {
        failure ??= error
      }
    }
    throw failure
  }

  async function fetchJson(url: string): Promise<object> {
    try {
      const { data } = await http.get<unknown>(url, {
        // Nothing of ours goes to the issuer; and an instance with our auth would ask for a verified token first.
        igwnAuth: false,
        responseType: 'json',
        validateStatus: (status) => status === 200,
        timeout: http.defaults.timeout || 10_000,
        maxContentLength: 1024 * 1024,
        beforeRedirect: ({ protocol }: { protocol?: string }) => {
          if (protocol !== 'https:') throw new Error('it redirects to a clear-text connection')
        },
        // The fetch adapter asks nobody where it goes.
        fetchOptions: { redirect: 'manual' },
      })
      if (typeof data === 'object' && data !== null) return data
    } catch (error) {
      throw new Error(`${url} cannot be fetched (${whyOf(error)})`, { cause: error })
    }
    throw new Error(`${url} gives no JSON`)
  }
}

function whyOf(error: unknown): string {
  if (!axios.isAxiosError(error)) return String(error)
  return error.response ? `status ${error.response.status}` : (error.code ?? error.message)
}
