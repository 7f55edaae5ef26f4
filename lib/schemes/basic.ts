import type { Environment } from '../environment'
import { IgwnAuthError, type Reason } from '../errors'
import { formatBasicCredentials } from '../formats/basic-credentials'
import { netrcLookup, netrcUnusable } from '../netrc/find-netrc-credentials'
import type { Credentials } from './credentials'

/** How netrc is searched for a request. */
export interface BasicSearch {
  /** The option `netrc`: a path that has to be usable, or true and undefined for the default files. */
  readonly netrc: string | true | undefined
  /** Whether the entry `default` may be used. */
  readonly allowDefault: boolean
  /** The connection is plain HTTP to another host. */
  readonly isInsecure: boolean
}

export type FindBasic = (url: URL, search: BasicSearch) => Credentials

/**
 * The Basic scheme (RFC 7617) with username and password from netrc, as a header: HTTP/2 drops the `auth` option of axios.
 *
 * The finder throws {@link IgwnAuthError} `ERR_IGWN_NETRC_UNUSABLE` when the file that the caller named cannot be used.
 */
export function basicFinder(environment: Environment): FindBasic {
  const lookUp = netrcLookup(environment)
  return (url, { netrc, allowDefault, isInsecure }) => {
    const isNamed = typeof netrc === 'string'
    const options = { allowDefault, ...(isNamed && { netrc }) }
    const { credentials, problem, reasons, source = 'netrc' } = lookUp(url, options)
    const isRequired = isNamed && allowDefault
    if (isRequired && problem) throw netrcUnusable(problem)
    if (!credentials) return { reasons }
    const skipped = (code: Reason['code'], message: string) => ({
      reasons: [...reasons, { code, source, message }],
    })
    if (isInsecure)
      return skipped(
        'insecure-transport',
        `${url.host} is reached over plain HTTP, where others can read a password`,
      )
    try {
      return { authorization: formatBasicCredentials(credentials), basic: credentials, source, reasons }
    } catch (error) {
      // An entry that was only found, as `default` is for every host, must not stop requests that need none.
      if (isRequired || !(error instanceof IgwnAuthError)) throw error
      return skipped(
        'malformed',
        `${source} cannot be used for ${url.host}: ${error.message.replace(/\.$/, '')}`,
      )
    }
  }
}
