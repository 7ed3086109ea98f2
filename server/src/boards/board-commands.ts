/**
 * Creating, changing and deleting boards. Copies are in transfer.ts.
 *
 * Guarantees: a command that returns is committed. Creating with ids from an Idempotency-Key can be repeated: the board that is there
 * already is answered.
 */
import { initBoard, updateBoard, type ColumnId, type GroupId, type NewColumn, type NewGroup } from '@sunday/board-model';
import { isUuid, type Database } from '@sunday/database';
import * as Y from 'yjs';
import { boardContent, type BoardContent } from '../engine/board-content.ts';
import type { WriteActor } from '../engine/types.ts';
import { SundayError } from '../errors.ts';
import { findBoardRow } from './board-queries.ts';
import { RANDOM_IDS, type IdSource } from './derived-ids.ts';
import { boardEtag, NO_PRECONDITION, requireMatch } from './etags.ts';
import { byRest, requireRole, requireStructure, type BoardsParts, type WriteOptions } from './parts.ts';
import { boardFactsOf, boardFromRow, type Actor, type BoardResource } from './resources.ts';
import { templateOf } from './templates.ts';
import { requireWorkspace } from './workspaces.ts';

export type NewBoardInput = {
  readonly name: string;
  readonly description?: string | undefined;
  readonly workspaceId?: string | null | undefined;
  readonly columns?: readonly { id?: string | undefined; type: NewColumn['type']; title: string; settings?: Record<string, unknown> | undefined }[] | undefined;
  readonly groups?: readonly { id?: string | undefined; title: string; color?: string | undefined }[] | undefined;
  readonly template?: string | undefined;
};

export type BoardAndTag = { board: BoardResource; etag: string };

export type BoardCommands = {
  createBoard(actor: Actor, input: NewBoardInput, options?: WriteOptions): Promise<BoardAndTag>;
  updateBoard(actor: Actor, boardId: string, patch: { name?: string | undefined; description?: string | undefined }, options?: WriteOptions): Promise<BoardAndTag>;
  deleteBoard(actor: Actor, boardId: string, options?: WriteOptions): Promise<void>;
};

export function boardCommands(parts: BoardsParts): BoardCommands {
  const { database, engine } = parts;

  return {
    async createBoard(actor, input, { ids = RANDOM_IDS } = {}) {
      const template = templateOf(input.template ?? 'blank');
      if (template === undefined) throw new SundayError('unknown_template', undefined, { field: 'template' });
      const doc = new Y.Doc();
      try {
        initBoard(doc, {
          name: input.name,
          description: input.description ?? '',
          columns: input.columns === undefined ? [...template.columns] : input.columns.map((column, index) => newColumn(column, ids, index)),
          groups: input.groups === undefined ? [...template.groups] : input.groups.map((group, index) => newGroup(group, ids, index)),
        }, actor);
        return await answerNewBoard(database, await saveNewBoard(parts, actor, { ids, workspaceId: input.workspaceId ?? null, source: 'rest', content: boardContent(doc) }));
      } finally {
        doc.destroy();
      }
    },

    async updateBoard(actor, boardId, patch, { precondition = NO_PRECONDITION } = {}) {
      const role = await requireRole(parts, actor, boardId, 'editor');
      const { value: facts, seq } = await engine.write(boardId, byRest(actor), (doc) => {
        requireStructure(doc, role);
        requireMatch(precondition, () => boardEtag(boardFactsOf(doc)));
        updateBoard(doc, { ...(patch.name === undefined ? {} : { name: patch.name }), ...(patch.description === undefined ? {} : { description: patch.description }) }, actor);
        return boardFactsOf(doc);
      });
      const board = { ...boardFromRow(await findBoardRow(database, boardId), role), ...facts, version: seq };
      return { board, etag: boardEtag(board) };
    },

    async deleteBoard(actor, boardId, { precondition = NO_PRECONDITION } = {}) {
      await requireRole(parts, actor, boardId, 'owner');
      if (precondition.kind === 'tags') {
        await engine.read(boardId, (doc) => requireMatch(precondition, () => boardEtag(boardFactsOf(doc))));
      }
      await engine.deleteBoard(boardId, byRest(actor));
    },
  };
}

/** A board the caller has just made, as it was committed. */
export async function answerNewBoard(database: Database, boardId: string): Promise<BoardAndTag> {
  const board = boardFromRow(await findBoardRow(database, boardId), 'owner');
  return { board, etag: boardEtag(board) };
}

/** Stores a board made outside the live documents, and returns its id. A repeated request finds its board stored already. */
export async function saveNewBoard(
  parts: BoardsParts, actor: Actor, board: { ids: IdSource; workspaceId: string | null; source: WriteActor['source']; content: BoardContent },
): Promise<string> {
  const { ids, workspaceId, source, content } = board;
  await requireWorkspace(parts.database, actor, workspaceId);
  const boardId = ids.boardId();
  if (!isUuid(boardId)) throw new SundayError('internal', 'a new board id is no UUID');
  if (ids.repeatable && (await isStored(parts, boardId, actor))) return boardId;
  try {
    await parts.engine.createBoard({ boardId, workspaceId, createdBy: actor.userId, source, content });
  } catch (error) {
    // the request's first run, taken for dead, was still at it
    if (!ids.repeatable || !(await isStored(parts, boardId, actor))) throw error;
  }
  return boardId;
}

/** $1 board, $2 user */
const BOARD_CREATED_BY = { name: 'board_created_by', text: 'SELECT 1 FROM boards WHERE id = $1 AND created_by = $2' } as const;

const isStored = async ({ database }: BoardsParts, boardId: string, actor: Actor): Promise<boolean> =>
  (await database.query(BOARD_CREATED_BY, [boardId, actor.userId])).length > 0;

const newColumn = (column: NonNullable<NewBoardInput['columns']>[number], ids: IdSource, index: number): NewColumn => ({
  id: (column.id ?? ids.id('column', index)) as ColumnId,
  type: column.type,
  title: column.title,
  ...(column.settings === undefined ? {} : { settings: column.settings }),
});

const newGroup = (group: NonNullable<NewBoardInput['groups']>[number], ids: IdSource, index: number): NewGroup => ({
  id: (group.id ?? ids.id('group', index)) as GroupId,
  title: group.title,
  ...(group.color === undefined ? {} : { color: group.color }),
});
