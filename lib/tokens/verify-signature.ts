import type { JsonWebKey, KeyObject } from 'node:crypto'
import type { Agent } from 'node:https'
import type { AxiosInstance, AxiosResponse } from 'axios'
import { since, secondsNow } from '../clock'
import { processEnvironment, type Environment } from '../environment'
import { sanitize } from '../secrets/sanitize'
import { secureAgent } from '../x509/create-x509-agent'
import { trustedCasFinder } from '../x509/trusted-cas'
import { untrustedServer } from '../x509/untrusted-server'
import {
  keysIn,
  publishedKeys,
  RENEW_AFTER,
  type KeyRequirements,
  type KeySet,
  type PublishedKeys,
} from './published-keys'
import type { SciToken } from './scitoken'
import { CLOCK_TOLERANCE, type ClaimProblem } from './validate-claims'

/** Verifies the signature of a token; undefined if it is valid. */
export type Verify = (token: SciToken) => Promise<ClaimProblem | undefined>

/**
 * Makes verifiers for one axios instance or one search; each remembers the keys and results of its `verify` option.
 */
export function verifiers(
  environment: Environment = processEnvironment,
): (verify: true | AxiosInstance) => Promise<Verify> {
  const made = new WeakMap<AxiosInstance, Verify>()
  let own: AxiosInstance | undefined

  return async (verify) => {
    // One of its own: interceptors on the default instance would see the requests.
    const http = verify === true ? (own ??= await newInstance()) : verify
    const known = made.get(http) ?? verifier(http, { environment })
    made.set(http, known)
    return known
  }
}

/** Loaded here, so that the search for tokens does not depend on axios. */
async function newInstance(): Promise<AxiosInstance> {
  const { default: axios } = await import('axios')
  return new axios.Axios({}) as AxiosInstance
}

/** Milliseconds, for metadata and keys together. */
const DEADLINE = 10_000
/** Bytes, for metadata and keys together. */
const MAX_BYTES = 1024 * 1024

/**
 * Verifies signatures with the keys that issuers publish: metadata of OpenID Connect Discovery 1.0, else of RFC 8414, which
 * names the JWK set (RFC 7517). Over https only, within 10 seconds and 1 MiB in total. Keys and valid results are cached as
 * WLCG profile 1.3 section 4.3.1 says: fetched again after six hours, used for two days while the issuer is unreachable.
 *
 * @param http - fetches the keys; its proxy, CA and timeout are used
 * @param options - `deadline`: milliseconds, for tests
 */
export function verifier(
  http: AxiosInstance,
  {
    environment = processEnvironment,
    deadline = DEADLINE,
  }: { environment?: Environment; deadline?: number } = {},
): Verify {
  const keys = publishedKeys(keyFetcher(http, environment, deadline))
  const verified = new WeakMap<SciToken, number>()

  return async (token) => {
    if (since(verified.get(token)) < RENEW_AFTER) return undefined
    const problem = headerProblem(token) ?? issuedAtProblem(token)
    if (problem) return problem
    const { issuer = '' } = token
    const { kid, alg } = token.header as { kid?: unknown; alg: string }
    const name = typeof kid === 'string' ? kid : undefined
    let found: SigningKey
    try {
      found = await signingKey(token.serialize(), keys, issuer, { kid: name, alg })
    } catch (error) {
      return unverified(`could not be verified: ${sanitize((error as Error).message)}`)
    }
    const { key, isPublished, mayBeNew } = found
    const hint = mayBeNew ? `. ${IF_CHANGED}` : ''
    if (!isPublished)
      return unverified(
        `could not be verified: ${sanitize(issuer)} publishes no ${alg} key${name === undefined ? '' : ` ${sanitize(name)}`}${hint}`,
      )
    if (!key)
      return {
        code: 'signature',
        message: `has an invalid signature: no key of ${sanitize(issuer)} made it${hint}`,
      }
    verified.set(token, secondsNow())
    return undefined
  }
}

/** Asymmetric algorithms only (WLCG profile section 4.2): with HMAC, anyone who knows the public key could sign. */
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

