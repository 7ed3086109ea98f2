/**
 * A table of texts becomes a board's columns and items. What goes in comes out again from `exportTable`: every cell
 * string-equal, in the same order of columns and rows (NUL characters, which no database keeps, are dropped).
 *
 * Works in steps of CHUNK_ROWS rows, one transaction each, so that a server can answer others in between. A table that
 * cannot be imported is refused before the first change.
 */
import * as Y from 'yjs';
import { BoardModelError } from './errors.ts';
import { newId, type ColumnId, type GroupId } from './ids.ts';
import { itemOrder } from './item-order.ts';
import { keysAfter } from './order.ts';
import { clean, write, type Writer } from './register.ts';
import { boardMap, cellKey, itemsMap, partKey, textRoot, type Store } from './schema.ts';
import { createColumn, initBoard, readBoard, updateBoard } from './structure.ts';
import { inferColumn, type ColumnPlan } from './table-format.ts';
import type { ColumnType, WriteContext } from './types.ts';
import { MAX_LONG_TEXT_LENGTH, MAX_TEXT_LENGTH, mergeOf } from './values.ts';

/** Rows per step: some tens of milliseconds, what a busy server can spare at once. */
const CHUNK_ROWS = 250;
const MAX_TITLE_LENGTH = 255;
const MAX_COLUMNS = 500; // more than any table people read; each costs a look at every item
const NAME_HEADER = /^(name|title|task|item|summary|subject)$/i;

export interface TableInput {
  /** The board's name; default: it keeps the one it has. */
  name?: string;
  /** The first row is the header. Shorter rows read as padded with empty cells. */
  rows: readonly (readonly string[])[];
  /** Default: ungrouped. */
  groupId?: GroupId | null;
}

export interface ImportProgress { done: number; total: number }

export interface ImportSummary {
  itemCount: number;
  columns: { id: ColumnId; title: string; type: ColumnType }[];
}

interface Column extends ColumnPlan { id: ColumnId; title: string; index: number }

const refuse = (message: string): never => {
  throw new BoardModelError('invalid_import', message, 'rows');
};

const checkRows = (rows: readonly (readonly string[])[]): string[][] => {
  if (!Array.isArray(rows)) refuse('A table is a list of rows');
  const width = rows.reduce((most, row) => Math.max(most, Array.isArray(row) ? row.length : 0), 0);
  if ((rows[0]?.length ?? 0) === 0) refuse('A table needs a header row');
  if (width > MAX_COLUMNS) refuse(`A table has at most ${MAX_COLUMNS} columns`);
  return rows.map((row: unknown, at) => {
    if (!Array.isArray(row)) return refuse(`Row ${at + 1} is no list of cells`);
    return Array.from({ length: width }, (_, i) => {
      const cell: unknown = row[i] ?? '';
      if (typeof cell !== 'string' || cell.length > MAX_LONG_TEXT_LENGTH) return refuse(`Row ${at + 1}, cell ${i + 1} is no text of at most ${MAX_LONG_TEXT_LENGTH} characters`);
      return clean(cell);
    });
  });
};

/** The column that names the items: by its header, else the first; -1 where a cell of it, the header included, is too long for a name. */
const findNames = (header: readonly string[], rows: readonly (readonly string[])[]): number => {
  const named = header.findIndex((title) => NAME_HEADER.test(title.trim()));
  const index = Math.max(0, named);
  return [header, ...rows].every((row) => (row[index]?.length ?? 0) <= MAX_TEXT_LENGTH) ? index : -1;
};

const addRow = (writer: Writer, items: Store, position: string, group: string | null, createdAt: number, name: string, columns: readonly Column[], row: readonly string[]): void => {
  const id = newId();
  const entries: [string, unknown][] = [['name', writer.fresh(name)], ['place', writer.fresh([group, position])], ['createdAt', createdAt], ['createdBy', writer.userId]];
  for (const column of columns) {
    const cell = row[column.index] ?? '';
    const value = cell === '' ? undefined : column.parse(cell);
    if (value === undefined) continue;
    switch (mergeOf(column.type)) {
      case 'text':
        writer.doc.getText(textRoot(id, column.id)).insert(0, cell);
        break;
      case 'set':
        (Array.isArray(value) ? value : []).forEach((element, i) => entries.push([partKey(column.id, element), i + 1]));
        break;
      default:
        entries.push([cellKey(column.id), writer.fresh(value)]);
    }
  }
  items.set(id, new Y.Map(entries));
  itemOrder(writer.doc).put(id, { group, position });
};

/** The import as steps: pull it until done; give others their turn in between. @throws BoardModelError invalid_import */
export function* importTableSteps(doc: Y.Doc, input: TableInput, ctx: WriteContext): Generator<ImportProgress, ImportSummary> {
  const [header = [], ...rows] = checkRows(input.rows);
  const nameIndex = findNames(header, rows);
  const plans = header.flatMap((title, index) => (index === nameIndex ? [] : [{ index, header: title, plan: inferColumn(title, rows.map((row) => row[index] ?? '')) }]));
  const columns = doc.transact((): Column[] => {
    if (!boardMap(doc).has('schemaVersion')) initBoard(doc, { name: input.name ?? readBoard(doc).name }, ctx);
    else if (input.name !== undefined) updateBoard(doc, { name: input.name }, ctx);
    write(doc, ctx, (writer) => writer.set(boardMap(doc), 'table', { nameTitle: header[nameIndex] ?? '', nameIndex }));
    return plans.map(({ index, header: original, plan }) => {
      const title = original === '' || original.length > MAX_TITLE_LENGTH ? `Column ${index + 1}` : original;
      // what the header was, for as long as nobody renames the column
      const settings = title === original ? plan.settings : { ...plan.settings, header: original, headerTitle: title };
      return { type: plan.type, settings, parse: plan.parse, id: createColumn(doc, { type: plan.type, title, settings }, ctx), title, index };
    });
  }, ctx.origin);
  const items = itemsMap(doc);
  const group = input.groupId ?? null;
  const positions = keysAfter(itemOrder(doc).list(group).at(-1)?.position ?? null, rows.length);
  const createdAt = Math.floor(ctx.at ?? Date.now());
  for (let from = 0; from < rows.length; from += CHUNK_ROWS) {
    write(doc, ctx, (writer) => {
      rows.slice(from, from + CHUNK_ROWS).forEach((row, i) => {
        const name = nameIndex < 0 ? (row[0] ?? '').slice(0, MAX_TITLE_LENGTH).toWellFormed() : (row[nameIndex] ?? '');
        addRow(writer, items, positions[from + i] ?? '', group, createdAt, name, columns, row);
      });
    });
    yield { done: Math.min(rows.length, from + CHUNK_ROWS), total: rows.length };
  }
  return { itemCount: rows.length, columns: columns.map(({ id, title, type }) => ({ id, title, type })) };
}

/** The whole import at once, telling its progress. @throws BoardModelError invalid_import, invalid_value */
export const importTable = (doc: Y.Doc, input: TableInput, ctx: WriteContext, onProgress?: (progress: ImportProgress) => void): ImportSummary => {
  const steps = importTableSteps(doc, input, ctx);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value;
    onProgress?.(step.value);
  }
};
