/** The arguments of htgettoken that only its user knows. */
export const UNKNOWN_ISSUER = 'VAULT -i ISSUER'
