import { IgwnAuthError } from '../errors'
import { objectIn } from '../formats/json'
import { parseUrl } from '../formats/url'
import type { Ask } from './ask'

/** A Pelican federation, as its discovery document describes it. */
export interface Federation {
  /** The discovery host, with its port unless it is 443. */
  readonly host: string
  /** The URL of the director, without a slash at its end; undefined for an origin that stands alone and serves its objects itself. */
  readonly director: string | undefined
  /** The keys of the federation (RFC 7517); undefined where none are named. */
  readonly jwksUri: string | undefined
  /** The registry of namespaces; undefined where none is named. */
  readonly registry: string | undefined
}

/**
 * Reads the discovery document of a federation, over https.
 *
 * @param host - the discovery host, with or without a port
 * @throws {@link IgwnAuthError} `ERR_IGWN_FEDERATION` when there is none, or it is invalid; the error of axios when the host cannot be reached
 * @see https://docs.pelicanplatform.org: `/.well-known/pelican-configuration`
 */
export async function discoverFederation(host: string, ask: Ask): Promise<Federation> {
  const url = `https://${host}/.well-known/pelican-configuration`
  const { status, body } = await ask({ method: 'GET', url, attempts: DISCOVERY_ATTEMPTS })
  if (status !== 200) throw invalid(host, `Its discovery document cannot be fetched (status ${status})`)
  const document = objectIn(body)
  if (!document) throw invalid(host, 'Its discovery document is not a JSON object')
  const { director_endpoint: director } = document
  const endpoint = httpsUrl(director)
  if (director !== undefined && director !== '' && endpoint === undefined)
    throw invalid(host, 'Its discovery document names a director without https, or with a password')
  return {
    // The document has a host of its own; the one that was asked counts.
    host,
    director: endpoint,
    jwksUri: httpsUrl(document.jwks_uri),
    registry: httpsUrl(document.namespace_registration_endpoint),
  }
}

/** Of a request that timed out. */
const DISCOVERY_ATTEMPTS = 3

/** Hints about issuers and scopes must not be forged on their way, and userinfo would be sent as Basic credentials. */
function httpsUrl(value: unknown): string | undefined {
  const url = typeof value === 'string' ? parseUrl(value) : undefined
  return url?.protocol === 'https:' && url.username === '' && url.password === ''
    ? url.href.replace(/\/$/, '')
    : undefined
}

function invalid(host: string, problem: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_FEDERATION',
    `${host} is no Pelican federation that can be used. ${problem}. Check the host in the URL.`,
  )
}
