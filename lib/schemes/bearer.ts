import { clearText, isClearText, readableOnTheWay } from '../request/insecure-transport'
import type { Credentials, Purpose } from '../request/context'
import type { Reason } from '../errors'
import { findVerified, tokenNotFound } from '../tokens/find-sci-token'
import { refusedByServer, type TokenRequirements } from '../tokens/validate-claims'
import { tokenChoice } from '../options'
import { SciToken } from '../tokens/scitoken'
import { isNotFound } from '../tokens/chain'
import { discovery, type Discovery } from '../tokens/discovery'
import type { Environment } from '../environment'
import { isPromise, tokenText, type Token, type TokenSource } from '../tokens/token'
import { isStranger, rememberedWants } from '../request/token-requirements'

/** When and where tokens are looked for, apart from the options. */
export interface Habits {
  /** Send nothing before the server asks for it. Default is false: XRootD and others never ask. */
  readonly waitForChallenge?: boolean
  /** After a token that was given is refused, look for one on the machine. Default is false. */
  readonly searchWhenRefused?: boolean
}

/**
 * The Bearer scheme (RFC 6750): a token as the options say, unless it would be sent in clear or to a stranger. Gives a
 * promise only where there is something to wait for.
 */
export function bearer({ waitForChallenge, searchWhenRefused }: Habits, environment: Environment) {
  const look = discovery(environment)
  const wantedFor = rememberedWants()
  const made = new WeakMap<Discovery, Credentials>()

  return (purpose: Purpose): Credentials | Promise<Credentials> => {
    const { url, options, astray, refused } = purpose
    if (waitForChallenge && !refused) return { reasons: [] }
    if (options.withholdToken) return none('disabled', 'The token is withheld from this request')
    const choice = tokenChoice(searchWhenRefused && refused ? undefined : options.token, environment)
    if (choice.kind === 'never') return none('disabled', 'Tokens are switched off for this request')
    const search = choice.kind === 'discover'
    const required = search && choice.required && !astray

    if (isClearText(url, purpose.request.proxy) && !options.allowInsecureHttp) {
      const message = readableOnTheWay(url, 'a token')
      if (astray || (search && !required)) return none('insecure-transport', message)
      throw clearText(message)
    }
    const stranger = isStranger(purpose)
    if (!search && stranger)
      return none('not-needed', `The token given is for another server than ${url.host}`)
    switch (choice.kind) {
      case 'discover':
        return discovered(purpose, wantedFor(purpose, stranger), required)
      case 'given':
        return given(choice.text, purpose, 'the token option')
      case 'source':
        return fromSource(choice.source, wantedFor(purpose, stranger), purpose)
    }
  }

  function discovered(
    { options: { strict, verify }, refused }: Purpose,
    want: TokenRequirements,
    required: boolean,
  ): Credentials | Promise<Credentials> {
    const passOver = refused?.token === undefined ? undefined : refusedBefore(refused.token)
    const judge = (discovery: Discovery): Credentials => {
      if (required && !discovery.token) throw tokenNotFound(want, discovery.reasons)
      // As long as nothing has changed, a look gives the same object.
      const credentials = made.get(discovery) ?? credentialsOf(discovery)
      made.set(discovery, credentials)
      return credentials
    }
    if (!verify) return judge(look(want, { strict, passOver }))
    return findVerified(look, want, { strict, verify, passOver }).then(judge)
  }
}

function fromSource(
  source: TokenSource,
  want: TokenRequirements,
  purpose: Purpose,
): Credentials | Promise<Credentials> {
  const { refused } = purpose
  if (refused?.token !== undefined) source.invalidate?.(refused.token)
  const judge = (token: Token | undefined): Credentials =>
    token === undefined
      ? none('absent', 'The token source has no token')
      : given(tokenText(token, 'what the token source gave'), purpose, sourceOf(token))
  const token = source.getToken(want)
  return isPromise(token) ? token.then(judge, absent) : judge(token)
}

/** A source that says it has no token leaves the request without; one that is broken stops it. */
function absent(error: unknown): Credentials {
  if (isNotFound(error)) return { reasons: error.reasons }
  throw error
}

function credentialsOf({ token, reasons }: Discovery): Credentials {
  return token ? { ...attached(token.serialize(), token.source), found: token, reasons } : { reasons }
}

function sourceOf(token: Token): string {
  return (token instanceof SciToken ? token.source : undefined) ?? 'the token source'
}

function given(text: string, { refused }: Purpose, source: string): Credentials {
  return text === refused?.token
    ? { reasons: [refusedByServer()] }
    : { ...attached(text, source), reasons: [] }
}

function attached(text: string, source?: string): Pick<Credentials, 'authorization' | 'token' | 'source'> {
  return { authorization: `Bearer ${text}`, token: text, source }
}

function refusedBefore(text: string) {
  return (token: SciToken): Reason | undefined =>
    token.serialize() === text ? refusedByServer(token.source) : undefined
}

function none(code: Reason['code'], message: string): Credentials {
  return { reasons: [{ code, source: 'token', message }] }
}
