import { IgwnAuthError } from '../errors'
import type { AuthScheme, RequestChanges } from '../schemes/auth-scheme'

/**
 * Rejects changes of a scheme that lead elsewhere or cannot be sent as they are.
 *
 * @param before - the URL that the scheme got
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION`
 */
export function checkChanges({ name }: AuthScheme, { headers = {}, url }: RequestChanges, before: URL): void {
  const invalid = (message: string) =>
    new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `The scheme ${name} ${message}. Nothing was sent.`)
  if (url && url.origin !== before.origin) throw invalid('changes the URL to another origin')
  for (const [field, value] of Object.entries(headers))
    if (typeof (value as unknown) !== 'string' || NOT_IN_FIELD.test(value))
      throw invalid(
        `sets ${field} to something else than a text that a header field allows (RFC 9110 section 5.5)`,
      )
}

/** Neither VCHAR, obs-text, space nor tab; axios would remove it silently. */
const NOT_IN_FIELD = /[^\t\x20-\x7e\x80-\xff]/

/** A body that can be read in advance; undefined for a stream, a `Blob` and a `FormData`. */
export function bytesOf(body: unknown): string | Uint8Array | undefined {
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined
}
