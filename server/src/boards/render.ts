/** A board's document as a file people and programs can read. */
import { exportJson, exportTable } from '@sunday/board-model';
import type * as Y from 'yjs';
import { csvOfRows } from './csv.ts';

export type RenderedFormat = 'json' | 'csv';

export const renderBoard = (doc: Y.Doc, format: RenderedFormat, { escapeFormulas }: { readonly escapeFormulas: boolean }): string =>
  format === 'json' ? JSON.stringify(exportJson(doc)) : csvOfRows(exportTable(doc, { escapeFormulas }));
