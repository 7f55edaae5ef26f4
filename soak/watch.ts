import fs from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** The resources of this process at one time. */
interface Sample {
  /** Megabytes after a garbage collection. */
  readonly heap: number
  /** Megabytes of memory of the process. */
  readonly memory: number
  readonly timers: number
  /** Open files and sockets. */
  readonly handles: number
}

/** Allowed growth: a share of the value at the beginning, plus an amount. */
const ALLOWED: Record<keyof Sample, readonly [share: number, more: number]> = {
  heap: [0.15, 3],
  memory: [0.25, 30],
  timers: [0.3, 15],
  handles: [0.3, 15],
}

/** Seconds at the beginning in which code is compiled and connections are made. */
const WARM_UP = 20

/** Samples the resources of this process once a second. */
export function watch(count: () => number) {
  const samples: Sample[] = []

  return {
    async until(end: number): Promise<void> {
      console.log(
        `${'time'.padStart(8)} ${'sent'.padStart(9)} ${NAMES.map((name) => name.padStart(8)).join(' ')}`,
      )
      for (let second = 1; Date.now() < end; second += 1) {
        await wait(Math.min(1000, end - Date.now()))
        const now = sample()
        samples.push(now)
        if (second % 10 === 0 || Date.now() >= end) print(second, count(), now)
      }
    },
    /** What has grown: the median of the last third, compared with the first third after the warm-up. */
    grown(): string[] {
      const all = samples.slice(Math.min(WARM_UP, Math.floor(samples.length / 3)))
      const third = Math.floor(all.length / 3)
      if (third < 5) {
        console.log('Too short to measure growth; that takes a minute.')
        return []
      }
      return NAMES.flatMap((name) => {
        const [before, after] = [all.slice(0, third), all.slice(-third)].map((some) =>
          median(some.map((one) => one[name])),
        ) as [number, number]
        const [share, more] = ALLOWED[name]
        return after <= before * (1 + share) + more
          ? []
          : [`${name} grew from ${before.toFixed(1)} to ${after.toFixed(1)}`]
      })
    },
  }
}

const NAMES = Object.keys(ALLOWED) as (keyof Sample)[]

function sample(): Sample {
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  return {
    heap: heapUsed / 2 ** 20,
    memory: rss / 2 ** 20,
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    handles: openHandles(),
  }
}

/** Open files and sockets; on systems without /proc, TCP connections only. */
export function openHandles(): number {
  try {
    return fs.readdirSync('/proc/self/fd').length
  } catch {
    return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length
  }
}

function print(second: number, count: number, one: Sample): void {
  const values = NAMES.map((name) => one[name].toFixed(name === 'heap' ? 1 : 0).padStart(8))
  console.log(`${`${second} s`.padStart(8)} ${String(count).padStart(9)} ${values.join(' ')}`)
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
