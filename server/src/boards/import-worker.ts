/**
 * Runs in a worker thread: turns the bytes of a CSV or of a Sunday export into a document, so that a long import does not hold up the
 * live boards of the process. Posts progress, then the board's content, or the error.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { importJson, importTable, updateBoard, type ImportProgress } from '@sunday/board-model';
import * as Y from 'yjs';
import { boardContent, type BoardContent } from '../engine/board-content.ts';
import { SundayError, toSundayError, type ErrorCode } from '../errors.ts';
import { rowsOfCsv } from './csv.ts';

export type ImportJob = {
  readonly format: 'csv' | 'json';
  readonly bytes: Uint8Array;
  /** Name of the board; for JSON undefined keeps the export's. */
  readonly name: string | undefined;
  readonly userId: string;
  readonly maxRows: number;
};

export type ImportMessage =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'built'; readonly content: BoardContent; readonly items: number }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly extra: Record<string, unknown> | undefined; readonly stack: string | undefined };

/** Progress at most this often; a person reads no faster. */
const PROGRESS_EVERY_MS = 100;

function build(job: ImportJob, tell: (message: ImportMessage) => void): void {
  const doc = new Y.Doc();
  const ctx = { userId: job.userId };
  let told = 0;
  const onProgress = ({ done, total }: ImportProgress): void => {
    const now = Date.now();
    if (now - told < PROGRESS_EVERY_MS && done < total) return;
    told = now;
    tell({ kind: 'progress', done, total });
  };
  const { itemCount } =
    job.format === 'csv'
      ? importTable(doc, { name: job.name ?? 'Imported board', rows: rowsOfCsv(job.bytes, job.maxRows) }, ctx, onProgress)
      : importJson(doc, exportOf(job), ctx, onProgress, { keepAuthors: false }); // a file may not speak for others
  if (job.format === 'json' && job.name !== undefined) updateBoard(doc, { name: job.name }, ctx);
  tell({ kind: 'built', content: boardContent(doc), items: itemCount });
}

function exportOf({ bytes, maxRows }: ImportJob): unknown {
  let data: unknown;
  try {
    data = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new SundayError('invalid_json', undefined, { cause });
  }
  const items: unknown = typeof data === 'object' && data !== null && 'items' in data ? data.items : undefined;
  if (Array.isArray(items) && items.length > maxRows) throw new SundayError('payload_too_large', `An import has at most ${maxRows} items`);
  return data;
}

if (parentPort !== null) {
  const port = parentPort;
  try {
    build(workerData as ImportJob, (message) => port.postMessage(message));
  } catch (thrown) {
    const error = toSundayError(thrown);
    port.postMessage({
      kind: 'failed', code: error.code, message: error.message, extra: error.extra, stack: thrown instanceof Error ? thrown.stack : undefined,
    } satisfies ImportMessage);
  }
}
