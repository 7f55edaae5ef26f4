/** The middle of what was measured, and the quartiles about it. */
export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface Effort {
  /** How often all variants take their turn. */
  readonly rounds: number
  /** How often a variant runs in its turn. */
  readonly batch: number
}

export interface Compared {
  /** Time over the time of the first variant in the same round. */
  readonly ratio: Spread
  /** Time of one run. */
  readonly microseconds: Spread
}

/**
 * Times variants against the first of them. They run by turns, a batch each, in an order that reverses every round, so
 * that what else the machine does falls on all alike; ratios are of batches of the same round.
 */
export async function compare<Name extends string>(
  variants: Record<Name, () => unknown>,
  { rounds, batch }: Effort,
): Promise<Record<Name, Compared>> {
  const names = Object.keys(variants) as Name[]
  const times = new Map<Name, number[]>(names.map((name) => [name, []]))
  for (const name of names) await timed(variants[name], batch)
  globalThis.gc?.() // what was left behind before is on nobody's account
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 === 0 ? names : [...names].reverse())
      times.get(name)?.push(await timed(variants[name], batch))

  const baseline = times.get(names[0] as Name) ?? []
  const compared = names.map((name) => {
    const own = times.get(name) ?? []
    const ratio = spreadOf(own.map((time, round) => time / (baseline[round] ?? NaN)))
    return [name, { ratio, microseconds: spreadOf(own.map((time) => time * 1000)) }] as const
  })
  return Object.fromEntries(compared) as Record<Name, Compared>
}

/** Milliseconds that one run takes, as the mean of a batch: what it leaves for later counts too. */
async function timed(run: () => unknown, batch: number): Promise<number> {
  const begin = performance.now()
  for (let times = 0; times < batch; times++) await run()
  return (performance.now() - begin) / batch
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
