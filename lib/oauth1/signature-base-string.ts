import { octetsOf, percentEncode, reencode } from './percent-encode'

/** A parameter of a request, name and value encoded as RFC 5849 section 3.6 wants it. */
export type EncodedParameter = readonly [name: string, value: string]

/**
 * What is signed of a request: its method, its URL without the query, and its parameters in order.
 *
 * @param parameters - those of query, form body and protocol together; one may be there several times
 * @see RFC 5849 section 3.4.1
 */
export function signatureBaseString(
  method: string,
  url: URL,
  parameters: readonly EncodedParameter[],
): string {
  return [method.toUpperCase(), baseStringUri(url), normalized(parameters)].map(percentEncode).join('&')
}

/** URL itself lowers the letters of the host and leaves a default port out (RFC 5849 section 3.4.1.2). */
function baseStringUri({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`
}

/** Sorted by name, then by value, before they are joined: `a1=` would come before `a=` (RFC 5849 section 3.4.1.3.2). */
function normalized(parameters: readonly EncodedParameter[]): string {
  return [...parameters]
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** Encoded text is ASCII, where characters are in the order of their bytes. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

/**
 * The parameters of a query or a form body, in the order in which they stand there.
 *
 * @see RFC 5849 section 3.4.1.3.1; HTML 4.01 section 17.13.4
 */
export function parametersOf(form: string | Uint8Array): EncodedParameter[] {
  return octetsOf(form)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const end = pair.indexOf('=')
      return end < 0 ? [reencode(pair), ''] : [reencode(pair.slice(0, end)), reencode(pair.slice(end + 1))]
    })
}
