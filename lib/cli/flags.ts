import type { CertificateFlags, CredentialFlags, TokenFlags } from './auth-flags'

/** What the command line of each command says, as commander gives it: see `program`. */
export interface ExplainFlags extends CredentialFlags {
  readonly json?: boolean
}

export interface GetFlags extends CredentialFlags {
  readonly output?: string
  readonly remoteName?: boolean
  readonly method?: string
  readonly header?: readonly string[]
  readonly data?: readonly string[]
  readonly head?: boolean
  readonly include?: boolean
  readonly fail?: boolean
  readonly silent?: boolean
  readonly verbose?: boolean
  readonly timeout: number
  readonly maxTime?: number
  readonly retry: number
  readonly resume: boolean
  readonly sameSize?: boolean
}

export interface TokenCommandFlags extends TokenFlags {
  readonly decode?: boolean
  readonly json?: boolean
  readonly print?: boolean
}

export interface X509Flags extends CertificateFlags {
  readonly minTimeLeft?: number
  readonly json?: boolean
}
