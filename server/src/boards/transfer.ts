/**
 * Import of CSV and Sunday exports into a new board; copies; export as JSON, CSV or Yjs bytes.
 *
 * Guarantees: an import or copy is one new board, whole or not at all, committed when it returns; the cells of an imported CSV come out of
 * the CSV export string-equal. An export is a committed state. What takes long runs in a worker thread.
 */
import * as Y from 'yjs';
import { answerNewBoard, saveNewBoard, type BoardAndTag } from './board-commands.ts';
import { findBoardRow } from './board-queries.ts';
import { RANDOM_IDS } from './derived-ids.ts';
import { requireRole, type BoardsParts, type WriteOptions } from './parts.ts';
import { renderBoard } from './render.ts';
import type { Actor } from './resources.ts';
import type { TransferJobs } from './transfer-jobs.ts';
import type { ImportJob } from './transfer-worker.ts';
import { requireWorkspace, workspaceForCopy } from './workspaces.ts';

export type ImportInput = Pick<ImportJob, 'format' | 'bytes' | 'name'> & { readonly workspaceId?: string | null | undefined };
export type ImportProgress = { readonly stage: 'reading' | 'saving'; readonly done: number; readonly total: number };
export type CopyInput = { readonly name?: string | undefined; readonly workspaceId?: string | null | undefined; readonly withItems: boolean };

export const EXPORT_FORMATS = ['json', 'csv', 'yjs'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
export type ExportFile = { readonly name: string; readonly contentType: string; readonly body: string | Buffer };

export type Transfer = {
  importBoard(actor: Actor, input: ImportInput, options?: WriteOptions & { onProgress?: (progress: ImportProgress) => void }): Promise<BoardAndTag & { itemCount: number }>;
  duplicateBoard(actor: Actor, boardId: string, input: CopyInput, options?: WriteOptions): Promise<BoardAndTag>;
  exportBoard(actor: Actor, boardId: string, format: ExportFormat, options: { escapeFormulas: boolean }): Promise<ExportFile>;
};

/** Encoded boards up to this are written out at once, in a few ms; starting a thread takes a hundred. */
const INLINE_BYTES = 256 * 1024;

const CONTENT_TYPES: Record<ExportFormat, string> = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  yjs: 'application/octet-stream',
};

export function transfer(parts: BoardsParts, jobs: TransferJobs): Transfer {
  const { database, engine, limits } = parts;

  return {
    async importBoard(actor, { format, bytes, name, workspaceId = null }, { ids = RANDOM_IDS, onProgress } = {}) {
      await requireWorkspace(database, actor, workspaceId);
      const job: ImportJob = { kind: 'import', format, bytes, name, userId: actor.userId, maxRows: limits.maxImportRows };
      const { content, items } = await jobs.build(job, (done, total) => onProgress?.({ stage: 'reading', done, total }));
      onProgress?.({ stage: 'saving', done: items, total: items });
      return { ...(await answerNewBoard(database, await saveNewBoard(parts, actor, { ids, workspaceId, source: 'import', content }))), itemCount: items };
    },

    async duplicateBoard(actor, boardId, { name, workspaceId, withItems }, { ids = RANDOM_IDS } = {}) {
      await requireRole(parts, actor, boardId, 'viewer');
      const source = await findBoardRow(database, boardId);
      const target = workspaceId === undefined ? await workspaceForCopy(database, actor, source.workspace_id) : workspaceId;
      await requireWorkspace(database, actor, target);
      const { value: update } = await engine.read(boardId, (doc) => Y.encodeStateAsUpdate(doc));
      const { content } = await jobs.build({ kind: 'copy', update, name, withItems, userId: actor.userId });
      return answerNewBoard(database, await saveNewBoard(parts, actor, { ids, workspaceId: target, source: 'rest', content }));
    },

    async exportBoard(actor, boardId, format, { escapeFormulas }) {
      await requireRole(parts, actor, boardId, 'viewer');
      const { name } = await findBoardRow(database, boardId);
      const { value } = await engine.read(boardId, (doc) => {
        const update = Y.encodeStateAsUpdate(doc);
        const inline = format !== 'yjs' && update.length <= INLINE_BYTES;
        return { update, rendered: inline ? renderBoard(doc, format, { escapeFormulas }) : undefined };
      });
      const body = format === 'yjs' ? Buffer.from(value.update) : (value.rendered ?? (await jobs.render({ kind: 'render', format, update: value.update, escapeFormulas })));
      return { name: `${name}.${format}`, contentType: CONTENT_TYPES[format], body };
    },
  };
}
