import { splitScopes } from '../formats/scopes'
import type { TokenRequirements } from '../tokens/validate-claims'
import { queryFor, type IgwnAuthOptions } from '../options'
import type { Purpose } from './context'

/** Whether a request goes elsewhere than what was given for it is for: a redirect led there, or `url` names another host or port. */
export function isStranger({ url, options, astray = false }: Purpose): boolean {
  return astray || (options.url !== undefined && new URL(options.url).host !== url.host)
}

/** What tokens are wanted for, worked out once for each origin and set of options. */
export function rememberedWants(): (purpose: Purpose, stranger: boolean) => TokenRequirements {
  const remembered = new WeakMap<IgwnAuthOptions, Map<string, TokenRequirements>>()

  return (purpose, stranger) => {
    const { url, options, challengeScope } = purpose
    if (stranger || challengeScope) return wantedFor(purpose, stranger)
    const before = remembered.get(options)
    const known = before?.get(url.origin)
    if (known) return known

    const byOrigin = before ?? new Map<string, TokenRequirements>()
    if (byOrigin.size >= MAX_ORIGINS) byOrigin.clear()
    const want = wantedFor(purpose, stranger)
    byOrigin.set(url.origin, want)
    remembered.set(options, byOrigin)
    return want
  }
}

/** More servers than a program talks to; past it they are worked out afresh rather than kept for ever. */
const MAX_ORIGINS = 1000

/** The wanted token: the scopes of the challenge join those of the options; a stranger is judged by its own URL. */
export function wantedFor(
  { url, options, challengeScope = [] }: Purpose,
  stranger: boolean,
): TokenRequirements {
  const want = queryFor(url, stranger ? { ...options, tokenAudience: undefined } : options)
  if (challengeScope.length === 0) return want
  return { ...want, scope: [...new Set([...want.scope, ...challengeScope.flatMap(splitScopes)])] }
}
