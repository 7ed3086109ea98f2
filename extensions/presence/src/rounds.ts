/**
 * What has to be told on a board, tick by tick, until everybody has been told it.
 *
 * A tick makes a round of what is news; in a crowd it tells some of the peers, and the next tick the next of them. Each has its place, the round up to
 * which it was told, and is told of all rounds since at once. Rounds that everybody has been told of are forgotten.
 */

interface Round {
  /** When it was made, by the lane's time. */
  readonly at: number;
  /** Client ids that everybody is to be told of. */
  readonly all: readonly number[];
  /** By what is looked at: client ids that those who look at it, too, are to be told of. */
  readonly near: ReadonlyMap<string, readonly number[]>;
}

export class Rounds {
  /** Of the oldest everybody has been told: it is there for its time. */
  #kept: Round[] = [{ at: Number.NEGATIVE_INFINITY, all: [], near: new Map() }];
  #oldest = 0;
  /** The last round in which there was something for everybody. */
  #lastForAll = 0;
  /** By what is looked at: the last round in which something happened there. Of nothing that everybody has been told. */
  readonly #lastNear = new Map<string, number>();

  /** The number of the newest. */
  get last(): number {
    return this.#oldest + this.#kept.length - 1;
  }

  add(at: number, all: readonly number[], near: ReadonlyMap<string, readonly number[]>): void {
    if (all.length === 0 && near.size === 0) return;
    this.#kept.push({ at, all, near });
    if (all.length > 0) this.#lastForAll = this.last;
    for (const name of near.keys()) this.#lastNear.set(name, this.last);
  }

  /** When a round was made: the oldest, or one after it. */
  at(round: number): number {
    return this.#kept[round - this.#oldest]?.at ?? Number.NEGATIVE_INFINITY;
  }

  /** Whether it matters who looks at what. */
  get areNear(): boolean {
    return this.#lastNear.size > 0;
  }

  /** Whether there is something that everybody is told, and who was told up to this round was not. */
  isBehind(told: number): boolean {
    return told < this.#lastForAll;
  }

  /** The same for what happened where somebody looks. */
  isBehindNear(told: number, names: readonly string[]): boolean {
    return names.some((name) => (this.#lastNear.get(name) ?? 0) > told);
  }

  /** Client ids that somebody who was told up to a round, and looks at these, was not told of; each once. */
  since(told: number, names: readonly string[]): readonly number[] {
    const rounds = this.#kept.slice(told + 1 - this.#oldest);
    const [only] = rounds;
    if (only !== undefined && rounds.length === 1 && only.near.size === 0) return only.all;
    const ids = new Set<number>();
    for (const { all, near } of rounds) {
      for (const id of all) ids.add(id);
      for (const name of names) for (const id of near.get(name) ?? []) ids.add(id);
    }
    return [...ids];
  }

  /** Everybody has been told up to this one. */
  forget(told: number): void {
    if (told === this.#oldest) return;
    this.#kept = this.#kept.slice(told - this.#oldest);
    this.#oldest = told;
    for (const [name, round] of this.#lastNear) if (round <= told) this.#lastNear.delete(name);
  }
}
