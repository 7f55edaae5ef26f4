import { processEnvironment } from '../environment'
import { tokenLifetime, transferTime, type TokenLifetime, type TokenUse } from '../tokens/token-lifetime'
import { MIN_TIME_LEFT } from '../tokens/validate-claims'
import { CommandError, EXIT } from './errors'
import { contentLengthOf } from './partial-content'
import type { Response } from './http-client'
import type { RequestFlags } from './request-options'
import { printError } from './terminal'

/**
 * Warns on stderr where a token will expire too early.
 *
 * @throws CommandError instead, with `--strict`
 */
export function checkLifetime(
  use: TokenUse,
  { strict, silent }: { readonly strict?: boolean; readonly silent?: boolean },
): TokenLifetime {
  const lifetime = tokenLifetime(use, processEnvironment)
  const { isEnough, message, fix } = lifetime
  if (isEnough !== false) return lifetime
  const error = new CommandError(EXIT.refused, strict ? message : `warning: ${message}`, {
    fixes: fix === undefined ? [] : [fix],
    data: { lifetime },
  })
  if (strict) throw error
  if (!silent) printError(error)
  return lifetime
}

/** The same for a large download whose size the response names, before its body is read. */
export function checkDownload(response: Response, flags: RequestFlags): void {
  const { status, headers } = response
  const expected = transferTime({ bytes: contentLengthOf(headers) ?? 0 })
  // A token that is sent is valid for so long.
  if (expected <= MIN_TIME_LEFT || (status !== 200 && status !== 206)) return
  const token = response.token()
  if (!token) return
  try {
    checkLifetime({ token, source: token.source ?? 'the token', expected }, flags)
  } catch (error) {
    response.discard()
    throw error
  }
}
