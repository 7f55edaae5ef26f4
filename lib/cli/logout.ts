import fs from 'node:fs'
import { rm } from 'node:fs/promises'
import { processEnvironment } from '../environment'
import { IgwnAuthError } from '../errors'
import { entryProblem } from '../files/access'
import { webLogin } from '../oauth2/web-login'
import { pathName, printable } from '../secrets/sanitize'
import type { TokenStore } from '../stores/token-store'
import { abortOnSignal, asCommandError, CommandError, EXIT, fileError } from './errors'
import { useTrustFlags, type TrustFlags } from './flags'
import { json } from './format'
import { tokenFileOf } from './login'
import { clientOf } from './login-client'
import { forgetLogin, loginFile, loginStore, savedLogin, type SavedLogin } from './saved-logins'
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
      const saved = await savedLogin(store, file)
      let removed: readonly string[] = []
      let failure: unknown
      try {
        if (saved) removed = await revoke(saved, store, signal)
      } catch (error) {
        failure = error
      }
      if (signal.aborted) throw signal.reason
      if (await remove(file)) removed = [pathName(file), ...removed]
      if (saved) {
        await forgetLogin(store, file)
        removed = [...removed, `the login in ${pathName(loginFile())}`]
      }
      const issuer = saved && (saved.login.vault ?? saved.login.issuer)
      if (failure !== undefined) throw notRevoked(failure, issuer ?? '', removed)
      process.stdout.write(`${textOf({ issuer, removed }, flags)}\n`)
      return EXIT.ok
    } catch (error) {
      throw signal.aborted ? signal.reason : asCommandError(error)
    }
  })
}

/** Returns the files that were removed. */
async function revoke(saved: SavedLogin, store: TokenStore, signal: AbortSignal): Promise<readonly string[]> {
  if (saved.login.vault !== undefined) return revokeInVault(saved.login, signal)
  const { client } = await clientOf(saved.login, store, signal)
  await webLogin(client).revoke(saved, { signal })
  return []
}

/** Removes the file of the token; not one that another user put into a folder that others can write to. */
async function remove(file: string): Promise<boolean> {
  if (!fs.lstatSync(file, { throwIfNoEntry: false })) return false
  const problem = entryProblem(file, processEnvironment.euid)
  if (problem) throw new CommandError(EXIT.unwritable, `${pathName(file)} ${problem.what}`)
  try {
    await rm(file)
    return true
  } catch (error) {
    throw fileError(EXIT.unwritable, pathName(file), error)
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

function textOf(
  { issuer, removed }: { issuer: string | undefined; removed: readonly string[] },
  { json: isJson }: LogoutFlags,
): string {
  if (isJson) return json({ issuer, removed })
  if (issuer !== undefined) return `Logged out of ${printable(issuer)}. Removed ${removed.join(' and ')}.`
  return removed.length > 0
    ? `Removed ${removed.join(' and ')}. igwn-auth did not log in for it, so nothing was revoked.`
    : 'Nothing to log out of.'
}