/** Access tokens have no `typ`, or one of these (RFC 7519 section 5.1, RFC 9068 section 2.1). */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt'])

function headerProblem({ header, issuer }: SciToken): ClaimProblem | undefined {
  const { alg, crit, typ } = header
  if (typeof alg !== 'string' || !ALGORITHMS.has(alg))
    return unverified(
      `is signed with ${typeof alg === 'string' ? sanitize(alg) : 'no algorithm'}, which cannot be verified`,
    )
  // RFC 7515 section 4.1.11: no extension is known here.
  if (crit !== undefined)
    return unverified('requires a header extension (crit) that is not known, so it cannot be verified')
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.has(typ.toLowerCase())))
    return unverified(
      `is not an access token: its header has typ ${typeof typ === 'string' ? sanitize(typ) : 'of the wrong type'}`,
    )
  if (!issuer?.startsWith('https://')) return unverified('has no https issuer to get keys from')
  return undefined
}

function issuedAtProblem({ claims }: SciToken): ClaimProblem | undefined {
  const { iat } = claims
  if (iat === undefined || (typeof iat === 'number' && iat <= secondsNow() + CLOCK_TOLERANCE))
    return undefined
  const isTime = typeof iat === 'number'
  return {
    code: isTime ? 'not-yet-valid' : 'claim',
    claim: 'iat',
    expected: isTime ? 'now' : 'a time',
    actual: isTime ? iat : typeof iat,
    message: isTime ? 'was issued in the future (iat)' : 'has an iat claim that is not a time',
  }
}

function unverified(message: string): ClaimProblem {
  return { code: 'not-verified', message }
}

/** Which published key made a signature. */
export interface SigningKey {
  /** Undefined if none of them did. */
  readonly key: KeyObject | undefined
  /** There are keys for the `kid` and the algorithm. */
  readonly isPublished: boolean
  /** The keys were fetched within the last minute, and are not fetched again so soon: the key may be a newer one. */
  readonly mayBeNew: boolean
}

/** Advice where a key may be newer than the keys that are held. */
export const IF_CHANGED = 'If the issuer has just changed its keys, try again in a minute'

/**
 * Finds the key that made the signature of a JWT. If none of the held ones did, they are fetched again. Times and other claims
 * are not checked.
 */
export async function signingKey(
  jwt: string,
  keys: PublishedKeys,
  publisher: string,
  required: KeyRequirements,
): Promise<SigningKey> {
  let found = await keys(publisher, required)
  let key = await keyOf(jwt, found, required)
  if (!key && !found.isFresh) {
    found = await keys(publisher, { ...required, isOutdated: true })
    if (found.isFresh) key = await keyOf(jwt, found, required)
  }
  return { key, isPublished: found.keys.length > 0, mayBeNew: !key && !found.isFresh }
}

async function keyOf(
  jwt: string,
  { keys }: KeySet,
  { alg }: KeyRequirements,
): Promise<KeyObject | undefined> {
  // Loaded here: most programs never verify, and it takes longer to load than all of this package.
  const { default: jsonwebtoken } = await import('jsonwebtoken')
  return keys.find((key) => {
    try {
      jsonwebtoken.verify(jwt, key, {
        algorithms: [alg as 'RS256'],
        ignoreExpiration: true,
        ignoreNotBefore: true,
      })
      return true
    } catch {
      return false
    }
  })
}

/** What is left for fetching the keys of one issuer. */
interface Budget {
  readonly signal: AbortSignal
  bytes: number
}

