/**
 * How a board with more people than can all be told everything degrades (`fullRatePeople` in limits.ts): a tick tells some of the people, those
 * who look at the same first, and the next tick the next, each of several moves at once; what happens elsewhere is told later; clients are told so, and how
 * often it is worth saying something.
 *
 * No timers: whoever calls asks when to come back.
 */
import { MAX_BUSY_TICK_MS, MAX_OTHERS_MS, MAX_TICK_MS, OTHERS_MS, OTHERS_ROUND_MS } from './limits.ts';
import type { PresenceCrowd } from './types.ts';

/** Below this share of the bound a crowd is none any more: a board at the bound does not go to and fro. */
const OVER = 0.9;
/** People are told anew when their number has changed by this share. */
const WORTH_TELLING = 0.1;

export class Crowd {
  readonly #fullRatePeople: number;
  readonly #tickMs: number;
  #people = 0;
  #is = false;
  #told: PresenceCrowd | null = null;

  constructor(fullRatePeople: number, tickMs: number) {
    this.#fullRatePeople = fullRatePeople;
    this.#tickMs = tickMs;
  }

  /** Whether so many people are too many. */
  measure(people: number): boolean {
    this.#people = people;
    this.#is = people > this.#fullRatePeople * (this.#is ? OVER : 1);
    return this.#is;
  }

  /** How long a move waits for those who look at something else. Grows from nothing at the bound. */
  get othersMs(): number {
    return this.#is ? Math.min(MAX_OTHERS_MS, Math.max(this.#tickMs, OTHERS_MS * (this.#people / this.#fullRatePeople - 1))) : 0;
  }

  /** As last measured. */
  get isOne(): boolean {
    return this.#is;
  }

  /** How crowded it is; null: not at all. */
  get now(): PresenceCrowd | null {
    if (!this.#is) return null;
    return { people: this.#people, everyMs: Math.round(this.#everyMs), othersMs: Math.round(this.othersMs) };
  }

  /** In what time everybody is told once. */
  get #everyMs(): number {
    return Math.min(MAX_TICK_MS, this.#tickMs * Math.max(1, this.#people / this.#fullRatePeople));
  }

  /**
   * How many peers are told by a tick that comes so long after the last one: few at a time, so that nothing else waits for a thousand. A process that asks
   * for a slowdown sends fewer, not larger ticks.
   */
  share(elapsedMs: number, slowdown: number): number {
    const everyMs = Math.min(this.#everyMs * slowdown, Math.max(this.#everyMs, MAX_BUSY_TICK_MS));
    if (!this.#is || everyMs === 0) return Number.POSITIVE_INFINITY;
    return Math.max(1, Math.ceil((this.#people * Math.min(elapsedMs, this.#tickMs)) / everyMs));
  }

  /** What everybody has to be told; undefined: nothing they do not know. */
  news(): PresenceCrowd | null | undefined {
    if (!this.#is && this.#told === null) return undefined;
    if (this.#is && this.#told !== null && Math.abs(this.#people - this.#told.people) < this.#told.people * WORTH_TELLING) return undefined;
    this.#told = this.now;
    return this.#told;
  }
}

/** Client ids whose latest state only those in the same view have been told of, each with when everybody has to be. */
export class Waiting {
  readonly #due = new Map<number, number>();
  #roundAt = Number.NEGATIVE_INFINITY;

  get ids(): Iterable<number> {
    return this.#due.keys();
  }

  /** The first of several changes counts: who moves all the time is seen to move. */
  add(id: number, due: number): void {
    if (!this.#due.has(id)) this.#due.set(id, due);
  }

  delete(id: number): void {
    this.#due.delete(id);
  }

  /** When `take` has something. */
  get at(): number {
    const [first] = this.#due.values();
    return first === undefined ? Number.POSITIVE_INFINITY : Math.max(first, this.#roundAt + OTHERS_ROUND_MS);
  }

  /** Those whose time has come; all of them with `everything`. They wait no longer. */
  take(now: number, everything: boolean): number[] {
    if (!everything && now < this.at) return [];
    const taken = [...this.#due].filter(([, due]) => everything || due <= now).map(([id]) => id);
    for (const id of taken) this.#due.delete(id);
    if (taken.length > 0) this.#roundAt = now;
    return taken;
  }
}
