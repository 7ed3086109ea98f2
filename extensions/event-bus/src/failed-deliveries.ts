/**
 * What a consumer group has dealt with and what it could not handle, in Postgres: `consumed_events` and `failed_deliveries`.
 *
 * An event is in `consumed_events` of a group once it was handled, or once `failed_deliveries` has it: from then on it is that table's, and a
 * repetition from the bus is dropped. All that changes a board's rows happens under an advisory lock of (group, board), held to the end of
 * the transaction; so "is anything of this board before this event" is answered truly.
 * Owns nothing.
 */
import type { Database, Tx } from '@sunday/database';
import { decodeEvent, encodeEvent, type BoardEvent } from './envelope.ts';

/** What comes after an event that is parked: go on with the board, or hold its order until somebody replays or discards it. */
export type AfterParked = 'continue' | 'hold';
export type DeliveryState = 'retrying' | 'parked' | 'waiting';

export interface FailedDelivery {
  readonly id: string;
  readonly group: string;
  readonly boardId: string;
  readonly state: DeliveryState;
  readonly tries: number;
  readonly nextTryAt: string | null;
  readonly error: string | null;
  readonly firstFailedAt: string;
  readonly event: BoardEvent;
}

interface Row {
  readonly id: string; readonly consumer_group: string; readonly board_id: string; readonly state: DeliveryState; readonly tries: number;
  readonly next_try_at: Date | null; readonly error: string | null; readonly first_failed_at: Date; readonly event: unknown;
}

const ERROR_CHARACTERS = 2_000;
/** jsonb cannot hold U+0000 or a lone surrogate, which another program may have put on the bus. */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi;
const storable = (event: BoardEvent): string => encodeEvent(event).replaceAll(UNSTORABLE, '$1\\ufffd');
const words = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).replaceAll('\0', '\ufffd').toWellFormed().slice(0, ERROR_CHARACTERS);

const COLUMNS = 'id, consumer_group, board_id, state, tries, next_try_at, error, first_failed_at, event';

const lock = { name: 'delivery-lock', text: "SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 7825303))" };
const note = {
  name: 'delivery-note',
  text: 'INSERT INTO consumed_events (consumer_group, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS id ON CONFLICT DO NOTHING RETURNING event_id',
};
/** $4: whether what is parked counts. Run when the lock is held, so that it sees what the lock's last holder did. */
const enter = {
  name: 'delivery-enter',
  text: `WITH noted AS (
    INSERT INTO consumed_events (consumer_group, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS id ON CONFLICT DO NOTHING RETURNING event_id
  ), before AS (SELECT EXISTS (SELECT FROM failed_deliveries WHERE consumer_group = $1 AND board_id = $3 AND ($4 OR state <> 'parked')) AS blocked)
  SELECT event_id, blocked FROM noted, before`,
};
const known = { name: 'delivery-known', text: 'SELECT event_id FROM consumed_events WHERE consumer_group = $1 AND event_id = ANY($2::uuid[])' };
const blocked = {
  name: 'delivery-blocked',
  text: "SELECT EXISTS (SELECT FROM failed_deliveries WHERE consumer_group = $1 AND board_id = $2 AND ($3 OR state <> 'parked')) AS blocked",
};
const insert = {
  name: 'delivery-insert',
  text: `INSERT INTO failed_deliveries (consumer_group, board_id, event_id, event, state, tries, next_try_at, error)
  SELECT $1, $2, (event ->> 'id')::uuid, event, $4, $5, CASE WHEN $4 = 'retrying' THEN now() + $6 * interval '1 ms' END, $7
  FROM unnest($3::text[]) WITH ORDINALITY AS e(json, n), LATERAL (SELECT json::jsonb AS event) parsed ORDER BY n`,
};
const due = {
  name: 'delivery-due',
  text: `UPDATE failed_deliveries SET tries = tries + 1, next_try_at = now() + $3 * interval '1 ms', updated_at = now()
  WHERE id IN (SELECT id FROM failed_deliveries WHERE consumer_group = $1 AND state = 'retrying' AND next_try_at <= now() ORDER BY next_try_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING ${COLUMNS}`,
};
const still = { name: 'delivery-still', text: "SELECT FROM failed_deliveries WHERE id = $1 AND state = 'retrying' FOR UPDATE" };
const remove = { name: 'delivery-remove', text: 'DELETE FROM failed_deliveries WHERE id = $1' };
const later = { name: 'delivery-later', text: "UPDATE failed_deliveries SET next_try_at = now() + $2 * interval '1 ms', error = $3, updated_at = now() WHERE id = $1" };
const park = { name: 'delivery-park', text: "UPDATE failed_deliveries SET state = 'parked', next_try_at = NULL, error = $2, updated_at = now() WHERE id = $1" };
/** The next of the board, if none is at it already; with $3, only if nothing parked is before it. */
const promote = {
  name: 'delivery-promote',
  text: `UPDATE failed_deliveries SET state = 'retrying', tries = 0, next_try_at = now(), updated_at = now()
  WHERE id = (SELECT min(id) FROM failed_deliveries WHERE consumer_group = $1 AND board_id = $2 AND ($3 OR state <> 'parked')) AND state = 'waiting'`,
};

