import { spawn, type ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { IgwnAuthError } from '../errors'
import { pathName } from '../secrets/sanitize'
import { redact } from '../secrets/redact'

export interface RunOptions {
  /** Seconds after which it is ended, with whatever it started. */
  readonly timeout: number
  /** Environment variables over those of this process; undefined takes one away. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** It talks to whoever sits at the terminal; nothing it says is kept. Default is false. */
  readonly atTerminal?: boolean | undefined
}

/**
 * Runs a program without a shell and gives what it printed. Rejects with {@link IgwnAuthError} `ERR_IGWN_COMMAND_FAILED` when it
 * cannot be started, fails or takes too long. The message has no argument and no output, but for what it wrote on stderr
 * without what looks like a secret.
 */
export async function runCommand(
  [program, ...args]: readonly [string, ...string[]],
  { timeout, env, atTerminal = false }: RunOptions,
): Promise<string> {
  const child = start(program, args, env, atTerminal)
  const stdout = collect(child.stdout, MAX_PRINTED)
  const stderr = collect(child.stderr, MAX_SAID)
  const late = new AbortController()
  const timer = setTimeout(() => {
    late.abort()
    end(child, atTerminal)
  }, timeout * 1000)
  const endToo = () => {
    signal(child, 'SIGTERM', atTerminal)
  }
  endWithUs(endToo)
  try {
    const outcome = await endOf(child, program)
    const { aborted: tooLate } = late.signal
    // What it started may be deaf to less.
    if (tooLate) signal(child, 'SIGKILL', atTerminal)
    const what = tooLate ? `was still running after ${timeout} seconds and was ended` : outcome
    if (what === undefined) return stdout()
    const secrets = [...Object.values(env), ...stdout().split(/\s+/)].filter((one) => one !== undefined)
    const said = redact(stderr(), secrets)
    throw failed(
      `${pathName(program)} ${what}. ${said === '' ? 'It said nothing on stderr.' : `It said: ${said}`}`,
    )
  } finally {
    clearTimeout(timer)
    running.delete(endToo)
    if (running.size === 0) process.off('exit', endAll)
  }
}

/** What ends the programs that run now. */
const running = new Set<() => void>()

/** By one listener, however many run: Node warns of a leak at the eleventh. */
function endWithUs(end: () => void): void {
  if (running.size === 0) process.on('exit', endAll)
  running.add(end)
}

function endAll(): void {
  for (const end of running) end()
}

/** More than any token, and all that it may print beside. */
const MAX_PRINTED = 256 * 1024
/** Of what it says, the end. */
const MAX_SAID = 16 * 1024

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
      // A group of its own can be ended as a whole; but it is cut off from the terminal.
      detached: !atTerminal && !ON_WINDOWS,
      windowsHide: true,
    })
  } catch (error) {
    throw notStarted(program, error)
  }
}

const ON_WINDOWS = process.platform === 'win32'

/** Keeps the end of what a stream gives; the returned function gives it as text. */
function collect(stream: Readable | null, limit: number): () => string {
  let kept = Buffer.alloc(0)
  stream?.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-limit)
  })
  return () => kept.toString('utf8')
}

/** How it ended, as the end of a sentence; undefined when it ended well. */
async function endOf(child: ChildProcess, program: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      // Any other error is of a signal that could not be sent.
      if (child.pid === undefined) reject(notStarted(program, error))
    })
    child.once('exit', () => {
      // What it left running may hold its output open for ever.
      const timer = setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, LAST_WORDS_MS)
      child.once('close', () => {
        clearTimeout(timer)
      })
    })
    child.once('close', (code, killedBy) => {
      if (killedBy) resolve(`was ended by ${killedBy}`)
      else resolve(code === 0 ? undefined : `failed with exit code ${String(code)}`)
    })
  })
}

const LAST_WORDS_MS = 1000

/** Ends a program and what it started: first as one asks, then without asking. */
function end(child: ChildProcess, atTerminal: boolean): void {
  signal(child, 'SIGTERM', atTerminal)
  const timer = setTimeout(() => {
    signal(child, 'SIGKILL', atTerminal)
  }, GRACE_MS)
  child.once('close', () => {
    clearTimeout(timer)
  })
}

const GRACE_MS = 1000

function signal(child: ChildProcess, name: NodeJS.Signals, atTerminal: boolean): void {
  if (child.pid === undefined) return
  try {
    if (atTerminal || ON_WINDOWS) child.kill(name)
    else process.kill(-child.pid, name)
  } catch {
    // It is gone already.
  }
}

/** Only the code of the system's error: the error itself has all arguments. */
function notStarted(program: string, error: unknown): IgwnAuthError {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  const name = pathName(program)
  if (code === 'ENOENT')
    return failed(
      `${name} cannot be started: there is no such program (${code}). Install it, or give its path.`,
    )
  if (code === 'EACCES')
    return failed(
      `${name} cannot be started: it may not be executed (${code}). Make it executable with chmod +x.`,
    )
  return failed(`${name} cannot be started (${code}).`)
}

function failed(message: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_COMMAND_FAILED', message)
}
