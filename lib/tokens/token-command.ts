import { checkValues, kindOf, timeoutMilliseconds, type Check } from '../check-values'
import { processEnvironment } from '../environment'
import { IgwnAuthError } from '../errors'
import { sharedFolderCheck } from '../files/access'
import { readTextFile } from '../files/read-file'
import { runCommand } from '../files/run-command'
import { pathName } from '../secrets/sanitize'
import { tokenText, type TokenSource } from './token'
import { accessTokenIn } from './token-locations'

/** The command of {@link tokenCommand}. */
export interface TokenCommandOptions {
  /** The program and its arguments, for example `['htgettoken', '-a', 'vault.ligo.org']`. No shell is used. */
  readonly command: readonly [program: string, ...args: string[]]
  /**
   * The file into which the command writes the token. Default is none: the command prints it. A command that writes to
   * `/dev/stdout` needs it, since standard output is a socket.
   */
  readonly outFile?: string | undefined
  /** Milliseconds after which the command and its child processes are terminated; 0 for never. Default is 60000. */
  readonly timeout?: number | undefined
  /** Environment variables added to those of this process; undefined removes one. Default is none. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/**
 * A command as a token source. It runs for each token, so wrap it in `reuse`, `autoRenew` or `externallyManagedJwt`. The token
 * is the last line that the command prints, or the content of its file; either the token itself, or JSON with `access_token`
 * (RFC 6749 section 5.1).
 *
 * Its `getToken` rejects with {@link IgwnAuthError} `ERR_IGWN_COMMAND_FAILED` when the command cannot be started, fails, takes
 * too long or has no token. The message has its standard error, without arguments and tokens.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 */
export function tokenCommand(options: TokenCommandOptions): TokenSource {
  const checked = checkValues(options, COMMAND_OPTIONS, 'options') as unknown as TokenCommandOptions
  const { command, outFile, timeout = 60_000, env = {} } = checked
  if ((command as unknown) === undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      "options.command is missing. Set it, for example to ['htgettoken', '-a', 'vault.ligo.org'].",
    )
  const [program] = command

  return {
    async getToken() {
      const printed = await runCommand(command, { timeout, env })
      const [text, origin] =
        outFile === undefined
          ? [lastLineOf(printed), `${pathName(program)} printed`]
          : [writtenBy(program, outFile), `${pathName(program)} wrote to ${pathName(outFile)}`]
      const token = accessTokenIn(text)
      if (token === '') throw failed(`${origin} no token.`)
      try {
        return tokenText(token, origin)
      } catch {
        throw failed(`${origin} a text that is not a token (RFC 6750 section 2.1).`)
      }
    },
    explain() {
      const source = pathName(program)
      return [
        { kind: 'token', source, verdict: 'deferred', message: `${source} is run when a request is sent` },
      ]
    },
  }
}

/**
 * The content of the file that a command wrote.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_COMMAND_FAILED` when it cannot be read, or another user could have put it there
 */
export function writtenBy(program: string, outFile: string): string {
  const found = readTextFile(outFile, MAX_BYTES, { check: isFromOthers })
  if (found && 'text' in found) return found.text
  throw failed(
    `${pathName(program)} succeeded, but its file ${pathName(outFile)} ${found ? found.what : 'does not exist'}.`,
  )
}

const isFromOthers = /* @__PURE__ */ sharedFolderCheck(() => processEnvironment.euid)

/** A larger token cannot be sent in a header. */
const MAX_BYTES = 64 * 1024

/** The last line, or JSON on several lines. */
function lastLineOf(text: string): string {
  const printed = text.trim()
  return printed.startsWith('{') ? printed : printed.slice(printed.lastIndexOf('\n') + 1)
}

function failed(message: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_COMMAND_FAILED', `${message} Run it in a terminal to see what it does.`)
}

const text: Check = (value) =>
  typeof value === 'string' && value !== ''
    ? undefined
    : `must be a string, not ${value === '' ? 'an empty one' : kindOf(value)}`

export const COMMAND_OPTIONS: Record<keyof TokenCommandOptions, Check> = {
  command: (value) =>
    Array.isArray(value) && value.every((one) => typeof one === 'string') && value[0]
      ? undefined
      : `must be a list of strings, the program first, not ${typeof value === 'string' ? 'one string, since no shell is used' : kindOf(value)}`,
  outFile: text,
  timeout: timeoutMilliseconds,
  env: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((one) => one === undefined || typeof one === 'string')
      ? undefined
      : 'must be an object of strings',
}
