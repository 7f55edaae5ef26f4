import { checkValues, seconds, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import { pathName } from '../secrets/sanitize'
import { SciToken } from './scitoken'
import { processEnvironment, variable, type Environment } from '../environment'
import { kindOf } from './token'
import { runCommand } from '../files/run-command'
import { accessTokenIn } from './token-locations'
import { COMMAND_OPTIONS, writtenBy } from './token-command'

/**
 * Options of {@link getSciToken}: those of `htgettoken`, under its own names, and some of ours.
 *
 * Any option of `htgettoken` can be given, also one that is not named here: `true` and `null` for one without a value,
 * `false` to leave it out. See `htgettoken --help`.
 */
export interface GetSciTokenOptions {
  /** The Vault server, or its URL. Default is that of `htgettoken`. */
  readonly vaultserver?: string | undefined
  /** The issuer by its name in Vault, as `igwn`. Default is that of `htgettoken`. */
  readonly issuer?: string | undefined
  /** The role by its name in Vault. Default is that of `htgettoken`. */
  readonly role?: string | undefined
  /** What the token must allow; less than it may. Scopes are joined by commas. Default is all that it may. */
  readonly scopes?: string | readonly string[] | undefined
  /** For whom it must be. Several are joined by commas. Default is that of the issuer. */
  readonly audience?: string | readonly string[] | undefined
  /** The key of the secret in Vault. Default is that of `htgettoken`. */
  readonly credkey?: string | undefined
  /** Where the token goes. Default is `BEARER_TOKEN_FILE`, else `bt_u<euid>` in `XDG_RUNTIME_DIR` or `/tmp`, where it is found. */
  readonly outfile?: string | undefined
  /** Seconds that a token which is there must have left to stay. Default is 60. */
  readonly minsecs?: number | undefined
  /** Say nothing. Default is true at a terminal; elsewhere what it says is for the message of an error. */
  readonly quiet?: boolean | undefined
  /** Do not have the user log in with a browser. Default is true where there is no terminal to say so. */
  readonly nooidc?: boolean | undefined
  /** Do not try Kerberos. Default is false. */
  readonly nokerberos?: boolean | undefined
  /** Do not try the keys of an SSH agent. Default is false. */
  readonly nossh?: boolean | undefined
  /** More arguments, as they are, before the others. Default is none. */
  readonly args?: readonly string[] | undefined
  /** The program, and arguments before all others. Default is `['htgettoken']`. */
  readonly command?: readonly [program: string, ...args: string[]] | undefined
  /** Seconds after which it is ended. Default is 60; 300 at a terminal, where a user may have to log in. */
  readonly timeout?: number | undefined
  /** Environment variables for it, over those of this process. Default is none. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly [option: string]: unknown
}

/**
 * Gets a SciToken with `htgettoken`, which asks a Vault server, and puts it where discovery finds it. One that is there and
 * has `minsecs` left stays. At a terminal `htgettoken` may have the user log in with a browser; elsewhere it is told not to.
 *
 * @param environment - variables and user in the place of those of this process, for tests
 * @throws {@link IgwnAuthError} `ERR_IGWN_COMMAND_FAILED` when `htgettoken` is not installed, fails or takes too long;
 *   `ERR_IGWN_TOKEN_MALFORMED` when its file holds no SciToken; `ERR_IGWN_INVALID_OPTION`
 * @returns the token; its `source` is the path of the file
 * @see igwn_auth_utils.get_scitoken, which gives the path alone
 */
export async function getSciToken(
  options: GetSciTokenOptions = {},
  environment: Environment = processEnvironment,
): Promise<SciToken> {
  const { command = ['htgettoken'], args = [], timeout, env = {}, ...own } = checked(options)
  const atTerminal = process.stdout.isTTY
  const outfile = own.outfile ?? defaultOutFile({ ...environment, env: { ...environment.env, ...env } })
  const [program, ...before] = command
  const nooidc = own.nooidc ?? !atTerminal
  const all = { ...own, outfile, minsecs: own.minsecs ?? 60, quiet: own.quiet ?? atTerminal, nooidc }
  await runCommand([program, ...before, ...args, ...argumentsOf(all)], {
    timeout: timeout ?? (atTerminal ? 300 : 60),
    env,
    atTerminal,
  })
  return SciToken.deserialize(accessTokenIn(writtenBy(program, outfile)), pathName(outfile))
}

function checked(options: GetSciTokenOptions): GetSciTokenOptions {
  const foreign = Object.keys(options).filter((name) => !Object.hasOwn(OPTIONS, name))
  const checks = { ...OPTIONS, ...Object.fromEntries(foreign.map((name) => [name, optionNamed(name)])) }
  return checkValues(options, checks, 'options')
}

/** Where htgettoken puts a token, and igwn_auth_utils: WLCG Bearer Token Discovery 1.0, the places that are files. */
function defaultOutFile({ env, euid, temporaryFolder }: Environment): string {
  const named = variable(env, 'BEARER_TOKEN_FILE')
  if (named !== undefined) return named
  if (euid === undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'options.outfile is needed on this platform, which has no user ids; or set BEARER_TOKEN_FILE.',
    )
  return `${variable(env, 'XDG_RUNTIME_DIR') ?? temporaryFolder}/bt_u${euid}`
}

/** `--name value` for each option; `--name` for true and null, nothing for false. */
function argumentsOf({ outfile, minsecs, quiet, ...others }: GetSciTokenOptions): string[] {
  return Object.entries<unknown>({ outfile, minsecs, quiet, ...others }).flatMap(([name, value]) => {
    if (value === undefined || value === false) return []
    if (value === null || value === true) return [`--${name}`]
    return [`--${name}`, wordsOf(value).join(',')]
  })
}

function wordsOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value]
}

const textOrNumber: Check = (value) =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value) || isTextList(value)
    ? undefined
    : `must be a string, a number, a boolean or a list of strings, not ${kindOf(value)}`

/** An option of htgettoken that is not known here. */
function optionNamed(name: string): Check {
  return /^[a-z][a-z0-9-]*$/.test(name)
    ? textOrNumber
    : () => 'has a name that is none of an option: htgettoken writes them in small letters'
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

const { command, outFile: outfile, timeout, env } = COMMAND_OPTIONS
const args: Check = (value) =>
  isTextList(value) ? undefined : `must be a list of strings, not ${kindOf(value)}`

/** What htgettoken would not check itself. */
const OPTIONS: Readonly<Record<string, Check>> = { command, args, timeout, env, outfile, minsecs: seconds }
