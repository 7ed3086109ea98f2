/**
 * Import of CSV and Sunday exports into a new board; export as JSON, CSV or Yjs bytes.
 *
 * Guarantees: an import is one new board, whole or not at all, committed when it returns; the cells of an imported CSV come out of the CSV
 * export string-equal. Imports are built in a worker thread, one at a time a process. An export is a committed state.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { exportJson, exportTable } from '@sunday/board-model';
import * as Y from 'yjs';
import type { BoardContent } from '../engine/board-content.ts';
import { SundayError } from '../errors.ts';
import { saveNewBoard, type BoardAndTag } from './board-commands.ts';
import { findBoardRow } from './board-queries.ts';
import { csvOfRows } from './csv.ts';
import { RANDOM_IDS } from './derived-ids.ts';
import { boardEtag } from './etags.ts';
import type { ImportJob, ImportMessage } from './import-worker.ts';
import { requireRole, type BoardsParts, type WriteOptions } from './parts.ts';
import { boardFromRow, type Actor } from './resources.ts';
import { requireWorkspace } from './workspaces.ts';

export type ImportInput = Pick<ImportJob, 'format' | 'bytes' | 'name'> & { readonly workspaceId?: string | null | undefined };
export type ImportProgress = { readonly stage: 'reading' | 'saving'; readonly done: number; readonly total: number };

export const EXPORT_FORMATS = ['json', 'csv', 'yjs'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
export type ExportFile = { readonly name: string; readonly contentType: string; readonly body: string | Buffer };

export type Transfer = {
  importBoard(actor: Actor, input: ImportInput, options?: WriteOptions & { onProgress?: (progress: ImportProgress) => void }): Promise<BoardAndTag & { itemCount: number }>;
  exportBoard(actor: Actor, boardId: string, format: ExportFormat, options: { escapeFormulas: boolean }): Promise<ExportFile>;
};

/** Old-space ceiling of an import, MiB: past it the worker fails with an error, where the process would die. */
const IMPORT_HEAP_MIB = 1024;

export function transfer(parts: BoardsParts): Transfer {
  const { database, engine, limits } = parts;
  let last: Promise<unknown> = Promise.resolve();

  /** After the imports before it, failed ones included. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  }

  return {
    async importBoard(actor, input, { ids = RANDOM_IDS, onProgress } = {}) {
      const workspaceId = input.workspaceId ?? null;
      await requireWorkspace(database, actor, workspaceId);
      const job: ImportJob = { format: input.format, bytes: input.bytes, name: input.name, userId: actor.userId, maxRows: limits.maxImportRows };
      return inTurn(async () => {
        const built = await buildInWorker(job, (done, total) => onProgress?.({ stage: 'reading', done, total }));
        onProgress?.({ stage: 'saving', done: built.items, total: built.items });
        const boardId = await saveNewBoard(parts, actor, { ids, workspaceId, content: built.content });
        const board = boardFromRow(await findBoardRow(database, boardId), 'owner');
        return { board, etag: boardEtag(board), itemCount: built.items };
      });
    },

    async exportBoard(actor, boardId, format, { escapeFormulas }) {
      await requireRole(parts, actor, boardId, 'viewer');
      const { name } = await findBoardRow(database, boardId);
      const { value: body } = await engine.read(boardId, (doc): string | Buffer => {
        switch (format) {
          case 'json':
            return JSON.stringify(exportJson(doc));
          case 'csv':
            return csvOfRows(exportTable(doc, { escapeFormulas }));
          case 'yjs':
            return Buffer.from(Y.encodeStateAsUpdate(doc));
          default:
            return format satisfies never;
        }
      });
      return { name: `${name}.${format}`, contentType: CONTENT_TYPES[format], body };
    },
  };
}

const CONTENT_TYPES: Record<ExportFormat, string> = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  yjs: 'application/octet-stream',
};

function buildInWorker(job: ImportJob, onProgress: (done: number, total: number) => void): Promise<{ content: BoardContent; items: number }> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(`./import-worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: IMPORT_HEAP_MIB },
    });
    worker.on('message', (message: ImportMessage) => {
      switch (message.kind) {
        case 'progress':
          onProgress(message.done, message.total);
          break;
        case 'built':
          resolve({ content: message.content, items: message.items });
          break;
        case 'failed':
          reject(new SundayError(message.code, message.message, { cause: message.stack, ...(message.extra === undefined ? {} : { extra: message.extra }) }));
          break;
        default:
          message satisfies never;
      }
    });
    worker.on('error', (cause: Error & { code?: string }) => {
      reject(cause.code === 'ERR_WORKER_OUT_OF_MEMORY' ? new SundayError('payload_too_large', 'The import needs more memory than this server gives it', { cause }) : cause);
    });
    worker.on('exit', () => reject(new SundayError('internal', 'the import ended without a result')));
  });
}
