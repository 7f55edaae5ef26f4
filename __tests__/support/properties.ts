/**
 * Each run of the property tests generates other data. The names of the tests contain the seed, so that every failure shows it,
 * also a timeout; `PROPERTY_SEED` repeats a run. `npm test` runs an eighth of the cases, and `npm run test:slow` all;
 * `PROPERTY_RUNS=50` runs 50 times as many as that.
 */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { everyCombination } from './combinations'

const SEED = Number(process.env.PROPERTY_SEED ?? randomInt(2 ** 31))
const FACTOR = Number(process.env.PROPERTY_RUNS ?? (everyCombination ? 1 : 0.125))

fc.configureGlobal({ seed: SEED, numRuns: Math.ceil(200 * FACTOR) })

/** For the name of a test or group. */
export const SEEDED = `(seed ${SEED})`

/** The number of cases for a property that takes more or less time than others. */
export const runs = (count: number): { numRuns: number } => ({ numRuns: Math.ceil(count * FACTOR) })

/** A text of only these characters or words. */
export function textOf(characters: string | readonly string[], maxLength = 30): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...Array.from(characters)), maxLength })
}

/**
 * A text of any UTF-16: mostly ASCII, and also half surrogates. (For its unit `binary`, fast-check makes a map of all code points,
 * which takes a second.)
 */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  const upTo = (most: number) => fc.nat(most).map((code) => String.fromCodePoint(code))
  return fc.string({ unit: fc.oneof(upTo(0x7f), upTo(0x7f), upTo(0xffff), upTo(0x10ffff)), maxLength })
}
