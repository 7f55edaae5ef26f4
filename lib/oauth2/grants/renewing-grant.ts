import { checkValues, seconds, textOrList, type Check } from '../../check-values'
import { IgwnAuthError } from '../../errors'
import { publish } from '../../events'
import { MIN_TIME_LEFT } from '../../tokens/validate-claims'
import { secondsNow } from '../../clock'
import type { StoredToken, TokenStore } from '../../stores/token-store'
import { kindOf, type TokenQuery, type TokenSource } from '../../tokens/token'
import type { AuthorizationServer } from '../server/authorization-server'
import { aFunction, anObject, aText } from '../checks'
import { isRefused } from '../errors'
import {
  refreshed,
  scopesOf,
  wantFor,
  type OAuthParameters,
  type Want,
  type ScopeAndAudience,
} from '../server/token-request'

/** What every flow can be told. */
export interface FlowOptions extends ScopeAndAudience {
  /** More parameters for the token request, by their names on the wire; they take the place of those of that name. Default is none. */
  readonly params?: OAuthParameters | undefined
  /** Seconds a held token must have left; with less it is waited for a new one. Default is 60. */
  readonly minTimeLeft?: number | undefined
  /**
   * Seconds before that in which the held token still serves while one renewal runs behind it; never more than a tenth of a
   * token's life. Default is 60.
   */
  readonly renewBefore?: number | undefined
  /**
   * Where tokens outlive this process and are shared with others; a renewal runs under its lock, so that of many processes
   * one asks the server, and a refresh token that is good once is used once. A store that fails is an error: to go on without
   * what it has would use such a token twice. What was got all the same is not lost over it. Default is none.
   */
  readonly store?: TokenStore | undefined
  /**
   * The name of these tokens in the store. Default is made of the flow, the issuer, the client and what tells one login from
   * another; where several people log in by one client, give each their own.
   */
  readonly storeKey?: string | undefined
  /** Called with each new token, and the one before it, once it is kept (Authlib: `update_token`). Default is nobody. */
  readonly onToken?:
    ((token: StoredToken, before: StoredToken | undefined) => void | Promise<void>) | undefined
  /** Ends what this source is waiting for, a person's login too. Default is nothing. */
  readonly signal?: AbortSignal | undefined
}

/** A source of tokens from an authorization server. It renews them by itself. */
export interface OAuthTokenSource extends TokenSource {
  /**
   * The access token for what is wanted; undefined where the query asks for another issuer.
   *
   * It rejects with {@link IgwnAuthError} `ERR_IGWN_OAUTH_REFUSED`, `ERR_IGWN_OAUTH_UNREACHABLE`, `ERR_IGWN_OAUTH_TIMEOUT`,
   * `ERR_IGWN_OAUTH_RESPONSE`, and `ERR_IGWN_INVALID_OPTION` for a token that is no Bearer token and needs a scheme of its own.
   */
  getToken(query: TokenQuery): string | undefined | Promise<string | undefined>
  /** The same with all that came with it: `id_token`, `scope`, `refresh_token`. Secret. */
  getTokenResponse(query?: TokenQuery): Promise<StoredToken>
  invalidate(rejected: string): void
}

/** A way of getting tokens from a server. */
export interface Grant {
  /** The name of its function: for events, and in the store. */
  readonly name: string
  /** What tells one login by this grant from another, besides server and client. Nothing secret: it may be a name of a file. */
  readonly identity?: readonly string[] | undefined
  /** Gets a token without a refresh token; absent where there is no other way than by one. */
  readonly obtain?: ((want: Want) => Promise<StoredToken>) | undefined
  /** The refresh token to begin with. */
  readonly refreshToken?: string | undefined
  /** The token may be for something else than a request with it, and so of type `N_A` (RFC 8693 section 2.2.1). */
  readonly mayBeForElsewhere?: boolean | undefined
  /** A person takes part: they are asked when there is no other way, not whenever a refresh is refused. */
  readonly isInteractive?: boolean | undefined
}

/**
 * Keeps the tokens of a grant, one for each want, and renews them: by refresh token where there is one, which serves all wants
 * and is in the store under a key of its own, else anew. Whoever comes meanwhile waits for that one. A failure is not
 * remembered, and of tokens that were refused only those are forgotten.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used
 */
