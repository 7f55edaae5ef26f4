/** The command that gets a token, in fixes. */
export const LOG_IN = 'igwn-auth login'

/** Its arguments that only the user knows. */
export const UNKNOWN_SERVER = '--vault VAULT --issuer ISSUER'

/** The Vault server of IGWN, and its issuer there (https://computing.docs.ligo.org/guide/auth/scitokens/). */
export const IGWN_VAULT = { vault: 'vault.ligo.org', issuer: 'igwn' } as const
