import { isClearText, readableOnTheWay } from '../request/insecure-transport'
import type { Credentials, Purpose } from '../request/context'
import { IgwnAuthError } from '../errors'
import { formatBasicCredentials } from '../formats/basic-credentials'
import { netrcUnusable, type NetrcLookup } from '../netrc/find-netrc-credentials'

/**
 * The Basic scheme (RFC 7617): the login that netrc has for the host, unless it would be sent in clear. As a header, not as
 * axios' `auth`, which HTTP/2 drops.
 */
export function basic(purpose: Purpose, lookUpNetrc: NetrcLookup): Credentials {
  const { url, options, astray = false, request } = purpose
  if (options.netrc === false) return { reasons: [] }
  const named = typeof options.netrc === 'string' ? { netrc: options.netrc } : {}
  // The `default` entry is for hosts that somebody chose; a redirect chooses any (CVE-2024-11053 of curl).
  const { credentials, problem, reasons, source } = lookUpNetrc(url, { ...named, allowDefault: !astray })
  const isDemanded = named.netrc !== undefined && !astray
  if (isDemanded && problem) throw netrcUnusable(problem)
  if (!credentials) return { reasons }
  if (isClearText(url, request.proxy) && !options.allowInsecureHttp) {
    const message = readableOnTheWay(url, 'a password')
    return { reasons: [...reasons, { code: 'insecure-transport', source: source ?? 'netrc', message }] }
  }
  try {
    return { authorization: formatBasicCredentials(credentials), source, reasons }
  } catch (error) {
    // One entry that was only found, as `default` is for every host, must not stop requests that need none.
    if (isDemanded || !(error instanceof IgwnAuthError)) throw error
    const message = `${source ?? 'netrc'} cannot be used for ${url.host}: ${error.message.replace(/\.$/, '')}`
    return { reasons: [...reasons, { code: 'malformed', source: source ?? 'netrc', message }] }
  }
}
