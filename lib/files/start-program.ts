import { spawn } from 'node:child_process'
import type { Environment } from '../environment'

/** Starts a program that outlives this one. One that does not start is no error, nor are arguments that are too long for it. */
export function startProgram(program: string, words: readonly string[], env: Environment['env']): void {
  try {
    const child = spawn(program, words, { env, stdio: 'ignore', detached: true })
    child.on('error', () => undefined)
    child.unref()
  } catch {
    // The system refuses arguments of any length at once (E2BIG).
  }
}
