/**
 * Runs in a worker thread: reads and writes files of whole boards, copies boards and compares their states, so that none of it holds up the live boards of the
 * process. Gets one job, posts progress, then the result or the error.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { exportJson, importJson, importTable, updateBoard, type ImportProgress, type Restoration } from '@sunday/board-model';
import * as Y from 'yjs';
import { boardContent, type BoardContent } from '../engine/board-content.ts';
import { SundayError, toSundayError, type ErrorCode } from '../errors.ts';
import { rowsOfCsv } from './csv.ts';
import { renderBoard, type RenderedFormat } from './render.ts';
import { diffOf, restorationFor, type CountedDiff, type DiffJob, type RestoreJob } from './version-compare.ts';

/** A new board from a file. */
export type ImportJob = {
  readonly kind: 'import';
  readonly format: 'csv' | 'json';
  readonly bytes: Uint8Array;
  /** Name of the board; for JSON undefined keeps the export's. */
  readonly name: string | undefined;
  readonly userId: string;
  readonly maxRows: number;
};
/** A new board from another one's document, with ids and history of its own. */
export type CopyJob = { readonly kind: 'copy'; readonly update: Uint8Array; readonly name: string | undefined; readonly withItems: boolean; readonly userId: string };
/** A file from a document. */
export type RenderJob = { readonly kind: 'render'; readonly format: RenderedFormat; readonly update: Uint8Array; readonly escapeFormulas: boolean };
export type Job = ImportJob | CopyJob | RenderJob | DiffJob | RestoreJob;

export type Built = { readonly content: BoardContent; readonly items: number };
export type WorkerMessage =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'built'; readonly built: Built }
  | { readonly kind: 'rendered'; readonly file: string }
  | { readonly kind: 'compared'; readonly compared: CountedDiff }
  | { readonly kind: 'restoration'; readonly restoration: Restoration }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly extra: Record<string, unknown> | undefined; readonly stack: string | undefined };

/** Progress at most this often; a person reads no faster. */
const PROGRESS_EVERY_MS = 100;
/** Longest board name, characters; as board-model has it. */
const MAX_NAME = 255;

function work(job: Job, tell: (message: WorkerMessage) => void): void {
  switch (job.kind) {
    case 'import':
      return tell({ kind: 'built', built: importBoard(job, progressTo(tell)) });
    case 'copy':
      return tell({ kind: 'built', built: copyBoard(job) });
    case 'render':
      return tell({ kind: 'rendered', file: renderBoard(documentOf(job.update), job.format, job) });
    case 'diff':
      return tell({ kind: 'compared', compared: diffOf(job) });
    case 'restore':
      return tell({ kind: 'restoration', restoration: restorationFor(job) });
    default:
      return job satisfies never;
  }
}

function importBoard(job: ImportJob, onProgress: (progress: ImportProgress) => void): Built {
  const doc = new Y.Doc();
  const ctx = { userId: job.userId };
  const { itemCount } =
    job.format === 'csv'
      ? importTable(doc, { name: job.name ?? 'Imported board', rows: rowsOfCsv(job.bytes, job.maxRows) }, ctx, onProgress)
      : importJson(doc, exportOf(job), ctx, onProgress, { keepAuthors: false }); // a file may not speak for others
  if (job.format === 'json' && job.name !== undefined) updateBoard(doc, { name: job.name }, ctx);
  return { content: boardContent(doc), items: itemCount };
}

function copyBoard({ update, name, withItems, userId }: CopyJob): Built {
  const source = exportJson(documentOf(update));
  const doc = new Y.Doc();
  const { itemCount } = importJson(doc, withItems ? source : { ...source, items: [] }, { userId });
  updateBoard(doc, { name: name ?? `Copy of ${source.name}`.slice(0, MAX_NAME) }, { userId });
  return { content: boardContent(doc), items: itemCount };
}

function documentOf(update: Uint8Array): Y.Doc {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, update);
  return doc;
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

function progressTo(tell: (message: WorkerMessage) => void): (progress: ImportProgress) => void {
  let told = 0;
  return ({ done, total }) => {
    const now = Date.now();
    if (now - told < PROGRESS_EVERY_MS && done < total) return;
    told = now;
    tell({ kind: 'progress', done, total });
  };
}

if (parentPort !== null) {
  const port = parentPort;
  try {
    work(workerData as Job, (message) => port.postMessage(message));
  } catch (thrown) {
    const error = toSundayError(thrown);
    port.postMessage({
      kind: 'failed', code: error.code, message: error.message, extra: error.extra, stack: thrown instanceof Error ? thrown.stack : undefined,
    } satisfies WorkerMessage);
  }
}
