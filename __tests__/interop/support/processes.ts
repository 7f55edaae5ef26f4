/**
 * The processes of a run, written down in its folder, so that somebody who outlives the tests can end what they could not:
 * by process id, and only if it is still the process that was meant.
 */
import fs from 'node:fs'
import path from 'node:path'

/** Writes a process down; the function that is given takes it off again. */
export function rememberProcess(pid: number, folder = process.env.INTEROP_FOLDER ?? ''): () => void {
  const file = path.join(folder, 'processes', String(pid))
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, startOf(pid) ?? '')
  return () => fs.rmSync(file, { force: true })
}

/** Ends what is written down and still there, with all of its process group. Gives the ids of those. */
export function endProcesses(folder: string): number[] {
  const written = path.join(folder, 'processes')
  if (!fs.existsSync(written)) return []
  return fs.readdirSync(written).flatMap((name) => {
    const pid = Number(name)
    if (startOf(pid) !== fs.readFileSync(path.join(written, name), 'utf8')) return []
    try {
      process.kill(-pid, 'SIGKILL')
      return [pid]
    } catch {
      return [] // it has ended meanwhile
    }
  })
}

/** When a process started, in the kernel's clock: with its id the one name it has. Undefined: there is none. */
function startOf(pid: number): string | undefined {
  try {
    // The name of the program, in brackets, may hold anything; field 22 is the 20th behind it (proc(5)).
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19]
  } catch {
    return undefined
  }
}
