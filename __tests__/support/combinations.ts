/**
 * Whether a matrix is tested with every combination of its entries, as in `npm run test:slow`. `npm test` has a part of them.
 */
export const everyCombination = (globalThis as { everyCombination?: boolean }).everyCombination === true

let turn = 0

/** All entries of a list that is tested in many places; without every combination, one of so many, in turn. */
export function someCombinations<Entry>(entries: readonly Entry[], of = 3): readonly Entry[] {
  turn += 1
  return everyCombination ? entries : entries.filter((_, index) => (index + turn) % of === 0)
}