const ofRow = (row: Row): FailedDelivery => ({
  id: row.id, group: row.consumer_group, boardId: row.board_id, state: row.state, tries: row.tries,
  nextTryAt: row.next_try_at?.toISOString() ?? null, error: row.error, firstFailedAt: row.first_failed_at.toISOString(), event: decodeEvent(row.event),
});

/** One group's books. */
export class Deliveries {
  private readonly database: Database;
  private readonly group: string;
  private readonly hold: boolean;

  constructor(database: Database, group: string, afterParked: AfterParked) {
    this.database = database;
    this.group = group;
    this.hold = afterParked === 'hold';
  }

  /** Takes the board's lock and notes the events. @returns those that are new, and whether something of the board comes before them */
  async enter(tx: Tx, boardId: string, events: readonly BoardEvent[]): Promise<{ fresh: readonly BoardEvent[]; blocked: boolean }> {
    await tx.query(lock, [this.group, boardId]);
    const noted = await tx.query<{ event_id: string; blocked: boolean }>(enter, [this.group, events.map(({ id }) => id), boardId, this.hold]);
    const ids = new Set(noted.map((row) => row.event_id));
    return { fresh: events.filter(({ id }) => ids.delete(id.toLowerCase())), blocked: noted[0]?.blocked === true };
  }

  /** For handlers that run outside a transaction. */
  async look(boardId: string, event: BoardEvent): Promise<'new' | 'known' | 'blocked'> {
    if ((await this.database.query(known, [this.group, [event.id]])).length > 0) return 'known';
    const [row] = await this.database.query<{ blocked: boolean }>(blocked, [this.group, boardId, this.hold]);
    return row?.blocked === true ? 'blocked' : 'new';
  }

  async note(event: BoardEvent): Promise<void> {
    await this.database.query(note, [this.group, [event.id]]);
  }

  /** These come after what is there of their board. */
  async queue(tx: Tx, boardId: string, events: readonly BoardEvent[]): Promise<void> {
    if (events.length > 0) await tx.query(insert, [this.group, boardId, events.map(storable), 'waiting', 0, null, null]);
  }

