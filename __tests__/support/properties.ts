/**
 * Properties hold for whatever is generated, and each run generates something else. The seed stands in the names of the tests,
 * so that a failure of any kind shows it, a time-out too; `PROPERTY_SEED` repeats a run. `PROPERTY_RUNS=50` has each property
 * tried 50 times as often.
 */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'

const SEED = Number(process.env.PROPERTY_SEED ?? randomInt(2 ** 31))
const FACTOR = Number(process.env.PROPERTY_RUNS ?? 1)

fc.configureGlobal({ seed: SEED, numRuns: 200 * FACTOR })

/** For the name of a test or of a group of them. */
export const SEEDED = `(seed ${SEED})`

/** How often a property is tried that costs more than most, or less. */
export const runs = (count: number): { numRuns: number } => ({ numRuns: count * FACTOR })

/** A text of these characters, or words, and no others. */
export function textOf(characters: string | readonly string[], maxLength = 30): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...Array.from(characters)), maxLength })
}
