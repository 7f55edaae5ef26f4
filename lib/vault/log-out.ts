import { checkValues, flag, type Check } from '../check-values'
import { processEnvironment, variable } from '../environment'
import { IgwnAuthError } from '../errors'
import { OAuthError, refusalOf } from '../oauth2/errors'
import { readLine, removeFile } from './files'
import { withVault } from './log-in'
import { logInCommand } from './obtain'
import { VAULT_OPTIONS, type VaultOptions } from './options'
import type { VaultServer } from './server'
import type { Settings } from './settings'

/** Options of {@link logOut}. */
export interface LogOutOptions extends VaultOptions {
  /** Remove the files only: a later login with Kerberos or an SSH key needs no browser. Default is false. */
  readonly keepRefreshToken?: boolean | undefined
}

/** The result of {@link logOut}. */
export interface VaultLogout {
  /** The URL of the secret with the refresh token that was deleted; undefined if none was. */
  readonly deleted: string | undefined
  /** Whether the Vault token was revoked. If not, it can be used until it expires; its policies may not allow to revoke it. */
  readonly revoked: boolean
  /** The files that were removed. */
  readonly removed: readonly string[]
}

/**
 * Logs out as `htdestroytoken -f` does: deletes the refresh token in Vault with the Vault token, then removes the files of both
 * tokens. Also revokes the Vault token (`auth/token/revoke-self`), which `htdestroytoken` leaves valid. `VAULT_TOKEN_FILE` names the
 * file of the Vault token too. Without such a file nothing is sent.
 *
 * It rejects with the errors of {@link logIn} if the server fails; the files stay then.
 */
export async function logOut(options: LogOutOptions): Promise<VaultLogout> {
  const { keepRefreshToken, ...own } = checkValues(options, LOG_OUT_OPTIONS, 'options') as LogOutOptions
  const vaulttokenfile = own.vaulttokenfile ?? variable(processEnvironment.env, 'VAULT_TOKEN_FILE')
  const all = { ...own, ...(vaulttokenfile !== undefined && { vaulttokenfile }) }
  return withVault(all, processEnvironment, async (server, settings) => {
    const deleted = keepRefreshToken ? undefined : await deleteRefreshToken(server, settings)
    const revoked = deleted !== undefined && (await revokeVaultToken(server, settings))
    const removed: string[] = []
    for (const file of [settings.outfile, settings.vaultTokenFile])
      if (file !== undefined && (await removeFile(file))) removed.push(file)
    return { deleted, revoked, removed }
  })
}

const LOG_OUT_OPTIONS: Record<keyof LogOutOptions, Check> = { ...VAULT_OPTIONS, keepRefreshToken: flag }

async function deleteRefreshToken(server: VaultServer, settings: Settings): Promise<string | undefined> {
  const found = readLine(settings.vaultTokenFile)
  if ('code' in found && found.code === 'absent') return undefined
  const known = settings.credkey === undefined ? readLine(settings.credkeyFile) : { text: settings.credkey }
  for (const one of [found, known])
    if ('code' in one)
      throw new IgwnAuthError(
        'ERR_IGWN_TOKEN_NOT_FOUND',
        `The refresh token cannot be deleted: ${one.message}. Set options.keepRefreshToken to remove the files only.`,
        { reasons: [one] },
      )
  const { text: vaultToken } = found as { text: string }
  const path = settings.secretPath((known as { text: string }).text)
  try {
    await server.request({ method: 'DELETE', path, vaultToken })
  } catch (error) {
    if (!(error instanceof OAuthError) || error.code !== 'ERR_IGWN_OAUTH_REFUSED') throw error
    const { code, message } = error
    throw new OAuthError(
      code,
      `The refresh token is not deleted: ${message} If the Vault token has expired, run ${logInCommand(settings)} first, or set options.keepRefreshToken to remove the files only.`,
      refusalOf(error),
    )
  }
  return `${server.url}/v1/${path}`
}

/** After the refresh token was deleted: a failure is no error, and the file is removed. */
async function revokeVaultToken(
  server: VaultServer,
  { vaultTokenFile, options }: Settings,
): Promise<boolean> {
  const found = readLine(vaultTokenFile)
  if ('code' in found) return false
  try {
    await server.request({ path: 'auth/token/revoke-self', body: {}, vaultToken: found.text })
    return true
  } catch (error) {
    if (options.signal?.aborted) throw error
    return false
  }
}
