/**
 * Each run of the property tests generates other data. The names of the tests contain the seed, so that every failure shows it,
 * also a timeout; `PROPERTY_SEED` repeats a run. `PROPERTY_RUNS=50` runs 50 times as many cases.
 */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'

const SEED = Number(process.env.PROPERTY_SEED ?? randomInt(2 ** 31))
const FACTOR = Number(process.env.PROPERTY_RUNS ?? 1)

fc.configureGlobal({ seed: SEED, numRuns: 200 * FACTOR })

/** For the name of a test or group. */
export const SEEDED = `(seed ${SEED})`

/** The number of cases for a property that takes more or less time than others. */
export const runs = (count: number): { numRuns: number } => ({ numRuns: count * FACTOR })

/** A text of only these characters or words. */
export function textOf(characters: string | readonly string[], maxLength = 30): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...Array.from(characters)), maxLength })
}
