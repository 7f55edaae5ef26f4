import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'

/** Who holds a lock file. A process number alone is not enough: a restarted container has the same number and host name. */
const ID = /* @__PURE__ */ randomUUID()

/** The content of a lock file of this process: number, host, start time and a random id. */
export function processIdentity(): string {
  return `${process.pid} ${os.hostname()} ${startTime()} ${ID}\n`
}

/**
 * Whether a lock file was left behind by a process that had the number of this one on a host of this name, or names no process
 * at all. A worker thread, or a second copy of this package, has the same start time and another id.
 */
export function isLeftBehind(identity: string): boolean {
  const [, pid, host, start, id] = /^(\d+) (\S+) (\S+) (\S+)\n$/.exec(identity) ?? []
  if (pid === undefined) return true
  return Number(pid) === process.pid && host === os.hostname() && id !== ID && start !== startTime()
}

let start: string | undefined

/** In Linux the clock ticks from boot to start, which do not change with the clock; elsewhere seconds since the epoch. */
function startTime(): string {
  return (start ??= ticks() ?? String(Math.round(Date.now() / 1000 - process.uptime())))
}

/** Field 22 of `/proc/self/stat` (proc_pid_stat(5)); the name of the program before it may contain anything. */
function ticks(): string | undefined {
  try {
    const stat = fs.readFileSync('/proc/self/stat', 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
