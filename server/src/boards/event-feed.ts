/**
 * Tells followers of boards that there are new events, whoever committed them: this node's commits wake it at once, other processes by
 * NOTIFY on `sunday_events`, and a look at the heads of all followed boards every POLL_MS finds what neither told of.
 *
 * Guarantees: a follower hears of every event, at most POLL_MS after its commit while Postgres answers. It is told that there is something,
 * not what: it reads the log itself, so nothing is queued here for anybody. Without followers nothing is asked.
 * Owns its subscription and its timer, until `close()`.
 */
import { patiently, type Database } from '@sunday/database';
import { EVENTS_CHANNEL, parseNotification } from '@sunday/extension-event-bus';
import { eventHeads } from './event-log.ts';

/** One indexed query a node; a second is what people still take for "at once". */
const POLL_MS = 1_000;

export interface Following {
  /** Follows exactly these boards from now on. */
  boards(boardIds: Iterable<string>): void;
  close(): void;
}

export class EventFeed {
  private readonly database: Database;
  private readonly onError: (error: unknown) => void;
  private readonly followers = new Map<string, Set<(boardId: string) => void>>();
  private readonly heads = new Map<string, number>();
  private unlisten: (() => Promise<void>) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private polling = false;

  constructor(database: Database, onError: (error: unknown) => void) {
    this.database = database;
    this.onError = onError;
  }

  async start(): Promise<void> {
    this.unlisten = await patiently(() => this.database.listen(
      EVENTS_CHANNEL,
      (payload) => { this.wake(parseNotification(payload).boardIds); },
      () => { this.wake([...this.followers.keys()]); },
    ));
    this.timer = setInterval(() => { void this.poll(); }, POLL_MS);
    this.timer.unref();
  }

  /** There may be events of these boards. */
  wake(boardIds: readonly string[]): void {
    for (const boardId of boardIds) for (const onNews of this.followers.get(boardId) ?? []) onNews(boardId);
  }

  follow(onNews: (boardId: string) => void): Following {
    let followed = new Set<string>();
    const replace = (wanted: ReadonlySet<string>): void => {
      for (const boardId of followed) if (!wanted.has(boardId)) this.drop(boardId, onNews);
      for (const boardId of wanted) {
        const others = this.followers.get(boardId) ?? new Set();
        this.followers.set(boardId, others.add(onNews));
      }
      followed = new Set(wanted);
    };
    return { boards: (boardIds) => { replace(new Set(boardIds)); }, close: () => { replace(new Set()); } };
  }

  private drop(boardId: string, onNews: (boardId: string) => void): void {
    const others = this.followers.get(boardId);
    others?.delete(onNews);
    if (others?.size !== 0) return;
    this.followers.delete(boardId);
    this.heads.delete(boardId);
  }

  private async poll(): Promise<void> {
    if (this.followers.size === 0 || this.polling || !this.database.up) return;
    this.polling = true;
    try {
      for (const [boardId, head] of await eventHeads(this.database, [...this.followers.keys()])) {
        if (this.heads.get(boardId) === head || !this.followers.has(boardId)) continue;
        this.heads.set(boardId, head);
        this.wake([boardId]);
      }
    } catch (error) {
      if (this.database.up) this.onError(error);
    } finally {
      this.polling = false;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.unlisten?.();
  }
}
