import { tokenOf } from '../../tokens/token-response'
import { nonEmptyText } from '../../check-values'
import { IgwnAuthError } from '../../errors'
import { isTokenSource } from '../../options'
import { type Token, type TokenQuery, type TokenSource } from '../../tokens/token'
import { authorizationServer } from '../server/authorization-server'
import type { OAuthClient } from '../client'
import { forExchange } from '../presets'
import { isRefused } from '../errors'
import { fingerprint } from './refresh-token'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { parametersFor, requestToken } from '../server/token-request'

/** A token, or a source or function that returns one. */
export type TokenInput = Token | TokenSource | (() => Token | undefined | Promise<Token | undefined>)

export interface TokenExchangeOptions extends FlowOptions {
  /**
   * The token to exchange: the new token acts for its subject. It must always belong to the same user or service; make a source for
   * each.
   */
  readonly subject: TokenInput
  /** Its type (RFC 8693 section 3): `access_token`, `id_token`, `jwt` or another short name, or a URI. Default: `access_token`. */
  readonly subjectTokenType?: string | undefined
  /** The token of the party that acts for the subject. Default: none. */
  readonly actor?: TokenInput | undefined
  /** Its type. Default: `access_token`. */
  readonly actorTokenType?: string | undefined
  /** The type of the new token. Default: chosen by the server. */
  readonly requestedTokenType?: string | undefined
}

/**
 * Tokens in exchange for other tokens (RFC 8693), for a service that acts for its caller, or to restrict a token to one service.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client or option
 */
export function tokenExchange(client: OAuthClient, options: TokenExchangeOptions): OAuthTokenSource {
  const checked = checkFlow(options, {
    subject: tokenInput,
    subjectTokenType: nonEmptyText,
    actor: tokenInput,
    actorTokenType: nonEmptyText,
    requestedTokenType: nonEmptyText,
  })
  const { subject, subjectTokenType, actor, actorTokenType, requestedTokenType, params, signal } = checked
  if (checked.store && checked.storeKey === undefined && typeof subject !== 'string')
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options.store needs options.storeKey, a key for this subject, so that users do not share tokens.',
    )
  const server = authorizationServer(forExchange(client))

  return renewing(
    server,
    {
      name: 'tokenExchange',
      identity: typeof subject === 'string' ? [fingerprint(subject)] : [],
      mayBeForElsewhere: requestedTokenType !== undefined,
      async obtain(requested) {
        const query = { scope: [], minTimeLeft: 0 }
        const subjectToken = await textOf(subject, query, 'options.subject')
        const actorToken = actor === undefined ? undefined : await textOf(actor, query, 'options.actor')
        const parameters = parametersFor(requested, server.client, {
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
          return await requestToken(server, { audience: requested.audience[0], signal }, ({ oc, config }) =>
            oc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', parameters),
          )
        } catch (error) {
          // The next exchange needs another subject token.
          if (isRefused(error, 'invalid_grant', 'invalid_request', 'invalid_token') && isTokenSource(subject))
            subject.invalidate?.(subjectToken)
          throw error
        }
      },
    },
    checked,
  )
}

function tokenType(name = 'access_token'): string {
  return name.includes(':') ? name : `urn:ietf:params:oauth:token-type:${name}`
}

async function textOf(token: TokenInput, query: TokenQuery, owner: string): Promise<string> {
  const found = await (typeof token === 'function'
    ? token()
    : isTokenSource(token)
      ? token.getToken(query)
      : token)
  if (found !== undefined) return tokenOf(found, owner).text
  throw new IgwnAuthError('ERR_IGWN_TOKEN_NOT_FOUND', `${owner} has no token. Nothing was exchanged.`)
}

function tokenInput(value: unknown): string | undefined {
  return typeof value === 'function' || (typeof value === 'object' && value !== null)
    ? undefined
    : nonEmptyText(value)
}
