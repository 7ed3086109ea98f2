/**
 * The clock that everything shown on the lane is stamped with: the time, in milliseconds since 1970.
 *
 * Guarantees: what it gives is above all that it gave or heard before; and, as far as the clocks of the machines agree, above all that any
 * node gave before, though nothing is remembered and nobody is asked. So a node that was just started, or knows nothing of a board,
 * shows people to somebody who comes from elsewhere above whatever they were shown there. Where machines disagree by some milliseconds, what
 * is heard of other nodes makes up for it.
 */
import { MAX_SKEW_MS } from './limits.ts';
import type { PresenceTime } from './types.ts';

export class LaneClock {
  readonly #time: PresenceTime;
  #last = 0;

  constructor(time: PresenceTime) {
    this.#time = time;
  }

  /** The last that it gave or heard. */
  get last(): number {
    return this.#last;
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, this.#today);
    return this.#last;
  }

  /** A clock of another node. One that is wrong by more than machines differ is not followed. */
  hear(clock: number): void {
    if (clock > this.#last && clock < this.#today + MAX_SKEW_MS) this.#last = clock;
  }

  get #today(): number {
    return Math.floor(this.#time.today());
  }
}
