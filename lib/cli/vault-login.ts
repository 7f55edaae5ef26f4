import { pathName } from '../secrets/sanitize'
import { logIn } from '../vault/log-in'
import { logOut } from '../vault/log-out'
import { defined } from './flags'
import type { LoginFlags } from './login'
import { openPage, printPage } from './login-prompt'
import { hasBrowser } from '../files/open-browser'
import type { LoginSettings } from './saved-logins'

/** Gets a token as htgettoken does, with its files; the bearer token is not written. */
export async function obtainFromVault(
  settings: LoginSettings,
  { minTimeLeft, web, device, force }: LoginFlags,
  { mayAsk, signal }: { readonly mayAsk: boolean; readonly signal: AbortSignal },
): Promise<{ text: string; isRenewed: boolean; settings: LoginSettings }> {
  const { scope, audience } = settings
  const options = {
    ...optionsOf(settings),
    ...defined({
      scopes: scope.length > 0 ? scope : undefined,
      audience: audience.length > 0 ? audience : undefined,
      minsecs: minTimeLeft,
    }),
    outfile: false as const,
    signal,
    ...(mayAsk && {
      onPrompt: ({ url, userCode }: { readonly url: string; readonly userCode?: string }) => {
        if (web || (!device && userCode === undefined && hasBrowser())) openPage(url, userCode)
        else printPage(url, userCode)
      },
    }),
  }
  if (force) await logIn({ ...options, nobearertoken: true })
  const { bearerToken = '', by, vaultserver, issuer, role } = await logIn(options)
  return {
    text: bearerToken,
    isRenewed: by === 'vault token' && !force,
    settings: { vault: vaultserver, issuer, role, scope, audience },
  }
}

/** Deletes the refresh token in Vault, and revokes the Vault token if Vault allows it. `removed` has the files that were removed. */
export async function revokeInVault(
  settings: LoginSettings,
  signal: AbortSignal,
): Promise<{ readonly removed: readonly string[]; readonly revoked: boolean }> {
  const options = { ...optionsOf(settings), outfile: false as const, signal }
  try {
    const { removed, revoked } = await logOut(options)
    return { removed: removed.map(pathName), revoked }
  } catch (error) {
    if (!signal.aborted) await logOut({ ...options, keepRefreshToken: true })
    throw error
  }
}

function optionsOf({ vault, issuer, role }: LoginSettings) {
  return defined({ vaultserver: vault, issuer, role })
}