  /** The first try failed. `retryMs` null: it is parked at once. @returns false if another worker has dealt with it */
  async fail(boardId: string, event: BoardEvent, error: unknown, retryMs: number | null): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const { fresh, blocked } = await this.enter(tx, boardId, [event]);
      if (fresh.length === 0) return false;
      if (blocked) await this.queue(tx, boardId, fresh);
      else await tx.query(insert, [this.group, boardId, fresh.map(storable), retryMs === null ? 'parked' : 'retrying', 1, retryMs, words(error)]);
      return true;
    });
  }

  /** Deliveries to try now, in this worker's hand for so long. */
  async due(limit: number, leaseMs: number): Promise<FailedDelivery[]> {
    return (await this.database.query<Row>(due, [this.group, limit, leaseMs])).map(ofRow);
  }

  /** Runs `work` and forgets the delivery in one transaction. @returns false if another worker has dealt with it */
  async settle(delivery: FailedDelivery, work: (tx: Tx) => Promise<void>): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      await tx.query(lock, [this.group, delivery.boardId]);
      if ((await tx.query(still, [delivery.id])).length === 0) return false;
      await work(tx);
      await tx.query(remove, [delivery.id]);
      await tx.query(promote, [this.group, delivery.boardId, this.hold]);
      return true;
    });
  }

  /** `retryMs` null: it is parked. */
  async failAgain(delivery: FailedDelivery, error: unknown, retryMs: number | null): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(lock, [this.group, delivery.boardId]);
      if ((await tx.query(still, [delivery.id])).length === 0) return;
      if (retryMs === null) await tx.query(park, [delivery.id, words(error)]);
      else await tx.query(later, [delivery.id, retryMs, words(error)]);
      await tx.query(promote, [this.group, delivery.boardId, this.hold]);
    });
  }
}

export interface DeliveryFilter { readonly group?: string | undefined; readonly boardId?: string | undefined; readonly id?: string | undefined }
const FILTER = '($1::text IS NULL OR consumer_group = $1) AND ($2::uuid IS NULL OR board_id = $2) AND ($3::bigint IS NULL OR id = $3)';
const filterOf = ({ group, boardId, id }: DeliveryFilter): (string | null)[] => [group ?? null, boardId ?? null, id ?? null];

/** For operators: what failed, oldest first, after the id `after`. */
export async function listFailed(database: Database, filter: DeliveryFilter & { readonly state?: DeliveryState | undefined; readonly after?: string | undefined; readonly limit: number }): Promise<FailedDelivery[]> {
  const rows = await database.query<Row>(
    `SELECT ${COLUMNS} FROM failed_deliveries WHERE ${FILTER} AND ($4::text IS NULL OR state = $4) AND id > $5 ORDER BY id LIMIT $6`,
    [...filterOf(filter), filter.state ?? null, filter.after ?? '0', filter.limit],
  );
  return rows.map(ofRow);
}

/** Parked deliveries are tried again, in the order of their board, by the group's workers, within about a second. @returns how many */
export async function replayParked(database: Database, filter: DeliveryFilter): Promise<number> {
  return changeParked(database, filter, "UPDATE failed_deliveries SET state = 'waiting', updated_at = now()");
}

/** Parked deliveries are forgotten; the events stay in `board_events`. @returns how many */
export async function discardParked(database: Database, filter: DeliveryFilter): Promise<number> {
  return changeParked(database, filter, 'DELETE FROM failed_deliveries');
}

async function changeParked(database: Database, filter: DeliveryFilter, change: string): Promise<number> {
  const boards = await database.query<{ consumer_group: string; board_id: string }>(
    `SELECT DISTINCT consumer_group, board_id FROM failed_deliveries WHERE ${FILTER} AND state = 'parked'`, filterOf(filter));
  let changed = 0;
  for (const { consumer_group: group, board_id: boardId } of boards) {
    changed += await database.transaction(async (tx) => {
      await tx.query(lock, [group, boardId]);
      const rows = await tx.query(`${change} WHERE ${FILTER} AND state = 'parked' RETURNING id`, filterOf({ group, boardId, id: filter.id }));
      const [busy] = await tx.query("SELECT FROM failed_deliveries WHERE consumer_group = $1 AND board_id = $2 AND state = 'retrying' LIMIT 1", [group, boardId]);
      if (busy === undefined) await tx.query(promote, [group, boardId, false]);
      return rows.length;
    });
  }
  return changed;
}

export async function countFailed(database: Database): Promise<{ group: string; state: DeliveryState; count: number }[]> {
  const rows = await database.query<{ consumer_group: string; state: DeliveryState; count: string }>('SELECT consumer_group, state, count(*) FROM failed_deliveries GROUP BY 1, 2');
  return rows.map((row) => ({ group: row.consumer_group, state: row.state, count: Number(row.count) }));
}
