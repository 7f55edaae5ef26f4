import { ownProperties } from '../check-values'
import { describeTokens } from './describe-token'
import { findVerified, tokenNotFound, type FindSciTokenOptions } from './find-sci-token'
import { refusedByServer, requirementsOf } from './validate-claims'
import type { SciToken } from './scitoken'
import { processEnvironment } from '../environment'
import type { TokenSource } from './token'
import { discovery } from './discovery'

/**
 * Token discovery as a source, for use in a {@link chain}: the first usable token on this host, see {@link findSciToken}. A
 * token that a server refused is skipped from then on.
 *
 * `getToken` rejects with `ERR_IGWN_TOKEN_NOT_FOUND` and a reason for each candidate if there is none.
 *
 * @param options - as for {@link findSciToken}. Default is none
 */
export function discoveredTokens(options: FindSciTokenOptions = {}): TokenSource {
  const { strict, verify } = ownProperties(options)
  const search = discovery()
  const refused = new Set<string>()
  const passOver = (token: SciToken) =>
    refused.has(token.serialize()) ? refusedByServer(token.source) : undefined

  return {
    async getToken(query) {
      const requirements = requirementsOf(query)
      const { token, reasons } = await findVerified(search, requirements, {
        strict,
        verify,
        passOver: refused.size > 0 ? passOver : undefined,
      })
      if (token) return token
      throw tokenNotFound(requirements, reasons)
    },
    invalidate(rejected) {
      if (refused.size >= MAX_REFUSED) refused.clear()
      refused.add(rejected)
    },
    explain(query) {
      return describeTokens(requirementsOf(query), processEnvironment)
    },
  }
}

/** Refused tokens expire. One that is forgotten is refused once more. */
const MAX_REFUSED = 100
