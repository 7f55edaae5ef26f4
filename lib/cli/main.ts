#!/usr/bin/env node
import { CommanderError } from 'commander'
import { CommandError, EXIT, fileError, Interrupted } from './errors'
import { messageOfParser, program } from './program'
import { printError } from './terminal'

/** Resolves when the command has ended. */
export const ended = main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode
})

/** Runs the command. Resolves to its exit code. */
async function main(words: readonly string[]): Promise<number> {
  process.stdout.on('error', exitOnOutputError)
  // An error of stderr cannot be reported anywhere.
  process.stderr.on('error', () => undefined)
  let exitCode: number = EXIT.ok
  try {
    await program(words[0], (code) => (exitCode = code)).parseAsync(words, { from: 'user' })
    return exitCode
  } catch (error) {
    return report(error, words)
  }
}

async function report(error: unknown, words: readonly string[]): Promise<number> {
  // The parser has printed its message already.
  const isOfParser = error instanceof CommanderError
  if (isOfParser && error.exitCode === 0) return EXIT.ok
  const known = isOfParser
    ? new CommandError(EXIT.usage, messageOfParser(error.message))
    : error instanceof CommandError
      ? error
      : internalError(error)
  if (known.exitCode === EXIT.usage && !isOfParser) known.addLines(`See igwn-auth ${words[0] ?? ''} --help.`)
  if (!isOfParser) printError(known)
  if (words.includes('--json') && !['request', 'get'].includes(words[0] ?? '')) {
    const { json } = await import('./format')
    process.stdout.write(`${json(known)}\n`)
  }
  if (known instanceof Interrupted) process.kill(process.pid, known.signal)
  return known.exitCode
}

/** A reader that stops early, such as `head`, is not an error worth a message. */
function exitOnOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT.brokenPipe)
  printError(fileError(EXIT.unwritable, 'stdout', error))
  process.exit(EXIT.unwritable)
}

/** Includes the stack, for a bug report. */
function internalError(error: unknown): CommandError {
  const text =
    error instanceof Error ? (error.stack ?? error.message) : 'a value that is not an error was thrown'
  return new CommandError(EXIT.internal, 'this is a bug in igwn-auth', { lines: text.split('\n') })
}
