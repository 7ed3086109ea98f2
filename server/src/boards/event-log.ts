/**
 * The log of a board's events: its SQL, and the envelope everybody gets to see (DESIGN §6).
 *
 * Versions of a board's events have no gaps and are in commit order: they are taken under the lock of the head row, so whoever has read
 * version n has missed nothing before it.
 */
import type { Database } from '@sunday/database';

export type EventResource = {
  id: string;
  type: string;
  aggregateId: string;
  aggregateType: 'board' | 'item';
  boardId: string;
  version: number;
  data: Record<string, unknown>;
  metadata: { userId: string | null; correlationId: string | null; causationId: string | null; source: string; traceId: string | null };
  timestamp: string;
};

type EventRow = {
  board_id: string; version: string; id: string; type: string; aggregate_type: 'board' | 'item'; aggregate_id: string; data: Record<string, unknown>;
  user_id: string | null; source: string; correlation_id: string | null; causation_id: string | null; trace_id: string | null; occurred_at: Date;
};

const EVENT_COLUMNS = 'board_id, version, id, type, aggregate_type, aggregate_id, data, user_id, source, correlation_id, causation_id, trace_id, occurred_at';

/** $1 board, $2 after this version, $3 limit */
const EVENTS_AFTER = {
  name: 'events_after',
  text: `SELECT ${EVENT_COLUMNS} FROM board_events WHERE board_id = $1 AND version > $2 ORDER BY version LIMIT $3`,
} as const;
/** $1 board, $2 before this version or null, $3 limit */
const EVENTS_BEFORE = {
  name: 'events_before',
  text: `SELECT ${EVENT_COLUMNS} FROM board_events WHERE board_id = $1 AND ($2::bigint IS NULL OR version < $2::bigint) ORDER BY version DESC LIMIT $3`,
} as const;
/** Of one item, or one cell of it: what it was made with, and every change that names the column. $1 board, $2 item, $3 before or null, $4 column or null, $5 limit */
const EVENTS_OF_ITEM = {
  name: 'events_of_item',
  text: `SELECT ${EVENT_COLUMNS} FROM board_events
          WHERE board_id = $1 AND aggregate_type = 'item' AND aggregate_id = $2 AND ($3::bigint IS NULL OR version < $3::bigint)
            AND ($4::text IS NULL OR data -> 'changes' ? $4::text OR data -> 'itemData' -> 'values' ? $4::text
                 OR data ->> 'columnId' = $4::text OR data ->> 'laneColumnId' = $4::text)
          ORDER BY version DESC LIMIT $5`,
} as const;
/** $1 boards */
const EVENT_HEADS = { name: 'event_heads', text: 'SELECT board_id, event_version FROM board_heads WHERE board_id = ANY($1::uuid[])' } as const;

export async function eventsAfter(database: Database, boardId: string, after: number, limit: number): Promise<EventResource[]> {
  return (await database.query<EventRow>(EVENTS_AFTER, [boardId, after, limit])).map(eventResource);
}

/** Newest first. */
export async function eventsBefore(database: Database, boardId: string, before: string | null, limit: number): Promise<EventResource[]> {
  return (await database.query<EventRow>(EVENTS_BEFORE, [boardId, before, limit])).map(eventResource);
}

/** Newest first. */
export async function eventsOfItem(database: Database, of: { boardId: string; itemId: string; columnId: string | null }, before: string | null, limit: number): Promise<EventResource[]> {
  return (await database.query<EventRow>(EVENTS_OF_ITEM, [of.boardId, of.itemId, before, of.columnId, limit])).map(eventResource);
}

/** The version of each board's last event. */
export async function eventHeads(database: Database, boardIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await database.query<{ board_id: string; event_version: string }>(EVENT_HEADS, [boardIds]);
  return new Map(rows.map((row) => [row.board_id, Number(row.event_version)]));
}

const eventResource = (row: EventRow): EventResource => ({
  id: row.id,
  type: row.type,
  aggregateId: row.aggregate_id,
  aggregateType: row.aggregate_type,
  boardId: row.board_id,
  version: Number(row.version),
  data: row.data,
  metadata: { userId: row.user_id, correlationId: row.correlation_id, causationId: row.causation_id, source: row.source, traceId: row.trace_id },
  timestamp: row.occurred_at.toISOString(),
});
