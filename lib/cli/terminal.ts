import fs from 'node:fs'
import type { ReadStream } from 'node:tty'
import { styleText } from 'node:util'
import { printable } from '../secrets/sanitize'
import { Interrupted, usageError, type CommandError } from './errors'

/** Where text for people is printed. */
export interface Terminal {
  /** Columns of a line; Infinity where lines are not wrapped. */
  readonly width: number
  readonly paint: Paint
}

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

/** The width of the terminal, else `COLUMNS`, else unlimited: lines in a pipe are not wrapped. Colors only on terminals. */
export function terminalOf(stream: NodeJS.WriteStream, { env } = process): Terminal {
  const columns = stream.isTTY ? stream.columns || 80 : Number(env.COLUMNS) || Infinity
  return { width: Math.max(MIN_WIDTH, columns), paint: hasColors(stream, env) ? colored : plain }
}

/** Narrower columns cannot hold a word. */
const MIN_WIDTH = 40

/** `FORCE_COLOR` overrides `NO_COLOR` (no-color.org), as in Node.js; that overrides the terminal. */
function hasColors({ isTTY }: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: none, TERM } = env
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return isTTY && !none && TERM !== 'dumb'
}

const colored: Paint = (style, text) =>
  // Without this option Node.js 22 decides by stdout, also for text on stderr.
  (styleText as (...parts: unknown[]) => string)(style, text, { validateStream: false })

const plain: Paint = (_style, text) => text

/** Prints an error to stderr: its message, further lines, and what fixes it. */
export function printError({ message, details }: CommandError): void {
  const { paint } = terminalOf(process.stderr)
  const { lines = [], fixes = [] } = details
  const [fix, ...others] = fixes
  const advice =
    fix === undefined
      ? []
      : others.length === 0
        ? [`To fix: ${fix}`]
        : ['To fix:', ...fixes.map((one) => `  ${one}`)]
  const all = [...lines, ...advice].map((line) => line && `  ${printable(line)}`)
  process.stderr.write(`${paint('red', 'igwn-auth:')} ${[printable(message), ...all].join('\n')}\n`)
}

/** Asks for a password on the terminal, without echo. Also when stdin is a pipe. */
export async function askPassword(prompt: string): Promise<string> {
  const { input, output } = await openTerminal()
  input.setRawMode(true)
  // Written at once: what is printed later must not come before it, and Ctrl-C ends the process.
  fs.writeSync(output, prompt)
  try {
    return await readLine(input)
  } finally {
    input.setRawMode(false)
    input.destroy()
    fs.writeSync(output, '\n')
    fs.closeSync(output)
  }
}

/** `output` is a file descriptor. */
async function openTerminal(): Promise<{ input: ReadStream; output: number }> {
  try {
    const { default: tty } = await import('node:tty')
    const input = new tty.ReadStream(fs.openSync('/dev/tty', 'r'))
    return { input, output: fs.openSync('/dev/tty', 'w') }
  } catch {
    throw usageError('--user needs a terminal to ask for the password; put it in a netrc file instead')
  }
}

async function readLine(input: ReadStream): Promise<string> {
  let text = ''
  // Not destroyed at the end: the mode of a destroyed stream cannot be set.
  const chunks = input.setEncoding('utf8').iterator({ destroyOnReturn: false })
  for await (const chunk of chunks as AsyncIterable<string>)
    for (const character of chunk) {
      if (character === '\r' || character === '\n') return text
      // Raw mode: the terminal makes no signal of Ctrl-C.
      if (character === '\u0003') throw new Interrupted('SIGINT')
      if (character === '\u007f') text = text.slice(0, -1)
      else if (character >= ' ') text += character
    }
  return text
}
