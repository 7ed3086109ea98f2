/**
 * Which long texts there are, for who reads many items of a board: asking for each by its name costs items × columns. A module of its own, because
 * a page can do without it.
 */
import type * as Y from 'yjs';
import type { ColumnIndex } from './read.ts';
import { cellKey, parseRoot } from './schema.ts';

/** The columns in which each item has a long text, as far as the roots have been looked at: a root that is there stays, where it is. */
const textIndexes = new WeakMap<Y.Doc, { seen: number; readonly columns: Map<string, string[]> }>();

/** Ids of the columns in which an item has a long text: asking for each text of a board by its name costs items × columns. */
const textColumnsOf = (doc: Y.Doc, itemId: string): readonly string[] => {
  const index = textIndexes.get(doc) ?? { seen: 0, columns: new Map<string, string[]>() };
  textIndexes.set(doc, index);
  const { columns, seen } = index;
  const { share } = doc;
  if (seen < share.size) {
    for (const name of [...share.keys()].slice(seen)) {
      const text = parseRoot(name);
      if (text?.kind === 'text') columns.set(text.itemId, [...(columns.get(text.itemId) ?? []), text.columnId]);
    }
    index.seen = share.size;
  }
  return columns.get(itemId) ?? [];
};

/** The same columns, which know in which of them an item has a text. */
export const withTextIndex = (columns: ColumnIndex, doc: Y.Doc): ColumnIndex => {
  columns.textsOf = (itemId) => textColumnsOf(doc, itemId).flatMap((columnId) => {
    const column = columns.get(cellKey(columnId));
    return column?.merge === 'text' ? [column] : [];
  });
  return columns;
};
