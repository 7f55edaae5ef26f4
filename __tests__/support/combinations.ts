/**
 * Whether a matrix is tested with every combination of its entries, as in `npm run test:slow`. In `npm test` it is tested with a
 * part of them in which each two entries meet.
 */
export const everyCombination = (globalThis as { everyCombination?: boolean }).everyCombination === true
