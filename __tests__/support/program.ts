import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

const PACKAGE = path.join(__dirname, '../../dist/index.js')

/**
 * Runs a program in a process of its own, with everything of the package, as it is built, under its names; gives what it
 * printed.
 */
export async function runProgram(
  program: string,
  { killAfterOutput, env }: { killAfterOutput?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import * as all from ${JSON.stringify(PACKAGE)}\n${NAMES}\n${program}`,
    ],
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
