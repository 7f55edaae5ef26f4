import { tokenText, type Token, type TokenQuery, type TokenSource } from '../../tokens/token'
import { IgwnAuthError } from '../../errors'
import { authorizationServer } from '../server/authorization-server'
import { aText } from '../checks'
import type { OAuthClient } from '../client'
import { isRefused } from '../errors'
import { fingerprint } from './refresh-token'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { parametersFor, requestToken } from '../server/token-request'

/** A token that is given, or where it comes from. */
export type TokenInput = Token | TokenSource | (() => Token | undefined | Promise<Token | undefined>)

export interface TokenExchangeOptions extends FlowOptions {
  /**
   * The token that is exchanged: on whose behalf the new one is. It must always be of one and the same person or service; make
   * a source for each.
   */
  readonly subject: TokenInput
  /** What kind it is (RFC 8693 section 3): `access_token`, `id_token`, `jwt` and the like, or a URI. Default is `access_token`. */
  readonly subjectTokenType?: string | undefined
  /** The token of who acts for the subject. Default is none. */
  readonly actor?: TokenInput | undefined
  /** What kind that is. Default is `access_token`. */
  readonly actorTokenType?: string | undefined
  /** What kind the new token shall be. Default is for the server to say. */
  readonly requestedTokenType?: string | undefined
}

/**
 * Tokens in exchange for other tokens (RFC 8693): a service that acts for who called it, or one token for many made into one
 * for one service.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when client or options cannot be used
 */
export function tokenExchange(client: OAuthClient, options: TokenExchangeOptions): OAuthTokenSource {
  const { subject, subjectTokenType, actor, actorTokenType, requestedTokenType, params, signal } = checkFlow(
    options,
    {
      subject: given,
      subjectTokenType: aText,
      actor: given,
      actorTokenType: aText,
      requestedTokenType: aText,
    },
  )
  if (options.store && options.storeKey === undefined && typeof subject !== 'string')
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options.store needs options.storeKey: a name for whom the subject is, so that nobody gets what was exchanged for another.',
    )
  const server = authorizationServer(client)

  return renewing(
    server,
    {
      name: 'tokenExchange',
      identity: typeof subject === 'string' ? [fingerprint(subject)] : [],
      mayBeForElsewhere: requestedTokenType !== undefined,
      async obtain(want) {
        const query = { scope: [], minTimeLeft: 0 }
        const subjectToken = await textOf(subject, query, 'options.subject')
        const actorToken = actor === undefined ? undefined : await textOf(actor, query, 'options.actor')
        const parameters = parametersFor(want, server.client, {
          ...params,
          subject_token: subjectToken,
          subject_token_type: tokenType(subjectTokenType),
          ...(actorToken !== undefined && {
            actor_token: actorToken,
            actor_token_type: tokenType(actorTokenType),
          }),
          ...(requestedTokenType !== undefined && { requested_token_type: tokenType(requestedTokenType) }),
        })
        try {
          return await requestToken(server, { audience: want.audience[0], signal }, ({ oc, config }) =>
            oc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', parameters),
          )
        } catch (error) {
          // The next exchange should not be tried with the same one.
          if (isRefused(error, 'invalid_grant', 'invalid_request', 'invalid_token') && isSource(subject))
            subject.invalidate?.(subjectToken)
          throw error
        }
      },
    },
    options,
  )
}

function tokenType(name = 'access_token'): string {
  return name.includes(':') ? name : `urn:ietf:params:oauth:token-type:${name}`
}

async function textOf(token: TokenInput, query: TokenQuery, owner: string): Promise<string> {
  const found = await (typeof token === 'function'
    ? token()
    : isSource(token)
      ? token.getToken(query)
      : token)
  if (found !== undefined) return tokenText(found, owner)
  throw new IgwnAuthError('ERR_IGWN_TOKEN_NOT_FOUND', `${owner} has no token to exchange.`)
}

function isSource(token: unknown): token is TokenSource {
  return typeof (token as Partial<TokenSource> | null)?.getToken === 'function'
}

function given(value: unknown): string | undefined {
  return typeof value === 'function' || (typeof value === 'object' && value !== null)
    ? undefined
    : aText(value)
}
