import path from 'node:path'
import { homeOf, processEnvironment, variable } from '../environment'
import { lockableStore, type LockableStore } from '../stores/file-store'
import { pathName } from '../secrets/sanitize'
import type { StoredToken, TokenStore } from '../stores/token-store'
import { CommandError, EXIT } from './errors'

/** What `igwn-auth login` was given: enough to renew the token, and to log out. */
export interface LoginSettings {
  /** URL of an authorization server; with `vault`, the name of the issuer there. */
  readonly issuer?: string | undefined
  /** A Vault server that keeps the refresh token. */
  readonly vault?: string | undefined
  /** The role there. */
  readonly role?: string | undefined
  readonly preset?: string | undefined
  /** Absent when the client registered itself. */
  readonly clientId?: string | undefined
  readonly scope: readonly string[]
  readonly audience: readonly string[]
}

/** A login as the store keeps it: the last token response, and what it was made with. */
export interface SavedLogin extends StoredToken {
  readonly login: LoginSettings
}

/** Where logins are kept: a file of mode 0600 in a folder of mode 0700. */
export function loginFile(): string {
  const { env } = processEnvironment
  const home = homeOf(env)
  const folder = variable(env, 'XDG_STATE_HOME') ?? (home === undefined ? undefined : `${home}/.local/state`)
  if (folder !== undefined) return path.join(folder, 'igwn-auth', 'logins.json')
  throw new CommandError(EXIT.unwritable, 'this user has no home folder, in which logins are kept', {
    fixes: ['set XDG_STATE_HOME to a folder of your own'],
  })
}

export function loginStore(): LockableStore {
  return lockableStore(loginFile())
}

/** Runs work while no other process logs in or out with this file. */
export function withLogin<T>(
  store: LockableStore,
  tokenFile: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const onWait = () => {
    process.stderr.write(
      `igwn-auth: waiting for another igwn-auth that logs in or out with ${pathName(tokenFile)}\n`,
    )
  }
  return store.lock(keyOf(tokenFile), work, { signal, onWait })
}

/** The login whose token is in a file. */
export async function savedLogin(store: TokenStore, tokenFile: string): Promise<SavedLogin | undefined> {
  const saved = await store.get(keyOf(tokenFile))
  return isSettings(saved?.login) ? (saved as SavedLogin) : undefined
}

/** A user may have edited the file. */
function isSettings(value: unknown): value is LoginSettings {
  if (typeof value !== 'object' || value === null) return false
  const { scope, audience, ...texts } = value as Record<string, unknown>
  return (
    [scope, audience].every((list) => Array.isArray(list) && list.every(isText)) &&
    Object.values(texts).every((one) => one === undefined || isText(one))
  )
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

export async function forgetLogin(store: TokenStore, tokenFile: string): Promise<void> {
  await store.delete(keyOf(tokenFile))
}

/** Keeps what a login was made with, where another program keeps its refresh token. */
export async function saveSettings(
  store: TokenStore,
  tokenFile: string,
  login: LoginSettings,
): Promise<void> {
  await store.set(keyOf(tokenFile), { access_token: 'none', login })
}

/**
 * A store for one login, under the lock of {@link withLogin}, whatever the key: the refresh token and the access token are one entry, and the settings are added to it.
 *
 * @param isNew - do not use what is there
 */
export function storeOf(
  store: TokenStore,
  tokenFile: string,
  login: LoginSettings,
  isNew: boolean,
): TokenStore {
  const key = keyOf(tokenFile)
  let isIgnored = isNew
  const current = async () => {
    const saved = await savedLogin(store, tokenFile)
    return !isIgnored && saved && JSON.stringify(saved.login) === JSON.stringify(login) ? saved : undefined
  }
  return {
    get: current,
    async set(_, token) {
      // A grant stores its refresh token apart from the access token.
      const refreshToken = token.refresh_token ?? (await current())?.refresh_token
      const entry = { ...token, login, ...(refreshToken !== undefined && { refresh_token: refreshToken }) }
      await store.set(key, entry)
      isIgnored = false
    },
    delete: () => store.delete(key),
  }
}

function keyOf(tokenFile: string): string {
  return `login ${path.resolve(tokenFile)}`
}
