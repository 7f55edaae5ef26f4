import { spawn, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { LONGEST_DELAY } from '../clock'
import { IgwnAuthError } from '../errors'
import { pathName } from '../secrets/sanitize'
import { redact } from '../secrets/redact'
import { isStats, statOf } from './read-file'

export interface RunOptions {
  /** Milliseconds after which the program and its child processes are terminated; 0 for never. */
  readonly timeout: number
  /** Environment variables added to those of this process; undefined removes one. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Arguments that are no secrets, although they look like words. Others are redacted in what the program wrote. */
  readonly shown?: readonly string[] | undefined
  /** The program uses the terminal of the user; none of its output is kept. Default is false. */
  readonly atTerminal?: boolean | undefined
}

/**
 * Runs a program without a shell and returns its standard output. Rejects with {@link IgwnAuthError}
 * `ERR_IGWN_COMMAND_FAILED` when it cannot be started, fails or takes too long. The message has its standard error, redacted, and
 * no argument.
 */
export async function runCommand(
  [program, ...args]: readonly [string, ...string[]],
  { timeout, env, shown = [], atTerminal = false }: RunOptions,
): Promise<string> {
  const child = start(program, args, env, atTerminal)
  const stdout = collect(child.stdout, MAX_STDOUT)
  const stderr = collect(child.stderr, MAX_STDERR)
  let isLate = false as boolean
  const timer = setTimeout(
    () => {
      isLate = true
      terminate(child, atTerminal)
    },
    Math.min(timeout || LONGEST_DELAY, LONGEST_DELAY),
  )
  const terminateToo = () => {
    signal(child, 'SIGTERM', atTerminal)
  }
  terminateOnExit(terminateToo)
  try {
    const outcome = await outcomeOf(child, program, env)
    // Child processes may ignore SIGTERM.
    if (isLate) signal(child, 'SIGKILL', atTerminal)
    const problem = isLate ? `was still running after ${timeout / 1000} seconds and was terminated` : outcome
    if (problem === undefined) return stdout()
    const given = [...args.filter((one) => !shown.includes(one)), ...Object.values(env)]
    const secrets = [...given.flatMap((text = '') => wordsOf(text)), ...wordsPrinted(stdout())]
    throw failed(`${pathName(program)} ${problem}. ${stderrText(stderr(), secrets)}`)
  } finally {
    clearTimeout(timer)
    running.delete(terminateToo)
    if (running.size === 0) process.off('exit', terminateAll)
  }
}

function stderrText(stderr: string, secrets: readonly string[]): string {
  const text = redact(stderr, secrets)
  if (text === '') return 'It wrote nothing to standard error.'
  const advice = stderr.includes('/dev/stdout')
    ? ' Standard output is a socket, which cannot be opened as /dev/stdout: let the program write a file, and name it in outFile.'
    : ''
  return `Its standard error: ${text}${advice}`
}

/** An argument or the value of a variable, and each word in it, unless it is needed to understand a message. */
function wordsOf(text: string): string[] {
  if (isPublic(text)) return []
  // Of a sentence or a script, ordinary words are left out.
  const isOrdinary = (word: string) => isPublic(word) || (/\s/.test(text) && /^[A-Za-z._-]{1,15}$/.test(word))
  return [text, ...text.split(/[\s"'`=:;,?&@(){}[\]]+/).filter((word) => !isOrdinary(word))]
}

/** What a program printed that may be a secret: the values of JSON, and of each line a word that is alone or has a name. */
function wordsPrinted(text: string): string[] {
  const values = Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"(\s*:)?/g), ([, value = '', colon]) =>
    colon === undefined ? value : '',
  )
  const words = text.split('\n').flatMap((line) => {
    const before = line.trim().split(/\s+/)
    const last = before.pop() ?? ''
    return last.includes('=') || /^$|[:=]$/.test(before.at(-1) ?? '') ? wordsOf(last) : []
  })
  return [...values, ...words].filter((word) => !isPublic(word))
}

/**
 * Whether a text is not a secret, and needed to understand a message: an option, a URL without userinfo and query, a host
 * name, an absolute path.
 */
function isPublic(text: string): boolean {
  return /^(?:--?[a-z][a-z-]*|https?:\/\/[^\s@?#]+|(?:[a-z0-9-]+\.)+[a-z]{2,6}(?::\d+)?|\/[\w./:-]*)$/.test(
    text,
  )
}

/** Terminates each program that is running. */
const running = new Set<() => void>()

/** One listener for all of them: Node.js warns of a leak at the eleventh. */
function terminateOnExit(terminateOne: () => void): void {
  if (running.size === 0) process.on('exit', terminateAll)
  running.add(terminateOne)
}

function terminateAll(): void {
  for (const terminateOne of running) terminateOne()
}

/** Bytes; more than a token and messages. */
const MAX_STDOUT = 256 * 1024
/** Bytes; the end is kept. */
const MAX_STDERR = 16 * 1024

function start(
  program: string,
  args: readonly string[],
  env: RunOptions['env'],
  atTerminal: boolean,
): ChildProcess {
  try {
    return spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: atTerminal ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      // Its own process group can be terminated as a whole, but is detached from the terminal.
      detached: !atTerminal && !ON_WINDOWS,
      windowsHide: true,
    })
  } catch (error) {
    throw notStarted(program, error, env)
  }
}

const ON_WINDOWS = process.platform === 'win32'

/** Keeps the end of a stream; the returned function returns it as text. */
function collect(stream: Readable | null, limit: number): () => string {
  let kept = Buffer.alloc(0)
  stream?.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-limit)
  })
  return () => kept.toString('utf8')
}

