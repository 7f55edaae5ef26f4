import { checkValues, kindOf, seconds, type Check } from '../check-values'
import { processEnvironment, variable, type Environment } from '../environment'
import { IgwnAuthError } from '../errors'
import { runCommand } from '../files/run-command'
import { pathName } from '../secrets/sanitize'
import { SciToken } from './scitoken'
import { COMMAND_OPTIONS, writtenBy } from './token-command'
import { accessTokenIn } from './token-locations'

/**
 * Options of {@link getSciToken}: those of `htgettoken`, with its own names, and some of this package.
 *
 * Every option of `htgettoken` can be given, also one that is not named here: `true` and `null` for an option without a value,
 * `false` to leave it out. See `htgettoken --help`.
 */
export interface GetSciTokenOptions {
  /** The Vault server, or its URL. Default is that of `htgettoken`. */
  readonly vaultserver?: string | undefined
  /** The name of the issuer in Vault, such as `igwn`. Default is that of `htgettoken`. */
  readonly issuer?: string | undefined
  /** The name of the role in Vault. Default is that of `htgettoken`. */
  readonly role?: string | undefined
  /** The scopes of the token, if fewer than it may have. They are joined by commas. Default is all of them. */
  readonly scopes?: string | readonly string[] | undefined
  /** The audience of the token. Several are joined by commas. Default is that of the issuer. */
  readonly audience?: string | readonly string[] | undefined
  /** The key of the secret in Vault. Default is that of `htgettoken`. */
  readonly credkey?: string | undefined
  /** The token file. Default is `BEARER_TOKEN_FILE`, else `bt_u<euid>` in `XDG_RUNTIME_DIR` or `/tmp`, where discovery finds it. */
  readonly outfile?: string | undefined
  /** Seconds that an existing token must have left to be kept. Default is 60. */
  readonly minsecs?: number | undefined
  /** Print nothing. Default is true at a terminal; elsewhere its output is for the message of an error. */
  readonly quiet?: boolean | undefined
  /** Do not let the user log in with a browser. Default is true without a terminal. */
  readonly nooidc?: boolean | undefined
  /** Do not try Kerberos. Default is false. */
  readonly nokerberos?: boolean | undefined
  /** Do not try the keys of an SSH agent. Default is false. */
  readonly nossh?: boolean | undefined
  /** More arguments, before the others. Default is none. */
  readonly args?: readonly string[] | undefined
  /** The program, and arguments before all others. Default is `['htgettoken']`. */
  readonly command?: readonly [program: string, ...args: string[]] | undefined
  /** Milliseconds after which it is terminated; 0 for never. Default is 60000; 300000 at a terminal, where a user may have to log in. */
  readonly timeout?: number | undefined
  /** Environment variables added to those of this process. Default is none. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly [option: string]: unknown
}

/**
 * Gets a SciToken with `htgettoken` from a Vault server and puts it where discovery finds it. An existing token with `minsecs`
 * left is kept. At a terminal `htgettoken` may let the user log in with a browser; elsewhere it may not.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_COMMAND_FAILED` when `htgettoken` is not installed, fails or takes too long, or when
 *   another user could have put the token file there; `ERR_IGWN_TOKEN_MALFORMED` when the file has no SciToken;
 *   `ERR_IGWN_INVALID_OPTION`
 * @returns the token; its `source` is the path of the file
 * @see igwn_auth_utils.get_scitoken, which returns only the path
 */
export async function getSciToken(options: GetSciTokenOptions = {}): Promise<SciToken> {
  const own = checked(options)
  const { command = ['htgettoken'], args = [], timeout, env = {}, ...others } = own
  const atTerminal = process.stdout.isTTY
  const outfile = own.outfile ?? defaultOutFile({ ...processEnvironment, env: { ...process.env, ...env } })
  const [program, ...before] = command
  const nooidc = own.nooidc ?? !atTerminal
  const all = { ...others, outfile, minsecs: own.minsecs ?? 60, quiet: own.quiet ?? atTerminal, nooidc }
  const { vaultserver, issuer, role, scopes, audience, credkey } = own
  await runCommand([program, ...before, ...args, ...argumentsOf(all)], {
    timeout: timeout ?? (atTerminal ? 300_000 : 60_000),
    env,
    shown: argumentsOf({ vaultserver, issuer, role, scopes, audience, credkey, outfile }),
    atTerminal,
  })
  return SciToken.deserialize(accessTokenIn(writtenBy(program, outfile)), pathName(outfile))
}

function checked(options: GetSciTokenOptions): GetSciTokenOptions {
  const others = Object.keys(options).filter((name) => !Object.hasOwn(OPTIONS, name))
  const checks = { ...OPTIONS, ...Object.fromEntries(others.map((name) => [name, optionNamed(name)])) }
  return checkValues(options, checks, 'options')
}

/** The file of htgettoken and igwn_auth_utils: the files of WLCG Bearer Token Discovery 1.0. */
export function defaultOutFile({ env, euid, temporaryFolder }: Environment): string {
  const named = variable(env, 'BEARER_TOKEN_FILE')
  if (named !== undefined) return named
  if (euid === undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'This platform has no user ids, so there is no default file. Set options.outfile or BEARER_TOKEN_FILE.',
    )
  return `${variable(env, 'XDG_RUNTIME_DIR') ?? temporaryFolder}/bt_u${euid}`
}

/** `--name value` for each option; `--name` for true and null, nothing for false. */
function argumentsOf({ outfile, minsecs, quiet, ...others }: GetSciTokenOptions): string[] {
  return Object.entries<unknown>({ outfile, minsecs, quiet, ...others }).flatMap(([name, value]) => {
    if (value === undefined || value === false) return []
    if (value === null || value === true) return [`--${name}`]
    return [`--${name}`, [value].flat().map(String).join(',')]
  })
}

const textOrNumber: Check = (value) =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value) || isTextList(value)
    ? undefined
    : `must be a string, a number, a boolean or a list of strings, not ${kindOf(value)}`

/** An option of htgettoken that is not named here. */
function optionNamed(name: string): Check {
  return /^[a-z][a-z0-9-]*$/.test(name)
    ? textOrNumber
    : () => 'is not the name of an option of htgettoken, which has lower-case letters, digits and hyphens'
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

const { command, outFile: outfile, timeout, env } = COMMAND_OPTIONS
const args: Check = (value) =>
  isTextList(value) ? undefined : `must be a list of strings, not ${kindOf(value)}`

/** Checks that htgettoken does not make. */
const OPTIONS: Readonly<Record<string, Check>> = { command, args, timeout, env, outfile, minsecs: seconds }
