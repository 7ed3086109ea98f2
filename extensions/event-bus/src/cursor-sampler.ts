/**
 * Lets one cursor in a while through to the bus. A cursor moves up to thirty times a second for each person; who follows a board over
 * subscriptions or Kafka wants to know where people are, not how they got there. The lane for people is presence, which has all of them.
 *
 * Guarantees: at most one event per client and interval, the first at once; what is let through last in a pause may be an interval old and no
 * older move is ever sent after a newer one. Does not: send a last position by timer. Owns no timer.
 */
/** Enough for a list of who is where; a thousand people make 500 events a second. */
const SAMPLE_MS = 2_000;
/** Clients remembered; beyond that the oldest is forgotten, and may be heard once more often. */
const MAX_CLIENTS = 10_000;

export class CursorSampler {
  private readonly last = new Map<string, number>();
  private readonly intervalMs: number;

  constructor(intervalMs: number = SAMPLE_MS) {
    this.intervalMs = intervalMs;
  }

  /** Whether this move of the client goes out. `now`: milliseconds of a clock that does not jump. */
  admits(boardId: string, clientId: string, now: number = performance.now()): boolean {
    const key = `${boardId} ${clientId}`;
    const before = this.last.get(key);
    if (before !== undefined && now - before < this.intervalMs) return false;
    this.last.delete(key); // a Map keeps the order of insertion: the oldest is first
    this.last.set(key, now);
    if (this.last.size > MAX_CLIENTS) for (const oldest of this.last.keys()) { this.last.delete(oldest); break; }
    return true;
  }
}
