import type { AxiosInstance } from 'axios'
import {
  aFunction,
  axiosInstance,
  flag,
  kindOf,
  nonEmptyText,
  seconds,
  textOrList,
  timeoutMilliseconds,
  type Check,
} from '../check-values'
import { FLOW_OPTIONS } from '../oauth2/grants/renewing-grant'
import type { KerberosModule } from './kerberos'

/**
 * Where a Vault server is, what to get from it, and where files are: the options of `htgettoken` by their own names, with its
 * defaults, and some of this package.
 *
 * What is not given is taken from `HTGETTOKENOPTS`, then from the text of `optserver`. Files, variables and defaults are those of
 * `htgettoken`, so that both can be used in turn. In paths `%issuer`, `%role`, `%credkey` and `%uid` are replaced.
 */
export interface VaultOptions {
  /** The Vault server (or OpenBao server): a host name, for `https://name:8200`, or a URL. Default is that of
   * `HTGETTOKENOPTS`; it is required in one of them.
   */
  readonly vaultserver?: string | undefined
  /** Another name of that server, for its Kerberos service and for the redirect of a login. Default is `vaultserver`. */
  readonly vaultalias?: string | undefined
  /** The name that its certificate must have. Default is that of `vaultserver`. */
  readonly vaultcertname?: string | undefined
  /** A host or URL with more options, read at `https://host/htgettokenopts.txt`. Default is none. */
  readonly optserver?: string | undefined
  /** The name of the issuer in Vault, such as `igwn`. Default is `default`. */
  readonly issuer?: string | undefined
  /** The name of the role in Vault. Default is `default`. */
  readonly role?: string | undefined
  /** The key of the secret in Vault, most often a user name. Default is the one that the first login wrote into `configdir`. */
  readonly credkey?: string | undefined
  /** The folder of the files `credkey-<issuer>-<role>`. Default is `~/.config/htgettoken`. */
  readonly configdir?: string | undefined
  /** Scopes of the token: a list, or one string with commas. Vault exchanges its token for it. Default is all of the role. */
  readonly scopes?: string | readonly string[] | undefined
  /** Audiences of the token: a list, or one string with commas. Vault exchanges its token for it. Default is that of the issuer. */
  readonly audience?: string | readonly string[] | undefined
  /** Seconds that a token must have left; Vault gets a new one otherwise. Default is 60. */
  readonly minsecs?: number | undefined
  /**
   * The file of the bearer token; false to write none. Default is `BEARER_TOKEN_FILE`, else `bt_u<euid>` in `XDG_RUNTIME_DIR` or
   * `/tmp`, where discovery finds it.
   */
  readonly outfile?: string | false | undefined
  /** The file of the Vault token. Default is `/tmp/vt_u<euid>`. */
  readonly vaulttokenfile?: string | undefined
  /**
   * The file that the Vault token is read from. One of `/dev/stdin` or `/dev/fd/N` is exchanged for a token of `vaulttokenttl`.
   * Default is `vaulttokenfile`.
   */
  readonly vaulttokeninfile?: string | undefined
  /**
   * How long a new Vault token is valid: seconds, or digits with `s`, `m`, `h` or `d`. More than 1,000,000 seconds only with a
   * `vaulttokenfile` of `/dev/stdout` or `/dev/fd/N`. Default is `7d`.
   */
  readonly vaulttokenttl?: string | number | undefined
  /** How long an existing Vault token must be valid to be used, like `vaulttokenttl`. Default is 0: it is not looked up. */
  readonly vaulttokenminttl?: string | number | undefined
  /** Do not log in with Kerberos. Default is false. */
  readonly nokerberos?: boolean | undefined
  /** Do not log in with keys of an SSH agent. Default is false. */
  readonly nossh?: boolean | undefined
  /** Do not log in with a browser. Default is false; without `onPrompt` no browser is used in any case. */
  readonly nooidc?: boolean | undefined
  /** Path of Kerberos logins in Vault. Default is `auth/kerberos-%issuer_%role`. */
  readonly kerbpath?: string | undefined
  /** Path of logins with a browser in Vault. Default is `auth/oidc-%issuer/oidc`. */
  readonly oidcpath?: string | undefined
  /** Path of logins with SSH keys in Vault. Default is `auth/ssh`. */
  readonly sshpath?: string | undefined
  /** Path of the bearer token in Vault. Default is `secret/oauth/creds/%issuer/%credkey:%role`. */
  readonly secretpath?: string | undefined
  /** A PEM file of CAs that replaces the trusted ones. Default is `REQUESTS_CA_BUNDLE` and others, as for every request. */
  readonly cafile?: string | undefined
  /** A folder of CAs that are trusted too. Default is `X509_CERT_DIR`, else `/etc/grid-security/certificates` if it exists. */
  readonly capath?: string | undefined
  /** Milliseconds for one response. Default is 10000. */
  readonly timeout?: number | undefined
  /** Aborts what is waited for, a login included. Default is none. */
  readonly signal?: AbortSignal | undefined
  /** An axios instance whose proxy, agents and adapter are used, without its interceptors and headers. Default is axios itself. */
  readonly axios?: AxiosInstance | undefined
  /** The package `kerberos`, if it cannot be loaded by its name. Default is `import('kerberos')` on first use. */
  readonly kerberos?: KerberosModule | undefined
}

