import { checkValues } from '../check-values'
import { processEnvironment, variable, type Environment } from '../environment'
import { IgwnAuthError } from '../errors'
import { sanitize } from '../secrets/sanitize'
import { defaultOutFile, defaultVaultTokenFile, expanded, isDevice } from './files'
import { argumentsIn, type ArgumentsOrigin, type HtgettokenArguments } from './htgettoken-arguments'
import { VAULT_OPTIONS, type VaultOptions } from './options'

/** What {@link VaultOptions}, `HTGETTOKENOPTS` and defaults come to. */
export interface Settings {
  /** URL without a slash at its end. */
  readonly server: string
  /** The same for the other name of the server. */
  readonly alias: string
  readonly issuer: string
  readonly role: string
  readonly credkey: string | undefined
  readonly credkeyFile: string
  /** Paths below `/v1/`. */
  readonly kerberosPath: string
  readonly oidcPath: string
  readonly sshPath: string
  /** The path of the bearer token. */
  secretPath(credkey: string): string
  /** Joined by commas, as Vault takes them. */
  readonly scopes: string | undefined
  readonly audience: string | undefined
  readonly minsecs: number
  /** Undefined to write none. */
  readonly outfile: string | undefined
  readonly vaultTokenFile: string
  readonly vaultTokenInFile: string
  /** Seconds. */
  readonly ttl: number
  readonly minTtl: number
  readonly mayUse: { readonly kerberos: boolean; readonly ssh: boolean; readonly oidc: boolean }
  /** The options that they were made of, for the connection. */
  readonly options: VaultOptions
  readonly environment: Environment
}

/** Fetches the text of `optserver`, with the options that are known so far. */
export type FetchOptionsText = (url: string, options: VaultOptions) => Promise<string>

/**
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION`, `ERR_IGWN_INVALID_ENVIRONMENT` for `HTGETTOKENOPTS`,
 *   `ERR_IGWN_OAUTH_RESPONSE` for the text of `optserver`
 */
export async function settingsFor(
  options: VaultOptions,
  fetchText: FetchOptionsText,
  environment: Environment = processEnvironment,
): Promise<Settings> {
  const given = { ...optionsIn(argumentsOfEnvironment(environment), ENVIRONMENT), ...options }
  if (given.optserver === undefined) return settings(given, environment)
  const url = given.optserver.includes('://')
    ? given.optserver
    : `https://${given.optserver}/htgettokenopts.txt`
  const origin = { name: sanitize(url), code: 'ERR_IGWN_OAUTH_RESPONSE' } as const
  const served = optionsIn(argumentsIn(await fetchText(url, given), origin), origin)
  const local = LOCAL_OPTIONS.find((option) => served[option] !== undefined)
  if (local !== undefined)
    throw new IgwnAuthError(
      origin.code,
      `${origin.name} sets ${local}. A server does not decide about files of this host and trust. Set options.${local} if you want it.`,
    )
  return settings({ ...served, ...given }, environment)
}

/** Options that are not taken from a server: it could read or overwrite files, or take the place of another server. */
const LOCAL_OPTIONS = [
  'outfile',
  'vaulttokenfile',
  'vaulttokeninfile',
  'configdir',
  'cafile',
  'capath',
  'vaultcertname',
  'vaultalias',
] as const

export function argumentsOfEnvironment({ env }: Environment): HtgettokenArguments {
  return argumentsIn(variable(env, 'HTGETTOKENOPTS') ?? '', ENVIRONMENT)
}

const ENVIRONMENT: ArgumentsOrigin = { name: 'HTGETTOKENOPTS', code: 'ERR_IGWN_INVALID_ENVIRONMENT' }

