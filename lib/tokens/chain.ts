import { IgwnAuthError, type Reason } from '../errors'
import { deferredFinding } from './describe-token'
import type { TokenSource } from './token'

/**
 * Several sources as one: the first that has a token. One that has none (undefined, or `ERR_IGWN_TOKEN_NOT_FOUND`) leaves
 * it to the next; any other error is a broken source and stops the chain.
 *
 * Its `getToken` rejects with `ERR_IGWN_TOKEN_NOT_FOUND` when none has one; message and reasons say what each said.
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
  }
}

/** Whether an error says that there is no token, and not that something is broken. */
export function isNotFound(error: unknown): error is IgwnAuthError {
  return error instanceof IgwnAuthError && error.code === 'ERR_IGWN_TOKEN_NOT_FOUND'
}
