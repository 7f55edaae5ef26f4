import { checkValues, flag, type Check } from '../check-values'
import { secondsNow, since } from '../clock'
import { processEnvironment } from '../environment'
import { isIgwnAuthError } from '../errors'
import { allowedScopes, DENIED_FOR, FLOW_OPTIONS } from '../oauth2/grants/renewing-grant'
import { isRefused } from '../oauth2/errors'
import { listOf, scopesOf } from '../tokens/requested-token'
import { deferredFinding } from '../tokens/describe-token'
import { SciToken } from '../tokens/scitoken'
import type { TokenQuery, TokenSource } from '../tokens/token'
import { tokenCache } from '../tokens/token-cache'
import { heldToken, type HeldToken } from '../tokens/token-response'
import { obtainAndWrite, withVault } from './log-in'
import { INTERACTIVE_OPTIONS, type InteractiveVaultOptions } from './options'

/** Options of {@link vaultToken}. */
export interface VaultTokenOptions extends InteractiveVaultOptions {
  /**
   * Exchange the token for one with the audience and the scopes of each query, in addition to the option `scopes`. Such tokens are
   * not written to a file. Default is false: all requests get the token of the options.
   */
  readonly exchange?: boolean | undefined
  /**
   * Scopes that are requested when a server names them in a 401 challenge: a list, where a scope includes those below its path, or
   * `true` for any. The token is used for such requests only, and no browser is used for it. Default is none.
   */
  readonly challengeScopes?: true | readonly string[] | undefined
  /**
   * Seconds before `minsecs` in which the held token is still returned while it is renewed in the background; never more than a
   * tenth of its lifetime. Default is 60.
   */
  readonly renewBefore?: number | undefined
}

/**
 * Tokens from a Vault server that holds refresh tokens (htvault-config), obtained as `htgettoken` does and kept in the same files, so
 * that both can be used in turn: with the Vault token of an earlier login, else with Kerberos, an SSH agent, or a browser if
 * `onPrompt` is given. A token is kept in memory until it has fewer than `minsecs` seconds left. A login that the user denied is not
 * started again for 60 seconds.
 *
 * Its `getToken` rejects with the errors of {@link logIn}; it returns undefined when a retry after a 401 would need a browser, or
 * when the query asks for another issuer.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 */
export function vaultToken(options: VaultTokenOptions = {}): TokenSource {
  const { exchange, challengeScopes, renewBefore, onPrompt, loginTimeout, ...own } = checkValues(
    options,
    VAULT_TOKEN_OPTIONS,
    'options',
  ) as VaultTokenOptions
  const scopes = listOf(own.scopes)
    .flatMap((scope) => scope.split(/[ ,]/))
    .filter(Boolean)
  let denial: { readonly error: unknown; readonly at: number } | undefined
  const cache = tokenCache({
    name: 'vaultToken',
    minTimeLeft: own.minsecs,
    renewBefore,
    keyOf: (query) => JSON.stringify(exchangeFor(query)),
    obtain,
  })

  return {
    getToken(query) {
      const held = cache.get(query)
      return held instanceof Promise ? held.then((one) => textFor(one, query)) : textFor(held, query)
    },
    invalidate(rejected) {
      cache.invalidate(rejected)
    },
    explain: (query) =>
      cache.explain(query, () => [
        deferredFinding(`vaultToken${own.vaultserver === undefined ? '' : ` at ${own.vaultserver}`}`),
      ]),
  }

  /** The scopes and audience that replace those of the options; undefined if there are none. */
  function exchangeFor(query: TokenQuery) {
    const challenged = allowedScopes(query, { challengeScopes })
    const wanted = [...new Set([...scopes, ...(exchange ? scopesOf(query.scope) : []), ...challenged])]
    const [audience] = exchange && own.audience === undefined ? listOf(query.audience) : []
    if (wanted.length === scopes.length && audience === undefined) return undefined
    return {
      ...(wanted.length > 0 && { scopes: wanted.sort() }),
      ...(audience !== undefined && { audience }),
    }
  }

  async function obtain(query: TokenQuery): Promise<HeldToken | undefined> {
    const isRetry = query.isRetry ?? (query.challengeScope ?? []).length > 0
    const exchanged = exchangeFor(query)
    if (denial && since(denial.at) < DENIED_FOR) throw denial.error
    const minsecs = Math.max(own.minsecs ?? 60, query.minTimeLeft ?? 0)
    const wanted = { ...own, minsecs, ...(exchanged && { ...exchanged, outfile: false as const }) }
    const mode = { onPrompt: isRetry ? undefined : onPrompt, loginTimeout }
    try {
      const { bearer } = await withVault(wanted, processEnvironment, (server, settings) =>
        obtainAndWrite(server, settings, mode),
      )
      return bearer && heldToken(bearer)
    } catch (error) {
      if (isRefused(error, 'access_denied')) denial = { error, at: secondsNow() }
      const isOnlyForRetry =
        isRefused(error, 'invalid_scope') ||
        (isIgwnAuthError(error) && error.code === 'ERR_IGWN_TOKEN_NOT_FOUND')
      // The 401 remains.
      if (isRetry && isOnlyForRetry) return undefined
      throw error
    }
  }
}

/** Undefined for a token of another issuer than the query asks for. */
function textFor(held: HeldToken | undefined, { issuer }: TokenQuery): string | undefined {
  const wanted = listOf(issuer)
  if (!held || wanted.length === 0) return held?.text
  const own = SciToken.read(held.text)?.issuer
  return own === undefined || wanted.includes(own) ? held.text : undefined
}

const VAULT_TOKEN_OPTIONS: Record<keyof VaultTokenOptions, Check> = {
  ...INTERACTIVE_OPTIONS,
  exchange: flag,
  challengeScopes: FLOW_OPTIONS.challengeScopes,
  renewBefore: FLOW_OPTIONS.renewBefore,
}
