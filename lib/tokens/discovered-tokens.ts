import { describeTokens } from './describe-token'
import { findVerified, tokenNotFound, type FindSciTokenOptions } from './find-sci-token'
import { refusedByServer, requirementsOf } from './validate-claims'
import type { SciToken } from './scitoken'
import { processEnvironment } from '../environment'
import type { TokenSource } from './token'
import { discovery } from './discovery'

/**
 * Token discovery as a source, to stand in a {@link chain}: the first token on this machine that satisfies, see
 * {@link findSciToken}. One that a server refused is passed over from then on.
 *
 * Its `getToken` rejects with `ERR_IGWN_TOKEN_NOT_FOUND` and a reason for each candidate when none does.
 */
export function discoveredTokens(options: FindSciTokenOptions = {}): TokenSource {
  const look = discovery()
  const refused = new Set<string>()
  const passOver = (token: SciToken) =>
    refused.has(token.serialize()) ? refusedByServer(token.source) : undefined

  return {
    async getToken(query) {
      const want = requirementsOf(query)
      const { token, reasons } = await findVerified(look, want, {
        ...options,
        passOver: refused.size > 0 ? passOver : undefined,
      })
      if (token) return token
      throw tokenNotFound(want, reasons)
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

/** Refused tokens expire and are never seen again; what was forgotten is refused once more and no harm done. */
const MAX_REFUSED = 100
