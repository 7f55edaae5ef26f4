/**
 * Whether work grows with the length of a text as the text does. Compared are times of the same work at two lengths, never with
 * a clock on the wall: eight times the text takes eight times as long, or sixty-four times where something is quadratic.
 */
export function expectLinear(textOf: (size: number) => string, work: (text: string) => unknown): void {
  let ratio = Infinity
  // What else the machine does only ever makes a measurement longer; three of them are not all hit.
  for (let attempt = 0; attempt < 3 && ratio > LIMIT; attempt += 1) ratio = growthOf(textOf, work)
  if (ratio > LIMIT)
    throw new Error(
      `eight times the text takes ${ratio.toFixed()} times as long: ${textOf(20).slice(0, 200)}`,
    )
}

/** Between 8 and 64, well away from both. */
const LIMIT = 28

function growthOf(textOf: (size: number) => string, work: (text: string) => unknown): number {
  const [short, long] = [textOf(SIZE), textOf(8 * SIZE)]
  return timeOf(() => work(long)) / timeOf(() => work(short))
}

const SIZE = 2_000

/** Microseconds of one act, the quickest of several measurements; what is too short to be measured is done again and again. */
function timeOf(act: () => unknown): number {
  let times = 1
  // Compiled before it is measured.
  while (cpuTime(times, act) < MEASURABLE) times *= 2
  return Math.min(cpuTime(times, act), cpuTime(times, act)) / times
}

/** Microseconds. */
const MEASURABLE = 1000

/** Microseconds of this process alone. */
function cpuTime(times: number, act: () => unknown): number {
  const before = process.cpuUsage()
  for (let time = 0; time < times; time += 1) act()
  const { user, system } = process.cpuUsage(before)
  return user + system
}
