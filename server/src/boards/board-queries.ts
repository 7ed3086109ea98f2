/**
 * Reading boards and workspaces. Everything but an export comes from SQL, which is written in the batch's own transaction: committed,
 * and without loading a board.
 */
import { isUuid, type Database } from '@sunday/database';
import { SundayError } from '../errors.ts';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';
import { boardEtag } from './etags.ts';
import { requireRole, type BoardsParts, type PresenceEntry } from './parts.ts';
import { boardFromRow, type Actor, type BoardResource, type BoardRow, type Page, type Role } from './resources.ts';

const BOARD_COLUMNS = 'boards.id, boards.workspace_id, boards.name, boards.description, boards.columns, boards.groups, boards.created_at, boards.updated_at, board_heads.seq';

/** $1 board */
const ONE_BOARD = {
  name: 'one_board',
  text: `SELECT ${BOARD_COLUMNS} FROM boards JOIN board_heads ON board_heads.board_id = boards.id WHERE boards.id = $1 AND boards.deleted_at IS NULL`,
} as const;

/** Boards of a user, newest first. $1 user, $2 workspace or null, $3 and $4 the last board's time and id or null, $5 limit */
const BOARDS_OF_USER = {
  name: 'boards_of_user',
  text: `SELECT ${BOARD_COLUMNS}, members.role, boards.created_at::text AS cursor_at
           FROM members
           JOIN boards ON boards.id = members.board_id AND boards.deleted_at IS NULL
           JOIN board_heads ON board_heads.board_id = boards.id
          WHERE members.user_id = $1
            AND ($2::uuid IS NULL OR boards.workspace_id = $2::uuid)
            AND ($3::timestamptz IS NULL OR (boards.created_at, boards.id) < ($3::timestamptz, $4::uuid))
          ORDER BY boards.created_at DESC, boards.id DESC
          LIMIT $5`,
} as const;

export type BoardListing = { readonly limit: number; readonly cursor?: string | undefined; readonly workspaceId?: string | undefined };

export type BoardQueries = {
  listBoards(actor: Actor, listing: BoardListing): Promise<Page<BoardResource>>;
  getBoard(actor: Actor, boardId: string): Promise<{ board: BoardResource; etag: string }>;
  listPresence(actor: Actor, boardId: string): Promise<PresenceEntry[]>;
};

/** @throws SundayError board_not_found */
export async function findBoardRow(database: Database, boardId: string): Promise<BoardRow> {
  const rows = isUuid(boardId) ? await database.query<BoardRow>(ONE_BOARD, [boardId]) : [];
  const row = rows[0];
  if (row === undefined) throw new SundayError('board_not_found');
  return row;
}

export function boardQueries(parts: BoardsParts): BoardQueries {
  const { database } = parts;
  return {
    async listBoards(actor, { limit, cursor, workspaceId }) {
      if (workspaceId !== undefined && !isUuid(workspaceId)) return { data: [], nextCursor: null };
      const list = ['boards', actor.userId, workspaceId ?? null];
      const [at = null, id = null] = decodeCursor(list, cursor, 2) ?? [];
      const rows = await database.query<BoardRow & { role: Role; cursor_at: string }>(BOARDS_OF_USER, [actor.userId, workspaceId ?? null, at, id, limit + 1]);
      return pageOf(rows, limit, (row) => boardFromRow(row, row.role), (last) => encodeCursor(list, [last.cursor_at, last.id]));
    },

    async getBoard(actor, boardId) {
      const role = await requireRole(parts, actor, boardId, 'viewer');
      const board = boardFromRow(await findBoardRow(database, boardId), role);
      return { board, etag: boardEtag(board) };
    },

    async listPresence(actor, boardId) {
      await requireRole(parts, actor, boardId, 'viewer');
      return [...((await parts.presence?.(boardId)) ?? [])];
    },
  };
}