export function renewing(server: AuthorizationServer, grant: Grant, options: FlowOptions): OAuthTokenSource {
  const { minTimeLeft = MIN_TIME_LEFT, renewBefore = 60, params, signal, store, onToken } = options
  const { client } = server
  const sessionKey = options.storeKey ?? nameOf(server, grant, options)
  const lock = store?.lock?.bind(store)
  const alone = lock ? <T>(work: () => Promise<T>) => lock(sessionKey, work) : inTurn()
  const slots = new Map<string, Slot>()
  // Requests to one server ask with one and the same query.
  let known = new WeakMap<TokenQuery, Slot>()
  /** What servers refused; a store may have it still. */
  const refused = new Set<string>()
  /** The login: the last answer with a refresh token. */
  let session: StoredToken | undefined
  /** Refresh tokens that are good no more, should the store have failed to keep what followed. */
  const spent = new Set<string | undefined>()

  return {
    getToken(query) {
      if (isForAnother(query)) return undefined
      const token = find(query)
      return token instanceof Promise ? token.then(textOf) : textOf(token)
    },
    async getTokenResponse(query = {}) {
      return find(query)
    },
    invalidate(rejected) {
      if (refused.size >= MAX_REFUSED) for (const oldest of [...refused].slice(0, 1)) refused.delete(oldest)
      refused.add(rejected)
    },
  }

  function isForAnother({ issuer = [] }: TokenQuery): boolean {
    const wanted = [issuer].flat()
    const mine = client.issuer ?? client.metadata?.issuer
    return mine !== undefined && wanted.length > 0 && !wanted.includes(mine)
  }

  function textOf({ access_token: text, token_type: type = 'Bearer' }: StoredToken): string {
    if (type === 'Bearer' || (type === 'N_A' && grant.mayBeForElsewhere)) return text
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `The token of ${server.name} is of type ${type}, and would be refused as a Bearer token. ${type === 'DPoP' ? 'Give the source to dpop(), and that as scheme.' : 'Use it where it is for.'}`,
    )
  }

  function find(query: TokenQuery): StoredToken | Promise<StoredToken> {
    const slot = slotOf(query)
    const enough = Math.max(minTimeLeft, query.minTimeLeft ?? 0)
    const { held } = slot
    if (!held || !willDo(held, enough)) return slot.pending ?? renewInto(slot, enough)
    const ahead = enough + Math.min(renewBefore, slot.life / 10)
    // Behind the back of whoever asks: when it fails, the next one who asks tries again.
    if (timeLeft(held) < ahead && !slot.pending) renewInto(slot, ahead).catch(() => undefined)
    return held
  }

  function willDo(token: StoredToken, least: number): boolean {
    return timeLeft(token) >= least && !refused.has(token.access_token)
  }

  function slotOf(query: TokenQuery): Slot {
    const before = known.get(query)
    if (before) return before
    const want = wantFor(query, options, client)
    const key = `${sessionKey} ${JSON.stringify([want.audience, [...want.scope].sort()])}`
    const slot = slots.get(key) ?? { key, want, life: Infinity }
    if (slots.size >= MAX_SLOTS) {
      slots.clear()
      known = new WeakMap()
    }
    slots.set(key, slot)
    known.set(query, slot)
    return slot
  }

  function renewInto(slot: Slot, least: number): Promise<StoredToken> {
    const pending = shared(slot, least).finally(() => {
      if (slot.pending === pending) delete slot.pending
    })
    slot.pending = pending
    return pending
  }

  /** A token of the store with so much time left; else a new one, got while nobody else gets one by the same login. */
  async function shared(slot: Slot, least: number): Promise<StoredToken> {
    const taken = await fromStore(slot, least)
    return taken ?? alone(async () => (await fromStore(slot, least)) ?? renewed(slot))
  }

  async function fromStore(slot: Slot, least: number): Promise<StoredToken | undefined> {
    const token = await store?.get(slot.key)
    return token && willDo(token, least) ? hold(slot, token) : undefined
  }

  async function renewed(slot: Slot): Promise<StoredToken> {
    const stored = await store?.get(sessionKey)
    const login = stored && !spent.has(stored.refresh_token) ? stored : session
    const before = slot.held ?? (await store?.get(slot.key)) ?? login
    const token = await got(slot.want, login?.refresh_token ?? grant.refreshToken)
    if (token.refresh_token !== login?.refresh_token) spent.add(login?.refresh_token)
    session = token.refresh_token === undefined ? undefined : token
    // A server that gives the refused one again stands by it.
    refused.delete(token.access_token)
    hold(slot, token)
    await keep(slot, token)
    publish({
      type: 'renewed',
      source: grant.name,
      ...(token.expires_at !== undefined && { expiresAt: token.expires_at }),
    })
    await onToken?.(token, before)
    return token
  }

  async function got(want: Want, refreshToken: string | undefined): Promise<StoredToken> {
    const { obtain } = grant
    if (refreshToken === undefined) {
      if (obtain) return obtain(want)
      throw new IgwnAuthError(
        'ERR_IGWN_TOKEN_NOT_FOUND',
        `There is no refresh token for ${server.name}: none was given, and the store has none under ${sessionKey}. Log in first.`,
      )
    }
    try {
      return await refreshed(server, refreshToken, beyondLogin(want), { others: params, signal })
    } catch (error) {
      // It has ended or was revoked; or it does not give what is wanted, and nobody need be asked for more.
      const isOver = grant.isInteractive ? isRefused(error, 'invalid_grant') : isRefused(error)
      if (!isOver || !obtain) throw error
      return obtain(want)
    }
  }

  /** Scopes are named only where more are wanted than at every login: without, a refresh gives what the login gave. */
  function beyondLogin(want: Want): Want {
    const usual = scopesOf(options.scope)
    return want.scope.some((scope) => !usual.includes(scope)) ? want : { ...want, scope: [] }
  }

  /** The login first: an access token that is lost can be had again. */
  async function keep(slot: Slot, token: StoredToken): Promise<void> {
    if (token.refresh_token !== undefined) await store?.set(sessionKey, token)
    // Got anew, since the refresh token there is good no more.
    else if (spent.size > 0) await store?.delete(sessionKey)
    spent.clear()
    await store?.set(slot.key, withoutRefreshToken(token))
  }
}

