/**
 * How a batch is written into the `boards` and `items` tables. Injected, so that the journal can also keep documents that
 * are not boards (`noProjection`). Runs on the hot path: `collect` per transaction, `rows` per batch.
 */
import { itemProjector, projectBoard, touchedBy, type ItemId } from '@sunday/board-model';
import type { Doc, Transaction } from 'yjs';
import type { BoardRow, ItemRow } from './store.ts';

export interface Touched {
  items: Set<ItemId>;
  structure: boolean;
}

export interface ProjectedRows {
  readonly items: readonly ItemRow[];
  readonly goneItems: readonly string[];
  readonly board: BoardRow | null;
}

export interface Projection {
  /** Adds what a transaction touched. Called for every transaction of the document, also those whose rows another node writes. */
  collect(transaction: Transaction, into: Touched): void;
  /** The rows of what was touched, as the document stands now. */
  rows(document: Doc, touched: Touched): ProjectedRows;
}

/** One a document, until its columns change. */
const projectors = new WeakMap<Doc, ReturnType<typeof itemProjector>>();

function projectorOf(document: Doc): ReturnType<typeof itemProjector> {
  const known = projectors.get(document);
  if (known !== undefined) return known;
  const made = itemProjector(document);
  projectors.set(document, made);
  return made;
}

export const boardProjection: Projection = {
  collect(transaction, into) {
    const { items, structure } = touchedBy(transaction);
    if (structure) projectors.delete(transaction.doc);
    for (const id of items) into.items.add(id);
    into.structure ||= structure;
  },
  rows(document, touched) {
    const items: ItemRow[] = [];
    const goneItems: string[] = [];
    const project = projectorOf(document);
    for (const id of touched.items) {
      const row = project(id);
      if (row === undefined) goneItems.push(id);
      else items.push(row);
    }
    return { items, goneItems, board: touched.structure ? projectBoard(document) : null };
  },
};

export const noProjection: Projection = {
  collect() { /* nothing is projected */ },
  rows: () => ({ items: [], goneItems: [], board: null }),
};
