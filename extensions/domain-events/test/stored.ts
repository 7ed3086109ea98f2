/**
 * What is committed of a board, read at one moment: its events, its rows, its document. A batch writes all three in one transaction, so they agree at every
 * moment, also while people edit and processes die.
 */
import assert from 'node:assert/strict';
import type { Database } from '@sunday/database';
import * as Y from 'yjs';
import { FoldedBoard, shownBy, shownByRows, withoutLongText, type FoldedItem, type ShownBoard, type StoredFields, type ToldEvent } from './fold.ts';

export interface StoredBoard {
  /** All of them, in order. */
  readonly events: readonly ToldEvent[];
  /** How many events its head counts. */
  readonly version: number;
  readonly rows: ShownBoard;
  readonly document: Y.Doc;
}

const EVENTS = 'SELECT version::int, id, type, aggregate_id AS "aggregateId", data FROM board_events WHERE board_id = $1 AND version > $2 ORDER BY version';
const BOARD = 'SELECT name, description, columns, groups, event_version::int AS version FROM boards JOIN board_heads ON board_id = id WHERE id = $1';
const ITEMS = `SELECT item_id AS id, name, group_id AS "groupId", position, item_values AS values, created_by AS "createdBy",
    round(extract(epoch FROM created_at) * 1000)::float8 AS "createdAt", round(extract(epoch FROM deleted_at) * 1000)::float8 AS "deletedAt"
  FROM items WHERE board_id = $1`;
const UPDATES = `SELECT bytes FROM (
    SELECT 0::bigint AS seq, snapshot AS bytes FROM board_snapshots WHERE board_id = $1
    UNION ALL SELECT seq, update FROM board_updates WHERE board_id = $1) AS parts ORDER BY seq`;

export const eventsAfter = (database: Database, boardId: string, version: number): Promise<ToldEvent[]> => database.query<ToldEvent>(EVENTS, [boardId, version]);

export function storedBoard(database: Database, boardId: string): Promise<StoredBoard> {
  return database.transaction(async (tx) => {
    const events = await tx.query<ToldEvent>(EVENTS, [boardId, 0]);
    const [board] = await tx.query<StoredFields & { version: number }>(BOARD, [boardId]);
    assert(board !== undefined, `there is no board ${boardId}`);
    const items = await tx.query<FoldedItem & { id: string }>(ITEMS, [boardId]);
    const document = new Y.Doc();
    for (const { bytes } of await tx.query<{ bytes: Buffer }>(UPDATES, [boardId])) Y.applyUpdate(document, bytes);
    return { events, version: board.version, rows: shownByRows(board, items), document };
  }, { isolation: 'repeatable read', readOnly: true });
}

/**
 * Events are exactly the changes (invariants 4 and 5): folding the board's events from nothing gives its rows and its document, versions have no gap, and
 * nothing is told twice.
 */
export async function toldWhole(database: Database, boardId: string): Promise<StoredBoard> {
  const stored = await storedBoard(database, boardId);
  const fold = FoldedBoard.of(stored.events);
  assert.equal(fold.version, stored.version, `the log of ${boardId} is as long as its head says`);
  assert.deepEqual(stored.rows, shownBy(stored.document), `the rows of ${boardId} are those of its document`);
  assert.deepEqual(fold.shown, withoutLongText(stored.rows), `the events of ${boardId} fold to its rows`);
  return stored;
}
