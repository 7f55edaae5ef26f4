import { IgwnAuthError } from '../errors'
import { failureText, removeTextFile } from '../files/write-file'
import { webLogin } from '../oauth2/web-login'
import { pathName, printable } from '../secrets/sanitize'
import type { TokenStore } from '../stores/token-store'
import { abortOnSignal, asCommandError, CommandError, EXIT } from './errors'
import { useTrustFlags, type TrustFlags } from './flags'
import { json } from './format'
import { tokenFileOf } from './login'
import { clientOf } from './login-client'
import { forgetLogin, loginFile, loginStore, savedLogin, withLogin, type SavedLogin } from './saved-logins'
import { revokeInVault } from './vault-login'

export interface LogoutFlags extends TrustFlags {
  readonly output?: string
  readonly json?: boolean
}

/**
 * `igwn-auth logout`: revokes the tokens of a login (RFC 7009) and removes them from this host. They are removed also when the server
 * does not revoke them.
 */
export async function logoutCommand(flags: LogoutFlags): Promise<number> {
  useTrustFlags(flags)
  const file = tokenFileOf(flags)
  const store = loginStore()
  return abortOnSignal(async (signal) => {
    try {
      // A renewal that runs now would bring back what is removed.
      const done = await withLogin(store, file, signal, () => logOut(store, file, signal))
      process.stdout.write(`${textOf(done, flags)}\n`)
      return EXIT.ok
    } catch (error) {
      throw signal.aborted ? signal.reason : asCommandError(error)
    }
  })
}

interface Done {
  /** The server; undefined if igwn-auth did not log in. */
  readonly issuer: string | undefined
  /** For people. */
  readonly removed: readonly string[]
  /** Whether the server revoked all tokens of the login; undefined without one. */
  readonly revoked: boolean | undefined
}

/** The login is forgotten whatever happens to the server and to the file; then both are reported. */
async function logOut(store: TokenStore, file: string, signal: AbortSignal): Promise<Done> {
  const saved = await savedLogin(store, file)
  const removed: string[] = []
  let revoked: boolean | undefined
  let failure: unknown
  try {
    if (saved) {
      const done = await revoke(saved, store, signal)
      removed.push(...done.removed)
      revoked = done.revoked
    }
  } catch (error) {
    failure = error
  }
  if (signal.aborted) throw signal.reason
  const result = await remove(file)
  if (result === true) removed.unshift(pathName(file))
  if (saved) {
    await forgetLogin(store, file)
    removed.push(`the login in ${pathName(loginFile())}`)
  }
  const issuer = saved && (saved.login.vault ?? saved.login.issuer ?? '')
  if (failure !== undefined) {
    const error = notRevoked(failure, issuer ?? '', removed)
    throw typeof result === 'boolean' ? error : error.addLines(result.message)
  }
  if (typeof result === 'boolean') return { issuer, removed, revoked }
  result.details = { data: { removed } }
  throw removed.length > 0 ? result.addLines(`Removed ${removed.join(' and ')}.`) : result
}

/** `removed` has the files that were removed. */
async function revoke(
  saved: SavedLogin,
  store: TokenStore,
  signal: AbortSignal,
): Promise<{ readonly removed: readonly string[]; readonly revoked: boolean }> {
  if (saved.login.vault !== undefined) return revokeInVault(saved.login, signal)
  const { client } = await clientOf(saved.login, store, signal)
  await webLogin(client).revoke(saved, { signal })
  return { removed: [], revoked: true }
}

/** Removes the file of the token. Returns whether there was one, or why it stays. */
async function remove(file: string): Promise<boolean | CommandError> {
  try {
    return await removeTextFile(file)
  } catch (error) {
    const name = pathName(file)
    return new CommandError(EXIT.unwritable, `${name} ${failureText(error, 'removed')}`)
  }
}

function notRevoked(error: unknown, issuer: string, removed: readonly string[]): CommandError {
  if (!(error instanceof IgwnAuthError)) throw error
  const { exitCode } = asCommandError(error) as CommandError
  return new CommandError(
    exitCode,
    `the login at ${printable(issuer)} was removed from this host, but not revoked`,
    {
      lines: [error.message, 'Its tokens can be used until they expire.'],
      data: { removed },
    },
  )
}

function textOf({ issuer, removed, revoked }: Done, { json: isJson }: LogoutFlags): string {
  if (isJson) return json({ issuer, removed, revoked })
  if (issuer !== undefined) {
    const rest = revoked ? '' : ' Its Vault token was not revoked: it can be used until it expires.'
    return `Logged out of ${printable(issuer)}. Removed ${removed.join(' and ')}.${rest}`
  }
  return removed.length > 0
    ? `Removed ${removed.join(' and ')}. igwn-auth did not log in for it, so nothing was revoked.`
    : 'Nothing to log out of.'
}
