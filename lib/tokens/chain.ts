import { IgwnAuthError, type Reason } from '../errors'
import { deferredFinding, explainSource } from './describe-token'
import type { TokenSource } from './token'

/**
 * Combines several sources: the first one that has a token provides it. A source without a token (undefined, or
 * `ERR_IGWN_TOKEN_NOT_FOUND`) is skipped; any other error stops the chain, since that source is broken.
 *
 * Its `getToken` rejects with `ERR_IGWN_TOKEN_NOT_FOUND` when no source has a token; message and reasons name each source.
 */
export function chain(...sources: readonly TokenSource[]): TokenSource {
  const nameOf = (index: number) => `source ${index + 1} of ${sources.length}`
  return {
    async getToken(query) {
      const reasons: Reason[] = []
      for (const [index, source] of sources.entries()) {
        try {
          const token = await source.getToken(query)
          if (token !== undefined) return token
          const name = nameOf(index)
          reasons.push({ code: 'absent', source: name, message: `${name} has no token` })
        } catch (error) {
          if (!isNotFound(error)) throw error
          reasons.push(...error.reasons)
        }
      }
      throw new IgwnAuthError(
        'ERR_IGWN_TOKEN_NOT_FOUND',
        `None of ${sources.length} token sources has a token. ${reasons.map(({ message }) => `${message}.`).join(' ')}`,
        { reasons },
      )
    },
    invalidate(rejected) {
      for (const source of sources) source.invalidate?.(rejected)
    },
    explain(query) {
      return sources.flatMap((source, index) => source.explain?.(query) ?? [deferredFinding(nameOf(index))])
    },
    async explainAsync(query) {
      const all = sources.map((source, index) => explainSource(source, query, nameOf(index)))
      return (await Promise.all(all)).flat()
    },
  }
}

/** Whether an error means that there is no token, rather than a broken source. */
export function isNotFound(error: unknown): error is IgwnAuthError {
  return error instanceof IgwnAuthError && error.code === 'ERR_IGWN_TOKEN_NOT_FOUND'
}
