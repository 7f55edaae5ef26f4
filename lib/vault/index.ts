/**
 * Tokens from Vault servers as `htgettoken` gets them, without Python: {@link vaultToken} is a token source, {@link logIn} and
 * {@link logOut} are the steps of a program of your own. Files, variables and options are those of `htgettoken`.
 *
 * @module axios-igwn-auth/vault
 */

// Declares `igwnAuth` in the request config, also for programs that import only this subpath.
import '../instance/apply-igwn-auth'

export { vaultToken, type VaultTokenOptions } from './vault-token'
export { logIn, type LogInOptions, type VaultLogin } from './log-in'
export { logOut, type LogOutOptions, type VaultLogout } from './log-out'
export type { InteractiveVaultOptions, VaultOptions, VaultPrompt } from './options'
export type { LoginMethod } from './obtain'
export type { KerberosModule } from './kerberos'
export type { TokenQuery, TokenSource } from '../tokens/token'
// The same classes as in the main entry and in /oauth2.
export { OAuthError, type OAuthRefusal } from '../oauth2/errors'
export { IgwnAuthError, type IgwnAuthErrorCode, type Reason, type ReasonCode } from '../errors'
