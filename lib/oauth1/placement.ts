import { IgwnAuthError } from '../errors'
import type { SchemeRequest, RequestChanges } from '../schemes/auth-scheme'
import type { SignatureType } from './oauth1-options'
import { asciiOf, octetsOf, parametersOf, type EncodedParameter } from './signature-base-string'

/** Puts protocol parameters on a request in one of the ways of RFC 5849 section 3.5. */
export interface Placement {
  /** The request without the parameters of an earlier signature. */
  prepare(request: SchemeRequest): SchemeRequest
  /** The changes to the prepared request. */
  place(
    request: SchemeRequest,
    parameters: readonly EncodedParameter[],
    realm: string | undefined,
  ): RequestChanges
}

export const placements: Readonly<Record<SignatureType, Placement>> = {
  /** RFC 5849 section 3.5.1. */
  header: {
    prepare: (request) => request,
    place: (_, parameters, realm) => ({ headers: { Authorization: authorizationOf(parameters, realm) } }),
  },
  /** RFC 5849 section 3.5.3. */
  query: {
    prepare(request) {
      const url = new URL(request.url)
      url.search = unsigned(url.search.slice(1))
      return { ...request, url }
    },
    place({ url }, parameters) {
      const signed = new URL(url)
      signed.search = joined(url.search.slice(1), parameters)
      return { url: signed }
    },
  },
  /** RFC 5849 section 3.5.2. */
  body: {
    prepare(request) {
      const { method, contentType, body, isStream } = request
      if (method === 'GET' || method === 'HEAD') throw noForm(`a ${method} request has no body`)
      if (isStream) throw noForm('the body is a stream or is serialized by axios itself')
      if (body !== undefined && !isForm(contentType)) throw noForm('the body is not a form')
      return { ...request, body: unsigned(asciiOf(octetsOf(body ?? ''))) }
    },
    place: ({ contentType, body = '' }, parameters) => ({
      ...(!isForm(contentType) && { headers: { 'Content-Type': FORM } }),
      body: joined(body.toString(), parameters),
    }),
  },
}

const FORM = 'application/x-www-form-urlencoded'

/** Whether the body is a form, whose parameters are signed (RFC 5849 section 3.4.1.3.1). */
export function isForm(contentType: string | undefined): boolean {
  return /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i.test(contentType ?? '')
}

/** The value of `Authorization`. `realm` is a quoted-string of HTTP and is not signed. */
export function authorizationOf(parameters: readonly EncodedParameter[], realm: string | undefined): string {
  const first = realm === undefined ? [] : [`realm="${realm.replace(/["\\]/g, '\\$&')}"`]
  return `OAuth ${[...first, ...parameters.map(([name, value]) => `${name}="${value}"`)].join(', ')}`
}

/** The form with the parameters appended. */
function joined(form: string, parameters: readonly EncodedParameter[]): string {
  return [...(form === '' ? [] : [form]), ...parameters.map(([name, value]) => `${name}=${value}`)].join('&')
}

/**
 * A query or form without the parameters of an earlier signature, which servers repeat in redirects and in links to the next
 * page. Each must appear only once (RFC 5849 section 3.1).
 */
function unsigned(form: string): string {
  return form
    .split('&')
    .filter((pair) => !PROTOCOL.has(parametersOf(pair)[0]?.[0] ?? ''))
    .join('&')
}

/** RFC 5849 section 3.1, and `oauth_body_hash`. */
const PROTOCOL = new Set([
  'oauth_consumer_key',
  'oauth_token',
  'oauth_signature_method',
  'oauth_timestamp',
  'oauth_nonce',
  'oauth_version',
  'oauth_body_hash',
  'oauth_signature',
])

function noForm(why: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_UNSIGNED',
    `signatureType body needs a form body, but ${why}. Use signatureType header or query. Nothing was sent.`,
  )
}
