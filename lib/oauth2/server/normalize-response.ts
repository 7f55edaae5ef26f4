import { objectIn } from '../../formats/json'
import type { HttpResponse } from './axios-transport'

/** A response of an authorization server with its body parsed. */
export interface ParsedResponse extends HttpResponse {
  /** The body, when it is an object (JSON or form). */
  readonly json?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Turns a response of a non-conforming server into one of RFC 6749 section 5 and RFC 8628 section 3.2, as leniently as Authlib: a
 * form becomes JSON, null and empty members are removed, numbers may be text, a token without a type is a Bearer token, and an
 * error is one whatever its status.
 */
export function normalizeResponse({ status, headers, body }: HttpResponse): ParsedResponse {
  const parsed = objectIn(body) ?? parseForm(body)
  if (!parsed) return { status, headers, body }
  const json = normalizeMembers(parsed)
  const response = {
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(json),
    json,
  }
  if (typeof json.error === 'string') {
    // openid-client would read the challenge instead of the error in the body, which says more.
    delete (response.headers as Record<string, string>)['www-authenticate']
    return { ...response, status: Math.max(status, 400) }
  }
  const hasToken = json.access_token !== undefined && status > 200 && status < 300
  return { ...response, status: hasToken ? 200 : status }
}

/** StackExchange sends forms. */
function parseForm(body: string): Record<string, unknown> | undefined {
  if (!/^(?:[\w.~%+-]+=[^&\s]*&)*(?:access_token|error)=[^&\s]/.test(body)) return undefined
  return Object.fromEntries(new URLSearchParams(body.trim()))
}

function normalizeMembers(parsed: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const json = Object.fromEntries(
    Object.entries(parsed).filter(([, value]) => value !== null && value !== ''),
  )
  if (json.access_token !== undefined) json.token_type ??= 'Bearer'
  // Google's name from before RFC 8628.
  if (json.device_code !== undefined) json.verification_uri ??= json.verification_url
  if (Array.isArray(json.scope)) json.scope = json.scope.join(' ')
  if (!(setNumber(json, 'expires_in') >= 0)) delete json.expires_in
  // Without an interval, clients wait 5 seconds (RFC 8628 section 3.2).
  if (!(setNumber(json, 'interval') > 0)) delete json.interval
  if (typeof json.error === 'object') Object.assign(json, errorOf(json.error as Record<string, unknown>))
  return json
}

function setNumber(json: Record<string, unknown>, name: string): number {
  const number = json[name] === undefined ? NaN : Number(json[name])
  json[name] = number
  return Number.isFinite(number) ? number : NaN
}

/** An error that is an object, as Facebook sends it. */
function errorOf({ type, code, message }: Record<string, unknown>): Record<string, unknown> {
  const name = [type, code].find((one) => typeof one === 'string' || typeof one === 'number')
  return { error: String(name ?? 'error'), error_description: message }
}
