import type { AxiosRequestConfig } from 'axios'
import { isClearText } from './clear-text'
import { IgwnAuthError, type Reason } from './errors'
import { findVerified, tokenNotFound } from './find-sci-token'
import { splitScopes } from './formats/scopes'
import type { Wanted } from './judge-token'
import { queryFor, tokenChoice, type IgwnAuthOptions } from './options'
import { discovery, type Discovery } from './sources/discovered'
import { here, type Surroundings } from './surroundings'
import { tokenText, type Token, type TokenSource } from './token'

/** What goes on a request, and what does not and why. */
export interface Credentials {
  /** The value for `Authorization`; a secret. */
  readonly authorization?: string
  /** The bearer token in it, which a server may refuse; a secret. */
  readonly token?: string
  /** Gave the token, and hears of it when it is refused. */
  readonly source?: TokenSource
  readonly reasons: readonly Reason[]
}

/** What is known of a request when its credentials are looked for. */
export interface Purpose {
  readonly url: URL
  readonly options: IgwnAuthOptions
  readonly proxy: AxiosRequestConfig['proxy']
  /** The request left the origin it was made for: what was given for that origin stays behind. */
  readonly astray?: boolean
  /** The server refused these credentials: others are wanted. */
  readonly refused?: Credentials
  /** Scopes that the server asks for in its challenge (RFC 6750 section 3). */
  readonly challengeScope?: readonly string[]
}

/** Finds what goes on a request. Gives a promise only where there is something to wait for. */
export type FindCredentials = (purpose: Purpose) => Credentials | Promise<Credentials>

const NONE: Credentials = { reasons: [] }

/** Which credentials go on a request: a token as the options say, unless it would be sent in clear or to a stranger. */
export function credentialFinder(surroundings: Surroundings = here): FindCredentials {
  const look = discovery(surroundings)

  return (purpose) => {
    const { options } = purpose
    if (options.forceNoAuth) return NONE
    const found = findToken(purpose)
    return isPromise(found)
      ? found.then((credentials) => demanded(credentials, purpose))
      : demanded(found, purpose)
  }

  function findToken(purpose: Purpose): Credentials | Promise<Credentials> {
    const { url, options } = purpose
    const choice = tokenChoice(options.token, surroundings)
    if (choice.kind === 'never') return none('disabled', 'token', 'Tokens are switched off for this request')
    const discover = choice.kind === 'discover'
    const required = choice.kind === 'discover' && choice.required && !purpose.astray
    if (isClearText(url, purpose.proxy) && !options.allowInsecureHttp) {
      const message = `${url.host} is reached over clear-text http, where everybody on the way can read a token`
      if ((discover && !required) || purpose.astray) return none('clear-text', url.origin, message)
      throw new IgwnAuthError(
        'ERR_IGWN_CLEAR_TEXT',
        `${message}. Use https; or set allowInsecureHttp where nobody listens. Nothing was sent.`,
      )
    }
    const stranger = purpose.astray === true || isStranger(url, options.url)
    if (!discover && stranger)
      return none('not-needed', 'token', `The token given is for another server than ${url.host}`)
    const query = queryOf(purpose, stranger)
    switch (choice.kind) {
      case 'discover':
        return discovered(purpose, query, required)
      case 'given':
        return attached(choice.text, purpose)
      case 'source':
        return fromSource(choice.source, query, purpose)
    }
  }

  function discovered(
    { options, refused }: Purpose,
    query: Wanted,
    required: boolean,
  ): Credentials | Promise<Credentials> {
    const { strict, verify } = options
    const passOver = refused?.token === undefined ? undefined : refusedBefore(refused.token)
    const judge = ({ token, reasons }: Discovery): Credentials => {
      if (token) return { ...bearer(token.serialize()), reasons }
      if (required) throw tokenNotFound(query, reasons)
      return { reasons }
    }
    return verify
      ? findVerified(look, query, { strict, verify, passOver }).then(judge)
      : judge(look(query, { strict, passOver }))
  }
}

/** The wanted token: the scopes of the challenge join those of the options; a stranger is judged by its own URL. */
function queryOf({ url, options, challengeScope = [] }: Purpose, stranger: boolean): Wanted {
  const query = queryFor(url, stranger ? { ...options, tokenAudience: undefined } : options)
  return challengeScope.length === 0
    ? query
    : { ...query, scope: [...new Set([...query.scope, ...challengeScope.flatMap(splitScopes)])] }
}

/** Whether a URL is not of the service that the options are for. */
function isStranger(url: URL, service: string | undefined): boolean {
  return service !== undefined && new URL(service).hostname !== url.hostname
}

function fromSource(
  source: TokenSource,
  query: Wanted,
  purpose: Purpose,
): Credentials | Promise<Credentials> {
  const { refused } = purpose
  if (refused?.token !== undefined) source.invalidate?.(refused.token)
  const judge = (token: Token | undefined): Credentials =>
    token === undefined
      ? none('absent', 'token', 'The token source has no token')
      : { ...attached(tokenText(token, 'what the token source gave'), purpose), source }
  const token = source.getToken(query)
  return isPromise(token) ? token.then(judge) : judge(token)
}

function attached(text: string, { refused }: Purpose): Credentials {
  return text === refused?.token ? { reasons: [refusedAgain('the token')] } : { ...bearer(text), reasons: [] }
}

function bearer(text: string): Pick<Credentials, 'authorization' | 'token'> {
  return { authorization: `Bearer ${text}`, token: text }
}

function refusedBefore(text: string) {
  return (token: { serialize(): string; source: string | undefined }): Reason | undefined =>
    token.serialize() === text ? refusedAgain(token.source ?? 'the token') : undefined
}

function refusedAgain(source: string): Reason {
  return { code: 'refused', source, message: `${source} was refused by the server` }
}

function none(code: Reason['code'], source: string, message: string): Credentials {
  return { reasons: [{ code, source, message }] }
}

/** `failIfNoAuth`: the request does not set out without a credential. */
function demanded(credentials: Credentials, { url, options, astray }: Purpose): Credentials {
  // Whoever redirects the request may lead it to where none is wanted, as to a signed URL.
  if (!options.failIfNoAuth || astray || credentials.authorization !== undefined) return credentials
  const { reasons } = credentials
  throw new IgwnAuthError(
    'ERR_IGWN_NO_CREDENTIAL',
    `No credential for ${url.origin}, and failIfNoAuth says to send nothing without one. ${reasons.map(({ message }) => `${message}.`).join(' ')}`,
    { reasons },
  )
}

export function isPromise<T>(value: T | PromiseLike<T>): value is Promise<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function'
}
