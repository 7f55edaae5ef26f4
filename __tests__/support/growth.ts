/**
 * Whether the time of some work is linear in the length of a text. It compares the times for two lengths, so the speed of the
 * host does not matter: eight times the text takes eight times as long, or 64 times as long if something is quadratic.
 */
export function expectLinear(textOf: (size: number) => string, work: (text: string) => unknown): void {
  let ratio = Infinity
  // Other load can only make a measurement longer, and hardly all three of them.
  for (let attempt = 0; attempt < 3 && ratio > LIMIT; attempt += 1) ratio = growthOf(textOf, work)
  if (ratio > LIMIT)
    throw new Error(
      `eight times the text takes ${ratio.toFixed()} times as long: ${textOf(20).slice(0, 200)}`,
    )
}

/** Between 8 and 64, with a margin to both. */
const LIMIT = 28

function growthOf(textOf: (size: number) => string, work: (text: string) => unknown): number {
  const [short, long] = [textOf(SIZE), textOf(8 * SIZE)]
  return timeOf(() => work(long)) / timeOf(() => work(short))
}

const SIZE = 2_000

/** Microseconds of one run, the fastest of several measurements. A short run is repeated within a measurement. */
function timeOf(act: () => unknown): number {
  let times = 1
  // So that the code is compiled before it is measured.
  while (cpuTime(times, act) < MEASURABLE) times *= 2
  return Math.min(cpuTime(times, act), cpuTime(times, act)) / times
}

/** Microseconds. */
const MEASURABLE = 1000

/** Processor time of this process in microseconds. */
function cpuTime(times: number, act: () => unknown): number {
  const before = process.cpuUsage()
  for (let time = 0; time < times; time += 1) act()
  const { user, system } = process.cpuUsage(before)
  return user + system
}
