/**
 * How long a commit waits for others to come along: with few edits hardly at all, with many a little, and the longer the more sockets a board has.
 * Counts what arrives; keeps no timer.
 */

/**
 * The window of a board with few sockets, in ms. Where little happens nobody else comes in it, and it is short; where edits follow each other
 * at a distance of milliseconds it is longer, so that several share a commit: what each costs this process is then the smaller part. All of it
 * is far below what people notice.
 */
const WINDOW_MS = { least: 2, most: 8 };
/** Who is due this soon goes along with who is due now. */
export const SHARED_MS = WINDOW_MS.most;
/** So many edits in a window make it the longest. */
const WINDOW_EDITS = 4;
/** How much the last commit's edits count in what is expected of the next. */
const RATE_WEIGHT = 0.1;
/** The window grows with the fan-out: at a thousand sockets each frame costs about 40 ms of one core. */
const WINDOW_MS_PER_FOLLOWER = 0.04;
const WINDOW_MAX_MS = 40;

export class CommitWindow {
  /** Edits since the last transaction began (performance.now()), and how many a millisecond there are of late. */
  private edits = 0;
  private startedAt = 0;
  private rate = 0;

  /** An edit came, to a board with so many sockets. @returns how long its commit may wait, ms */
  arrived(followers: number): number {
    this.edits += 1;
    const { least, most } = WINDOW_MS;
    const busy = Math.min((this.rate * most) / WINDOW_EDITS, 1);
    return Math.min(least + (most - least) * busy + followers * WINDOW_MS_PER_FOLLOWER, WINDOW_MAX_MS);
  }

  /** A transaction begins. */
  begins(now: number): void {
    this.rate += RATE_WEIGHT * (this.edits / Math.max(now - this.startedAt, 1) - this.rate);
    this.edits = 0;
    this.startedAt = now;
  }
}
