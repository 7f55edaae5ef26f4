import { checkValues, seconds, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import { pathName } from '../secrets/sanitize'
import { kindOf, tokenText, type TokenSource } from './token'
import { readTextFile } from '../files/read-file'
import { runCommand } from '../files/run-command'
import { accessTokenIn } from './token-locations'

/** The command that {@link tokenCommand} runs, and how. */
export interface TokenCommandOptions {
  /** The program and its arguments, as `['htgettoken', '-a', 'vault.ligo.org']`. No shell reads them. */
  readonly command: readonly [program: string, ...args: string[]]
  /** The file into which the command writes the token. Default is none: the command prints it. */
  readonly outFile?: string | undefined
  /** Seconds after which the command, and whatever it started, is ended. Default is 60. */
  readonly timeout?: number | undefined
  /** Environment variables over those of this process; undefined takes one away. Default is none. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/**
 * A command as a token source: it is run for each token, so wrap it in `reuse`, `keepFresh` or `externallyManagedJwt`. The
 * token is the last line that it prints, or what its file holds; as it is, or as `access_token` in JSON (RFC 6749 section
 * 5.1).
 *
 * Its `getToken` rejects with {@link IgwnAuthError} `ERR_IGWN_COMMAND_FAILED` when the command cannot be started, fails, takes too long or
 * gives no token. What it wrote on stderr is in the message, without what looks like a secret.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used
 */
export function tokenCommand(options: TokenCommandOptions): TokenSource {
  checkValues(options, COMMAND_OPTIONS, 'options')
  const { command, outFile, timeout = 60, env = {} } = options
  if ((command as unknown) === undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      "options.command is missing, as ['htgettoken', '-a', 'vault.ligo.org'].",
    )
  const [program] = command

  return {
    async getToken() {
      const printed = await runCommand(command, { timeout, env })
      const [text, where] =
        outFile === undefined
          ? [lastLineOf(printed), `${pathName(program)} printed`]
          : [writtenBy(program, outFile), `${pathName(program)} left in ${pathName(outFile)}`]
      const token = accessTokenIn(text)
      if (token === '') throw failed(`${where} nothing where a token should be.`)
      try {
        return tokenText(token, where)
      } catch {
        throw failed(`${where} something that is no token (RFC 6750 section 2.1).`)
      }
    },
    explain() {
      const name = pathName(program)
      return [
        { kind: 'token', source: name, verdict: 'deferred', message: `${name} is run when a request leaves` },
      ]
    },
  }
}

/**
 * What a command wrote into its file.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_COMMAND_FAILED` when that cannot be read
 */
export function writtenBy(program: string, outFile: string): string {
  const found = readTextFile(outFile, MAX_BYTES)
  if (found && 'text' in found) return found.text
  const what = found ? found.what : 'does not exist'
  throw failed(`${pathName(program)} ended well, but its file ${pathName(outFile)} ${what}.`)
}

/** A token that is larger cannot be sent in a header. */
const MAX_BYTES = 64 * 1024

/** JSON may have lines of its own. */
function lastLineOf(text: string): string {
  const printed = text.trim()
  return printed.startsWith('{') ? printed : printed.slice(printed.lastIndexOf('\n') + 1)
}

function failed(message: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_COMMAND_FAILED', `${message} Run it by hand to see what it does.`)
}

const text: Check = (value) =>
  typeof value === 'string' && value !== ''
    ? undefined
    : `must be a string, not ${value === '' ? 'an empty one' : kindOf(value)}`

export const COMMAND_OPTIONS: Record<keyof TokenCommandOptions, Check> = {
  command: (value) =>
    Array.isArray(value) && value.every((one) => typeof one === 'string') && value[0]
      ? undefined
      : `must be a list of strings, the program first, not ${typeof value === 'string' ? 'one string: no shell reads it' : kindOf(value)}`,
  outFile: text,
  timeout: (value) =>
    seconds(value) === undefined && (value as number) > 0
      ? undefined
      : 'must be a number of seconds, more than 0',
  env: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((one) => one === undefined || typeof one === 'string')
      ? undefined
      : 'must be an object with strings',
}
