import type { PlainAnswer } from './axios-transport'

/** An answer of an authorization server, read as far as it can be. */
export interface ReadAnswer extends PlainAnswer {
  /** What the body says, where it is an object. */
  readonly json?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Reads an answer as forgivingly as Authlib does, and turns it into what RFC 6749 section 5 says it should be: form encoding
 * into JSON; absent in place of null and empty; a token without a type is a Bearer token; an error is one whatever its status.
 */
export function forgive({ status, headers, body }: PlainAnswer): ReadAnswer {
  const read = jsonIn(body) ?? formIn(body)
  if (!read) return { status, headers, body }
  const json = mended(read)
  const kept = { ...headers, 'content-type': 'application/json' }
  if (typeof json.error === 'string') {
    // The error in the body says more than a challenge, which openid-client would read in its place.
    delete (kept as Record<string, string>)['www-authenticate']
    return { status: status < 400 ? 400 : status, headers: kept, body: JSON.stringify(json), json }
  }
  const isGiven = json.access_token !== undefined && status > 200 && status < 300
  return { status: isGiven ? 200 : status, headers: kept, body: JSON.stringify(json), json }
}

function jsonIn(body: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(body)
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** As StackExchange answers, and GitHub did. */
function formIn(body: string): Record<string, unknown> | undefined {
  if (!/^(?:[\w.~%+-]+=[^&\s]*&)*(?:access_token|error)=[^&\s]/.test(body)) return undefined
  return Object.fromEntries(new URLSearchParams(body.trim()))
}

function mended(read: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const json = Object.fromEntries(Object.entries(read).filter(([, value]) => value !== null && value !== ''))
  if (json.access_token !== undefined) json.token_type ??= 'Bearer'
  // Google's name for it, of before RFC 8628.
  if (json.device_code !== undefined) json.verification_uri ??= json.verification_url
  if (Array.isArray(json.scope)) json.scope = json.scope.join(' ')
  const seconds = Number(json.expires_in)
  if (Number.isFinite(seconds) && seconds >= 0) json.expires_in = seconds
  else delete json.expires_in
  if (typeof json.error === 'object') Object.assign(json, errorIn(json.error as Record<string, unknown>))
  return json
}

/** An error that is an object of its own, as Facebook's. */
function errorIn({ type, code, message }: Record<string, unknown>): Record<string, unknown> {
  const name = [type, code].find((one) => typeof one === 'string' || typeof one === 'number')
  return { error: String(name ?? 'error'), error_description: message }
}
