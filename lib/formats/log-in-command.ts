/** The command that gets a token, in fixes. */
export const LOG_IN = 'igwn-auth login'

/** Its arguments that only the user knows. */
export const UNKNOWN_SERVER = '--vault VAULT --issuer ISSUER'
