import { checkValues, kindOf, seconds, type Check } from '../check-values'
import { processEnvironment } from '../environment'
import { findProgram, runCommand } from '../files/run-command'
import { pathName } from '../secrets/sanitize'
import { SciToken } from '../tokens/scitoken'
import { COMMAND_OPTIONS, writtenBy } from '../tokens/token-command'
import { accessTokenIn } from '../tokens/token-locations'
import { defaultOutFile } from './files'

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
  /**
   * The program, and arguments before all others. Default is `['htgettoken']` if that is in `PATH`; otherwise this package gets the
   * token itself, see `vaultToken` in the subpath `/vault`.
   */
  readonly command?: readonly [program: string, ...args: string[]] | undefined
  /** Milliseconds after which it is terminated; 0 for never. Default is 60000; 300000 at a terminal, where a user may have to log in. */
  readonly timeout?: number | undefined
  /** Environment variables added to those of this process. Default is none. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly [option: string]: unknown
}

/**
 * Gets a SciToken from a Vault server and puts it where discovery finds it: with `htgettoken`, or, where that is not installed, as
 * it does. An existing token with `minsecs` left is kept. At a terminal the user may log in with a browser; elsewhere not.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_COMMAND_FAILED` when `htgettoken` fails or takes too long, or when another user could
 *   have put the token file there; without `htgettoken` the errors of `logIn` in the subpath `/vault`, such as
 *   `ERR_IGWN_TOKEN_NOT_FOUND` with a reason for each login that was tried; `ERR_IGWN_TOKEN_MALFORMED` when the token is not a
 *   SciToken; `ERR_IGWN_INVALID_OPTION`
 * @returns the token; its `source` is the path of the file
 * @see igwn_auth_utils.get_scitoken, which returns only the path
 */
export async function getSciToken(options: GetSciTokenOptions = {}): Promise<SciToken> {
  const own = checked(options)
  const { command = ['htgettoken'], args = [], timeout: given, env = {}, ...others } = own
  const atTerminal = process.stdout.isTTY
  const timeout = given ?? (atTerminal ? 300_000 : 60_000)
  const environment = { ...processEnvironment, env: { ...process.env, ...env } }
  const outfile = own.outfile ?? defaultOutFile(environment)
  const [program, ...before] = command
  const nooidc = own.nooidc ?? !atTerminal
  if (own.command === undefined && findProgram(program, environment.env.PATH) === undefined) {
    const { withoutHtgettoken } = await import('./without-htgettoken')
    return withoutHtgettoken({ ...others, outfile, nooidc }, { args, timeout, environment })
  }
  const all = { ...others, outfile, minsecs: own.minsecs ?? 60, quiet: own.quiet ?? atTerminal, nooidc }
  const { vaultserver, issuer, role, scopes, audience, credkey } = own
  await runCommand([program, ...before, ...args, ...argumentsOf(all)], {
    timeout,
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