interface Slot {
  readonly key: string
  readonly want: Want
  held?: StoredToken
  /** Seconds the held token had when it came. */
  life: number
  pending?: Promise<StoredToken>
}

function hold(slot: Slot, token: StoredToken): StoredToken {
  slot.held = token
  slot.life = timeLeft(token)
  return token
}

/** Infinity for a token of which nobody said when it ends: it is kept until it is refused. */
function timeLeft({ expires_at: end = Infinity }: StoredToken): number {
  return end - secondsNow()
}

function withoutRefreshToken({ refresh_token: _, ...token }: StoredToken): StoredToken {
  return token
}

/** Lets work wait for what was begun before it. */
function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const done = last.then(work, work)
    last = done
    return done
  }
}

/**
 * The name of a login in a store: the same in every process that runs the same program. Each word is one whatever is in it, so
 * that who is called "alice read" gets nothing of alice's who asked for the scope `read`.
 */
function nameOf({ name, client }: AuthorizationServer, grant: Grant, { scope }: FlowOptions): string {
  const words = [grant.name, name, client.clientId ?? '', ...(grant.identity ?? []), ...scopesOf(scope)]
  return words.map((word) => word.replace(/[\s%]/g, encodeURIComponent)).join(' ')
}

/** More services than a program talks to. */
const MAX_SLOTS = 1000
/** Refused tokens expire and are never seen again. */
const MAX_REFUSED = 100

/** What every flow checks of its options; each adds its own. */
const CHECKS: Readonly<Record<keyof FlowOptions, Check>> = {
  scope: textOrList,
  audience: textOrList,
  params: anObject,
  minTimeLeft: seconds,
  renewBefore: seconds,
  store: (value) =>
    ['get', 'set', 'delete'].every(
      (name) => typeof (value as Record<string, unknown> | null)?.[name] === 'function',
    )
      ? undefined
      : `must be a token store, not ${kindOf(value)}`,
  storeKey: aText,
  onToken: aFunction,
  signal: (value) =>
    value instanceof AbortSignal ? undefined : `must be an AbortSignal, not ${kindOf(value)}`,
}

/**
 * Checks the options of a flow, name by name.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION`
 */
export function checkFlow<Options extends FlowOptions>(
  options: Options,
  own: Readonly<Record<Exclude<keyof Options, keyof FlowOptions>, Check>>,
): Options {
  return checkValues(options, { ...CHECKS, ...own }, 'options') as unknown as Options
}
