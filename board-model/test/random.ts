/** Seeded randomness of tests, of all packages: a failure says its seed, and `SEED=<number>` repeats it. */

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

export class Random {
  readonly next: () => number;

  constructor(seed: number) {
    this.next = seededRandom(seed);
  }

  /** 0 … below - 1 */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** One of them; there has to be one. */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** The one that was given, or another each time. */
export const seedOf = (given: string | undefined): number => (given === undefined || given === '' ? Date.now() % 1_000_000_000 : Number(given));

/** So many, other ones each time; `SEED=<number>`: that one; `FUZZ=20`: twenty times as many. */
export function seeds(count: number): number[] {
  const given = process.env['SEED'];
  const first = seedOf(given);
  if (given !== undefined && given !== '') return [first];
  return Array.from({ length: count * Number(process.env['FUZZ'] ?? 1) }, (_, index) => first + index);
}
