import { Explanation } from '../explain/explanation'
import type { Finding } from '../explain/finding'
import { newInstance } from '../formats/plain-instance'
import { parseUrl } from '../formats/url'
import { parseChallenges } from '../formats/www-authenticate'
import { noHostCredentials } from '../options'
import { isInsecure } from '../request/insecure-transport'
import { sanitize } from '../secrets/sanitize'
import { applyIgwnAuth, removeIgwnAuth } from './apply-igwn-auth'

/** The members of protected resource metadata (RFC 9728 section 2) that are used here. */
interface ResourceMetadata {
  readonly resource?: unknown
  readonly authorization_servers?: unknown
  readonly scopes_supported?: unknown
}

/**
 * Adds to the explanation of a refusal what the metadata says that its challenge names (`resource_metadata`, RFC 9728 section 5.1):
 * the issuers of tokens and their scopes. It is asked for at the origin of the resource only, without credentials, and never starts
 * a login.
 *
 * @param challenge - the `WWW-Authenticate` of the response
 */
export async function withResourceMetadata(
  explanation: Explanation,
  challenge: string | readonly string[] | undefined,
): Promise<Explanation> {
  const named = parseChallenges(challenge).find(({ params }) => params.resource_metadata !== undefined)
  const text = named?.params.resource_metadata
  if (text === undefined) return explanation
  const finding = await findingOf(text, new URL(explanation.url))
  return new Explanation(Object.assign({}, explanation, { findings: [...explanation.findings, finding] }))
}

async function findingOf(text: string, resource: URL): Promise<Finding> {
  const url = parseUrl(text)
  if (!url || url.origin !== resource.origin || isInsecure(url, false))
    return skipped('is not at the origin of the server over https, and was not asked for')
  // It would be sent as Basic credentials that the server chose.
  if (url.username !== '' || url.password !== '')
    return skipped('has a URL with a username or a password, and was not asked for')
  let metadata: ResourceMetadata | undefined
  try {
    metadata = await fetchMetadata(url)
  } catch (error) {
    return skipped(`cannot be fetched (${(error as { code?: string }).code ?? 'unknown error'})`)
  }
  if (!metadata) return skipped('is not JSON')
  if (!describes(metadata.resource, resource))
    return skipped('is that of another resource (RFC 9728 section 3.3)')
  const issuers = textsIn(metadata.authorization_servers, MAX_ISSUERS).filter((one) => ISSUER.test(one))
  const scopes = textsIn(metadata.scopes_supported, MAX_SCOPES)
  const [first] = issuers
  if (first === undefined) return skipped('names no issuer')
  const withScopes = scopes.length === 0 ? '' : ` with scopes of ${sanitize(scopes.join(' '))}`
  return {
    kind: 'request',
    source: SOURCE,
    verdict: 'active',
    message: `the server accepts tokens of ${sanitize(issuers.join(' or '))}${withScopes}`,
    fix: `get a token of ${first}, if you trust it: authorizationCode({ issuer: '${first}', clientId }, …) of axios-igwn-auth/oauth2`,
  }
}

const SOURCE = 'the metadata of the server'

function skipped(what: string): Finding {
  return { kind: 'request', source: SOURCE, verdict: 'skipped', code: 'failed', message: `${SOURCE} ${what}` }
}

async function fetchMetadata(url: URL): Promise<ResourceMetadata | undefined> {
  const http = applyIgwnAuth(newInstance(url.protocol === 'http:' ? { proxy: false } : {}), noHostCredentials)
  try {
    const { data } = await http.get<string>(url.href, {
      headers: { Accept: 'application/json' },
      responseType: 'text',
      maxRedirects: 0,
      maxContentLength: MAX_BYTES,
      signal: AbortSignal.timeout(DEADLINE),
      validateStatus: (status) => status === 200,
    })
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  } finally {
    removeIgwnAuth(http)
  }
}

/** Milliseconds. */
const DEADLINE = 5000
const MAX_BYTES = 64 * 1024
const MAX_ISSUERS = 5
const MAX_SCOPES = 20

/** An https URL of characters that need no quotes in a message or a program: the server chose it. */
const ISSUER = /^https:\/\/[\w.-]{1,253}(?::\d{1,5})?(?:\/[\w.~/-]{0,200})?$/

/** Whether `resource` is the URL of the request, or one above it. */
function describes(value: unknown, { origin, pathname }: URL): boolean {
  const resource = typeof value === 'string' ? parseUrl(value) : undefined
  if (resource?.origin !== origin) return false
  const above = resource.pathname.replace(/\/$/, '')
  return pathname === resource.pathname || pathname.startsWith(`${above}/`)
}

function textsIn(value: unknown, most: number): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string').slice(0, most) : []
}
