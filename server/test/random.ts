/** Seeded randomness of tests. */

/** mulberry32: numbers in [0, 1); small, and good enough to pick moments and deeds. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of them; there has to be one. */
export function pick<T>(from: readonly T[], next: () => number): T {
  const chosen = from[Math.floor(next() * from.length)];
  if (chosen === undefined) throw new Error('nothing to pick from');
  return chosen;
}

/** In another order. */
export function shuffled<T>(list: readonly T[], next: () => number): T[] {
  return list.map((entry) => ({ entry, key: next() })).toSorted((a, b) => a.key - b.key).map(({ entry }) => entry);
}

export const between = (low: number, high: number, next: () => number): number => low + (high - low) * next();