/** What a user needs to log in. Control characters are removed, and `url` is an http(s) URL. */
export interface VaultPrompt {
  /** The page to open in a browser, on any host. */
  readonly url: string
  /** The code to enter there; absent if the URL has it, or none is needed. */
  readonly userCode?: string
  /** Seconds since the epoch until which the login is waited for. */
  readonly expiresAt: number
}

/** Options of a login that may need the user. */
export interface InteractiveVaultOptions extends VaultOptions {
  /** Shows the page of a login to the user, or opens it. Default is none: then no user is asked, and no browser is used. */
  readonly onPrompt?: ((prompt: VaultPrompt) => void | Promise<void>) | undefined
  /** Milliseconds that a user has to log in. Default is 120000. */
  readonly loginTimeout?: number | undefined
}

const lifetime: Check = (value) =>
  typeof value === 'number' ? seconds(value) : /^\d+[smhd]$/.test(String(value)) ? undefined : LIFETIME

const LIFETIME = 'must be a number of seconds, or digits followed by s, m, h or d'

const nameInVault: Check = (value) =>
  nonEmptyText(value) ?? (/^[\w.@+-]+$/.test(String(value)) ? undefined : 'is not a name in Vault')

/** A path in Vault: it is part of a URL. */
const vaultPath: Check = (value) =>
  nonEmptyText(value) ?? (isVaultPath(String(value)) ? undefined : 'is not a path in Vault')

/** A credkey may have slashes. */
export function isVaultPath(text: string): boolean {
  // `%` begins only the names that are replaced: as an encoding it could be `..`.
  const plain = text.replace(/%(?:issuer|role|credkey|uid)/g, '')
  return /^[\w.@:+/-]*$/.test(plain) && text !== '' && !text.split('/').some((part) => /^\.\.?$/.test(part))
}

export const VAULT_OPTIONS: Record<keyof VaultOptions, Check> = {
  vaultserver: nonEmptyText,
  vaultalias: nonEmptyText,
  vaultcertname: nonEmptyText,
  optserver: nonEmptyText,
  issuer: nameInVault,
  role: nameInVault,
  credkey: vaultPath,
  configdir: nonEmptyText,
  scopes: textOrList,
  audience: textOrList,
  minsecs: seconds,
  outfile: (value) => (value === false ? undefined : nonEmptyText(value)),
  vaulttokenfile: nonEmptyText,
  vaulttokeninfile: nonEmptyText,
  vaulttokenttl: lifetime,
  vaulttokenminttl: lifetime,
  nokerberos: flag,
  nossh: flag,
  nooidc: flag,
  kerbpath: vaultPath,
  oidcpath: vaultPath,
  sshpath: vaultPath,
  secretpath: vaultPath,
  cafile: nonEmptyText,
  capath: nonEmptyText,
  timeout: timeoutMilliseconds,
  signal: FLOW_OPTIONS.signal,
  axios: axiosInstance,
  kerberos: (value) =>
    typeof (value as Partial<KerberosModule> | null)?.initializeClient === 'function'
      ? undefined
      : `must be the package kerberos, not ${kindOf(value)}`,
}

export const INTERACTIVE_OPTIONS: Record<keyof InteractiveVaultOptions, Check> = {
  ...VAULT_OPTIONS,
  onPrompt: aFunction,
  loginTimeout: timeoutMilliseconds,
}