/** Arguments as options; those for output are left out. */
export function optionsIn(given: HtgettokenArguments, { name, code }: ArgumentsOrigin): VaultOptions {
  const { minsecs, novaulttoken, ...others } = given
  const known = Object.entries(others).filter(([option]) => Object.hasOwn(VAULT_OPTIONS, option))
  const options = {
    ...(novaulttoken && { nooidc: true, nokerberos: true, nossh: true }),
    ...Object.fromEntries(known),
    ...(minsecs !== undefined && { minsecs: Number(minsecs) }),
  }
  try {
    return checkValues(options, VAULT_OPTIONS, name)
  } catch (error) {
    throw new IgwnAuthError(code, (error as Error).message)
  }
}

function settings(options: VaultOptions, environment: Environment): Settings {
  const { issuer = 'default', role = 'default', configdir = '~/.config/htgettoken' } = options
  if (options.vaultserver === undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'The Vault server is not known. Set options.vaultserver, or HTGETTOKENOPTS="-a SERVER -i ISSUER".',
    )
  const server = serverUrl(options.vaultserver, 'vaultserver')
  const ttl = secondsIn(options.vaulttokenttl ?? '7d')
  const minTtl = secondsIn(options.vaulttokenminttl ?? 0)
  if (minTtl >= ttl)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options.vaulttokenminttl must be less than options.vaulttokenttl.',
    )
  const file = (name: string) => expanded(name, environment)
  const inVault = (path: string) => path.replaceAll('%issuer', issuer).replaceAll('%role', role)
  const vaultTokenFile = file(options.vaulttokenfile ?? defaultVaultTokenFile(environment))
  if (ttl > LONGEST_STORED && !isDevice(vaultTokenFile))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `options.vaulttokenttl is more than ${LONGEST_STORED} seconds, and a Vault token that is valid for so long must not be stored. Set a vaulttokenfile such as /dev/stdout, or a shorter time.`,
    )
  return {
    server,
    alias: options.vaultalias === undefined ? server : serverUrl(options.vaultalias, 'vaultalias'),
    issuer,
    role,
    credkey: options.credkey,
    credkeyFile: file(`${configdir}/credkey-${issuer}-${role}`),
    kerberosPath: inVault(options.kerbpath ?? 'auth/kerberos-%issuer_%role'),
    oidcPath: inVault(options.oidcpath ?? 'auth/oidc-%issuer/oidc'),
    sshPath: inVault(options.sshpath ?? 'auth/ssh'),
    secretPath: (credkey) =>
      inVault(options.secretpath ?? 'secret/oauth/creds/%issuer/%credkey:%role').replaceAll(
        '%credkey',
        credkey,
      ),
    scopes: joined(options.scopes),
    audience: joined(options.audience),
    minsecs: options.minsecs ?? 60,
    outfile: options.outfile === false ? undefined : file(options.outfile ?? defaultOutFile(environment)),
    vaultTokenFile,
    vaultTokenInFile: file(
      (options.vaulttokeninfile ?? '%vaulttokenfile').replaceAll('%vaulttokenfile', vaultTokenFile),
    ),
    ttl,
    minTtl,
    mayUse: {
      kerberos: options.nokerberos !== true,
      ssh: options.nossh !== true,
      oidc: options.nooidc !== true,
    },
    options,
    environment,
  }
}

/** Seconds. IGTF does not allow longer ones on a disk without encryption. */
const LONGEST_STORED = 1_000_000

/** A host name or URL, with the scheme and port that htgettoken adds. */
export function serverUrl(text: string, option: string): string {
  const withScheme = text.includes('://') ? text : `https://${text}`
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `options.${option} must be a host name or an http(s) URL without a password and a query.`,
    )
  // A default port that was given is not in a parsed URL.
  if (url.port === '' && !/^[a-z]+:\/\/[^/]*:\d+(?:\/|$)/i.test(withScheme)) url.port = '8200'
  return url.href.replace(/\/$/, '')
}

function secondsIn(time: string | number): number {
  if (typeof time === 'number') return Math.floor(time)
  return Number(time.slice(0, -1)) * (UNITS[time.slice(-1)] ?? 1)
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

function joined(value: string | readonly string[] | undefined): string | undefined {
  return value === undefined || typeof value === 'string' ? value : value.join(',')
}
