/**
 * Makes an event of long text that was typed, once its author has paused. Any number of nodes may do this at once: a run is closed under
 * the lock of its board's head, by whoever gets there first, and lost with none of them. Owns one timer.
 */
import type { Database } from '@sunday/database';
import { appendEvent } from './append.ts';

/** Nothing typed for this long ends a run; so does having typed for this long without a pause. */
const PAUSE_MS = 5_000;
const LONGEST_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
const MAX_BOARDS = 50;

interface RunRow {
  item_id: string; column_id: string; user_id: string; event_id: string; source: string;
  range_from: number; range_to: number; inserted: number; deleted: number; started_at: Date;
}

const IS_OVER = `(last_at < now() - make_interval(secs => $1) OR started_at < now() - make_interval(secs => $2))`;
/** $1 pause, $2 longest (s), $3 limit */
const BOARDS_WITH_RUNS = { name: 'text_runs_boards', text: `SELECT DISTINCT board_id FROM text_runs WHERE ${IS_OVER} LIMIT $3` } as const;
const LOCK_HEAD = { name: 'text_runs_lock', text: 'SELECT 1 FROM board_heads WHERE board_id = $1 FOR UPDATE' } as const;
/** $1 pause, $2 longest (s), $3 board */
const END_RUNS = {
  name: 'text_runs_end',
  text: `DELETE FROM text_runs WHERE board_id = $3 AND ${IS_OVER}
         RETURNING item_id, column_id, user_id, event_id, source, range_from, range_to, inserted, deleted, started_at`,
} as const;

export interface TextRunOptions {
  readonly database: Database;
  readonly onError: (error: unknown) => void;
  readonly pauseMs?: number;
  readonly lookEveryMs?: number;
}

export class TextRunCloser {
  private readonly options: TextRunOptions;
  private readonly timer: NodeJS.Timeout;
  private looking: Promise<void> | null = null;

  constructor(options: TextRunOptions) {
    this.options = options;
    this.timer = setInterval(() => { void this.look(); }, options.lookEveryMs ?? LOOK_EVERY_MS);
    this.timer.unref();
  }

  /** Ends the runs that are over now. Never rejects. */
  look(): Promise<void> {
    this.looking ??= this.closeRuns().catch((error: unknown) => { this.options.onError(error); }).finally(() => { this.looking = null; });
    return this.looking;
  }

  private async closeRuns(): Promise<void> {
    const { database } = this.options;
    if (!database.up) return;
    const over = [(this.options.pauseMs ?? PAUSE_MS) / 1000, LONGEST_MS / 1000];
    const boards = await database.query<{ board_id: string }>(BOARDS_WITH_RUNS, [...over, MAX_BOARDS]);
    for (const { board_id: boardId } of boards) {
      await database.transaction(async (tx) => {
        // The head first, as a batch does: both write these rows.
        await tx.query(LOCK_HEAD, [boardId]);
        for (const run of await tx.query<RunRow>(END_RUNS, [...over, boardId])) {
          const userId = run.user_id === '' ? null : run.user_id;
          await appendEvent(tx, {
            boardId, type: 'ItemUpdated', aggregateType: 'item', aggregateId: run.item_id, userId, source: run.source,
            data: {
              changes: { [run.column_id]: { text: { from: run.range_from, to: run.range_to, inserted: run.inserted, deleted: run.deleted } } },
              updatedBy: userId, startedAt: run.started_at.toISOString(),
            },
          }, run.event_id);
        }
      });
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }
}
