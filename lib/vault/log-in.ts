import { checkValues, flag, type Check } from '../check-values'
import { deadlineIn } from '../clock'
import { processEnvironment, type Environment } from '../environment'
import { CanceledError } from 'axios'
import { OAuthError } from '../oauth2/errors'
import { networkError } from '../oauth2/server/failures'
import { SentSecrets } from '../secrets/sent-secrets'
import { writeLine } from './files'
import { obtain, type LoginMethod, type LoginMode, type Obtained } from './obtain'
import { INTERACTIVE_OPTIONS, type InteractiveVaultOptions, type VaultOptions } from './options'
import { connect, vaultServer, type VaultServer } from './server'
import { settingsFor, type Settings } from './settings'

/** Options of {@link logIn}. */
export interface LogInOptions extends InteractiveVaultOptions {
  /** Get a new Vault token and no bearer token, with a new login. Default is false. */
  readonly nobearertoken?: boolean | undefined
  /**
   * Log in with a browser, and register the keys of the SSH agent, which can log in from then on. Default is false.
   */
  readonly registerssh?: boolean | undefined
}

/** The result of {@link logIn}. */
export interface VaultLogin {
  /** The bearer token; undefined with `nobearertoken`. Secret. */
  readonly bearerToken: string | undefined
  /** Seconds since the epoch at which the bearer token expires; undefined when unknown. */
  readonly expiresAt: number | undefined
  /** Where the bearer token was written; undefined if it was not. */
  readonly bearerTokenFile: string | undefined
  /** Where the Vault token is, which gets the next bearer tokens without a login. */
  readonly vaultTokenFile: string
  /** What gave the token. */
  readonly by: LoginMethod
  /** The URL of the Vault server. */
  readonly vaultserver: string
  /** The name of the issuer in Vault. */
  readonly issuer: string
  /** The role of the issuer in Vault. */
  readonly role: string
  /** The key of the secret in Vault, most often a user name; undefined when unknown. */
  readonly credkey: string | undefined
}

/**
 * Logs in at a Vault server as `htgettoken` does, and writes the same files: tries the Vault token of an earlier login, Kerberos,
 * an SSH agent, and a browser if `onPrompt` is given. Writes the Vault token, and the bearer token where discovery finds it.
 *
 * It rejects with {@link IgwnAuthError}: `ERR_IGWN_TOKEN_NOT_FOUND` with a reason for each step if none gave a token;
 * `ERR_IGWN_OAUTH_REFUSED`, `ERR_IGWN_OAUTH_UNREACHABLE`, `ERR_IGWN_OAUTH_TIMEOUT`, `ERR_IGWN_OAUTH_RESPONSE` if the server
 * fails a login; `ERR_IGWN_STORE_UNUSABLE` if a file cannot be written; `ERR_IGWN_INVALID_OPTION`, `ERR_IGWN_INVALID_ENVIRONMENT`.
 */
export async function logIn(options: LogInOptions): Promise<VaultLogin> {
  const checked = checkValues(options, LOG_IN_OPTIONS, 'options') as LogInOptions
  return logInWith(checked, processEnvironment)
}

const LOG_IN_OPTIONS: Record<keyof LogInOptions, Check> = {
  ...INTERACTIVE_OPTIONS,
  nobearertoken: flag,
  registerssh: flag,
}

/** The same with options that were checked, and with another environment. */
export async function logInWith(
  { onPrompt, loginTimeout, nobearertoken, registerssh, ...options }: LogInOptions,
  environment: Environment,
): Promise<VaultLogin> {
  const mode = { onPrompt, loginTimeout, onlyVaultToken: nobearertoken, registersKeys: registerssh }
  const { settings, obtained } = await withVault(options, environment, async (server, settings) => ({
    settings,
    obtained: await obtainAndWrite(server, settings, mode),
  }))
  const { bearer, by, credkey } = obtained
  return {
    bearerToken: bearer?.access_token,
    expiresAt: bearer?.expires_at,
    bearerTokenFile: bearer && settings.outfile,
    vaultTokenFile: settings.vaultTokenFile,
    by,
    vaultserver: settings.server,
    issuer: settings.issuer,
    role: settings.role,
    credkey,
  }
}

/** Obtains a token, and writes it into its file, if it has one. */
export async function obtainAndWrite(
  server: VaultServer,
  settings: Settings,
  mode: LoginMode,
): Promise<Obtained> {
  const obtained = await obtain(server, settings, mode)
  if (obtained.bearer && settings.outfile !== undefined)
    await writeLine(settings.outfile, obtained.bearer.access_token)
  return obtained
}

/** Runs work with the settings and a connection, which is closed afterwards. */
export async function withVault<T>(
  options: VaultOptions,
  environment: Environment,
  work: (server: VaultServer, settings: Settings) => Promise<T>,
): Promise<T> {
  const settings = await settingsFor(options, optionsText(environment), environment)
  const connection = connect(settings.options, environment)
  try {
    return await work(vaultServer(settings.server, connection, settings.options), settings)
  } finally {
    connection.close()
  }
}

/** The text of `optserver`, which is public. */
function optionsText(environment: Environment) {
  return async (address: string, options: VaultOptions): Promise<string> => {
    const { timeout = 10_000, signal: stop } = options
    const url = new URL(address)
    const { send, close } = connect(options, environment)
    const deadline = deadlineIn(timeout)
    const signal = stop ? AbortSignal.any([stop, deadline]) : deadline
    try {
      const { status, body } = await send({ url, method: 'GET', headers: {}, signal })
      if (status === 200) return body
      throw new OAuthError(
        'ERR_IGWN_OAUTH_RESPONSE',
        `${url.href} has no options (status ${status}). Check options.optserver.`,
        {
          status,
        },
      )
    } catch (error) {
      if (stop?.aborted) throw new CanceledError()
      throw networkError(
        error,
        url,
        new SentSecrets(),
        deadline.aborted ? timeout : undefined,
        'set a longer options.timeout',
      )
    } finally {
      close()
    }
  }
}
