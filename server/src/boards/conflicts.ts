/**
 * Conflicts: cells that two people wrote at the same time. One write is kept by rule; whoever may edit can say afterwards which is right.
 *
 * Guarantees: a conflict is resolved once, told of as ConflictResolved, in order with the write that resolves it: "mine" and a value are
 * ordinary edits of the one who chose. A conflict whose cell was written again since is superseded: there is nothing left to choose.
 */
import { asColumnId, asItemId, readItem, updateItem, type ColumnValue } from '@sunday/board-model';
import { isUuid, type Tx } from '@sunday/database';
import { appendEvent } from '@sunday/extension-domain-events';
import { SundayError } from '../errors.ts';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';
import { byRest, requireRole, type BoardsParts } from './parts.ts';
import type { Actor, Page } from './resources.ts';

export type ConflictSide = { value: unknown; userId: string | null; at: string | null };
export type Resolution = 'mine' | 'theirs' | 'value' | 'superseded';
export type ConflictResource = {
  id: string; boardId: string; itemId: string; columnId: string; policy: string; kept: ConflictSide; lost: ConflictSide;
  createdAt: string; resolution: Resolution | null; resolvedBy: string | null; resolvedAt: string | null;
};
export type Choice = { readonly choice: 'mine' | 'theirs' } | { readonly choice: 'value'; readonly value: unknown };

export type Conflicts = {
  /** Newest first. `open`: only those nobody has resolved, nor written over. */
  listConflicts(actor: Actor, boardId: string, listing: { limit: number; cursor?: string | undefined; open: boolean }): Promise<Page<ConflictResource>>;
  resolveConflict(actor: Actor, boardId: string, conflictId: string, choice: Choice): Promise<ConflictResource>;
};

interface ConflictDbRow {
  id: string; board_id: string; item_id: string; column_id: string; policy: string;
  kept: unknown; kept_by: string | null; kept_at: Date | null; lost: unknown; lost_by: string | null; lost_at: Date | null;
  created_at: Date; sort_key: string; resolution: Resolution | null; resolved_by: string | null; resolved_at: Date | null;
}

const FIELDS = `c.id, c.board_id, c.item_id, c.column_id, c.policy, c.kept, c.kept_by, c.kept_at, c.lost, c.lost_by, c.lost_at, c.created_at,
  extract(epoch FROM c.created_at)::text AS sort_key, c.resolution, c.resolved_by, c.resolved_at`;

/** Open, and the cell still holds what was kept: what was written since settles it. */
const STILL_OPEN = `c.resolution IS NULL AND EXISTS (
  SELECT 1 FROM items i WHERE i.board_id = c.board_id AND i.item_id = c.item_id AND i.deleted_at IS NULL
     AND coalesce(i.item_values -> c.column_id, 'null'::jsonb) = coalesce(c.kept, 'null'::jsonb))`;

/** $1 board, $2 only open ones, $3 and $4 sort key and id of the last one seen, $5 limit */
const LIST = {
  name: 'conflicts_list',
  text: `SELECT ${FIELDS} FROM conflicts c WHERE c.board_id = $1 AND (NOT $2 OR (${STILL_OPEN}))
            AND ($3::numeric IS NULL OR (c.created_at, c.id) < (to_timestamp($3::numeric), $4::uuid))
          ORDER BY c.created_at DESC, c.id DESC LIMIT $5`,
} as const;

/** $1 board, $2 who lost, $3 limit */
const OPEN_OF_USER = {
  name: 'conflicts_open_of_user',
  text: `SELECT ${FIELDS} FROM conflicts c WHERE c.board_id = $1 AND c.lost_by = $2 AND ${STILL_OPEN} ORDER BY c.created_at LIMIT $3`,
} as const;

/** $1 board, $2 conflict */
const ONE = { name: 'conflicts_one', text: `SELECT ${FIELDS} FROM conflicts c WHERE c.board_id = $1 AND c.id = $2` } as const;

/** $1 board, $2 conflict, $3 resolution, $4 by whom. No row: it was resolved already. */
const RESOLVE = {
  name: 'conflicts_resolve',
  text: `UPDATE conflicts c SET resolution = $3, resolved_by = $4, resolved_at = now() WHERE c.board_id = $1 AND c.id = $2 AND c.resolution IS NULL RETURNING ${FIELDS}`,
} as const;

