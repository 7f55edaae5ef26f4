/** Milliseconds of a `Retry-After` header, which is in seconds or a date (RFC 9110 section 10.2.3); 0 without a valid one. */
export function retryAfterIn(value: string | undefined): number {
  if (value === undefined) return 0
  const seconds = Number(value)
  const delay = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000
  return delay > 0 ? delay : 0
}
