import type { AxiosHeaders } from 'axios'

/**
 * What tells by itself that a file of a server is the same, byte for byte: a strong validator (RFC 9110 section 8.8). One of
 * the three is there.
 */
export interface Validator {
  readonly etag?: string
  readonly lastModified?: string
  /** Its size, where the user says that files of one name and size are the same; XRootD says no more of them. */
  readonly bySize?: number
}

/**
 * The strong validator of a response; undefined where it has none, or the server says that it takes no ranges.
 *
 * `Last-Modified` is weak but where the file was left alone for a minute before it was sent: it might have changed twice in
 * one second (RFC 9110 section 8.8.2.2).
 */
export function validatorOf(headers: AxiosHeaders, sameSize: boolean): Validator | undefined {
  if (fieldOf(headers, 'Accept-Ranges')?.toLowerCase() === 'none') return undefined
  const etag = fieldOf(headers, 'ETag')
  if (etag !== undefined && STRONG.test(etag)) return { etag }
  const lastModified = fieldOf(headers, 'Last-Modified') ?? ''
  const settled = Date.parse(fieldOf(headers, 'Date') ?? '') - Date.parse(lastModified)
  if (settled >= SETTLED_MS) return { lastModified }
  const bySize = sameSize ? contentLengthOf(headers) : undefined
  return bySize === undefined ? undefined : { bySize }
}

/** The fields by which a part is asked for only if the file is the same. */
export function conditionOf({ etag, lastModified }: Validator): Readonly<Record<string, string>> {
  const validator = etag ?? lastModified
  return validator === undefined ? {} : { 'If-Range': validator }
}

/** `entity-tag` without `W/` (RFC 9110 section 8.8.3). */
const STRONG = /^"[\x21\x23-\x7e\x80-\xff]*"$/

const SETTLED_MS = 60_000

/** Whether a part of a file that comes with these headers can be of the file that had this validator. */
export function isOfSame(headers: AxiosHeaders, { etag, lastModified, bySize }: Validator): boolean {
  const fits = (name: string, value: string | undefined) =>
    value === undefined || [undefined, value].includes(fieldOf(headers, name))
  const hasSize = bySize === undefined || contentRangeOf(headers)?.size === bySize
  return hasSize && fits('ETag', etag) && fits('Last-Modified', lastModified)
}

/** What `Content-Range` says (RFC 9110 section 14.4). */
export interface ContentRange {
  /** The first and the last byte that are sent; undefined where none are, in a 416. */
  readonly first?: number
  readonly last?: number
  /** Bytes of the whole; undefined where the server does not know. */
  readonly size?: number
}

export function contentRangeOf(headers: AxiosHeaders): ContentRange | undefined {
  const [, first, last, size] =
    /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(\d{1,15}|\*)$/i.exec(fieldOf(headers, 'Content-Range') ?? '') ?? []
  if (size === undefined) return undefined
  return {
    ...(first !== undefined && { first: Number(first), last: Number(last) }),
    ...(size !== '*' && { size: Number(size) }),
  }
}

/** Bytes of the body, where the server says so. */
export function contentLengthOf(headers: AxiosHeaders): number | undefined {
  const text = fieldOf(headers, 'Content-Length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** The value of a field that stands once; undefined for one that is not there. */
export function fieldOf(headers: AxiosHeaders, name: string): string | undefined {
  const value = headers.get(name)
  return value == null ? undefined : [value].flat().join(', ').trim()
}

/** Whether a value that was stored is a validator still. */
export function isValidator(value: unknown): value is Validator {
  const { etag, lastModified, bySize } = (value ?? {}) as Record<string, unknown>
  if (bySize !== undefined) return Number.isSafeInteger(bySize)
  if (typeof etag === 'string') return STRONG.test(etag)
  return typeof lastModified === 'string' && /^[\w:, +-]+$/.test(lastModified)
}
