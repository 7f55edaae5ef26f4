/** Pseudo-random numbers from 0 to 1, the same in each run (mulberry32). */
export function numbers(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Picks list elements with these numbers. */
export function picker(next: () => number) {
  return <Item>(from: readonly Item[]): Item => from[Math.floor(next() * from.length)] as Item
}
