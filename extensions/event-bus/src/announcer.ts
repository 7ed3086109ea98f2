/**
 * Tells relays which boards have new events, so that they need not look. The one who commits calls `announce` after the commit; the commit's own
 * statement carries no NOTIFY (Postgres lets one transaction at a time queue notifications, which every commit would wait for).
 *
 * Guarantees: `announce` never throws or waits, and never costs more than a statement in ANNOUNCE_MS. Does not: deliver for sure. What is lost
 * is found by the relay's sweep.
 * Owns its timer, until `close()`.
 */
import { isUuid, type Database } from '@sunday/database';

export const EVENTS_CHANNEL = 'sunday_events';
/** Boards that commit within this go into one notification. Adds to the latency of every event. */
const ANNOUNCE_MS = 5;
/** A notification holds 8000 bytes at most. */
const BOARDS_IN_ONE = 200;

export interface Announcer {
  announce(boardId: string): void;
  close(): void;
}

/** Over the channel, for boards that this process relays itself: `wake` alone, without a way through Postgres. */
export function createAnnouncer({ database, wake }: { database: Database; wake?: ((boardIds: readonly string[]) => void) | undefined }): Announcer {
  const boards = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    timer = undefined;
    const all = [...boards];
    boards.clear();
    if (wake !== undefined) wake(all);
    else void notifyBoards(database, EVENTS_CHANNEL, all, '').catch(() => undefined); // the sweep finds them
  }

  return {
    announce(boardId) {
      boards.add(boardId);
      timer ??= setTimeout(flush, ANNOUNCE_MS);
    },
    close() {
      clearTimeout(timer);
      boards.clear();
    },
  };
}

/** Comma-separated board ids behind a space. `from`, before it, is handed to listeners, so that they can tell their own. */
export async function notifyBoards(database: Database, channel: string, boardIds: readonly string[], from: string): Promise<void> {
  for (let at = 0; at < boardIds.length; at += BOARDS_IN_ONE) {
    await notify(database, channel, from, boardIds.slice(at, at + BOARDS_IN_ONE));
  }
}

export async function notify(database: Database, channel: string, from: string, boardIds: readonly string[]): Promise<void> {
  await database.query({ name: 'bus-notify', text: 'SELECT pg_notify($1, $2)' }, [channel, `${from} ${boardIds.join(',')}`]);
}

/** Also of a bare board id, which is what the database's own `append_board_event` notifies. */
export function parseNotification(payload: string): { from: string; boardIds: string[] } {
  const space = payload.indexOf(' ');
  // Anybody who may log in to the database may notify: what is no board would fail every statement that asks for it.
  return { from: payload.slice(0, Math.max(space, 0)), boardIds: payload.slice(space + 1).split(',').filter(isUuid) };
}
