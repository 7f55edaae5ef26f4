import os from 'node:os'
import { IgwnAuthError, type IgwnAuthErrorCode } from '../errors'

/** Exit codes. From 6 on they are those of curl, where curl has one (curl(1), EXIT CODES). */
export const EXIT = {
  ok: 0,
  /** No credential was found or selected, or the server refused it. */
  refused: 1,
  usage: 2,
  unresolved: 6,
  unconnected: 7,
  partial: 18,
  http: 22,
  unwritable: 23,
  unreadable: 26,
  timeout: 28,
  tls: 35,
  redirects: 47,
  transfer: 56,
  untrusted: 60,
  /** A bug in this command. */
  internal: 70,
  /** What a shell reports for a process that SIGPIPE ended. */
  brokenPipe: 141,
} as const

/** What else an error says. */
export interface ErrorDetails {
  /** Further lines for people. */
  readonly lines?: readonly string[] | undefined
  /** Commands and actions that fix it. */
  readonly fixes?: readonly string[] | undefined
  /** What `--json` prints beside `error`. */
  readonly data?: object | undefined
}

/** Ends the command with an exit code and a message. Holds no secret. */
export class CommandError extends Error {
  constructor(
    readonly exitCode: number,
    message: string,
    public details: ErrorDetails = {},
  ) {
    super(message)
  }

  /** Appends lines for people. */
  addLines(...lines: readonly string[]): this {
    this.details = { ...this.details, lines: [...(this.details.lines ?? []), ...lines] }
    return this
  }

  /** For `--json`. */
  toJSON(): object {
    const { lines, fixes = [], data } = this.details
    return { error: { exitCode: this.exitCode, message: this.message, details: lines, fixes }, ...data }
  }
}

/** A failure of the connection or the server that may be gone at the next try. */
export class TransientError extends CommandError {
  constructor(
    exitCode: number,
    message: string,
    details?: ErrorDetails,
    /** Seconds to wait (`Retry-After`, RFC 9110 section 10.2.3). */
    readonly retryAfter?: number,
  ) {
    super(exitCode, message, details)
  }
}

/** A signal ended the command. */
export class Interrupted extends CommandError {
  constructor(readonly signal: NodeJS.Signals) {
    super(128 + os.constants.signals[signal], 'interrupted')
  }
}

export function usageError(message: string): CommandError {
  return new CommandError(EXIT.usage, message)
}

/** A file or stream that cannot be written or read. */
export function fileError(exitCode: number, name: string, error: unknown): CommandError {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  const verb = exitCode === EXIT.unwritable ? 'written' : 'read'
  return new CommandError(exitCode, `${name} cannot be ${verb} (${code})`)
}

/** Errors of the library about its options are usage errors here. */
export function asUsageError(error: unknown): unknown {
  const isUsage = error instanceof IgwnAuthError && USAGE_CODES.includes(error.code)
  return isUsage ? usageError(error.message) : error
}

const USAGE_CODES = ['ERR_IGWN_INVALID_OPTION', 'ERR_IGWN_INVALID_URL']

/** Errors of the library about a login or its files as errors of the command. */
export function asCommandError(error: unknown): unknown {
  if (!(error instanceof IgwnAuthError)) return error
  const message = FLAG_NAMES.reduce((text, [said, flag]) => text.replace(said, flag), error.message)
  return new CommandError(EXITS[error.code] ?? EXIT.refused, message)
}

/** What errors of the library say of its options, and what to do in the command. */
const FLAG_NAMES: readonly (readonly [said: string, flag: string])[] = [
  ['and set clientId.', 'and give its id with --client-id.'],
  ['Set options.vaultserver, or', 'Give --vault SERVER, or'],
  ['Set options.vaultalias', 'Set --vaultalias in HTGETTOKENOPTS'],
  // The command does so itself.
  [' Set options.keepRefreshToken to remove the files only.', ''],
  [', or set options.keepRefreshToken to remove the files only.', '.'],
  [', or set options.timeout.', '.'],
]

const EXITS: Readonly<Partial<Record<IgwnAuthErrorCode, number>>> = {
  ERR_IGWN_INVALID_OPTION: EXIT.usage,
  ERR_IGWN_INVALID_URL: EXIT.usage,
  ERR_IGWN_INVALID_ENVIRONMENT: EXIT.usage,
  ERR_IGWN_OAUTH_TIMEOUT: EXIT.timeout,
  ERR_IGWN_OAUTH_UNREACHABLE: EXIT.transfer,
  ERR_IGWN_OAUTH_RESPONSE: EXIT.http,
  ERR_IGWN_STORE_UNUSABLE: EXIT.unwritable,
}

/** Runs work with the signals handled: the first one aborts it in order, a second one ends the process. */
export async function abortOnSignal<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const listeners = SIGNALS.map((name) => {
    const listener = () => controller.abort(new Interrupted(name))
    process.once(name, listener)
    return { name, listener }
  })
  try {
    return await work(controller.signal)
  } finally {
    for (const { name, listener } of listeners) process.off(name, listener)
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
