/** What the tests of the bus share: boards with events in a real database, and waiting for a condition. */
import { randomUUID } from 'node:crypto';
import { untilWithin } from '@sunday/board-model/testing/until';
import type { Database } from '@sunday/database';
import { EVENT_COLUMNS, eventOfRow, type BoardEvent, type EventRow } from '../src/envelope.ts';

/** A broker is given time to rebalance, a lease to run out. */
const PATIENCE_MS = 90_000;

export const until = untilWithin(PATIENCE_MS);

export async function makeBoard(database: Database): Promise<string> {
  const boardId = randomUUID();
  await database.query("WITH board AS (INSERT INTO boards (id, name) VALUES ($1, 'A board')) INSERT INTO board_heads (board_id, seq) VALUES ($1, 0)", [boardId]);
  return boardId;
}

export interface Appended { readonly type?: string; readonly data?: Record<string, unknown>; readonly userId?: string }

/** Events as the server commits them. @returns what is in the log then */
export async function append(database: Database, boardId: string, events: readonly Appended[]): Promise<BoardEvent[]> {
  const made = events.map(({ type = 'ItemUpdated', data = {}, userId = 'ada' }, index) => {
    const aggregate = type.startsWith('Board') || type.startsWith('Column') ? 'board' : 'item';
    return { id: randomUUID(), type, aggregate, of: aggregate === 'board' ? boardId : 'item-1', data, userId, request: `request-${index}` };
  });
  await database.query(
    `SELECT append_board_event($1, (e ->> 'id')::uuid, e ->> 'type', e ->> 'aggregate', e ->> 'of', e -> 'data', e ->> 'userId', 'rest', e ->> 'request')
    FROM jsonb_array_elements($2::jsonb) AS e`,
    [boardId, JSON.stringify(made)],
  );
  const ids = made.map(({ id }) => id);
  const rows = await database.query<EventRow>(`SELECT ${EVENT_COLUMNS} FROM board_events e WHERE id = ANY($1::uuid[]) ORDER BY version`, [ids]);
  return rows.map(eventOfRow);
}

export const appendMany = (database: Database, boardId: string, count: number, type?: string): Promise<BoardEvent[]> =>
  append(database, boardId, Array.from({ length: count }, (_, n) => ({ data: { n }, ...(type === undefined ? {} : { type }) })));
