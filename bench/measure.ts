/** The median and the quartiles of a measurement. */
export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface Effort {
  /** How often all variants run. */
  readonly rounds: number
  /** How many times a variant runs in each round. */
  readonly batch: number
  /** Rounds before the first that counts, so that all code is compiled. Default is 40. */
  readonly warmUp?: number
}

/** Wall time, and processor time of this process, which other processes affect little. */
interface Times<T> {
  readonly wall: T
  readonly cpu: T
}

export interface Compared {
  /** Time over the time of the first variant in the same round. */
  readonly ratio: Times<Spread>
  /** Microseconds of one run. */
  readonly time: Times<Spread>
  /** Microseconds of one run above those of the first variant in the same round. */
  readonly extra: Times<Spread>
}

/**
 * Times variants against the first of them. They run in turn, one batch each, in an order that reverses every round, so that
 * other load affects all of them equally. Ratios are between batches of the same round.
 */
export async function compare<Name extends string>(
  variants: Record<Name, () => unknown>,
  { rounds, batch, warmUp = 40 }: Effort,
): Promise<Record<Name, Compared>> {
  const names = Object.keys(variants) as Name[]
  const times = new Map<Name, Times<number>[]>(names.map((name) => [name, []]))
  for (let turn = 0; turn < warmUp; turn++) for (const name of names) await timed(variants[name], batch)
  globalThis.gc?.() // earlier garbage must not count
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 === 0 ? names : [...names].reverse())
      times.get(name)?.push(await timed(variants[name], batch))

  const baseline = times.get(names[0] as Name) ?? []
  return Object.fromEntries(names.map((name) => [name, compared(times.get(name) ?? [], baseline)])) as Record<
    Name,
    Compared
  >
}

/** Microseconds of one run, as the mean of a batch, so that work it defers counts too. */
async function timed(run: () => unknown, batch: number): Promise<Times<number>> {
  const cpuBefore = process.cpuUsage()
  const begin = performance.now()
  for (let times = 0; times < batch; times++) await run()
  const wall = performance.now() - begin
  const { user, system } = process.cpuUsage(cpuBefore)
  return { wall: (wall * 1000) / batch, cpu: (user + system) / batch }
}

/** Compares the batches of one variant with those of the first. */
export function compared(own: readonly Times<number>[], baseline: readonly Times<number>[]): Compared {
  const both = (of: (time: number, base: number) => number): Times<Spread> => {
    const spread = (clock: keyof Times<number>) =>
      spreadOf(own.map((time, round) => of(time[clock], baseline[round]?.[clock] ?? NaN)))
    return { wall: spread('wall'), cpu: spread('cpu') }
  }
  return {
    ratio: both((time, base) => time / base),
    time: both((time) => time),
    extra: both((time, base) => time - base),
  }
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) }
}

function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? NaN
  const above = sorted[Math.ceil(at)] ?? NaN
  return below + (above - below) * (at - Math.floor(at))
}

/** The slope of the least-squares line through points, and its standard error. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): {
  slope: number
  error: number
} {
  const count = points.length
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / count
  const [middleX, middleY] = [mean(0), mean(1)]
  const width = points.reduce((sum, [x]) => sum + (x - middleX) ** 2, 0)
  const slope = points.reduce((sum, [x, y]) => sum + (x - middleX) * (y - middleY), 0) / width
  const rest = points.reduce((sum, [x, y]) => sum + (y - middleY - slope * (x - middleX)) ** 2, 0)
  return { slope, error: Math.sqrt(rest / (count - 2) / width) }
}