function keyFetcher(
  http: AxiosInstance,
  environment: Environment,
  deadline: number,
): (issuer: string) => Promise<readonly JsonWebKey[]> {
  const agentFor = trustingAgent(environment)

  return async (issuer) => {
    const controller = new AbortController()
    const late = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => {
        reject(new Error(`${issuer} did not send its keys within ${deadline / 1000} seconds`))
      })
    })
    const timer = setTimeout(() => {
      controller.abort()
    }, deadline)
    try {
      // An adapter may ignore the signal.
      return await Promise.race([fetchKeys(issuer, { signal: controller.signal, bytes: MAX_BYTES }), late])
    } finally {
      clearTimeout(timer)
    }
  }

  async function fetchKeys(issuer: string, budget: Budget): Promise<readonly JsonWebKey[]> {
    const { jwks_uri: uri } = await fetchMetadata(issuer, budget)
    if (typeof uri !== 'string' || !uri.startsWith('https://'))
      throw new Error(`${issuer} has no https jwks_uri in its metadata`)
    return keysIn(await fetchJson(uri, budget), uri)
  }

  async function fetchMetadata(issuer: string, budget: Budget): Promise<{ jwks_uri?: unknown }> {
    const { origin, pathname } = new URL(issuer)
    const path = pathname.replace(/\/$/, '')
    let failure: unknown
    for (const url of [
      `${origin}${path}/.well-known/openid-configuration`,
      `${origin}/.well-known/oauth-authorization-server${path}`,
    ]) {
      try {
        const metadata = (await fetchJson(url, budget)) as { issuer?: unknown; jwks_uri?: unknown }
        // RFC 8414 section 3.3: metadata that names another issuer must not be used.
        if (metadata.issuer === issuer) return metadata
        failure ??= new Error(`${url} is the metadata of another issuer`)
      } catch (error) {
        failure ??= error
      }
    }
    throw failure
  }

  async function fetchJson(url: string, budget: Budget): Promise<object> {
    const response = await get(url, budget)
    const { status, data } = response
    const bytes = typeof data === 'object' ? ((data as { byteLength?: number }).byteLength ?? 0) : 0
    budget.bytes -= bytes
    if (status !== 200) throw new Error(`${url} cannot be fetched (status ${status})`)
    const value = jsonIn(data)
    if (typeof value === 'object' && value !== null) return value
    throw new Error(`${url} is not JSON`)
  }

  async function get(url: string, { signal, bytes }: Budget): Promise<AxiosResponse<unknown>> {
    const agent = http.defaults.httpsAgent === undefined ? agentFor() : undefined
    try {
      return await http.get<unknown>(url, {
        // No credential is sent to the issuer; and an instance with our auth would need a verified token first.
        igwnAuth: false,
        responseType: 'arraybuffer',
        transformResponse: [],
        validateStatus: () => true,
        signal,
        maxContentLength: Math.max(bytes, 1),
        beforeRedirect: ({ protocol }: { protocol?: string }) => {
          if (protocol !== 'https:') throw new Error('it redirects to plain HTTP')
        },
        // The fetch adapter does not call beforeRedirect.
        fetchOptions: { redirect: 'manual' },
        ...(agent && { httpsAgent: agent }),
      })
    } catch (error) {
      const untrusted = untrustedServer(error, new URL(url).host)?.replace(/\.$/, '')
      throw new Error(untrusted ?? `${url} cannot be fetched (${causeOf(error)})`, { cause: error })
    }
  }
}

/** Adapters that return data of another kind than was asked for are tolerated. */
function jsonIn(data: unknown): unknown {
  const isBytes = data instanceof ArrayBuffer || ArrayBuffer.isView(data)
  if (!isBytes && typeof data !== 'string') return data
  try {
    return JSON.parse(isBytes ? Buffer.from(data as Uint8Array).toString('utf8') : data)
  } catch {
    return undefined
  }
}

function causeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return typeof code === 'string' ? code : String(message)
}

/** An agent with the CAs that the environment names; undefined if it names none. */
function trustingAgent(environment: Environment): () => Agent | undefined {
  const findTrustedCas = trustedCasFinder(environment)
  let last: { readonly version: string; readonly agent: Agent } | undefined

  return () => {
    const trusted = findTrustedCas()
    if (!trusted) return undefined
    const { ca, version } = trusted
    if (last?.version !== version)
      last = { version, agent: secureAgent(undefined, { ca: [...ca], keepAlive: false }) }
    return last.agent
  }
}
