/**
 * How a board with more people than can all be told everything degrades (`fullRatePeople` in limits.ts): those who look at the
 * same are told at the tick, everybody else later and of several moves at once; frames a second and board stay bounded; clients are
 * told so, and how often it is worth saying something.
 *
 * No timers: whoever calls asks when to come back.
 */
import { BURST_MS, MAX_OTHERS_MS, MAX_TICK_MS, OTHERS_MS, OTHERS_ROUND_MS } from './limits.ts';
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

  /** How crowded it is; null: not at all. */
  get now(): PresenceCrowd | null {
    if (!this.#is) return null;
    const everyMs = Math.min(MAX_TICK_MS, this.#tickMs * Math.max(1, this.#people / this.#fullRatePeople));
    return { people: this.#people, everyMs: Math.round(everyMs), othersMs: Math.round(this.othersMs) };
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

/** After a tick of many frames the next one waits, so that a board sends `fullRatePeople` frames a tick on average. */
export class Pace {
  readonly #perMs: number;
  #owed = 0;
  #at = Number.NEGATIVE_INFINITY;

  constructor(framesPerMs: number) {
    this.#perMs = framesPerMs;
  }

  spend(frames: number, now: number): void {
    const rest = Math.max(0, this.#owed - (now - this.#at) * this.#perMs);
    this.#owed = Math.min(rest + frames, (BURST_MS + MAX_TICK_MS) * this.#perMs);
    this.#at = now;
  }

  /** How long after the last `spend` the next tick may be. */
  get restMs(): number {
    return Math.max(0, this.#owed / this.#perMs - BURST_MS);
  }
}