/** Shown at once to somebody who comes back: more are a list to be asked for. */
const MAX_GREETED = 100;

type Source = Pick<Tx, 'query'>;

/** The open conflicts that this user lost, oldest first. */
export const openConflictsOf = async (database: Source, boardId: string, userId: string): Promise<ConflictResource[]> =>
  (await database.query<ConflictDbRow>(OPEN_OF_USER, [boardId, userId, MAX_GREETED])).map(conflictResource);

/** Marks a conflict as resolved and tells of it; null: somebody was faster. */
export async function markResolved(tx: Tx, boardId: string, conflictId: string, resolution: Resolution, by: { userId: string; source: string }): Promise<ConflictResource | null> {
  const [row] = await tx.query<ConflictDbRow>(RESOLVE, [boardId, conflictId, resolution, by.userId]);
  if (row === undefined) return null;
  await appendEvent(tx, {
    boardId, type: 'ConflictResolved', aggregateType: 'item', aggregateId: row.item_id, userId: by.userId, source: by.source,
    data: { conflictId, itemId: row.item_id, columnId: row.column_id, resolution, resolvedBy: by.userId },
  });
  return conflictResource(row);
}

export function conflicts(parts: BoardsParts): Conflicts {
  const { database, engine } = parts;

  async function conflictOf(boardId: string, conflictId: string): Promise<ConflictDbRow> {
    const [row] = isUuid(conflictId) ? await database.query<ConflictDbRow>(ONE, [boardId, conflictId]) : [];
    if (row === undefined) throw new SundayError('not_found', 'There is no such conflict on this board');
    return row;
  }

  return {
    async listConflicts(actor, boardId, { limit, cursor, open }) {
      await requireRole(parts, actor, boardId, 'viewer');
      const list = ['conflicts', boardId, open];
      const [at = null, id = null] = decodeCursor(list, cursor, 2) ?? [];
      const rows = await database.query<ConflictDbRow>(LIST, [boardId, open, at, id, limit + 1]);
      return pageOf(rows, limit, conflictResource, (last) => encodeCursor(list, [last.sort_key, last.id]));
    },

    async resolveConflict(actor, boardId, conflictId, choice) {
      await requireRole(parts, actor, boardId, 'editor');
      const row = await conflictOf(boardId, conflictId);
      if (row.resolution !== null) throw new SundayError('already_exists', `This conflict is resolved already, as ${row.resolution}`);
      const value = chosen(row, actor, choice);
      if (value !== undefined) {
        await engine.write(boardId, byRest(actor), (doc) => {
          if (readItem(doc, asItemId(row.item_id)) === undefined) throw new SundayError('unknown_item', 'The item of this conflict is gone');
          updateItem(doc, asItemId(row.item_id), { values: { [asColumnId(row.column_id)]: value as ColumnValue | null } }, actor);
        });
      }
      const resolved = await database.transaction((tx) => markResolved(tx, boardId, conflictId, choice.choice, { userId: actor.userId, source: 'rest' }));
      if (resolved === null) throw new SundayError('already_exists', 'This conflict was resolved in this moment by somebody else');
      parts.onConflictClosed?.(boardId, conflictId, row.lost_by);
      return resolved;
    },
  };
}

/** What is to be written; undefined: the cell stays as it is. "Mine" is the write of the one who asks; for others, the one that was lost. */
function chosen(row: ConflictDbRow, actor: Actor, choice: Choice): unknown {
  switch (choice.choice) {
    case 'mine':
      return row.kept_by === actor.userId ? undefined : row.lost;
    case 'theirs':
      return row.kept_by === actor.userId ? row.lost : undefined;
    case 'value':
      return choice.value;
  }
}

const conflictResource = (row: ConflictDbRow): ConflictResource => ({
  id: row.id, boardId: row.board_id, itemId: row.item_id, columnId: row.column_id, policy: row.policy,
  kept: { value: row.kept, userId: row.kept_by, at: row.kept_at?.toISOString() ?? null },
  lost: { value: row.lost, userId: row.lost_by, at: row.lost_at?.toISOString() ?? null },
  createdAt: row.created_at.toISOString(), resolution: row.resolution, resolvedBy: row.resolved_by, resolvedAt: row.resolved_at?.toISOString() ?? null,
});
