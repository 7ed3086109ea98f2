/**
 * The log of a board's events: its SQL. Everybody gets to see the envelope that goes over the event bus.
 *
 * Versions of a board's events have no gaps and are in commit order: they are taken under the lock of the head row, so whoever has read
 * version n has missed nothing before it.
 */
import type { Database } from '@sunday/database';
import { EVENT_COLUMNS, eventOfRow, type BoardEvent, type EventRow } from '@sunday/extension-event-bus';

/** $1 board, $2 after this version, $3 limit */
const EVENTS_AFTER = {
  name: 'events_after',
  text: `SELECT ${EVENT_COLUMNS} FROM board_events e WHERE board_id = $1 AND version > $2 ORDER BY version LIMIT $3`,
} as const;
/** $1 board, $2 before this version or null, $3 limit */
const EVENTS_BEFORE = {
  name: 'events_before',
  text: `SELECT ${EVENT_COLUMNS} FROM board_events e WHERE board_id = $1 AND ($2::bigint IS NULL OR version < $2::bigint) ORDER BY version DESC LIMIT $3`,
} as const;
/** Of one item, or one cell of it: what it was made with, and every change that names the column. $1 board, $2 item, $3 before or null, $4 column or null, $5 limit */
const EVENTS_OF_ITEM = {
  name: 'events_of_item',
  text: `SELECT ${EVENT_COLUMNS} FROM board_events e
          WHERE board_id = $1 AND aggregate_type = 'item' AND aggregate_id = $2 AND ($3::bigint IS NULL OR version < $3::bigint)
            AND ($4::text IS NULL OR data -> 'changes' ? $4::text OR data -> 'itemData' -> 'values' ? $4::text
                 OR data ->> 'columnId' = $4::text OR data ->> 'laneColumnId' = $4::text)
          ORDER BY version DESC LIMIT $5`,
} as const;
/** $1 boards */
const EVENT_HEADS = { name: 'event_heads', text: 'SELECT board_id, event_version FROM board_heads WHERE board_id = ANY($1::uuid[])' } as const;

export async function eventsAfter(database: Database, boardId: string, after: number, limit: number): Promise<BoardEvent[]> {
  return (await database.query<EventRow>(EVENTS_AFTER, [boardId, after, limit])).map(eventOfRow);
}

/** Newest first. */
export async function eventsBefore(database: Database, boardId: string, before: string | null, limit: number): Promise<BoardEvent[]> {
  return (await database.query<EventRow>(EVENTS_BEFORE, [boardId, before, limit])).map(eventOfRow);
}

/** Newest first. */
export async function eventsOfItem(database: Database, of: { boardId: string; itemId: string; columnId: string | null }, before: string | null, limit: number): Promise<BoardEvent[]> {
  return (await database.query<EventRow>(EVENTS_OF_ITEM, [of.boardId, of.itemId, before, of.columnId, limit])).map(eventOfRow);
}

/** The version of each board's last event. */
export async function eventHeads(database: Database, boardIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await database.query<{ board_id: string; event_version: string }>(EVENT_HEADS, [boardIds]);
  return new Map(rows.map((row) => [row.board_id, Number(row.event_version)]));
}
