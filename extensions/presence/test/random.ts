/** Seeded random numbers (mulberry32): a failing fuzz run is repeated with `SEED=<number>`; `FUZZ=20` runs twenty times as many. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  }

  /** 0 … below - 1 */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

export function seeds(count: number): number[] {
  const given = process.env['SEED'];
  if (given !== undefined) return [Number(given)];
  const first = Date.now() % 1_000_000_000;
  return Array.from({ length: count * Number(process.env['FUZZ'] ?? 1) }, (_, index) => first + index);
}
