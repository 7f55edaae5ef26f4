/**
 * Runs once before all test files. Jest ends a worker process that does not exit by itself, and only prints so; here it is a
 * failure, because something that a test started remains, such as a timer.
 */
export default function beginJest(): void {
  const { error } = console
  console.error = (...all: unknown[]) => {
    if (String(all[0]).includes('has been force exited')) process.exitCode = 1
    error(...all)
  }
}
