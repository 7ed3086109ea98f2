/**
 * How long the event loop may be held by what clients send, before everything else of this process has its turn: commits, REST, timers.
 *
 * Node hands on whatever has come, socket after socket, before it comes round to timers; and where more than 1024 sockets are readable at once, libuv
 * asks for the next ones first, up to 48 times. A node with two thousand busy sockets so did nothing else for seconds, and took its database for away.
 * Here a turn takes frames for a few milliseconds; those that come after that wait with their socket (reading.ts), which costs next to nothing, and are
 * taken in the turns that follow, one of each socket after the other.
 *
 * Guarantees: while anybody waits, nobody goes first; a socket's frames stay in order. Owns immediates, while frames come or wait.
 */

/** Below what a person notices. */
const TURN_MS = 10;
/** While somebody waits, a turn lasts as long as everything else did since the last one, within these bounds: frames get half of a full loop. */
const LONGEST_TURN_MS = 100;
/** What a frame sets going (Hocuspocus' hooks are promises) is done when an immediate is, not when `takeNext` returns: that is when time is looked at. */
const FRAMES_PER_STEP = 4;
const MAX_STEPS = 500;

export interface Waiter {
  /** Takes one frame, if it may. Returns whether more of it waits. */
  takeNext(): boolean;
}

export class Turns {
  #round: Waiter[] = [];
  #at = 0;
  #next: Waiter[] = [];
  /** performance.now() when this turn is over; null: nothing was taken in it so far. */
  #endsAt: number | null = null;
  /** Steps of the next turn that are scheduled. */
  #steps = 0;
  /** performance.now() when frames that had waited were last taken. */
  #tookUntil = 0;

  /** Whether the turn has time for one frame more. */
  admits(now = performance.now()): boolean {
    if (this.#steps > 0) return false;
    if (this.#endsAt !== null) return now < this.#endsAt;
    this.#endsAt = now + TURN_MS;
    setImmediate(() => { this.#endsAt = null; });
    return true;
  }

  /** Called once for a socket, until it has been told that nothing of it waits. */
  enqueue(waiter: Waiter): void {
    this.#next.push(waiter);
    if (this.#steps > 0) return;
    this.#tookUntil = performance.now();
    this.#schedule();
  }

  get #waiting(): number {
    return this.#round.length - this.#at + this.#next.length;
  }

  #schedule(): void {
    this.#steps = Math.min(Math.ceil(this.#waiting / FRAMES_PER_STEP), MAX_STEPS);
    let until: number | null = null;
    for (let step = this.#steps; step > 0; step -= 1) {
      setImmediate(() => {
        const now = performance.now();
        until ??= now + Math.min(Math.max(now - this.#tookUntil, TURN_MS), LONGEST_TURN_MS);
        if (now < until) {
          for (let frames = 0; frames < FRAMES_PER_STEP && this.#waiting > 0; frames += 1) this.#takeOne();
          this.#tookUntil = performance.now();
        }
        this.#steps -= 1;
        if (this.#steps === 0 && this.#waiting > 0) this.#schedule();
      });
    }
  }

  #takeOne(): void {
    if (this.#at === this.#round.length) {
      this.#round = this.#next;
      this.#next = [];
      this.#at = 0;
    }
    const waiter = this.#round[this.#at];
    this.#at += 1;
    if (waiter?.takeNext() === true) this.#next.push(waiter);
  }
}
