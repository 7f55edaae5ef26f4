import type { Environment } from '../environment'
import type { Reason } from '../errors'
import { isStillValid } from '../files/file-version'
import type { StepUp } from '../formats/www-authenticate'
import type { IgwnAuthOptions, TokenChoice } from '../options'
import { isNotFound } from '../tokens/chain'
import { discovery, type Discovery } from '../tokens/discovery'
import { findVerified, tokenNotFound } from '../tokens/find-sci-token'
import { SciToken } from '../tokens/scitoken'
import { isPromise, type Token, type TokenSource } from '../tokens/token'
import { tokenOf, type TokenResult } from '../tokens/token-response'
import { namesOrigin, refusedByServer, type TokenRequirements } from '../tokens/validate-claims'
import type { Credentials } from './credentials'

/** How a token is searched for a request. */
export interface BearerSearch {
  readonly requirements: TokenRequirements | undefined
  /** The scopes of the server's challenge. */
  readonly challengeScope: readonly string[] | undefined
  /** The login that it requires. */
  readonly stepUp: StepUp | undefined
  /** The token that the server refused; it is not sent again. Secret. */
  readonly refusedToken: string | undefined
  readonly isRequired: boolean
  /** After a redirect: the origin that a token has to name in `aud`. A token for any audience does not count there. */
  readonly mustName: URL | undefined
  readonly options: Pick<IgwnAuthOptions, 'strict' | 'verify'>
}

export type FindBearer = (
  choice: Exclude<TokenChoice, { kind: 'never' }>,
  search: BearerSearch,
) => Credentials | Promise<Credentials>

/**
 * The Bearer scheme (RFC 6750): a given token, one of a source, or one that is found. A promise only when something has to be
 * waited for.
 */
export function bearerFinder(environment: Environment): FindBearer {
  const discover = discovery(environment)

  return (choice, search) => {
    switch (choice.kind) {
      case 'given':
        return { ...given(choice.text, 'the token option', search.refusedToken), isCurrent: () => true }
      case 'source':
        return fromSource(choice.source, search)
      case 'discover':
        return discovered(search)
    }
  }

  function discovered({ requirements, refusedToken, isRequired, mustName, options }: BearerSearch) {
    const { strict, verify } = options
    const wanted = requirements as TokenRequirements
    const isFirst = refusedToken === undefined && !mustName
    const passOver = isFirst ? undefined : (token: SciToken) => skipReason(token, refusedToken, mustName)
    const finish = (found: Discovery): Credentials => {
      if (isRequired && !found.token) throw tokenNotFound(wanted, found.reasons)
      // A verified token is verified again.
      const state = verify ? undefined : found.state
      return { ...credentialsOf(found), isCurrent: state && (() => isStillValid(state, environment)) }
    }
    return verify
      ? findVerified(discover, wanted, { strict, verify, passOver }).then(finish)
      : finish(discover(wanted, { strict, passOver }))
  }
}

function credentialsOf({ token, reasons }: Discovery): Credentials {
  if (!token) return { reasons }
  const text = token.serialize()
  return { authorization: `Bearer ${text}`, token: text, source: token.source, found: token, reasons }
}

function skipReason(
  token: SciToken,
  refusedToken: string | undefined,
  mustName: URL | undefined,
): Reason | undefined {
  if (token.serialize() === refusedToken) return refusedByServer(token.source)
  if (!mustName || namesOrigin(token, mustName)) return undefined
  const source = token.source ?? 'a token'
  return {
    code: 'audience',
    source,
    claim: 'aud',
    expected: mustName.origin,
    actual: token.audience,
    message: `${source} does not name ${mustName.origin} in its audience, so it is not sent there after a redirect; list both origins in trustedOrigins if they are one service`,
  }
}

function fromSource(source: TokenSource, search: BearerSearch): Credentials | Promise<Credentials> {
  const { requirements, challengeScope, stepUp, refusedToken } = search
  if (refusedToken !== undefined) source.invalidate?.(refusedToken)
  const take = (result: TokenResult | undefined): Credentials => {
    if (result === undefined)
      return { reasons: [{ code: 'absent', source: 'token', message: 'the token source has no token' }] }
    const { token, text } = tokenOf(result, 'what the token source returned')
    return given(text, sourceName(token), refusedToken)
  }
  const isRetry = refusedToken !== undefined || challengeScope !== undefined
  const query = isRetry
    ? { ...requirements, challengeScope, ...(stepUp && { stepUp }), isRetry }
    : (requirements ?? {})
  const token = source.getToken(query)
  return isPromise(token) ? token.then(take, withoutToken) : take(token)
}

/** A source that reports that it has no token sends the request without one; a broken source stops it. */
function withoutToken(error: unknown): Credentials {
  if (isNotFound(error)) return { reasons: error.reasons }
  throw error
}

function sourceName(token: Token): string {
  return (token instanceof SciToken ? token.source : undefined) ?? 'the token source'
}

function given(text: string, source: string, refusedToken: string | undefined): Credentials {
  if (text === refusedToken) return { reasons: [refusedByServer()] }
  return { authorization: `Bearer ${text}`, token: text, source, reasons: [] }
}