/** How it failed, as the rest of a sentence; undefined for exit code 0. */
async function outcomeOf(
  child: ChildProcess,
  program: string,
  env: RunOptions['env'],
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      // Otherwise a signal could not be sent.
      if (child.pid === undefined) reject(notStarted(program, error, env))
    })
    child.once('exit', () => {
      // A process that it left running may keep its output open.
      const timer = setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, OUTPUT_DELAY)
      child.once('close', () => {
        clearTimeout(timer)
      })
    })
    child.once('close', (code, killedBy) => {
      if (killedBy) resolve(`was terminated by ${killedBy}`)
      else resolve(code === 0 ? undefined : `failed with exit code ${String(code)}`)
    })
  })
}

/** Milliseconds. */
const OUTPUT_DELAY = 1000

/** Terminates a program and its child processes: first with SIGTERM, then with SIGKILL. */
function terminate(child: ChildProcess, atTerminal: boolean): void {
  signal(child, 'SIGTERM', atTerminal)
  const timer = setTimeout(() => {
    signal(child, 'SIGKILL', atTerminal)
  }, KILL_DELAY)
  child.once('close', () => {
    clearTimeout(timer)
  })
}

/** Milliseconds. */
const KILL_DELAY = 1000

function signal(child: ChildProcess, name: NodeJS.Signals, atTerminal: boolean): void {
  if (child.pid === undefined) return
  try {
    if (atTerminal || ON_WINDOWS) child.kill(name)
    else process.kill(-child.pid, name)
  } catch {
    // It has ended already.
  }
}

/** Only the code of the system's error: the error itself has all arguments. */
function notStarted(program: string, error: unknown, env: RunOptions['env']): IgwnAuthError {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  const problem = `${pathName(program)} cannot be started`
  if (code === 'ENOENT')
    return failed(`${problem}: there is no such program (${code}). Install it, or give its path.`)
  if (code !== 'EACCES') return failed(`${problem} (${code}).`)
  const { unreadable, isFound } = searchPath(program, { ...process.env, ...env }.PATH)
  if (!isFound)
    return failed(
      `${problem}: there is no such program in PATH, as far as its folders can be read; ${unreadable.map(pathName).join(', ')} cannot (${code}). Install it, or give its path.`,
    )
  return failed(`${problem}: it is not executable (${code}). Run \`chmod +x\` on it.`)
}

/** The path of a program in the folders of `PATH`; undefined if there is none that this user may run. */
export function findProgram(program: string, PATH = ''): string | undefined {
  const files = PATH.split(path.delimiter).map((folder) => path.join(folder || '.', program))
  return files.find((file) => {
    try {
      fs.accessSync(file, fs.constants.X_OK)
      return fs.statSync(file).isFile()
    } catch {
      return false
    }
  })
}

/** The system reports EACCES also when the program is nowhere and a folder in PATH cannot be searched. */
function searchPath(
  program: string,
  PATH = '',
): { readonly unreadable: string[]; readonly isFound: boolean } {
  const unreadable: string[] = []
  if (program.includes(path.sep)) return { unreadable, isFound: true }
  for (const folder of PATH.split(path.delimiter)) {
    const found = statOf(path.join(folder, program))
    if (isStats(found) && found.isFile()) return { unreadable, isFound: true }
    if (found && !isStats(found)) unreadable.push(folder)
  }
  return { unreadable, isFound: unreadable.length === 0 }
}

function failed(message: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_COMMAND_FAILED', message)
}
