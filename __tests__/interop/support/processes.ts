/**
 * A list of the processes of a run, in its folder. The runner outlives the tests and ends processes that they left, by process
 * id, and only if the id still belongs to the same process.
 */
import fs from 'node:fs'
import path from 'node:path'

/** Adds a process to the list; the returned function removes it. */
export function rememberProcess(pid: number, folder = process.env.INTEROP_FOLDER ?? ''): () => void {
  const file = path.join(folder, 'processes', String(pid))
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, startOf(pid) ?? '')
  return () => fs.rmSync(file, { force: true })
}

/** Ends the listed processes that still run, with their process groups. Returns their ids. */
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
      return [] // it has already ended
    }
  })
}

/** When a process started, by the clock of the kernel: with the id, that identifies it. Undefined if it does not run. */
function startOf(pid: number): string | undefined {
  try {
    // The program name, in brackets, may contain anything; field 22 is the 20th after it (proc(5)).
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19]
  } catch {
    return undefined
  }
}
