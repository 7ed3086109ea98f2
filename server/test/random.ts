/** Seeded randomness of tests. */

export { seededRandom } from '@sunday/board-model/testing/random';

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
