import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

const PACKAGE = path.join(__dirname, '../../dist/index.js')

export interface ProgramOptions {
  /** Milliseconds after its first output at which it is killed. */
  readonly killAfterOutput?: number
  readonly env?: NodeJS.ProcessEnv
  /** Maximum size of a file that it writes, in blocks of 512 bytes; the rest is cut off, as on a full disk. */
  readonly room?: string
}

/**
 * Runs a program in a process of its own, in which all exports of the built package are defined. Returns its output.
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
