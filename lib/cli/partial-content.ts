import type { AxiosHeaders } from 'axios'

/**
 * Shows that a file on a server is the same, byte for byte: a strong validator (RFC 9110 section 8.8). Exactly one member is
 * set.
 */
export interface Validator {
  readonly etag?: string
  readonly lastModified?: string
  /** The size, with `--same-size`; XRootD sends nothing else. */
  readonly bySize?: number
}

/**
 * The strong validator of a response; undefined without one, or when the server refuses ranges.
 *
 * `Last-Modified` is weak unless it is a minute older than `Date`: the file may have changed twice within one second
 * (RFC 9110 section 8.8.2.2).
 */
export function validatorOf(headers: AxiosHeaders, sameSize: boolean): Validator | undefined {
  if (fieldOf(headers, 'Accept-Ranges')?.toLowerCase() === 'none') return undefined
  const etag = fieldOf(headers, 'ETag')
  if (etag !== undefined && STRONG.test(etag)) return { etag }
  const lastModified = fieldOf(headers, 'Last-Modified') ?? ''
  const age = Date.parse(fieldOf(headers, 'Date') ?? '') - Date.parse(lastModified)
  if (age >= MIN_AGE_MS) return { lastModified }
  const bySize = sameSize ? contentLengthOf(headers) : undefined
  return bySize === undefined ? undefined : { bySize }
}

/** Header fields that make a range request conditional on the validator. */
export function conditionOf({ etag, lastModified }: Validator): Readonly<Record<string, string>> {
  const validator = etag ?? lastModified
  return validator === undefined ? {} : { 'If-Range': validator }
}

/** `entity-tag` without `W/` (RFC 9110 section 8.8.3). */
const STRONG = /^"[\x21\x23-\x7e\x80-\xff]*"$/

const MIN_AGE_MS = 60_000

/** Whether a partial response with these headers can be of the file with this validator. */
export function matchesValidator(headers: AxiosHeaders, { etag, lastModified, bySize }: Validator): boolean {
  const matches = (name: string, value: string | undefined) =>
    value === undefined || [undefined, value].includes(fieldOf(headers, name))
  const hasSize = bySize === undefined || contentRangeOf(headers)?.size === bySize
  return hasSize && matches('ETag', etag) && matches('Last-Modified', lastModified)
}

/** `Content-Range` (RFC 9110 section 14.4). */
export interface ContentRange {
  /** The first and the last byte; undefined in a 416, and in the 206 without a body that XRootD 5 sends instead. */
  readonly first?: number
  readonly last?: number
  /** Bytes of the whole file; undefined when the server does not know. */
  readonly size?: number
}

export function contentRangeOf(headers: AxiosHeaders): ContentRange | undefined {
  const [, first, last, size] =
    /^bytes (?:(\d{1,15})-(\d{1,15})|\*|\d{1,15}--1)\/(\d{1,15}|\*)$/i.exec(
      fieldOf(headers, 'Content-Range') ?? '',
    ) ?? []
  if (size === undefined) return undefined
  return {
    ...(first !== undefined && { first: Number(first), last: Number(last) }),
    ...(size !== '*' && { size: Number(size) }),
  }
}

/** `Content-Length` in bytes. */
export function contentLengthOf(headers: AxiosHeaders): number | undefined {
  const text = fieldOf(headers, 'Content-Length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** The value of a header field; undefined when it is absent. */
export function fieldOf(headers: AxiosHeaders, name: string): string | undefined {
  const value = headers.get(name)
  return value == null ? undefined : [value].flat().join(', ').trim()
}

/** Whether a stored value is a validator. */
export function isValidator(value: unknown): value is Validator {
  const { etag, lastModified, bySize } = (value ?? {}) as Record<string, unknown>
  if (bySize !== undefined) return Number.isSafeInteger(bySize)
  if (typeof etag === 'string') return STRONG.test(etag)
  return typeof lastModified === 'string' && /^[\w:, +-]+$/.test(lastModified)
}
