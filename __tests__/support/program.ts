import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

const PACKAGE = path.join(__dirname, '../../dist/index.js')

export interface ProgramOptions {
  /** Milliseconds after its first output in which it is killed. */
  readonly killAfterOutput?: number
  readonly env?: NodeJS.ProcessEnv
  /** How large a file it may write, in blocks of 512 bytes: what is more is cut off, as on a disk with no more room. */
  readonly room?: string
}

/**
 * Runs a program in a process of its own, with everything of the package, as it is built, under its names; gives what it
 * printed.
 */
export async function runProgram(
  program: string,
  { killAfterOutput, env, room = 'unlimited' }: ProgramOptions = {},
): Promise<string> {
  const text = `import * as all from ${JSON.stringify(PACKAGE)}\n${NAMES}\n${program}`
  const child = spawn(
    'sh',
    ['-c', 'ulimit -f "$0"; exec "$@"', room, process.execPath, '--input-type=module', '--eval', text],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
  )
  let printed = ''
  let said = ''
  child.stdout.on('data', (chunk) => (printed += String(chunk)))
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  if (killAfterOutput !== undefined)
    child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), killAfterOutput))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code !== 0) throw new Error(`the program ended with ${signal ?? String(code)}: ${said}`)
  return printed
}

const NAMES = 'const { fileStore, keyvStore, reuse, externallyManagedJwt } = all'
