import { CommanderError } from 'commander'
import { EXIT } from './exit-code'
import { Failure, Interrupted } from './failure'
import { program } from './program'
import { terminalOf } from './terminal'

/** Runs the command. Resolves to its exit code; what went wrong stands on stderr. */
export async function run(words: readonly string[]): Promise<number> {
  process.stdout.on('error', endOnError)
  // Nobody can be told that nobody can be told.
  process.stderr.on('error', () => undefined)
  let exitCode: number = EXIT.ok
  try {
    await program((code) => (exitCode = code)).parseAsync(words, { from: 'user' })
    return exitCode
  } catch (error) {
    // It has said what there is to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    const failure = error instanceof Failure ? error : internal(error)
    complain(
      failure.exitCode === EXIT.usage ? failure.with(`See igwn-auth ${words[0] ?? ''} --help.`) : failure,
    )
    if (failure instanceof Interrupted) process.kill(process.pid, failure.signal)
    return failure.exitCode
  }
}

/** Who reads a pipe may stop reading, as `head` does; that is no error to speak of. */
function endOnError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT.brokenPipe)
  complain(new Failure(EXIT.unwritable, `the output cannot be written (${error.code ?? error.message})`))
  process.exit(EXIT.unwritable)
}

function complain({ message, details }: Failure): void {
  const { paint } = terminalOf(process.stderr)
  const lines = [
    `${paint('red', 'igwn-auth:')} ${message}`,
    ...details.map((detail) => detail && `  ${detail}`),
  ]
  process.stderr.write(`${lines.join('\n')}\n`)
}

/** The stack is for whoever mends it; no message of Node.js or ours has a secret. */
function internal(error: unknown): Failure {
  const said =
    error instanceof Error ? (error.stack ?? error.message) : 'something that is no error was thrown'
  return new Failure(EXIT.internal, `this is a mistake in igwn-auth itself. ${said}`)
}
