/**
 * Runs once after all test files. Jest waits without a limit for what is still open in its process; this ends it with a failure.
 * In worker processes, Jest does so itself.
 */
const GRACE = 10_000

export default function endJest(): void {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(', ')
    console.error(
      `Jest did not exit ${GRACE / 1000} s after the results. Still open: ${open}. Run it with --detectOpenHandles.`,
    )
    process.exit(1)
  }, GRACE).unref()
}
