// A project that uses the subpath. Compiled twice, as `.mts` and as `.cts`, against the declarations of the package.
import { IgwnAuthError, type TokenSource } from 'axios-igwn-auth'
import {
  logIn,
  logOut,
  OAuthError,
  vaultToken,
  type VaultLogin,
  type VaultLogout,
  type VaultPrompt,
} from 'axios-igwn-auth/vault'

const vaultserver = 'http://127.0.0.1:9'

async function main(): Promise<void> {
  const onPrompt = ({ url, userCode = '', expiresAt }: VaultPrompt) => {
    console.error(url, userCode, expiresAt)
  }
  const error: unknown = await logIn({ vaultserver, onPrompt, nokerberos: true, nossh: true }).catch(
    (reason: unknown) => reason,
  )
  const isOurs = error instanceof IgwnAuthError
  const status = error instanceof OAuthError ? (error.status ?? null) : 0
  console.log(JSON.stringify({ isOurs, code: isOurs && error.code, status }))
}

/** Never called: what the functions take and return. */
export async function types(): Promise<[TokenSource, VaultLogin, VaultLogout]> {
  const source = vaultToken({ vaultserver, scopes: ['read:/'], exchange: true, signal: undefined })
  // @ts-expect-error there is no such option
  vaultToken({ password: 'x' })
  return [source, await logIn({ registerssh: true }), await logOut({ keepRefreshToken: true })]
}

void main()
